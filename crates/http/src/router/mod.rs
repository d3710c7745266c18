//! The router: the end of the request direction. It acts on the route, and tries upstream hosts until one answers.
//!
//! Before: the request has passed all filters. Next: `pool.rs` gives the attempt a connection. Responses come back
//! through [`Router::response`].

mod charge;
pub(crate) mod config;
pub(crate) mod options;
pub(crate) mod pool;
mod request_timeouts;
mod required_headers;
mod retries;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nuncio_codec::{ErrorCode, ResetCause, StreamId};
use nuncio_message::{Buffer, Chunk, HeaderId, HeaderMapKind, Headers};
use nuncio_telemetry::{ClusterNames, HostDescription, Moment, ResponseFlag};
use nuncio_upstream::{BreakerSlot, ClusterCodes, PickContext, Resource, ResponsePart};

use crate::chain::Terminal;
use crate::connection_manager::{Connection, Core, Deadline, Frame};
use crate::filter::LocalReply;
use crate::local_reply;
use crate::route::{Action, ClusterSpecifier, Forward, HostRewrite, Priority, Route, RouteRef, WeightedTarget};
use pool::{Acquired, HostPool, Ticket};
use request_timeouts::RequestTimeouts;
use retries::{Outcome, Retries};

/// How an attempt ended before the response was complete.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamEnd {
    /// The codec or the peer ended it.
    Reset(ResetCause),
    /// No connection could be made.
    ConnectFailed(Cow<'static, str>),
    /// None could be made in time.
    ConnectTimeout,
}

/// The router's part of a stream. Owner: the stream; reused.
#[derive(Default)]
pub(crate) struct Router {
    attempt: Option<Attempt>,
    attempts: u32,
    retries: Retries,
    timeouts: RequestTimeouts,
    /// Request body that no connection has taken yet.
    body: Buffer,
    /// Request body that has been sent, and that a retry would send again.
    sent: Buffer,
    is_request_complete: bool,
    is_response_started: bool,
    /// Between two attempts: the body keeps coming and has to be kept.
    is_retry_due: bool,
    /// The attempt is not the first.
    is_retry: bool,
    retry_slot: Option<BreakerSlot>,
    /// Where responses of the cluster are counted, once the route has named it.
    codes: Option<Rc<ClusterCodes>>,
}

/// One try.
struct Attempt {
    number: u32,
    pool: Rc<HostPool>,
    state: State,
    /// Response bytes received whose credit has not been given back.
    unreleased: u32,
    request_slot: Option<BreakerSlot>,
}

enum State {
    Waiting(Ticket),
    Sending { connection: Rc<Connection>, id: StreamId },
}

impl Terminal for Router {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        self.is_request_complete = end_stream;
        core.manager.counts.router.rq_total.inc();
        let Some(route) = core.route_ref().cloned() else {
            core.manager.counts.router.no_route.inc();
            core.info.flags.set(ResponseFlag::NoRouteFound);
            core.reply(LocalReply::new(404, "", "route_not_found"));
            return;
        };
        match route.route().action() {
            Action::Forward(forward) => self.forward(&route, forward, core),
            Action::Redirect(redirect) => {
                // Envoy counts a redirect as the direct response that it is; `rq_redirect` stays at zero.
                core.manager.counts.router.rq_direct_response.inc();
                let mut reply = LocalReply::new(redirect.status, "", "direct_response");
                reply.headers.push(("location", route.route().location(redirect, &core.request)));
                core.reply(reply);
            }
            Action::DirectResponse(direct) => {
                core.manager.counts.router.rq_direct_response.inc();
                let mut reply = LocalReply::new(direct.status, "", "direct_response");
                reply.body = direct.body.to_vec();
                // RFC 9110, section 10.2.2: where the resource is that was made, or has moved.
                if matches!(direct.status, 201 | 300..=399) {
                    reply.headers.extend(uri(&core.request).map(|uri| ("location", uri)));
                }
                core.reply(reply);
            }
        }
    }

    fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool) {
        self.is_request_complete |= end_stream;
        match &self.attempt {
            Some(Attempt { state: State::Sending { connection, id }, .. }) => {
                let (connection, id) = (Rc::clone(connection), *id);
                self.keep(&data, core);
                connection.send_data(id, data, end_stream);
            }
            Some(_) if !data.is_empty() => self.body.push(data),
            None if self.is_retry_due && !data.is_empty() => self.body.push(data),
            Some(_) => {}
            None => core.release_request(data.len() as u32),
        }
        if end_stream {
            self.request_sent(core);
        }
    }

    fn trailers(&mut self, core: &mut Core) {
        self.is_request_complete = true;
        if let Some(Attempt { state: State::Sending { connection, id }, .. }) = &self.attempt
            && let Some(trailers) = &core.request_trailers
        {
            connection.send_trailers(*id, trailers);
        }
        self.request_sent(core);
    }
}

