//! Going on after a filter has held a direction, and what a callback left to be done.

use std::task::{Context, Poll};

use nuncio_message::{Buffer, Chunk};

use super::{Chain, Terminal};
use crate::connection_manager::Core;
use crate::filter::{Direction, Resume};

impl Chain {
    /// Lets everything go that the filter at `position` holds.
    pub(super) fn let_go<T: Terminal>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        let Some(hold) = self.holds_mut(direction).take(position) else { return };
        // Trailers that a filter added while it held the end are new to the next filter, not to itself.
        let has_new_trailers = hold.end_stream && !hold.trailers && core.has_trailers(direction);
        let has_trailers = hold.trailers || has_new_trailers;
        let has_rest = hold.has_body || has_trailers;
        if hold.head {
            // While data is at hand in the caller, the end comes with it, not with the head.
            self.head(direction, position + 1, hold.end_stream && !has_rest, core, terminal);
        }
        // What was kept unseen starts at the filter itself.
        let next = if hold.unseen { position } else { position + 1 };
        let ends_with_data = hold.end_stream && !has_trailers && (has_rest || !hold.head);
        self.pieces(direction, next, hold.data, ends_with_data, core, terminal);
        if has_trailers && !core.is_interrupted() {
            let next = if has_new_trailers { position + 1 } else { next };
            self.trailers(direction, next, core, terminal);
        }
    }

    /// The filter with this index lets go of a direction.
    pub(crate) fn resume<T: Terminal>(&mut self, direction: Direction, index: u8, core: &mut Core, terminal: &mut T) {
        if !self.filters.is_empty() {
            self.let_go(direction, self.index(direction, usize::from(index)), core, terminal);
        }
    }

    /// Polls the asynchronous work of the filter with this index; the direction that it lets go of, if any.
    pub(crate) fn poll(&mut self, index: u8, core: &mut Core) -> Option<Direction> {
        let waker = core.filter_waker(self.id, index);
        let mut task = Context::from_waker(&waker);
        let resumed = self.notify(index, core, |filter, cx| filter.poll_resume(cx, &mut task));
        match resumed {
            Some(Poll::Ready(Resume::Continue(direction))) => Some(direction),
            Some(Poll::Ready(Resume::Nothing) | Poll::Pending) | None => None,
        }
    }

    /// Sends on what the last callback of the filter at `position` injected in this direction.
    pub(super) fn settle<T: Terminal>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        let index = self.index(direction, position) as u8;
        while let Some(injected) = core.actions.take_injected(self.id, index, direction) {
            self.inject(direction, index, injected.data, injected.end_stream, core, terminal);
            if core.is_interrupted() {
                return;
            }
        }
    }

    /// Sends a piece on from the filter with this index, past what it holds but its head, which goes first.
    pub(crate) fn inject<T: Terminal>(
        &mut self,
        direction: Direction,
        index: u8,
        data: Chunk,
        end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) {
        if self.filters.is_empty() {
            return;
        }
        let position = self.index(direction, usize::from(index));
        if let Some(hold) = self.holds_mut(direction).at(position)
            && std::mem::take(&mut hold.head)
        {
            self.head(direction, position + 1, false, core, terminal);
        }
        if core.is_interrupted() {
            return;
        }
        // Trailers stay behind until the filter lets go of them.
        self.data(direction, position + 1, data, end_stream, core, terminal);
        if end_stream {
            self.holds_mut(direction).take(position);
        }
    }

    /// Moves what the filter at `position` injected in this direction behind `body`; whether it ends the stream.
    pub(super) fn take_injected(
        &mut self,
        direction: Direction,
        position: usize,
        body: &mut Buffer,
        core: &mut Core,
    ) -> bool {
        let (index, mut ends) = (self.index(direction, position) as u8, false);
        while let Some(injected) = core.actions.take_injected(self.id, index, direction) {
            body.push(injected.data);
            ends |= injected.end_stream;
        }
        ends
    }
}
