//! The filter chain of a stream: both directions, with what is held at which filter.
//!
//! Before: the connection manager made the request fit for filters. Next: the router (request), or the downstream
//! codec (response). `iterate.rs` walks the filters, `hold.rs` keeps what a filter has stopped, `resume.rs` goes on.

mod actions;
mod call;
mod cx;
mod hold;
mod holds;
mod inject;
mod iterate;
mod notify;
mod plan;
mod resume;
mod stop;
mod trailers;
mod walk;

use std::rc::Rc;

use nuncio_message::Chunk;

pub(crate) use actions::{Action, Actions, Injected, Response, Rest};
pub(crate) use call::Held;
pub use cx::StreamCx;
use holds::Holds;
pub(crate) use plan::Plan;

use crate::connection_manager::Core;
use crate::filter::{Direction, HttpFilter};
use crate::route::FilterOverride;
use crate::router;

/// Where a direction of a chain ends.
pub(crate) trait Terminal {
    /// The head has passed all filters.
    fn head(&mut self, core: &mut Core, end_stream: bool);
    /// A piece of the body has.
    fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool);
    /// The trailers have.
    fn trailers(&mut self, core: &mut Core);
}

/// Which chain of a stream: the connection manager's, or an attempt's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChainId {
    Downstream,
    Upstream,
}

/// The filters of one stream or attempt. Owner: the stream.
pub(crate) struct Chain {
    id: ChainId,
    plan: Rc<Plan>,
    filters: Vec<Option<Box<dyn HttpFilter>>>,
    request: Holds,
    response: Holds,
}

impl Chain {
    /// Makes one filter of each factory.
    pub(crate) fn new(id: ChainId, plan: &Rc<Plan>) -> Self {
        let mut chain = Self {
            id,
            plan: Rc::clone(plan),
            filters: Vec::new(),
            request: Holds::default(),
            response: Holds::default(),
        };
        chain.renew(plan);
        chain
    }

    /// Makes the filters anew for another stream; only the vectors are reused.
    pub(crate) fn renew(&mut self, plan: &Rc<Plan>) {
        if !Rc::ptr_eq(&self.plan, plan) {
            self.plan = Rc::clone(plan);
        }
        self.filters.clear();
        self.filters.extend(plan.filters().iter().map(|filter| match filter.is_disabled {
            true => None,
            false => filter.local.build(),
        }));
        self.request.clear();
        self.response.clear();
    }

    /// Makes and drops filters as the request's route says. The route is chosen before any filter sees the request, as in
    /// Envoy: what filters change has no effect on it, unless they clear it.
    pub(crate) fn choose(&mut self, core: &mut Core) {
        if self.filters.is_empty() {
            return;
        }
        router::note_cluster(core);
        let Some(route) = core.route_ref().filter(|route| route.has_filter_overrides()) else { return };
        for (filter, planned) in self.filters.iter_mut().zip(self.plan.filters()) {
            match route.filter_override(&planned.name) {
                Some(FilterOverride::Disabled) => *filter = None,
                // A configuration for the filter is enough to switch it on.
                Some(FilterOverride::Enabled | FilterOverride::Config(_)) if planned.is_disabled => {
                    *filter = planned.local.build();
                }
                Some(FilterOverride::Enabled | FilterOverride::Config(_)) | None => {}
            }
        }
    }

    /// Drops the filters and what they hold.
    pub(crate) fn clear(&mut self) {
        self.filters.clear();
        self.request.clear();
        self.response.clear();
    }

    /// Whether a direction holds nothing and has nobody who looks at bodies: pieces may pass it by.
    pub(crate) fn is_transparent(&self, direction: Direction) -> bool {
        self.holds(direction).is_empty() && !self.plan.looks_at_data(direction)
    }

    /// Drops what a direction holds: after a local reply nothing of the request goes upstream any more, and nothing of
    /// another response downstream.
    pub(crate) fn abandon(&mut self, direction: Direction) {
        self.holds_mut(direction).clear();
    }

    fn holds(&self, direction: Direction) -> &Holds {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    fn holds_mut(&mut self, direction: Direction) -> &mut Holds {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// The filter at a position of a direction.
    fn index(&self, direction: Direction, position: usize) -> usize {
        index(direction, position, self.filters.len())
    }
}

/// The filter at a position of a direction, of `count`: responses go in reverse. Beyond `count` there is none.
fn index(direction: Direction, position: usize, count: usize) -> usize {
    match direction {
        Direction::Request => position,
        Direction::Response => count.wrapping_sub(position + 1),
    }
}
