//! The router: the end of the request direction. It acts on the route, and tries upstream hosts until one answers.
//!
//! Before: the request has passed all filters. Next: `attempt.rs`, one try of one host. Responses come back through
//! [`Router::response`]. Beside it: `target.rs` (where to), `failure.rs` (what if not), `end.rs` (Envoy's words).

mod attempt;
mod charge;
pub(crate) mod config;
mod end;
mod failure;
pub(crate) mod options;
pub(crate) mod pool;
mod request_timeouts;
mod required_headers;
mod retries;
mod target;
pub(crate) mod upstream_filters;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nuncio_codec::ErrorCode;
use nuncio_message::{Buffer, Chunk, HeaderId, HeaderMapKind, Headers};
use nuncio_telemetry::formatter::Inputs;
use nuncio_telemetry::{ClusterNames, HostDescription, Moment, ResponseFlag};
use nuncio_upstream::{BreakerSlot, ClusterCodes, PickContext, ResponsePart};

use crate::chain::Terminal;
use crate::connection_manager::{Connection, Core, Deadline, Frame};
use crate::filter::{Direction, LocalReply};
use crate::local_reply;
use crate::route::{Action, Forward, HostRewrite, RouteRef};
use attempt::Attempt;
pub(crate) use end::UpstreamEnd;
use end::connect_error;
use pool::{ClusterLocal, HostPool};
use request_timeouts::RequestTimeouts;
use retries::Retries;
use target::{find_cluster, rewrite_host, uri};
pub(crate) use target::{is_for_cluster, note_cluster};

