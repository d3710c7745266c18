//! Callbacks of filters: what a filter holds is put before it, and what it did to the bytes is accounted for.

use nuncio_message::{Buffer, Chunk};

use super::{Chain, StreamCx};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HttpFilter};

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

impl Chain {
    /// Calls one filter; `None` when it has no instance on this stream.
    ///
    /// During the call both bodies that the filter holds stand in `core.held`. What it added in `direction` without
    /// holding anything there stays in `core.held` for the caller.
    pub(super) fn call<V>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> V,
    ) -> Option<V> {
        let index = self.index(direction, position);
        if !matches!(self.filters.get(index), Some(Some(_))) {
            return None;
        }
        self.exchange_held(index, core);
        let before = [core.held.of(Direction::Request).len(), core.held.of(Direction::Response).len()];
        let filter = self.filters[index].as_deref_mut().expect("looked at just before");
        let chain = self.id;
        let verdict = callback(filter, &mut StreamCx { core, filter: index as u8, chain, direction, has_acted: false });
        self.account(direction, index, before, core);
        Some(verdict)
    }

    /// A callback is over: `before` it the bodies in `core.held` were so long.
    pub(super) fn account(&mut self, direction: Direction, index: usize, before: [usize; 2], core: &mut Core) {
        for (at, before) in [Direction::Request, Direction::Response].into_iter().zip(before) {
            let after = core.held.of(at).len();
            core.note_change(at, before, after);
        }
        self.exchange_held(index, core);
        // Nothing is held in the other direction if something is left, so that what was added there goes on by itself.
        self.inject_added(direction.other(), index, core);
        core.account();
    }

    pub(super) fn inject_added(&self, direction: Direction, index: usize, core: &mut Core) {
        if !core.held.of(direction).is_empty() {
            let added = core.held.take(direction);
            core.actions.inject_all(self.id, index as u8, direction, added);
        }
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
}

/// Shows a filter a piece; what it takes of it, or puts in, is noted.
pub(super) fn look_at_data(
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
