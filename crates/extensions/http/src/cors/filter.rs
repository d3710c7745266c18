//! One stream.

use std::rc::Rc;
use std::sync::Arc;

use nuncio_http::{FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, StreamCx};
use nuncio_message::{HeaderId, Headers};
use nuncio_stats::{Group, Held, stat_group};

use super::config::{Mode, Policies, Policy};

stat_group! {
    /// `http.<stat_prefix>.cors.`
    pub(super) struct Stats {
        counter origin_invalid,
        counter origin_valid,
    }
}

/// Shared, immutable.
pub(super) struct Factory {
    name: Arc<str>,
}

impl Factory {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into() }
    }
}

impl FilterFactory for Factory {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS.and(Interest::RESPONSE_HEADERS)
    }

    fn local(&self, cx: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        let stats = Group::new(&cx.scope.scope("cors.")).held(cx.worker.index());
        Box::new(Local(Rc::new(Shared { name: Arc::clone(&self.name), stats })))
    }
}

struct Local(Rc<Shared>);

/// Owner: the worker.
struct Shared {
    name: Arc<str>,
    stats: Held<Stats>,
}

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Filter { shared: Rc::clone(&self.0), allowed: None }))
    }
}

/// Owner: the stream.
struct Filter {
    shared: Rc<Shared>,
    /// The response is for an origin that may read it.
    allowed: Option<Allowed>,
}

/// Owner: the stream.
struct Allowed {
    origin: Box<[u8]>,
    policies: Policies,
}

impl Filter {
    /// A configuration of another filter's type, under this filter's name, is passed over.
    fn policies(&self, cx: &mut StreamCx<'_>) -> Policies {
        if cx.route().is_none_or(|route| route.forward().is_none()) {
            return Policies(Vec::new());
        }
        let levels = cx.per_route_all(&self.shared.name).into_iter().rev();
        Policies(levels.filter_map(|level| level.downcast::<Policy>().ok()).collect())
    }
}

impl HttpFilter for Filter {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _end_stream: bool) -> HeadersStatus {
        let origin = cx.request_headers().get(HeaderId::ORIGIN).unwrap_or_default();
        if origin.is_empty() {
            return HeadersStatus::Continue;
        }
        let origin = Box::from(origin);
        let policies = self.policies(cx);
        let mode = policies.mode(cx.worker().random().next_u64());
        if mode == Mode::Off {
            return HeadersStatus::Continue;
        }
        if !policies.allows(&origin) {
            self.shared.stats.origin_invalid.inc();
            // In the shadow too: Envoy looks at this before it looks at the mode.
            if policies.forwards_not_matching() || !is_preflight(cx.request_headers()) {
                return HeadersStatus::Continue;
            }
            answer(None, &policies, cx);
            return HeadersStatus::StopIteration;
        }
        self.shared.stats.origin_valid.inc();
        if mode == Mode::Shadow {
            return HeadersStatus::Continue;
        }
        let is_preflight = is_preflight(cx.request_headers());
        if is_preflight {
            answer(Some(&origin), &policies, cx);
        }
        self.allowed = Some(Allowed { origin, policies });
        if is_preflight { HeadersStatus::StopIteration } else { HeadersStatus::Continue }
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, _end_stream: bool) -> HeadersStatus {
        if let (Some(Allowed { origin, policies }), Some(head)) = (&self.allowed, cx.response_headers_mut()) {
            head.set(HeaderId::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if policies.allows_credentials() {
                head.set(HeaderId::ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true");
            }
            set(head, HeaderId::ACCESS_CONTROL_EXPOSE_HEADERS, policies.exposed());
        }
        HeadersStatus::Continue
    }
}

/// Fetch standard, section "CORS-preflight fetch".
fn is_preflight(request: &Headers) -> bool {
    let has_method = request.get(HeaderId::ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| !method.is_empty());
    has_method && request.get(HeaderId::METHOD) == Some(b"OPTIONS")
}

/// Answers a preflight. Without an origin that is allowed the browser refuses the answer.
fn answer(origin: Option<&[u8]>, policies: &Policies, cx: &mut StreamCx<'_>) {
    let mut head = Headers::new();
    head.set_number(HeaderId::STATUS, 200);
    set(&mut head, HeaderId::ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or_default());
    if policies.allows_credentials() {
        head.push(HeaderId::ACCESS_CONTROL_ALLOW_CREDENTIALS, b"true");
    }
    set(&mut head, HeaderId::ACCESS_CONTROL_ALLOW_METHODS, policies.methods());
    set(&mut head, HeaderId::ACCESS_CONTROL_ALLOW_HEADERS, policies.headers());
    set(&mut head, HeaderId::ACCESS_CONTROL_MAX_AGE, policies.max_age());
    let asks_private = cx.request_headers().get(HeaderId::ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK) == Some(b"true");
    if asks_private && policies.allows_private_network() {
        head.push(HeaderId::ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK, b"true");
    }
    cx.info_mut().response_code_details = Some("cors_response".into());
    cx.respond_head(head);
}

fn set(head: &mut Headers, id: HeaderId, value: &[u8]) {
    if !value.is_empty() {
        head.set(id, value);
    }
}
