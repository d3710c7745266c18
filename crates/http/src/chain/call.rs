//! One callback of one filter: what it holds is put before it, and what it did to the bytes is accounted for.

use nuncio_message::Buffer;

use super::hold::Hold;
use super::{Chain, StreamCx};
use crate::connection_manager::Core;
use crate::filter::{Direction, HttpFilter};

impl Chain {
    /// Calls one filter; `None` when it has no instance on this stream.
    ///
    /// During the call both bodies that the filter holds stand in `core.held`. What it added in `direction` without
    /// holding anything there stays in `core.held` for the caller.
    pub(super) fn call<R>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let result = self.call_with_piece(direction, position, core, callback);
        core.account();
        result
    }

    /// Calls one filter outside of a walk: what it adds where it holds nothing goes on by itself.
    pub(super) fn notify<R>(
        &mut self,
        index: u8,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let result = self.call(Direction::Request, usize::from(index), core, callback);
        let added = core.held.take(Direction::Request);
        core.actions.inject_all(self.id, index, Direction::Request, added);
        result
    }

    /// As [`Self::call`] with a piece of body, whose change of size the caller accounts for together with the rest.
    pub(super) fn call_with_piece<R>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let index = self.index(direction, position);
        let id = self.id;
        if !matches!(self.filters.get(index), Some(Some(_))) {
            return None;
        }
        self.exchange_held(index, core);
        let before = [core.held.of(Direction::Request).len(), core.held.of(Direction::Response).len()];
        let filter = self.filters[index].as_deref_mut().expect("looked at just before");
        let result = callback(filter, &mut StreamCx { core, filter: index as u8, chain: id, direction });
        for (at, before) in [Direction::Request, Direction::Response].into_iter().zip(before) {
            let after = core.held.of(at).len();
            core.note_change(at, before, after);
        }
        self.exchange_held(index, core);
        let other = direction.other();
        if !core.held.of(other).is_empty() {
            // Nothing is held in the other direction, so that what was added there goes on by itself.
            let added = std::mem::take(core.held.of(other));
            core.actions.inject_all(id, index as u8, other, added);
        }
        Some(result)
    }

    /// Swaps the bodies that a filter holds with those in `core.held`.
    fn exchange_held(&mut self, index: usize, core: &mut Core) {
        for direction in [Direction::Request, Direction::Response] {
            if self.holds(direction).is_empty() {
                continue;
            }
            let position = self.index(direction, index);
            if let Some(hold) = self.holds_mut(direction).at(position) {
                std::mem::swap(&mut hold.data, core.held.of(direction));
            }
        }
    }

    /// The hold of the filter at `position`, made if there is none.
    pub(super) fn hold_at(&mut self, direction: Direction, position: usize) -> &mut Hold {
        let holds = self.holds_mut(direction);
        if holds.at(position).is_none() {
            return holds.add(Hold::new(position));
        }
        holds.at(position).expect("looked up just before")
    }
}

/// The bodies that the filter which is being called holds; empty between callbacks.
#[derive(Default)]
pub(crate) struct Held {
    request: Buffer,
    response: Buffer,
}

impl Held {
    pub(crate) fn of(&mut self, direction: Direction) -> &mut Buffer {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    pub(crate) fn take(&mut self, direction: Direction) -> Buffer {
        std::mem::take(self.of(direction))
    }

    pub(crate) fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
    }
}