impl Router {
    fn forward(&mut self, route: &RouteRef, forward: &Forward, core: &mut Core) {
        let Some(cluster) = find_cluster(route, forward, core) else { return };
        self.codes = Some(Rc::clone(cluster.codes()));
        core.info.upstream.cluster = Some(Arc::clone(cluster.names()));
        if let Some(host) = route.weighted_cluster().and_then(|weighted| weighted.host_rewrite.as_ref()) {
            rewrite_host(&mut core.request, host, forward.append_x_forwarded_host);
        }
        let options = core.manager.config.router;
        core.request.remove(HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME);
        self.timeouts = RequestTimeouts::begin(forward, &mut core.request, &options);
        if !options.suppresses_envoy_headers {
            self.timeouts.announce(&mut core.request, Duration::ZERO);
        }
        if route.virtual_host().includes_attempt_count {
            core.request.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, 1);
        }
        if route.changes_request_headers() {
            route.change_request_headers(&mut core.subject(HeaderMapKind::Request));
        }
        if let Some(path) = route.route().rewritten_path(&core.request) {
            let old = core.request.get(HeaderId::PATH).unwrap_or_default().to_vec();
            if !options.suppresses_envoy_headers {
                core.request.set(HeaderId::X_ENVOY_ORIGINAL_PATH, &old);
            }
            core.request.set(HeaderId::PATH, &path);
        }
        match &forward.host_rewrite {
            Some(HostRewrite::Literal(host)) => {
                rewrite_host(&mut core.request, host, forward.append_x_forwarded_host);
            }
            Some(HostRewrite::Header(name)) => {
                if let Some(host) = core.request.get_by_name(name).map(<[u8]>::to_vec) {
                    rewrite_host(&mut core.request, &host, forward.append_x_forwarded_host);
                }
            }
            // Known only when a host is picked.
            Some(HostRewrite::Endpoint) | None => {}
        }
        self.retries = Retries::begin(forward.retry.as_ref(), &mut core.request);
        if self.is_request_complete {
            self.request_sent(core);
        }
        self.try_host(&cluster, forward, core);
    }

    /// The timeouts count from the end of the request.
    fn request_sent(&self, core: &mut Core) {
        if let Some(timeout) = self.timeouts.global {
            core.set_timeout(Deadline::Route, timeout);
        }
        if matches!(&self.attempt, Some(Attempt { state: State::Sending { .. }, .. })) {
            self.limit_try(core);
        }
    }

    /// The timeout of one try counts from when it has a connection, but not before the end of the request.
    fn limit_try(&self, core: &mut Core) {
        if let (true, Some(timeout)) = (self.is_request_complete, self.timeouts.per_try) {
            core.set_timeout(Deadline::PerTry, timeout);
        }
    }

    /// Keeps what is sent for a retry, as long as there is room.
    fn keep(&mut self, data: &Chunk, core: &Core) {
        if self.retries.is_off() || data.is_empty() {
            return;
        }
        if self.sent.len() + data.len() > core.buffer_limit() {
            if let Some(attempt) = &self.attempt {
                attempt.pool.stats().retry_or_shadow_abandoned.inc();
            }
            self.retries.abandon();
            self.sent.clear();
            return;
        }
        self.sent.push(data.clone());
    }

    /// Picks a host and asks its pool for a connection.
    fn try_host(&mut self, cluster: &Rc<pool::ClusterLocal>, forward: &Forward, core: &mut Core) {
        let random = core.http.worker().random();
        let Some(pool) = cluster.pick(forward.priority, &PickContext { random }) else {
            cluster.stats().upstream_cx_none_healthy.inc();
            core.info.flags.set(ResponseFlag::NoHealthyUpstream);
            self.answer(LocalReply::new(503, "no healthy upstream", "no_healthy_upstream"), core);
            return;
        };
        self.attempts += 1;
        core.info.upstream.attempt_count = self.attempts;
        core.info.upstream.host = Some(Arc::clone(pool.host()) as Arc<dyn HostDescription>);
        if matches!(forward.host_rewrite, Some(HostRewrite::Endpoint)) && !pool.host().hostname.is_empty() {
            let host = pool.host().hostname.clone();
            rewrite_host(&mut core.request, host.as_bytes(), forward.append_x_forwarded_host);
        }
        let number = self.attempts;
        match pool.acquire(core.key, number) {
            Acquired::Ready(connection) => {
                self.attempt = Some(Attempt::new(number, pool, State::Waiting(Ticket::NONE)));
                self.pool_ready(number, &connection, core);
            }
            Acquired::Waiting(ticket) => self.attempt = Some(Attempt::new(number, pool, State::Waiting(ticket))),
            Acquired::Overflow => {
                core.info.flags.set(ResponseFlag::UpstreamOverflow);
                let mut reply =
                    connect_error("overflow", self.attempts, "upstream_reset_before_response_started{overflow}");
                reply.headers.push(("x-envoy-overloaded", b"true".to_vec()));
                self.answer(reply, core);
            }
        }
    }

    /// Whether the attempt is on HTTP/1.
    pub(crate) fn is_http1(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| !attempt.pool.options().is_http2)
    }

    pub(crate) fn is_attempt(&self, number: u32) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.number == number)
    }

    /// The attempt has a connection: everything that is there of the request goes out.
    pub(crate) fn pool_ready(&mut self, number: u32, connection: &Rc<Connection>, core: &mut Core) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.number == number) else {
            // The attempt was given up meanwhile; somebody else may have the connection.
            HostPool::give_back(connection);
            return;
        };
        // It may have closed, or filled up, since it was promised.
        let opened = if connection.is_open() { connection.codec(nuncio_codec::Codec::open) } else { None };
        let Some(id) = opened else {
            let pool = Rc::clone(&attempt.pool);
            attempt.state = State::Waiting(pool.wait_again(core.key, number));
            return;
        };
        connection.attach(id, core.key);
        HostPool::note_begun(connection);
        attempt.request_slot = Some(attempt.pool.begin_request());
        core.info.upstream.local_address = Some(connection.info.local_address.clone());
        core.info.upstream.remote_address = Some(connection.info.remote_address.clone());
        core.info.upstream.connection_id = connection.info.id;
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamSendBegin, now);
        if core.is_request_changed
            && let Some(objection) = required_headers::objection(&core.request)
        {
            attempt.state = State::Sending { connection: Rc::clone(connection), id };
            self.refuse_to_send(&objection, core);
            return;
        }
        let has_trailers = core.request_trailers.is_some();
        let ends = self.is_request_complete && !has_trailers;
        connection.send_head(id, &core.request, ends && self.body.is_empty());
        while let Some(piece) = self.body.pop() {
            let is_last = ends && self.body.is_empty();
            self.keep(&piece, core);
            connection.send_data(id, piece, is_last);
        }
        if self.is_request_complete
            && let Some(trailers) = &core.request_trailers
        {
            connection.send_trailers(id, trailers);
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.state = State::Sending { connection: Rc::clone(connection), id };
        }
        self.limit_try(core);
        HostPool::settle(connection);
    }

    /// Filters or the route have left nothing that could be sent. Envoy blames the client, and closes the connection.
    fn refuse_to_send(&mut self, objection: &str, core: &mut Core) {
        if let Some(attempt) = self.attempt.take() {
            attempt.give_up(ErrorCode::CANCEL);
        }
        core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        let mut reply = LocalReply::new(503, objection, "");
        reply.details = Cow::Owned(local_reply::details("filter_removed_required_request_headers", objection));
        core.reply(reply);
    }

    /// A frame of the response; what of it goes on to the filters.
    pub(crate) fn response(&mut self, frame: Frame, core: &mut Core) -> Option<Frame> {
        let attempt = self.attempt.as_mut()?;
        match frame {
            Frame::Informational(headers) => Some(Frame::Informational(headers)),
            Frame::Head { headers, end_stream } => self.response_head(headers, end_stream, core),
            Frame::Data { data, end_stream } => {
                attempt.unreleased += data.len() as u32;
                if end_stream {
                    self.response_complete(core);
                }
                Some(Frame::Data { data, end_stream })
            }
            Frame::Trailers(trailers) => {
                self.response_complete(core);
                Some(Frame::Trailers(trailers))
            }
        }
    }

    /// The head of a response: it may be reason enough to try again.
    fn response_head(&mut self, mut headers: Headers, end_stream: bool, core: &mut Core) -> Option<Frame> {
        let attempt = self.attempt.as_ref()?;
        let now = core.now();
        let status = headers.status().unwrap_or(0);
        let pool = Rc::clone(&attempt.pool);
        core.deadlines.clear(Deadline::PerTry);
        if self.settle_outcome(self.retries.after_response(&headers), core) {
            if let Some(attempt) = self.attempt.take() {
                pool.note_retried();
                if let Some(codes) = &self.codes {
                    codes.part(ResponsePart::Retry).count(status);
                }
                if end_stream { attempt.finish(self.is_request_complete) } else { attempt.abandon(ErrorCode::NO_ERROR) }
            }
            return None;
        }
        pool.count_response(status);
        if let Some(codes) = &self.codes {
            charge::response(codes, status, &core.request, Some(&headers));
        }
        self.is_response_started = true;
        self.sent.clear();
        core.info.timing.mark(Moment::UpstreamReceiveBegin, now);
        core.info.response_code_details = Some(Cow::Borrowed("via_upstream"));
        let suppresses_envoy_headers = core.manager.config.router.suppresses_envoy_headers;
        let attempts = self.attempts;
        // Counted from the end of the request: an early response has none.
        let sent = core.info.timing.at(Moment::DownstreamReceiveEnd);
        if let Some(route) = core.route_ref().cloned() {
            if let (Some(sent), false) = (sent, suppresses_envoy_headers) {
                headers.set_number(HeaderId::X_ENVOY_UPSTREAM_SERVICE_TIME, (now - sent).as_millis() as u64);
            }
            if route.virtual_host().shows_attempt_count {
                headers.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, attempts.into());
            }
            // Values may hold the response's headers and status.
            core.response = Some(headers);
            core.info.response_code = Some(status);
            route.change_response_headers(&mut core.subject(HeaderMapKind::Response));
            headers = core.response.take().unwrap_or_default();
        }
        if end_stream {
            self.response_complete(core);
        }
        Some(Frame::Head { headers, end_stream })
    }

    /// Acts on what a failure means; true when another try is due.
    fn settle_outcome(&mut self, outcome: Outcome, core: &mut Core) -> bool {
        let Some(cluster) = self.cluster(core) else { return false };
        match outcome {
            Outcome::Final => {
                if std::mem::take(&mut self.is_retry) {
                    cluster.stats().upstream_rq_retry_success.inc();
                }
                self.retry_slot = None;
                false
            }
            Outcome::Exhausted => {
                cluster.stats().upstream_rq_retry_limit_exceeded.inc();
                core.info.flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
                self.retry_slot = None;
                false
            }
            Outcome::Retriable => self.schedule_retry(&cluster, core),
        }
    }

    fn cluster(&self, core: &mut Core) -> Option<Rc<pool::ClusterLocal>> {
        let route = core.route_ref().cloned()?;
        cluster_of(&route, route.route().forward()?, core)
    }

    /// Waits a moment for the next try, unless too many requests of the cluster do.
    fn schedule_retry(&mut self, cluster: &Rc<pool::ClusterLocal>, core: &mut Core) -> bool {
        let interval = self.retries.take();
        let priority = core.route().and_then(Route::forward).map_or(Priority::Default, |forward| forward.priority);
        // The slot of the attempt before comes back first: a request holds one at a time.
        self.retry_slot = None;
        if !cluster.allows(priority, Resource::Retries) {
            cluster.stats().upstream_rq_retry_overflow.inc();
            core.info.flags.set(ResponseFlag::UpstreamOverflow);
            return false;
        }
        cluster.stats().upstream_rq_retry.inc();
        cluster.stats().upstream_rq_retry_backoff_exponential.inc();
        self.retry_slot = Some(cluster.take(priority, Resource::Retries));
        (self.is_retry_due, self.is_retry) = (true, true);
        let pause = core.http.worker().random().below(interval.as_millis() as u64);
        core.set_timeout(Deadline::Retry, Duration::from_millis(pause));
        true
    }

    fn response_complete(&mut self, core: &mut Core) {
        core.deadlines.clear(Deadline::Route);
        let Some(attempt) = self.attempt.take() else { return };
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamReceiveEnd, now);
        if let Some(sent) = core.info.timing.at(Moment::DownstreamReceiveEnd) {
            let ms = (now - sent).as_millis() as u64;
            if let Some(codes) = &self.codes {
                charge::time(codes, ms, &core.request, core.response.as_ref());
            }
        }
        attempt.finish(self.is_request_complete);
    }

    /// Body bytes of the response have left: credit goes back to the host.
    pub(crate) fn release(&mut self, bytes: u32) {
        let Some(attempt) = &mut self.attempt else { return };
        let bytes = bytes.min(attempt.unreleased);
        attempt.unreleased -= bytes;
        if let (State::Sending { connection, id }, true) = (&attempt.state, bytes > 0) {
            connection.release(*id, bytes);
        }
    }

    pub(crate) fn resume(&mut self, _filter: u8, _core: &mut Core) {}

    /// Gives the attempt up, if there is one.
    pub(crate) fn abandon(&mut self, core: &mut Core, code: ErrorCode) {
        core.deadlines.clear(Deadline::Route);
        core.deadlines.clear(Deadline::PerTry);
        core.deadlines.clear(Deadline::Retry);
        if let Some(attempt) = self.attempt.take() {
            attempt.abandon(code);
        }
        let left = self.body.len() as u32;
        self.body.clear();
        core.release_request(left);
    }

    pub(crate) fn time_out(&mut self, deadline: Deadline, core: &mut Core) {
        match deadline {
            Deadline::Retry => self.retry(core),
            Deadline::PerTry => self.try_timed_out(core),
            _ => {
                if let Some(attempt) = &self.attempt {
                    attempt.pool.note_timeout();
                }
                self.answer_timeout("response_timeout", core);
            }
        }
    }

    /// One try has taken too long: Envoy takes that for a reset.
    fn try_timed_out(&mut self, core: &mut Core) {
        let Some(attempt) = self.attempt.take() else { return };
        attempt.pool.note_try_timeout();
        attempt.abandon(ErrorCode::CANCEL);
        if self.is_response_started || !self.settle_outcome(self.retries.after_try_timeout(), core) {
            self.answer_timeout("upstream_per_try_timeout", core);
        }
    }

    fn answer_timeout(&mut self, details: &'static str, core: &mut Core) {
        self.abandon(core, ErrorCode::CANCEL);
        core.info.flags.set(ResponseFlag::UpstreamRequestTimeout);
        let reply = match self.timeouts.is_alternative {
            true => LocalReply::new(204, "", details),
            false => LocalReply::new(504, "upstream request timeout", details),
        };
        self.answer(reply, core);
    }

    /// Replies in the place of the upstream, and tells how often it was tried if that is wanted.
    fn answer(&self, mut reply: LocalReply, core: &mut Core) {
        if let Some(codes) = &self.codes {
            charge::response(codes, reply.status, &core.request, None);
        }
        if core.route_ref().is_some_and(|route| route.virtual_host().shows_attempt_count) {
            reply.headers.insert(0, ("x-envoy-attempt-count", self.attempts.max(1).to_string().into_bytes()));
        }
        core.reply(reply);
    }

    /// The upstream side is gone: try again, answer, or cut the response off.
    pub(crate) fn upstream_gone(&mut self, end: UpstreamEnd, core: &mut Core) {
        let Some(attempt) = self.attempt.take() else { return };
        let was_sending = matches!(attempt.state, State::Sending { .. });
        attempt.lost(&end);
        if self.is_response_started {
            core.info.flags.set(end.flag());
            core.info.response_code_details =
                Some(Cow::Owned(format!("upstream_reset_after_response_started{{{}}}", end.detail())));
            core.actions.is_reset = true;
            return;
        }
        if self.settle_outcome(self.retries.after_end(&end, was_sending), core) {
            return;
        }
        core.info.flags.set(end.flag());
        if let UpstreamEnd::ConnectFailed(reason) = &end {
            core.info.upstream.transport_failure_reason = Some(reason.clone());
        }
        let details = format!("upstream_reset_before_response_started{{{}}}", end.detail());
        let mut reply = connect_error(end.reason(), self.attempts, "");
        reply.status = if end.is_protocol_error() { 502 } else { 503 };
        reply.details = Cow::Owned(details);
        self.answer(reply, core);
    }

    /// The pause is over. The route's slot may hold another cluster by now, or none.
    fn retry(&mut self, core: &mut Core) {
        self.is_retry_due = false;
        let Some(route) = core.route_ref().cloned() else { return };
        let Some(forward) = route.route().forward() else { return };
        // All of the body goes out again, in front of what has come since.
        while let Some(piece) = self.body.pop() {
            self.sent.push(piece);
        }
        std::mem::swap(&mut self.body, &mut self.sent);
        if route.virtual_host().includes_attempt_count {
            core.request.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, u64::from(self.attempts) + 1);
        }
        if !core.manager.config.router.suppresses_envoy_headers {
            let sent = core.info.timing.at(Moment::DownstreamReceiveEnd);
            let elapsed = sent.map_or(Duration::ZERO, |sent| core.now() - sent);
            self.timeouts.announce(&mut core.request, elapsed);
        }
        if let Some(cluster) = find_cluster(&route, forward, core) {
            self.try_host(&cluster, forward, core);
        }
    }

    pub(crate) fn clear(&mut self) {
        let (body, sent) = (std::mem::take(&mut self.body), std::mem::take(&mut self.sent));
        *self = Self { body, sent, ..Self::default() };
        self.body.clear();
        self.sent.clear();
    }
}

