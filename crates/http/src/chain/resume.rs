//! Going on after a filter has held a direction, and what a callback left to be done.

use std::task::{Context, Poll};

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
        let has_rest = !hold.data.is_empty() || hold.trailers;
        if hold.head {
            // While data is at hand in the caller, the end comes with it, not with the head.
            let end_stream = hold.end_stream && !has_rest;
            self.head(direction, position + 1, end_stream, core, terminal);
        }
        if core.is_interrupted() {
            return;
        }
        // What was kept unseen starts at the filter itself.
        let next = if hold.unseen { position } else { position + 1 };
        let ends_with_data = hold.end_stream && !hold.trailers;
        if hold.data.is_empty() {
            if ends_with_data && !hold.head {
                self.data(direction, next, nuncio_message::Chunk::empty(), true, core, terminal);
            }
        } else {
            self.pieces(direction, next, hold.data, ends_with_data, core, terminal);
        }
        if hold.trailers && !core.is_interrupted() {
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
        let resumed =
            self.call(Direction::Request, usize::from(index), core, |filter, cx| filter.poll_resume(cx, &mut task));
        match resumed {
            Some(Poll::Ready(Resume::Continue(direction))) => Some(direction),
            Some(Poll::Ready(Resume::Nothing) | Poll::Pending) | None => None,
        }
    }

    /// Carries out what the last callback of the filter at `position` asked for besides its status.
    pub(crate) fn settle<T: Terminal>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        while let Some(injected) = core.actions.next_injected(direction) {
            let next = position + 1;
            if let Some(hold) = self.holds_mut(direction).at(position)
                && std::mem::take(&mut hold.head)
            {
                self.head(direction, next, false, core, terminal);
            }
            self.data(direction, next, injected.data, injected.end_stream, core, terminal);
            if core.is_interrupted() {
                return;
            }
        }
    }
}
