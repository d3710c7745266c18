//! From filter to filter: only those that are interested are called, and a walk ends at the first that does more than let
//! pass, or that holds the direction.

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

/// Where a walk meets something to be done.
pub(super) enum Stop<V> {
    /// A filter that wants to see nothing while it holds the direction.
    Unseen,
    /// A filter that was called, or that holds the direction and has no such callback, which counts as letting pass.
    Verdict(V),
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

    /// As [`Self::walk`], and stops at filters that hold the direction too.
    pub(super) fn next<V: Verdict>(
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
