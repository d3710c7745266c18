//! One stream.

use std::rc::Rc;
use std::sync::Arc;

use nuncio_http::{
    FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, StreamCx, TrailersStatus,
};
use nuncio_message::HeaderMapKind;

use super::config::{Config, Mutations, Order};
use super::query;

/// Shared, immutable.
pub(super) struct Factory {
    name: Arc<str>,
    config: Arc<Config>,
}

impl Factory {
    pub(super) fn new(name: &str, config: Config) -> Self {
        Self { name: name.into(), config: Arc::new(config) }
    }
}

impl FilterFactory for Factory {
    fn interest(&self) -> Interest {
        // Routes may change any part of a message, whatever the filter itself does.
        let heads = Interest::REQUEST_HEADERS.and(Interest::RESPONSE_HEADERS);
        heads.and(Interest::REQUEST_TRAILERS).and(Interest::RESPONSE_TRAILERS)
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local(Rc::new(Named { name: Arc::clone(&self.name), config: Arc::clone(&self.config) })))
    }
}

/// Owner: the worker. Streams count references here, not across workers.
struct Local(Rc<Named>);

/// The configuration, with the filter's name in the chain.
struct Named {
    name: Arc<str>,
    config: Arc<Config>,
}

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Filter { named: Rc::clone(&self.0), levels: None }))
    }
}

/// Owner: the stream.
struct Filter {
    named: Rc<Named>,
    /// What the route's levels say, in the order in which they are applied; asked for once, as in Envoy.
    levels: Option<Vec<Arc<Mutations>>>,
}

impl Filter {
    fn apply(&mut self, cx: &mut StreamCx<'_>, kind: HeaderMapKind) {
        let Named { name, config } = &*self.named;
        let levels = self.levels.get_or_insert_with(|| levels(name, config.order, cx));
        let mut subject = cx.subject(kind);
        for mutations in std::iter::once(&config.mutations).chain(levels.iter().map(|level| &**level)) {
            match kind {
                HeaderMapKind::Request => {
                    mutations.request.apply(&mut subject);
                    query::apply(&mutations.query, &mut subject);
                }
                HeaderMapKind::RequestTrailers => mutations.request_trailers.apply(&mut subject),
                HeaderMapKind::Response => mutations.response.apply(&mut subject),
                HeaderMapKind::ResponseTrailers => mutations.response_trailers.apply(&mut subject),
            }
        }
    }
}

/// A configuration of another filter's type, under this filter's name, is passed over.
fn levels(name: &str, order: Order, cx: &mut StreamCx<'_>) -> Vec<Arc<Mutations>> {
    let all = cx.per_route_all(name).into_iter();
    let mut levels: Vec<_> = all.filter_map(|config| config.downcast::<Mutations>().ok()).collect();
    match order {
        Order::MostSpecificFirst => levels.reverse(),
        Order::MostSpecificLast => {}
    }
    levels
}

impl HttpFilter for Filter {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _end_stream: bool) -> HeadersStatus {
        self.apply(cx, HeaderMapKind::Request);
        HeadersStatus::Continue
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.apply(cx, HeaderMapKind::RequestTrailers);
        TrailersStatus::Continue
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, _end_stream: bool) -> HeadersStatus {
        self.apply(cx, HeaderMapKind::Response);
        HeadersStatus::Continue
    }

    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.apply(cx, HeaderMapKind::ResponseTrailers);
        TrailersStatus::Continue
    }
}