/// The cluster that the route names, as it is now.
fn cluster_of(route: &RouteRef, forward: &Forward, core: &Core) -> Option<Rc<pool::ClusterLocal>> {
    let slot = match (&forward.cluster, route.weighted_cluster().map(|weighted| &weighted.target)) {
        (ClusterSpecifier::Cluster(slot), _) | (_, Some(WeightedTarget::Cluster(slot))) => Some(Arc::clone(slot)),
        (ClusterSpecifier::Header(name), _) | (_, Some(WeightedTarget::Header(name))) => {
            let named = core.request.get_by_name(name).and_then(|name| std::str::from_utf8(name).ok());
            named.and_then(|name| core.http.registry().find(name))
        }
        (ClusterSpecifier::Weighted(_), None) => None,
    };
    slot.and_then(|slot| core.http.cluster(&slot))
}

/// Whether the route names this cluster for the request. There need be none of that name.
pub(crate) fn is_for_cluster(name: &str, core: &mut Core) -> bool {
    let Some(route) = core.route_ref().cloned() else { return false };
    let Some(forward) = route.route().forward() else { return false };
    match (&forward.cluster, route.weighted_cluster().map(|weighted| &weighted.target)) {
        (ClusterSpecifier::Cluster(slot), _) | (_, Some(WeightedTarget::Cluster(slot))) => **slot.name() == *name,
        (ClusterSpecifier::Header(header), _) | (_, Some(WeightedTarget::Header(header))) => {
            core.request.get_by_name(header) == Some(name.as_bytes())
        }
        (ClusterSpecifier::Weighted(_), None) => false,
    }
}

