//! What filters add to a message: to one without a body, around a piece of body, or from a place of their own.

use nuncio_message::{Buffer, Chunk};

use super::{Chain, Terminal};
use crate::connection_manager::Core;
use crate::filter::Direction;

impl Chain {
    /// Sends the head on from the filter at `position` with what the filter added to a message without a body: that
    /// follows the head, and ends the stream. False when there is nothing, so that the head has not been sent on.
    pub(super) fn head_with_added<T: Terminal>(
        &mut self,
        direction: Direction,
        position: usize,
        end_stream: bool,
        core: &mut Core,
        terminal: &mut T,
    ) -> bool {
        let mut added = core.held.take(direction);
        let ends = end_stream | self.take_injected(direction, position, &mut added, core);
        let has_trailers = end_stream && core.has_trailers(direction);
        if added.is_empty() && !has_trailers && ends == end_stream {
            return false;
        }
        let next = position + 1;
        self.head(direction, next, false, core, terminal);
        self.pieces(direction, next, added, ends && !has_trailers, core, terminal);
        if has_trailers && !core.is_interrupted() {
            self.trailers(direction, next, core, terminal);
        }
        true
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
    fn take_injected(&mut self, direction: Direction, position: usize, body: &mut Buffer, core: &mut Core) -> bool {
        let (index, mut ends) = (self.index(direction, position) as u8, false);
        while let Some(injected) = core.actions.take_injected(self.id, index, direction) {
            body.push(injected.data);
            ends |= injected.end_stream;
        }
        ends
    }
}

/// A piece and what follows it.
pub(super) fn together(data: Chunk, mut rest: Buffer) -> Buffer {
    let mut body = Buffer::new();
    body.push(data);
    body.append(&mut rest);
    body
}
