//! Walking the filters of one direction with a head, a piece of body, or trailers.
//!
//! A walk starts at a position and ends at the terminal, at a filter that stops it, or where a callback interrupted
//! the stream (local reply, reset): what was asked for is then carried out by the stream, not here.

use nuncio_message::{Chunk, Headers};

use super::hold::{Hold, Limit};
use super::plan::Callback;
use super::{Chain, StreamCx, Terminal};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HeadersStatus, LocalReply, TrailersStatus};

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
        let plan = std::rc::Rc::clone(&self.plan);
        for &position in plan.list(direction, Callback::Headers).iter().filter(|&&at| usize::from(at) >= from) {
            let position = usize::from(position);
            let status = self.call(direction, position, core, |filter, cx| match direction {
                Direction::Request => filter.request_headers(cx, end_stream),
                Direction::Response => filter.response_headers(cx, end_stream),
            });
            let Some(status) = status else { continue };
            if core.is_interrupted() {
                return;
            }
            let is_stopped = match status {
                HeadersStatus::Continue => false,
                HeadersStatus::ContinueAndDontEndStream => {
                    end_stream = false;
                    false
                }
                HeadersStatus::StopIteration
                | HeadersStatus::StopAllIterationAndBuffer
                | HeadersStatus::StopAllIterationAndWatermark => true,
            };
            if is_stopped {
                self.hold_head(direction, position, status, end_stream, core);
                self.settle(direction, position, core, terminal);
                return;
            }
            if !core.held.is_empty() {
                // The filter added a body to a message that had none: it follows the head, and ends the stream.
                let added = std::mem::take(&mut core.held);
                self.head(direction, position + 1, false, core, terminal);
                self.pieces(direction, position + 1, added, end_stream, core, terminal);
                return;
            }
            self.settle(direction, position, core, terminal);
        }
        terminal.head(core, end_stream);
    }

    /// Takes a piece of body from `from` on.
    pub(crate) fn data<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        mut data: Chunk,
        end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        if self.is_transparent(direction) {
            terminal.data(core, data, end_stream);
            return;
        }
        for position in from..self.filters.len() {
            let is_held = self.holds_mut(direction).at(position).is_some();
            let is_interested = self.is_interested(direction, position, Callback::Data);
            if !is_held && !is_interested {
                continue;
            }
            let is_unseen = self.holds_mut(direction).at(position).is_some_and(|hold| hold.unseen);
            let status = if is_unseen || !is_interested {
                DataStatus::StopIterationAndBuffer
            } else {
                let before = data.len();
                let status = self.call(direction, position, core, |filter, cx| match direction {
                    Direction::Request => filter.request_data(cx, &mut data, end_stream),
                    Direction::Response => filter.response_data(cx, &mut data, end_stream),
                });
                core.note_shrunk(direction, before, data.len());
                status.unwrap_or(DataStatus::Continue)
            };
            if core.is_interrupted() {
                return;
            }
            match status {
                DataStatus::Continue => {
                    self.settle(direction, position, core, terminal);
                    self.let_go(direction, position, core, terminal);
                    if core.is_interrupted() {
                        return;
                    }
                    if !core.held.is_empty() {
                        // What the filter added goes behind the piece that it saw.
                        let added = std::mem::take(&mut core.held);
                        self.data(direction, position + 1, data, false, core, terminal);
                        self.pieces(direction, position + 1, added, end_stream, core, terminal);
                        return;
                    }
                }
                DataStatus::StopIterationAndBuffer | DataStatus::StopIterationAndWatermark => {
                    self.hold_data(direction, position, status, data, end_stream, core);
                    self.settle(direction, position, core, terminal);
                    return;
                }
                DataStatus::StopIterationNoBuffer => {
                    core.release_later(direction, data.len());
                    self.hold_at(direction, position).end_stream |= end_stream;
                    self.settle(direction, position, core, terminal);
                    return;
                }
            }
        }
        terminal.data(core, data, end_stream);
    }

    /// Takes the trailers, which stand in `core`, from `from` on.
    pub(crate) fn trailers<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        for position in from..self.filters.len() {
            let is_held = self.holds_mut(direction).at(position).is_some();
            let is_interested = self.is_interested(direction, position, Callback::Trailers);
            if !is_held && !is_interested {
                continue;
            }
            let is_unseen = self.holds_mut(direction).at(position).is_some_and(|hold| hold.unseen);
            let status = if is_unseen || !is_interested {
                TrailersStatus::StopIteration
            } else {
                let status = self.call(direction, position, core, |filter, cx| match direction {
                    Direction::Request => filter.request_trailers(cx),
                    Direction::Response => filter.response_trailers(cx),
                });
                status.unwrap_or(TrailersStatus::Continue)
            };
            if core.is_interrupted() {
                return;
            }
            if status == TrailersStatus::StopIteration {
                self.hold_at(direction, position).trailers = true;
                self.settle(direction, position, core, terminal);
                return;
            }
            self.settle(direction, position, core, terminal);
            self.let_go(direction, position, core, terminal);
            // What the filter added goes before the trailers.
            let added = std::mem::take(&mut core.held);
            self.pieces(direction, position + 1, added, false, core, terminal);
            if core.is_interrupted() {
                return;
            }
        }
        terminal.trailers(core);
    }

    /// Takes a 1xx response through the filters that look at response heads; nobody can stop it.
    pub(crate) fn informational(&mut self, headers: &mut Headers, core: &mut Core) {
        let plan = std::rc::Rc::clone(&self.plan);
        for &position in plan.list(Direction::Response, Callback::Headers) {
            self.call(Direction::Response, usize::from(position), core, |filter, cx| {
                filter.response_informational(cx, headers);
            });
        }
    }

    /// Tells the filters of a local reply before it runs through them.
    pub(crate) fn announce(&mut self, reply: &LocalReply, core: &mut Core) {
        let plan = std::rc::Rc::clone(&self.plan);
        for &index in plan.lifecycle() {
            self.call(Direction::Request, usize::from(index), core, |filter, cx| filter.local_reply(cx, reply));
        }
    }

    /// Tells the filters that the stream is over, and drops them.
    pub(crate) fn complete(&mut self, core: &mut Core) {
        let plan = std::rc::Rc::clone(&self.plan);
        for &index in plan.lifecycle() {
            self.call(Direction::Request, usize::from(index), core, |filter, cx| filter.complete(cx));
        }
        self.clear();
    }

    /// Appends pieces that a filter made, in order; the last one ends the stream if `end_stream`.
    pub(super) fn pieces<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        mut body: nuncio_message::Buffer,
        end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        while let Some(piece) = body.pop() {
            let is_last = end_stream && body.is_empty();
            self.data(direction, from, piece, is_last, core, terminal);
            if core.is_interrupted() {
                return;
            }
        }
    }

    /// Calls one filter; `None` when it has no instance on this stream.
    pub(super) fn call<R>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn crate::filter::HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let index = self.index(direction, position);
        let id = self.id;
        // While it is called, the filter sees the body that it holds.
        let mut hold = self.holds_mut(direction).at(position);
        if let Some(hold) = &mut hold {
            std::mem::swap(&mut hold.data, &mut core.held);
        }
        let result = match self.filters.get_mut(index) {
            Some(Some(filter)) => Some(callback(&mut **filter, &mut StreamCx { core, filter: index as u8, chain: id })),
            _ => None,
        };
        if let Some(hold) = self.holds_mut(direction).at(position) {
            std::mem::swap(&mut hold.data, &mut core.held);
        }
        result
    }

    fn is_interested(&self, direction: Direction, position: usize, callback: Callback) -> bool {
        self.plan.list(direction, callback).contains(&(position as u8))
    }

    fn hold_head(
        &mut self,
        direction: Direction,
        position: usize,
        status: HeadersStatus,
        end_stream: bool,
        core: &mut Core,
    ) {
        let added = std::mem::take(&mut core.held);
        let hold = self.hold_at(direction, position);
        hold.head = true;
        hold.end_stream = end_stream;
        hold.data = added;
        hold.unseen = status != HeadersStatus::StopIteration;
        hold.limit = match status {
            HeadersStatus::StopAllIterationAndWatermark => Limit::Wait,
            _ => Limit::Fail,
        };
    }

    fn hold_data(
        &mut self,
        direction: Direction,
        position: usize,
        status: DataStatus,
        data: Chunk,
        end_stream: bool,
        core: &mut Core,
    ) {
        let hold = self.hold_at(direction, position);
        hold.add(data, end_stream);
        if status == DataStatus::StopIterationAndWatermark {
            hold.limit = Limit::Wait;
        }
        let (limit, bytes) = (hold.limit, hold.data.len());
        if limit == Limit::Fail && bytes > core.buffer_limit() {
            core.overflow(direction);
        }
    }

    fn hold_at(&mut self, direction: Direction, position: usize) -> &mut Hold {
        let holds = self.holds_mut(direction);
        if holds.at(position).is_none() {
            return holds.add(Hold::new(position));
        }
        holds.at(position).expect("looked up just before")
    }
}