/// Tells the filters which cluster the request is for. Without filters the router notes it soon enough.
pub(crate) fn note_cluster(core: &mut Core) {
    let Some(route) = core.route_ref().cloned() else { return };
    let cluster = route.route().forward().and_then(|forward| cluster_of(&route, forward, core));
    core.info.upstream.cluster = cluster.map(|cluster| Arc::clone(cluster.names()));
}

/// As [`cluster_of`]; replies when there is none.
fn find_cluster(route: &RouteRef, forward: &Forward, core: &mut Core) -> Option<Rc<pool::ClusterLocal>> {
    let cluster = cluster_of(route, forward, core);
    if cluster.is_none() {
        core.manager.counts.router.no_cluster.inc();
        core.info.flags.set(ResponseFlag::NoClusterFound);
        core.reply(LocalReply::new(forward.cluster_not_found_status, "", "cluster_not_found"));
    }
    cluster
}

/// The request's target as an absolute URI.
fn uri(request: &Headers) -> Option<Vec<u8>> {
    let part = |id| request.get(id);
    let (scheme, authority, path) = (part(HeaderId::SCHEME)?, part(HeaderId::AUTHORITY)?, part(HeaderId::PATH)?);
    Some([scheme, b"://", authority, path].concat())
}

/// Replaces the authority. Envoy tells the upstream what it was, and on request the servers behind it too.
fn rewrite_host(request: &mut Headers, host: &[u8], appends_forwarded: bool) {
    let old = request.get(HeaderId::AUTHORITY).unwrap_or_default().to_vec();
    request.set(HeaderId::X_ENVOY_ORIGINAL_HOST, &old);
    if appends_forwarded {
        request.append(HeaderId::X_FORWARDED_HOST, b",", &old);
    }
    request.set(HeaderId::AUTHORITY, host);
}