/// The router's part of a stream. Owner: the stream; reused.
#[derive(Default)]
pub(crate) struct Router {
    attempt: Option<Attempt>,
    attempts: u32,
    retries: Retries,
    timeouts: RequestTimeouts,
    /// Request body that no attempt has taken yet.
    body: Buffer,
    /// Request body that an attempt has taken, and that a retry would need again.
    sent: Buffer,
    is_request_complete: bool,
    is_response_started: bool,
    /// The last attempt is on HTTP/1.
    is_http1: bool,
    /// A 1xx response has been received.
    has_informed: bool,
    /// Between two attempts: the body keeps coming and has to be kept.
    is_retry_due: bool,
    /// The attempt is not the first.
    is_retry: bool,
    retry_slot: Option<BreakerSlot>,
    /// Where responses of the cluster are counted, once the route has named it.
    codes: Option<Rc<ClusterCodes>>,
    /// Where they are counted besides, if the request asks for it.
    alternative_codes: Option<Rc<ClusterCodes>>,
    /// What of the response has passed the attempt's filters.
    passed: VecDeque<Frame>,
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
                let location = route.route().location(redirect, &core.request);
                if redirect.rewrites_path() {
                    rewrite_logged_path(&location, core);
                }
                let mut reply = LocalReply::new(redirect.status, "", "direct_response");
                reply.headers.push(("location", location));
                core.reply(reply);
            }
            Action::DirectResponse(direct) => {
                core.manager.counts.router.rq_direct_response.inc();
                let mut reply = LocalReply::new(direct.status, "", "direct_response");
                reply.body = direct.body.to_vec();
                if let Some(format) = &direct.format {
                    reply.body = format.body(&Inputs {
                        local_reply_body: &direct.body,
                        ..core.subject(HeaderMapKind::Response).inputs()
                    });
                    reply.content_type = format.content_type().map(Box::from);
                }
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
        match &mut self.attempt {
            Some(_) => {
                self.keep(&data, core);
                if let Some(attempt) = &mut self.attempt {
                    attempt.data(core, data, end_stream);
                }
                self.advance(core);
            }
            None if self.is_retry_due => self.body.push(data),
            None => core.release_request(data.len() as u32),
        }
        if end_stream {
            self.request_sent(core);
        }
    }

    fn trailers(&mut self, core: &mut Core) {
        self.is_request_complete = true;
        if let Some(attempt) = &mut self.attempt {
            attempt.trailers(core);
            self.advance(core);
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
            // Envoy tells nobody what it was.
            core.request.set(HeaderId::AUTHORITY, host);
        }
        let options = core.manager.config.router;
        if let Some(name) = core.request.get(HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME) {
            self.alternative_codes = cluster.codes().alternative(name);
            core.request.remove(HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME);
        }
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
        self.retries.begin(forward.retry.as_ref(), &mut core.request);
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
        if self.attempt.as_ref().is_some_and(Attempt::is_sending) {
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

    /// Picks a host, asks its pool for a connection, and sends the request through the attempt's filters meanwhile.
    fn try_host(&mut self, cluster: &Rc<ClusterLocal>, forward: &Forward, core: &mut Core) {
        let random = core.http.worker().random();
        self.attempts += 1;
        core.info.upstream.attempt_count = self.attempts;
        core.info.upstream.host = None;
        core.info.timing.forget_upstream();
        let Some(pool) = cluster.pick(forward.priority, &PickContext { random }) else {
            cluster.stats().upstream_cx_none_healthy.inc();
            core.info.flags.set(ResponseFlag::NoHealthyUpstream);
            self.answer(LocalReply::new(503, "no healthy upstream", "no_healthy_upstream"), core);
            return;
        };
        core.info.upstream.host = Some(Arc::clone(pool.host()) as Arc<dyn HostDescription>);
        if matches!(forward.host_rewrite, Some(HostRewrite::Endpoint)) && !pool.host().hostname.is_empty() {
            let host = pool.host().hostname.clone();
            rewrite_host(&mut core.request, host.as_bytes(), forward.append_x_forwarded_host);
        }
        self.is_http1 = !pool.options().is_http2;
        let plan = cluster.upstream_plan().or(core.manager.upstream_plan.as_ref()).cloned();
        let attempt = self.attempt.insert(Attempt::new(self.attempts, pool, plan.as_ref(), core));
        let offered = match attempt.acquire(core) {
            Ok(offered) => offered,
            Err(attempt::Overflow) => {
                self.attempt = None;
                return self.overflow(core);
            }
        };
        attempt.choose_filters(core);
        let has_trailers = core.request_trailers.is_some();
        let ends = self.is_request_complete && !has_trailers;
        attempt.head(core, ends && self.body.is_empty());
        self.replay(ends, core);
        if let (Some(attempt), true) = (&mut self.attempt, has_trailers && self.is_request_complete)
            && !core.is_interrupted()
        {
            attempt.trailers(core);
        }
        match offered {
            Some(connection) => self.pool_ready(self.attempts, &connection, core),
            None => self.advance(core),
        }
    }

    /// Sends what there is of the body through the attempt, and keeps it if it may be needed again.
    fn replay(&mut self, ends: bool, core: &mut Core) {
        let has_filters = self.has_filters();
        // Filters see the end of a body as a piece of its own, as they do the first time.
        let ends_apart = ends && has_filters && !self.body.is_empty();
        while !core.is_interrupted()
            && let Some(piece) = self.body.pop()
        {
            self.keep(&piece, core);
            let is_last = ends && !ends_apart && self.body.is_empty();
            if let Some(attempt) = &mut self.attempt {
                attempt.data(core, piece, is_last);
            }
        }
        if let (true, Some(attempt)) = (ends_apart && !core.is_interrupted(), &mut self.attempt) {
            attempt.data(core, Chunk::empty(), true);
        }
    }

    /// Asks for a connection if the request's head has passed the attempt's filters and there is none.
    fn advance(&mut self, core: &mut Core) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.wants_connection()) else { return };
        if core.is_interrupted() {
            return;
        }
        match attempt.acquire(core) {
            Ok(Some(connection)) => self.connected(&connection, core),
            Ok(None) => {}
            Err(attempt::Overflow) => self.overflow(core),
        }
    }

    fn connected(&mut self, connection: &Rc<Connection>, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match attempt.connected(connection, core) {
            Err(objection) => self.refuse_to_send(&objection, core),
            Ok(()) if attempt.is_sending() => self.limit_try(core),
            Ok(()) => {}
        }
    }

    /// Whether the last attempt is on HTTP/1.
    pub(crate) fn is_http1(&self) -> bool {
        self.is_http1
    }

    /// Whether the attempt has filters of its own.
    pub(crate) fn has_filters(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::has_filters)
    }

    /// A circuit breaker is open.
    fn overflow(&self, core: &mut Core) {
        // Envoy's pool names no host for what it does not let in.
        core.info.upstream.host = None;
        core.info.flags.set(ResponseFlag::UpstreamOverflow);
        let details = "upstream_reset_before_response_started{overflow}";
        let mut reply = connect_error("overflow", self.attempts, details);
        reply.headers.push(("x-envoy-overloaded", b"true".to_vec()));
        self.answer(reply, core);
    }

    pub(crate) fn is_attempt(&self, number: u32) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.number == number)
    }

    /// The attempt has a connection: everything that is there of the request goes out.
    pub(crate) fn pool_ready(&mut self, number: u32, connection: &Rc<Connection>, core: &mut Core) {
        if self.is_attempt(number) && !core.is_interrupted() {
            self.connected(connection, core);
        } else {
            // The attempt was given up meanwhile; somebody else may have the connection.
            HostPool::give_back(connection);
        }
    }

    /// Filters or the route have left nothing that could be sent. Envoy blames the client, and closes the connection.
    fn refuse_to_send(&mut self, objection: &str, core: &mut Core) {
        if let Some(attempt) = self.attempt.take() {
            attempt.give_up(ErrorCode::INTERNAL_ERROR, core);
        }
        core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        let mut reply = LocalReply::new(503, objection, "");
        reply.details = Cow::Owned(local_reply::details("filter_removed_required_request_headers", objection));
        core.reply(reply);
    }

    /// A frame of the response: it goes through the attempt's filters. What of it goes on to the stream's, if anything;
    /// there may be more, see [`Self::passed`].
    pub(crate) fn response(&mut self, frame: Frame, core: &mut Core) -> Option<Frame> {
        let attempt = self.attempt.as_mut()?;
        if let Frame::Data { data, .. } = &frame {
            let now = core.now();
            core.info.timing.mark_first(Moment::UpstreamReceiveBodyBegin, now);
            attempt.received(data.len());
        }
        if frame.is_last() {
            attempt.leave_connection(self.is_request_complete);
        }
        let Some(chain) = attempt.chain() else { return self.received(frame, core) };
        let mut passed = Passed(&mut self.passed);
        match frame {
            Frame::Informational(mut headers) => {
                chain.informational(&mut headers, core);
                passed.0.push_back(Frame::Informational(headers));
            }
            Frame::Head { headers, end_stream } => {
                core.response = Some(headers);
                chain.head(Direction::Response, 0, end_stream, core, &mut passed);
            }
            Frame::Data { data, end_stream } => chain.data(Direction::Response, 0, data, end_stream, core, &mut passed),
            Frame::Trailers(trailers) => {
                core.response_trailers = Some(trailers);
                chain.trailers(Direction::Response, 0, core, &mut passed);
            }
        }
        self.passed(core)
    }

    /// The next frame of the response that has passed the attempt's filters.
    pub(crate) fn passed(&mut self, core: &mut Core) -> Option<Frame> {
        if core.is_interrupted() {
            return None;
        }
        let frame = self.passed.pop_front()?;
        self.received(frame, core)
    }

    /// The router's own part of the response.
    fn received(&mut self, frame: Frame, core: &mut Core) -> Option<Frame> {
        match frame {
            Frame::Head { headers, end_stream } => self.received_head(headers, end_stream, core),
            Frame::Informational(headers) => self.received_informational(headers, core),
            Frame::Data { .. } | Frame::Trailers(_) => {
                if frame.is_last() {
                    self.response_complete(core);
                }
                Some(frame)
            }
        }
    }

    /// Of informational responses Envoy takes one, of 100, 102 and 103; the others end here. It counts as the beginning
    /// of the response, behind which nothing is tried again, whether or not it is passed on.
    fn received_informational(&mut self, headers: Headers, core: &mut Core) -> Option<Frame> {
        let status = headers.status().filter(|status| matches!(status, 100 | 102 | 103))?;
        if std::mem::replace(&mut self.has_informed, true) {
            return None;
        }
        for codes in self.codes.iter().chain(&self.alternative_codes) {
            charge::response(codes, status, &core.request, Some(&headers));
        }
        self.retries.abandon();
        self.sent.clear();
        Some(Frame::Informational(headers))
    }

    /// The head of a response: it may be reason enough to try again.
    fn received_head(&mut self, mut headers: Headers, end_stream: bool, core: &mut Core) -> Option<Frame> {
        let attempt = self.attempt.as_ref()?;
        let now = core.now();
        let status = headers.status().unwrap_or(0);
        let pool = Rc::clone(&attempt.pool);
        if !pool.options().is_http2 && announces_close(&headers) {
            pool.stats().upstream_cx_close_notify.inc();
        }
        core.deadlines.clear(Deadline::PerTry);
        if self.settle_outcome(self.retries.after_response(&headers), core) {
            if let Some(mut attempt) = self.attempt.take() {
                pool.note_retried();
                if let Some(codes) = &self.codes {
                    codes.part(ResponsePart::Retry).count(status);
                }
                if end_stream { attempt.finish(core) } else { attempt.abandon(ErrorCode::NO_ERROR, core) }
            }
            self.passed.clear();
            return None;
        }
        pool.count_response(status);
        for codes in self.codes.iter().chain(&self.alternative_codes) {
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
        if let Some(route) = core.route_ref() {
            let changes = route.changes_response_headers().then(|| route.clone());
            let shows_attempt_count = route.virtual_host().shows_attempt_count;
            if let (Some(sent), false) = (sent, suppresses_envoy_headers) {
                headers.set_number(HeaderId::X_ENVOY_UPSTREAM_SERVICE_TIME, (now - sent).as_millis() as u64);
            }
            if shows_attempt_count {
                headers.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, attempts.into());
            }
            core.info.response_code = Some(status);
            if let Some(route) = changes {
                // Values may hold the response's headers and status.
                core.response = Some(headers);
                route.change_response_headers(&mut core.subject(HeaderMapKind::Response));
                headers = core.response.take().unwrap_or_default();
            }
        }
        if end_stream {
            self.response_complete(core);
        }
        Some(Frame::Head { headers, end_stream })
    }

    fn response_complete(&mut self, core: &mut Core) {
        core.deadlines.clear(Deadline::Route);
        let Some(attempt) = &mut self.attempt else { return };
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamReceiveEnd, now);
        if let Some(sent) = core.info.timing.at(Moment::DownstreamReceiveEnd) {
            let ms = (now - sent).as_millis() as u64;
            for codes in self.codes.iter().chain(&self.alternative_codes) {
                charge::time(codes, ms, &core.request, core.response.as_ref());
            }
        }
        attempt.finish(core);
        self.attempt = None;
    }

    /// Body bytes of the response have left: credit goes back to the host.
    pub(crate) fn release(&mut self, bytes: u32) {
        if let (Some(attempt), true) = (&mut self.attempt, bytes > 0) {
            attempt.release(bytes);
        }
    }

    /// Polls the asynchronous work of one of the attempt's filters.
    pub(crate) fn poll(&mut self, filter: u8, core: &mut Core) -> Option<Direction> {
        self.attempt.as_mut()?.chain()?.poll(filter, core)
    }

    /// One of the attempt's filters lets go of a direction.
    pub(crate) fn resume(&mut self, direction: Direction, filter: u8, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match direction {
            Direction::Request => {
                attempt.resume_request(filter, core);
                self.advance(core);
            }
            Direction::Response => {
                if let Some(chain) = attempt.chain() {
                    chain.resume(direction, filter, core, &mut Passed(&mut self.passed));
                }
            }
        }
    }

    /// One of the attempt's filters sends a piece on.
    pub(crate) fn inject(&mut self, direction: Direction, filter: u8, data: Chunk, end_stream: bool, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match direction {
            Direction::Request => {
                attempt.inject_request(filter, data, end_stream, core);
                self.advance(core);
            }
            Direction::Response => {
                if let Some(chain) = attempt.chain() {
                    chain.inject(direction, filter, data, end_stream, core, &mut Passed(&mut self.passed));
                }
            }
        }
    }

    /// Gives the attempt up, if there is one.
    pub(crate) fn abandon(&mut self, core: &mut Core, code: ErrorCode) {
        core.deadlines.clear(Deadline::Route);
        core.deadlines.clear(Deadline::PerTry);
        core.deadlines.clear(Deadline::Retry);
        self.is_retry_due = false;
        self.passed.clear();
        if let Some(attempt) = self.attempt.take() {
            attempt.abandon(code, core);
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

    pub(crate) fn clear(&mut self) {
        // Field by field: most of them are as they were.
        let Self {
            attempt,
            attempts,
            retries,
            timeouts,
            body,
            sent,
            is_request_complete,
            is_response_started,
            is_http1,
            has_informed,
            is_retry_due,
            is_retry,
            retry_slot,
            codes,
            alternative_codes,
            passed,
        } = self;
        (*attempt, *attempts) = (None, 0);
        retries.clear();
        *timeouts = RequestTimeouts::default();
        body.clear();
        sent.clear();
        (*is_request_complete, *is_response_started, *is_http1) = (false, false, false);
        (*has_informed, *is_retry_due, *is_retry) = (false, false, false);
        (*retry_slot, *codes, *alternative_codes) = (None, None, None);
        passed.clear();
    }
}

/// Gives the request the path of `location`, an absolute URL: the path that it would have gone on with.
fn rewrite_logged_path(location: &[u8], core: &mut Core) {
    let Some(scheme) = location.windows(3).position(|part| part == b"://") else { return };
    let Some(path) = location[scheme + 3..].iter().position(|&b| b == b'/') else { return };
    if !core.manager.config.router.suppresses_envoy_headers {
        let old = core.request.get(HeaderId::PATH).unwrap_or_default().to_vec();
        core.request.set(HeaderId::X_ENVOY_ORIGINAL_PATH, &old);
    }
    core.request.set(HeaderId::PATH, &location[scheme + 3 + path..]);
}

/// Whether the host says that it closes the connection after this response.
fn announces_close(response: &Headers) -> bool {
    let connection = response.get(HeaderId::CONNECTION).unwrap_or_default();
    connection.split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// The end of an attempt's response direction.
struct Passed<'a>(&'a mut VecDeque<Frame>);

impl Terminal for Passed<'_> {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        if let Some(headers) = core.response.take() {
            self.0.push_back(Frame::Head { headers, end_stream });
        }
    }

    fn data(&mut self, _core: &mut Core, data: Chunk, end_stream: bool) {
        self.0.push_back(Frame::Data { data, end_stream });
    }

    fn trailers(&mut self, core: &mut Core) {
        if let Some(trailers) = core.response_trailers.take() {
            self.0.push_back(Frame::Trailers(trailers));
        }
    }
}

/// The names of a cluster as logs print them.
pub(crate) fn names(config: &nuncio_upstream::ClusterConfig) -> Arc<ClusterNames> {
    let observability_name = Arc::from(config.stat_name.as_str());
    Arc::new(ClusterNames { name: Arc::clone(&config.name), observability_name })
}
