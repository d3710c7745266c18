//! One stream.
//!
//! ```text
//!            delayed                 over, not aborted
//!  request ─────────► head held here ─────────────────► on to the next filter
//!     │ aborted            │ aborted
//!     └────────────────────┴─────────────────────────► local reply
//!            limited
//!  body    ─────────► held here ─────────────────────► on to the next filter, every interval what the pacer gives
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};

use nuncio_http::{
    DataStatus, Direction, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, LocalReply,
    Resume, Sleep, StreamCx, TrailersStatus,
};
use nuncio_message::Chunk;
use nuncio_telemetry::ResponseFlag;

use super::config::{Abort, Settings, Status};
use super::pacer::{INTERVAL, Pacer};
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
        // Whether a response is limited may be the route's to say.
        Interest::REQUEST_HEADERS.and(Interest::RESPONSE_DATA).and(Interest::RESPONSE_TRAILERS)
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
        Some(Box::new(Filter { shared: Rc::clone(&self.0), of_route: None, delay: None, limit: None, active: None }))
    }
}

/// Owner: the stream.
struct Filter {
    shared: Rc<Shared>,
    /// What the route says instead of the filter's own settings.
    of_route: Option<Arc<Settings>>,
    /// The request is held until then.
    delay: Option<Sleep>,
    limit: Option<Limit>,
    active: Option<Active>,
}

/// A response whose body goes slowly.
struct Limit {
    pacer: Pacer,
    /// Data goes on then, not before.
    pause: Option<Sleep>,
    /// The end of the body has come, if not gone on.
    has_ended: bool,
    has_trailers: bool,
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

    fn limit(&mut self, cx: &mut StreamCx<'_>) {
        let random = cx.worker().random().next_u64();
        let limit = self.settings().rate_limit.as_ref().and_then(|limit| limit.draw(cx.request_headers(), random));
        let Some(limit) = limit.filter(|_| self.begin()) else { return };
        self.shared.counts.stats.response_rl_injected.inc();
        let pacer = Pacer::new(limit, cx.worker().now());
        self.limit = Some(Limit { pacer, pause: None, has_ended: false, has_trailers: false });
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
        self.limit(cx);
        if self.delay(cx) {
            return HeadersStatus::StopAllIterationAndWatermark;
        }
        if self.abort(cx) {
            return HeadersStatus::StopIteration;
        }
        HeadersStatus::Continue
    }

    fn response_data(&mut self, cx: &mut StreamCx<'_>, _data: &mut Chunk, end_stream: bool) -> DataStatus {
        let Some(limit) = &mut self.limit else { return DataStatus::Continue };
        limit.has_ended |= end_stream;
        cx.poll_me();
        DataStatus::StopIterationAndWatermark
    }

    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        let Some(limit) = &mut self.limit else { return TrailersStatus::Continue };
        limit.has_trailers = true;
        match cx.held_body(Direction::Response).is_empty() {
            true => TrailersStatus::Continue,
            false => TrailersStatus::StopIteration,
        }
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        if let Some(delay) = &mut self.delay {
            ready!(Pin::new(delay).poll(task));
            self.delay = None;
            return Poll::Ready(if self.abort(cx) { Resume::Nothing } else { Resume::Continue(Direction::Request) });
        }
        match &mut self.limit {
            Some(limit) => limit.poll(cx, task),
            None => Poll::Pending,
        }
    }
}

impl Limit {
    /// Sends on what may go now; looks again an interval later if that was not all.
    fn poll(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        if let Some(pause) = &mut self.pause {
            ready!(Pin::new(pause).poll(task));
            self.pause = None;
        }
        let now = cx.worker().now();
        let held = cx.held_body(Direction::Response).len();
        let mut allowed = self.pacer.take(held, now);
        let is_last = allowed == held && self.has_ended && !self.has_trailers;
        if is_last && held == 0 {
            // The end came alone, behind a body that has gone.
            cx.inject_data(Direction::Response, Chunk::empty(), true);
        }
        while allowed > 0 {
            let Some(piece) = cx.held_body(Direction::Response).pop_at_most(allowed) else { break };
            allowed -= piece.len();
            cx.inject_data(Direction::Response, piece, is_last && allowed == 0);
        }
        // The end goes on once.
        self.has_ended &= !is_last;
        if !cx.held_body(Direction::Response).is_empty() {
            let pause = self.pause.insert(cx.sleep(INTERVAL));
            return Pin::new(pause).poll(task).map(|()| Resume::Nothing);
        }
        match self.has_trailers {
            true => Poll::Ready(Resume::Continue(Direction::Response)),
            false => Poll::Ready(Resume::Nothing),
        }
    }
}