impl UpstreamEnd {
    fn is_connect_failure(&self) -> bool {
        matches!(self, Self::ConnectFailed(_) | Self::ConnectTimeout)
    }

    /// The upstream has not looked at the request.
    fn is_refused(&self) -> bool {
        matches!(self, Self::Reset(ResetCause::RemoteRefused))
    }

    /// The upstream broke the protocol, or says that we did.
    fn is_protocol_error(&self) -> bool {
        matches!(self, Self::Reset(ResetCause::Protocol(_) | ResetCause::Remote(ErrorCode::PROTOCOL_ERROR)))
    }

    fn flag(&self) -> ResponseFlag {
        match self {
            Self::ConnectFailed(_) | Self::ConnectTimeout => ResponseFlag::UpstreamConnectionFailure,
            Self::Reset(_) if self.is_protocol_error() => ResponseFlag::UpstreamProtocolError,
            Self::Reset(ResetCause::Protocol(_)) => ResponseFlag::UpstreamProtocolError,
            Self::Reset(ResetCause::ConnectionTermination) => ResponseFlag::UpstreamConnectionTermination,
            Self::Reset(ResetCause::Remote(_) | ResetCause::RemoteRefused | ResetCause::FlushTimeout) => {
                ResponseFlag::UpstreamRemoteReset
            }
        }
    }

