//! One stream.
//!
//! ```text
//!            delayed                 over, not aborted
//!  request ─────────► head held here ─────────────────► on to the next filter
//!     │ aborted            │ aborted
//!     └────────────────────┴─────────────────────────► local reply
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};

use nuncio_http::{
    Direction, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, LocalReply, Resume,
    Sleep, StreamCx,
};
use nuncio_telemetry::ResponseFlag;

use super::config::{Abort, Settings, Status};
use super::request::downstream_cluster;
use super::stats::{Active, Counts};

/// Shared.
pub(super) struct Factory {
    name: Arc<str>,
    settings: Arc<Settings>,
    active: Arc<AtomicU64>,
}

impl Factory {
    pub(super) fn new(name: &str, settings: Settings) -> Self {
        Self { name: name.into(), settings: Arc::new(settings), active: Arc::default() }
    }
}

impl FilterFactory for Factory {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS
    }

    fn local(&self, cx: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local(Rc::new(Shared {
            name: Arc::clone(&self.name),
            settings: Arc::clone(&self.settings),
            counts: Counts::new(&self.active, cx),
        })))
    }
}

struct Local(Rc<Shared>);

/// Owner: the worker.
struct Shared {
    name: Arc<str>,
    settings: Arc<Settings>,
    counts: Counts,
}

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Filter { shared: Rc::clone(&self.0), of_route: None, delay: None, active: None }))
    }
}

/// Owner: the stream.
struct Filter {
    shared: Rc<Shared>,
    /// What the route says instead of the filter's own settings.
    of_route: Option<Arc<Settings>>,
    /// The request is held until then.
    delay: Option<Sleep>,
    active: Option<Active>,
}

impl Filter {
    fn settings(&self) -> &Settings {
        self.of_route.as_ref().unwrap_or(&self.shared.settings)
    }

    fn is_met(&self, cx: &mut StreamCx<'_>) -> bool {
        let settings = self.settings();
        let is_cluster = settings.cluster.as_ref().is_none_or(|name| cx.is_for_cluster(name));
        is_cluster && settings.matches(cx.request_headers())
    }

    /// Begins a fault, if there may be one more. However many faults a stream meets, it counts once.
    fn begin(&mut self) -> bool {
        if self.active.is_none() {
            self.active = self.shared.counts.begin(self.settings().max_active);
        }
        self.active.is_some()
    }

    fn delay(&mut self, cx: &mut StreamCx<'_>) -> bool {
        let random = cx.worker().random().next_u64();
        let delay = self.settings().delay.as_ref().and_then(|delay| delay.draw(cx.request_headers(), random));
        let Some(delay) = delay.filter(|_| self.begin()) else { return false };
        self.delay = Some(cx.sleep(delay));
        self.shared.counts.count_delay(self.counted_cluster(cx));
        self.tell(cx, ResponseFlag::DelayInjected);
        cx.poll_me();
        true
    }

    fn abort(&mut self, cx: &mut StreamCx<'_>) -> bool {
        let random = cx.worker().random().next_u64();
        let status = self.settings().abort.as_ref().and_then(|abort| abort.draw(cx.request_headers(), random));
        let Some(status) = status.filter(|_| self.begin()) else { return false };
        self.shared.counts.count_abort(self.counted_cluster(cx));
        self.tell(cx, ResponseFlag::FaultInjected);
        let body = self.settings().abort.as_ref().map_or("", |Abort { body, .. }| body);
        let reply = match status {
            Status::Http(status) => LocalReply::new(status, body, "fault_filter_abort"),
            Status::Grpc(code) => {
                LocalReply { grpc_status: Some(code), ..LocalReply::new(200, body, "fault_filter_abort") }
            }
        };
        cx.reply(reply);
        true
    }

    fn tell(&self, cx: &mut StreamCx<'_>, flag: ResponseFlag) {
        cx.set_flag(flag);
        if let Some(metadata) = &self.settings().metadata {
            cx.info_mut().dynamic_metadata.merge(&self.shared.name, metadata);
        }
    }

    /// The cluster that a fault is counted for besides; empty for none.
    fn counted_cluster<'a>(&self, cx: &'a StreamCx<'_>) -> &'a [u8] {
        if self.settings().counts_by_cluster { downstream_cluster(cx.request_headers()) } else { b"" }
    }
}

impl HttpFilter for Filter {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _end_stream: bool) -> HeadersStatus {
        self.of_route = cx.per_route(&self.shared.name).and_then(|settings| settings.downcast().ok());
        if !self.is_met(cx) {
            return HeadersStatus::Continue;
        }
        if self.delay(cx) {
            return HeadersStatus::StopAllIterationAndWatermark;
        }
        if self.abort(cx) {
            return HeadersStatus::StopIteration;
        }
        HeadersStatus::Continue
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        let Some(delay) = &mut self.delay else { return Poll::Pending };
        ready!(Pin::new(delay).poll(task));
        self.delay = None;
        Poll::Ready(if self.abort(cx) { Resume::Nothing } else { Resume::Continue(Direction::Request) })
    }
}
