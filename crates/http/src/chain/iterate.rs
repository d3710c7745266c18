//! Walking the filters of one direction with a head, a piece of body, or trailers.
//!
//! A walk starts at a position and ends at the terminal, at a filter that stops it, or where a callback interrupted
//! the stream (local reply, reset): what was asked for is then carried out by the stream, not here.

use nuncio_message::{Buffer, Chunk, Headers};

use super::call::{Leg, Verdict};
use super::hold::Limit;
use super::plan::Callback;
use super::{Chain, StreamCx, Terminal};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HeadersStatus, HttpFilter, LocalReply, TrailersStatus};

/// Where a walk meets something to be done.
enum Stop<V> {
    /// A filter that wants to see nothing while it holds the direction.
    Unseen,
    /// A filter that was called, or that holds the direction and has no such callback, which counts as letting pass.
    Verdict(V),
}

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
            let mut added = core.held.take(direction);
            let ends = end_stream | self.take_injected(direction, position, &mut added, core);
            let has_trailers = end_stream && core.has_trailers(direction);
            if !added.is_empty() || has_trailers || ends != end_stream {
                // What the filter added to a message without a body follows the head, and ends the stream.
                let next = position + 1;
                self.head(direction, next, false, core, terminal);
                self.pieces(direction, next, added, ends && !has_trailers, core, terminal);
                if has_trailers && !core.is_interrupted() {
                    self.trailers(direction, next, core, terminal);
                }
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
            // Trailers that were not there with the end of the body are the filter's.
            let has_trailers = end_stream && core.has_trailers(direction);
            end_stream &= !has_trailers;
            match status {
                DataStatus::Continue => {
                    self.settle(direction, position, core, terminal);
                    self.let_go(direction, position, core, terminal);
                    if core.is_interrupted() {
                        return;
                    }
                    let added = core.held.take(direction);
                    if !added.is_empty() || has_trailers {
                        let body = together(data, added);
                        self.pieces(direction, position + 1, body, end_stream, core, terminal);
                        if has_trailers && !core.is_interrupted() {
                            self.trailers(direction, position + 1, core, terminal);
                        }
                        return;
                    }
                }
                DataStatus::StopIterationNoBuffer => {
                    let body = core.held.take(direction);
                    self.hold_data(direction, position, None, body, end_stream, core);
                    self.hold_at(direction, position).trailers |= has_trailers;
                    self.settle(direction, position, core, terminal);
                    return;
                }
                status @ (DataStatus::StopIterationAndBuffer | DataStatus::StopIterationAndWatermark) => {
                    let limit = match status {
                        DataStatus::StopIterationAndWatermark => Limit::Wait,
                        _ => Limit::Fail,
                    };
                    let mut body = core.held.take(direction);
                    body.push(data);
                    self.hold_data(direction, position, Some(limit), body, end_stream, core);
                    self.hold_at(direction, position).trailers |= has_trailers;
                    self.settle(direction, position, core, terminal);
                    return;
                }
            }
            (leg.from, leg.end_stream) = (position + 1, end_stream);
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
        let mut leg = Leg { direction, callback: Callback::Trailers, from, end_stream: false };
        while let Some((position, stop)) = self.next(leg, core, |filter, cx| match direction {
            Direction::Request => filter.request_trailers(cx),
            Direction::Response => filter.response_trailers(cx),
        }) {
            let Stop::Verdict(status) = stop else {
                self.hold_at(direction, position).trailers = true;
                return;
            };
            if core.is_interrupted() {
                return;
            }
            let added = core.held.take(direction);
            if status == TrailersStatus::StopIteration {
                if !added.is_empty() {
                    self.hold_data(direction, position, None, added, false, core);
                }
                self.hold_at(direction, position).trailers = true;
                self.settle(direction, position, core, terminal);
                return;
            }
            self.settle(direction, position, core, terminal);
            self.let_go(direction, position, core, terminal);
            // What the filter added goes before the trailers.
            self.pieces(direction, position + 1, added, false, core, terminal);
            if core.is_interrupted() {
                return;
            }
            leg.from = position + 1;
        }
        terminal.trailers(core);
    }

    /// Takes a 1xx response through the filters that look at response heads; nobody can stop it.
    pub(crate) fn informational(&mut self, headers: &mut Headers, core: &mut Core) {
        let direction = Direction::Response;
        self.notify_all(direction, Callback::Headers, core, |filter, cx| filter.response_informational(cx, headers));
    }

    /// Tells the filters of a local reply before it runs through them.
    pub(crate) fn announce(&mut self, reply: &LocalReply, core: &mut Core) {
        let direction = Direction::Request;
        self.notify_all(direction, Callback::Lifecycle, core, |filter, cx| filter.local_reply(cx, reply));
    }

    /// Tells the filters that the stream is over, and drops them.
    pub(crate) fn complete(&mut self, core: &mut Core) {
        let direction = Direction::Request;
        self.notify_all(direction, Callback::Lifecycle, core, |filter, cx| filter.complete(cx));
        self.clear();
    }

    /// Appends pieces that a filter made, in order; the last one ends the stream if `end_stream`, an empty one if there
    /// are none.
    pub(super) fn pieces<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        mut body: Buffer,
        end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        if body.is_empty() && end_stream && !core.is_interrupted() {
            self.data(direction, from, Chunk::empty(), true, core, terminal);
            return;
        }
        while !core.is_interrupted()
            && let Some(piece) = body.pop()
        {
            let is_last = end_stream && body.is_empty();
            self.data(direction, from, piece, is_last, core, terminal);
        }
    }

    /// As [`Self::walk`], and stops at filters that hold the direction too.
    fn next<V: Verdict>(
        &mut self,
        leg: Leg,
        core: &mut Core,
        mut callback: impl FnMut(&mut dyn HttpFilter, &mut StreamCx<'_>) -> V,
    ) -> Option<(usize, Stop<V>)> {
        let Leg { direction, callback: kind, from, end_stream: _ } = leg;
        if self.holds(direction).is_empty() {
            let (position, verdict) = self.walk(leg, core, callback)?;
            return Some((position, Stop::Verdict(verdict)));
        }
        for position in from..self.filters.len() {
            let (is_held, is_unseen) = self.holding(direction, position);
            if is_unseen {
                return Some((position, Stop::Unseen));
            }
            let is_interested = self.plan.is_interested(direction, position, kind);
            let verdict = if is_interested { self.call(direction, position, core, &mut callback) } else { None };
            if verdict.is_some() || is_held {
                return Some((position, Stop::Verdict(verdict.unwrap_or(V::PASS))));
            }
        }
        None
    }

    /// Whether the filter at `position` holds the direction, and whether it wants to see nothing of it meanwhile.
    fn holding(&mut self, direction: Direction, position: usize) -> (bool, bool) {
        match self.holds_mut(direction).at(position) {
            Some(hold) => (true, hold.unseen),
            None => (false, false),
        }
    }

    fn hold_head(
        &mut self,
        direction: Direction,
        position: usize,
        status: HeadersStatus,
        end_stream: bool,
        core: &mut Core,
    ) {
        let limit = match status {
            HeadersStatus::StopAllIterationAndWatermark => Limit::Wait,
            _ => Limit::Fail,
        };
        let added = core.held.take(direction);
        let hold = self.hold_at(direction, position);
        hold.head = true;
        hold.end_stream = end_stream;
        hold.unseen = status != HeadersStatus::StopIteration;
        hold.limit = limit;
        if !added.is_empty() {
            self.hold_data(direction, position, None, added, false, core);
        }
    }

    fn hold_unseen(&mut self, direction: Direction, position: usize, data: Chunk, end_stream: bool, core: &mut Core) {
        let mut body = Buffer::new();
        body.push(data);
        self.hold_data(direction, position, None, body, end_stream, core);
    }

    /// Puts pieces behind what the filter holds. `limit`: what happens above the buffer limit, from now on.
    fn hold_data(
        &mut self,
        direction: Direction,
        position: usize,
        limit: Option<Limit>,
        mut body: Buffer,
        end_stream: bool,
        core: &mut Core,
    ) {
        let hold = self.hold_at(direction, position);
        hold.add(Chunk::empty(), end_stream);
        hold.data.append(&mut body);
        hold.limit = limit.unwrap_or(hold.limit);
        let (limit, bytes) = (hold.limit, hold.data.len());
        if limit == Limit::Fail && bytes > core.buffer_limit() {
            core.overflow(direction, self.id);
        }
    }
}

/// Shows a filter a piece; what it takes of it, or puts in, is noted.
fn look_at_data(
    filter: &mut dyn HttpFilter,
    cx: &mut StreamCx<'_>,
    direction: Direction,
    data: &mut Chunk,
    end_stream: bool,
) -> DataStatus {
    let before = data.len();
    let status = match direction {
        Direction::Request => filter.request_data(cx, data, end_stream),
        Direction::Response => filter.response_data(cx, data, end_stream),
    };
    if status == DataStatus::StopIterationNoBuffer {
        // What the filter left of the piece goes nowhere.
        *data = Chunk::empty();
    }
    if data.len() != before {
        cx.has_acted = true;
        cx.core.note_change(direction, before, data.len());
    }
    status
}

/// A piece and what follows it.
fn together(data: Chunk, mut rest: Buffer) -> Buffer {
    let mut body = Buffer::new();
    body.push(data);
    body.append(&mut rest);
    body
}
