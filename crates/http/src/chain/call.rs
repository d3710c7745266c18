//! Callbacks of filters: what a filter holds is put before it, and what it did to the bytes is accounted for.

use nuncio_message::Buffer;

use super::hold::Hold;
use super::plan::Callback;
use super::{Chain, StreamCx, index};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HeadersStatus, HttpFilter, TrailersStatus};

/// Which filters a walk calls, and with what.
#[derive(Clone, Copy)]
pub(super) struct Leg {
    pub(super) direction: Direction,
    pub(super) callback: Callback,
    /// The first position.
    pub(super) from: usize,
    /// Nothing follows.
    pub(super) end_stream: bool,
}

/// What a callback says.
pub(super) trait Verdict: Copy + PartialEq {
    /// To let pass: if that is all, the next filter is called at once.
    const PASS: Self;
    /// Whether what was asked for keeps the next filter from being called.
    const CAN_STOP: bool = true;
}

impl Verdict for HeadersStatus {
    const PASS: Self = Self::Continue;
}

impl Verdict for DataStatus {
    const PASS: Self = Self::Continue;
}

impl Verdict for TrailersStatus {
    const PASS: Self = Self::Continue;
}

impl Verdict for () {
    const PASS: Self = ();
    const CAN_STOP: bool = false;
}

impl Chain {
    /// Calls the filters of a leg in their order until one may have done more than let pass; its position and verdict.
    ///
    /// This is what a request costs for each filter that looks at it: no more is done between two of them than is
    /// needed to know that nothing has to be done. All else is the caller's, who goes on behind the position.
    pub(super) fn walk<V: Verdict>(
        &mut self,
        leg: Leg,
        core: &mut Core,
        mut callback: impl FnMut(&mut dyn HttpFilter, &mut StreamCx<'_>) -> V,
    ) -> Option<(usize, V)> {
        let Leg { direction, callback: kind, from, end_stream } = leg;
        if !(self.request.is_empty() && self.response.is_empty()) {
            return self.walk_with_holds(leg, core, callback);
        }
        // What was asked for earlier, or in the other direction, is for the caller to look at behind each filter.
        let has_acted = V::CAN_STOP
            && (core.is_interrupted() || core.actions.has_injected() || (end_stream && core.has_trailers(direction)));
        let mut cx = StreamCx { core, filter: 0, chain: self.id, direction, has_acted };
        let count = self.filters.len();
        for &position in self.plan.list_from(direction, kind, from) {
            let index = index(direction, usize::from(position), count);
            let Some(Some(filter)) = self.filters.get_mut(index) else { continue };
            cx.filter = index as u8;
            let verdict = callback(&mut **filter, &mut cx);
            if verdict != V::PASS || cx.has_acted {
                self.account(direction, index, [0, 0], core);
                return Some((usize::from(position), verdict));
            }
        }
        None
    }

    /// As [`Self::walk`] while something is held: each filter may have its own bodies in the hands of its callback.
    fn walk_with_holds<V: Verdict>(
        &mut self,
        leg: Leg,
        core: &mut Core,
        mut callback: impl FnMut(&mut dyn HttpFilter, &mut StreamCx<'_>) -> V,
    ) -> Option<(usize, V)> {
        let Leg { direction, callback: kind, from, end_stream: _ } = leg;
        for position in from..self.filters.len() {
            if self.plan.is_interested(direction, position, kind)
                && let Some(verdict) = self.call(direction, position, core, &mut callback)
            {
                return Some((position, verdict));
            }
        }
        None
    }

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
    fn account(&mut self, direction: Direction, index: usize, before: [usize; 2], core: &mut Core) {
        for (at, before) in [Direction::Request, Direction::Response].into_iter().zip(before) {
            let after = core.held.of(at).len();
            core.note_change(at, before, after);
        }
        self.exchange_held(index, core);
        // Nothing is held in the other direction if something is left, so that what was added there goes on by itself.
        self.inject_added(direction.other(), index, core);
        core.account();
    }

    /// Calls filters outside of a walk: what they add where they hold nothing goes on by itself.
    pub(super) fn notify_all(
        &mut self,
        direction: Direction,
        callback: Callback,
        core: &mut Core,
        mut notify: impl FnMut(&mut dyn HttpFilter, &mut StreamCx<'_>),
    ) {
        let mut leg = Leg { direction, callback, from: 0, end_stream: false };
        while let Some((position, ())) = self.walk(leg, core, &mut notify) {
            self.inject_added(direction, self.index(direction, position), core);
            leg.from = position + 1;
        }
    }

    /// As [`Self::notify_all`] for one filter.
    pub(super) fn notify<R>(
        &mut self,
        index: u8,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let result = self.call(Direction::Request, usize::from(index), core, callback);
        self.inject_added(Direction::Request, usize::from(index), core);
        result
    }

    fn inject_added(&self, direction: Direction, index: usize, core: &mut Core) {
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
