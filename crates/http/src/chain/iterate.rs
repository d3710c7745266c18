//! Walking the filters of one direction with a head or a piece of body; `trailers.rs` does the same with trailers.
//!
//! Before: `stream.rs` has a frame, or `resume.rs` one that was held. Next: where the direction ends, the router or a
//! codec. A walk (`walk.rs`) starts at a position and ends at the terminal, at a filter that stops it, or where a callback
//! interrupted the stream (local reply, reset): what was asked for is then carried out by the stream, not here.

use nuncio_message::Chunk;

use super::call::look_at_data;
use super::inject::together;
use super::plan::Callback;
use super::walk::{Leg, Stop};
use super::{Chain, Terminal};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HeadersStatus};

impl Chain {
    /// Takes the head from `from` on.
    pub(crate) fn head<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        mut end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        let mut leg = Leg { direction, callback: Callback::Headers, from, end_stream };
        while let Some((position, status)) = self.walk(leg, core, |filter, cx| match direction {
            Direction::Request => filter.request_headers(cx, end_stream),
            Direction::Response => filter.response_headers(cx, end_stream),
        }) {
            if core.is_interrupted() {
                return;
            }
            match status {
                HeadersStatus::Continue => {}
                HeadersStatus::ContinueAndDontEndStream => end_stream = false,
                HeadersStatus::StopIteration
                | HeadersStatus::StopAllIterationAndBuffer
                | HeadersStatus::StopAllIterationAndWatermark => {
                    self.hold_head(direction, position, status, end_stream, core);
                    self.settle(direction, position, core, terminal);
                    return;
                }
            }
            if self.head_with_added(direction, position, end_stream, core, terminal) {
                return;
            }
            (leg.from, leg.end_stream) = (position + 1, end_stream);
        }
        terminal.head(core, end_stream);
    }

    /// Takes a piece of body from `from` on.
    pub(crate) fn data<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        mut data: Chunk,
        mut end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        if self.is_transparent(direction) {
            terminal.data(core, data, end_stream);
            return;
        }
        let mut leg = Leg { direction, callback: Callback::Data, from, end_stream };
        while let Some((position, stop)) =
            self.next(leg, core, |filter, cx| look_at_data(filter, cx, direction, &mut data, end_stream))
        {
            let Stop::Verdict(status) = stop else {
                self.hold_unseen(direction, position, data, end_stream, core);
                return;
            };
            if core.is_interrupted() {
                return;
            }
            if status != DataStatus::Continue {
                self.hold_stopped(direction, position, status, data, end_stream, core);
                self.settle(direction, position, core, terminal);
                return;
            }
            // Trailers that were not there with the end of the body are the filter's.
            let has_trailers = end_stream && core.has_trailers(direction);
            end_stream &= !has_trailers;
            self.settle(direction, position, core, terminal);
            self.let_go(direction, position, core, terminal);
            if core.is_interrupted() {
                return;
            }
            let added = core.held.take(direction);
            if !added.is_empty() || has_trailers {
                self.pieces(direction, position + 1, together(data, added), end_stream, core, terminal);
                if has_trailers && !core.is_interrupted() {
                    self.trailers(direction, position + 1, core, terminal);
                }
                return;
            }
            (leg.from, leg.end_stream) = (position + 1, end_stream);
        }
        terminal.data(core, data, end_stream);
    }
}
