//! Which filters have which callback, worked out once per configuration and worker.

use crate::filter::{Direction, FactoryContext, FilterFactory, FilterLocal, Interest};
use std::sync::Arc;

/// A chain's factories on this worker, and an index list for each callback. Owner: the worker.
#[derive(Default)]
pub(crate) struct Plan {
    locals: Vec<Box<dyn FilterLocal>>,
    request: Lists,
    response: Lists,
    lifecycle: Vec<u8>,
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
}

impl Plan {
    /// Builds this worker's halves of `factories`; at most 255.
    pub(crate) fn build(factories: &[Arc<dyn FilterFactory>], cx: &FactoryContext<'_>) -> Self {
        let mut plan = Self::default();
        for (index, factory) in factories.iter().enumerate() {
            plan.locals.push(factory.local(cx));
            let (interest, index) = (factory.interest(), index as u8);
            let reversed = factories.len() as u8 - 1 - index;
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

    pub(super) fn locals(&self) -> &[Box<dyn FilterLocal>] {
        &self.locals
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
        }
    }

    pub(super) fn lifecycle(&self) -> &[u8] {
        &self.lifecycle
    }

    pub(super) fn looks_at_data(&self, direction: Direction) -> bool {
        !self.list(direction, Callback::Data).is_empty()
    }
}