    /// The words of Envoy's body.
    fn reason(&self) -> &'static str {
        match self {
            Self::ConnectFailed(_) => "remote connection failure",
            Self::ConnectTimeout => "connection timeout",
            Self::Reset(_) if self.is_protocol_error() => "protocol error",
            Self::Reset(ResetCause::Protocol(_)) => "protocol error",
            Self::Reset(ResetCause::ConnectionTermination) => "connection termination",
            Self::Reset(ResetCause::RemoteRefused) => "remote refused stream reset",
            Self::Reset(ResetCause::Remote(_) | ResetCause::FlushTimeout) => "remote reset",
        }
    }

    /// What stands in the response code details.
    fn detail(&self) -> String {
        match self {
            Self::ConnectFailed(reason) => format!("remote_connection_failure|{}", reason.replace(' ', "_")),
            _ => self.reason().replace(' ', "_"),
        }
    }
}

fn connect_error(reason: &str, attempts: u32, details: &'static str) -> LocalReply {
    let retried = if attempts > 1 { "retried and the latest " } else { "" };
    let body = format!("upstream connect error or disconnect/reset before headers. {retried}reset reason: {reason}");
    LocalReply::new(503, &body, details)
}

impl Attempt {
    fn new(number: u32, pool: Rc<HostPool>, state: State) -> Self {
        Self { number, pool, state, unreleased: 0, request_slot: None }
    }

