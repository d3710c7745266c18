//! Which filters have which callback, worked out once per configuration and worker.

use std::rc::Rc;

use crate::filter::{ChainFilter, Direction, FactoryContext, FilterLocal, Interest};

/// A chain's factories on this worker, and an index list for each callback. Owner: the worker.
#[derive(Default)]
pub(crate) struct Plan {
    filters: Vec<Planned>,
    request: Lists,
    response: Lists,
    lifecycle: Vec<u8>,
}

/// One filter of the chain.
pub(super) struct Planned {
    pub(super) local: Box<dyn FilterLocal>,
    pub(super) name: Box<str>,
    /// It only runs where the route says so.
    pub(super) is_disabled: bool,
}

/// Positions, in the direction's order, of the filters that have the callback.
#[derive(Default)]
struct Lists {
    headers: Vec<u8>,
    data: Vec<u8>,
    trailers: Vec<u8>,
}

/// A kind of frame that callbacks are called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Callback {
    Headers,
    Data,
    Trailers,
    /// `local_reply` and `complete`, which have no direction.
    Lifecycle,
}

impl Plan {
    /// Builds this worker's halves of `filters`; at most 255.
    pub(crate) fn build(filters: &[ChainFilter], cx: &FactoryContext<'_>) -> Self {
        let mut plan = Self::default();
        for (index, ChainFilter { name, is_disabled, factory }) in filters.iter().enumerate() {
            let (local, name, is_disabled) = (factory.local(cx), name.clone(), *is_disabled);
            plan.filters.push(Planned { local, name, is_disabled });
            let (interest, index) = (factory.interest(), index as u8);
            let reversed = filters.len() as u8 - 1 - index;
            let request = &mut plan.request;
            for (list, position, bit) in [
                (&mut request.headers, index, Interest::REQUEST_HEADERS),
                (&mut request.data, index, Interest::REQUEST_DATA),
                (&mut request.trailers, index, Interest::REQUEST_TRAILERS),
                (&mut plan.response.headers, reversed, Interest::RESPONSE_HEADERS),
                (&mut plan.response.data, reversed, Interest::RESPONSE_DATA),
                (&mut plan.response.trailers, reversed, Interest::RESPONSE_TRAILERS),
                (&mut plan.lifecycle, index, Interest::LIFECYCLE),
            ] {
                if interest.has(bit) {
                    list.push(position);
                }
            }
        }
        for list in [&mut plan.response.headers, &mut plan.response.data, &mut plan.response.trailers] {
            list.reverse();
        }
        plan
    }

    /// As [`Self::build`] for the filters of attempts, if any are configured.
    pub(crate) fn build_upstream(filters: Option<&[ChainFilter]>, cx: &FactoryContext<'_>) -> Option<Rc<Self>> {
        filters.map(|filters| Rc::new(Self::build(filters, cx)))
    }

    pub(super) fn filters(&self) -> &[Planned] {
        &self.filters
    }

    pub(super) fn list(&self, direction: Direction, callback: Callback) -> &[u8] {
        let lists = match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        };
        match callback {
            Callback::Headers => &lists.headers,
            Callback::Data => &lists.data,
            Callback::Trailers => &lists.trailers,
            Callback::Lifecycle => &self.lifecycle,
        }
    }

    /// The positions from `from` on.
    pub(super) fn list_from(&self, direction: Direction, callback: Callback, from: usize) -> &[u8] {
        let list = self.list(direction, callback);
        match from {
            0 => list,
            _ => &list[list.partition_point(|&position| usize::from(position) < from)..],
        }
    }

    pub(super) fn is_interested(&self, direction: Direction, position: usize, callback: Callback) -> bool {
        self.list(direction, callback).binary_search(&(position as u8)).is_ok()
    }

    pub(super) fn looks_at_data(&self, direction: Direction) -> bool {
        !self.list(direction, Callback::Data).is_empty()
    }
}