    /// The response is complete.
    fn finish(self, is_request_complete: bool) {
        self.pool.end_request(self.request_slot.is_some());
        if let State::Sending { connection, id } = &self.state {
            if self.unreleased > 0 {
                connection.release(*id, self.unreleased);
            }
            if is_request_complete {
                connection.detach(*id);
                HostPool::settle(connection);
                connection.after_stream(false);
            } else {
                connection.reset(*id, ErrorCode::NO_ERROR);
                HostPool::settle(connection);
                connection.after_stream(true);
            }
        }
    }

    fn abandon(self, code: ErrorCode) {
        // On HTTP/1 the connection ends instead, and is counted.
        if matches!(self.state, State::Sending { .. }) && self.pool.options().is_http2 {
            self.pool.stats().upstream_rq_tx_reset.inc();
        }
        self.give_up(code);
    }

    fn give_up(self, code: ErrorCode) {
        self.pool.end_request(self.request_slot.is_some());
        match self.state {
            State::Waiting(ticket) => self.pool.cancel(ticket),
            State::Sending { connection, id } => {
                if self.unreleased > 0 {
                    connection.release(id, self.unreleased);
                }
                connection.reset(id, code);
                HostPool::settle(&connection);
                connection.after_stream(true);
            }
        }
    }

    /// The connection or the stream ended by itself.
    fn lost(self, end: &UpstreamEnd) {
        self.pool.end_request(self.request_slot.is_some());
        if let State::Sending { connection, id } = &self.state {
            connection.detach(*id);
            if self.unreleased > 0 {
                connection.release(*id, self.unreleased);
            }
            if let UpstreamEnd::Reset(ResetCause::Remote(_) | ResetCause::RemoteRefused) = end {
                self.pool.stats().upstream_rq_rx_reset.inc();
            }
            HostPool::settle(connection);
            connection.after_stream(false);
        }
    }
}

/// The names of a cluster as logs print them.
pub(crate) fn names(config: &nuncio_upstream::ClusterConfig) -> Arc<ClusterNames> {
    let observability_name = Arc::from(config.stat_name.as_str());
    Arc::new(ClusterNames { name: Arc::clone(&config.name), observability_name })
}
