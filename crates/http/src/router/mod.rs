//! The router: the end of the request direction. It acts on the route, and tries upstream hosts until one answers.
//!
//! Before: the request has passed all filters. Next: `pool/pick.rs` picks a host, `attempt/mod.rs` is one try of it.
//! Responses come back through [`Router::response`]. Beside it: `target.rs` (where to), `request_head.rs`, `response_head.rs`,
//! `replay.rs` (bodies that may be needed again), `failure.rs` and `retries.rs` (what if not).

mod abandon;
mod attempt;
mod charge;
pub(crate) mod config;
mod direct;
mod end;
mod failure;
mod handshake;
pub(crate) mod options;
pub(crate) mod pool;
mod replay;
mod request_head;
mod request_timeouts;
mod response_head;
mod retries;
mod target;
pub(crate) mod upstream_filters;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_message::{Buffer, Chunk, Headers};
use nuncio_telemetry::{HostDescription, Moment};
use nuncio_upstream::PickContext;

use crate::chain::Terminal;
use crate::connection_manager::{Connection, Core, Deadline, Frame};
use crate::route::{Action, Forward, RouteRef};
use crate::upgrade;
use attempt::{Attempt, Handshake};
use charge::Codes;
pub(crate) use end::UpstreamEnd;
use failure::no_route;
use pool::{ClusterLocal, HostPool, PoolKey};
use request_timeouts::RequestTimeouts;
use retries::Retries;
use target::find_cluster;
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
    /// The upstream does not speak WebSocket.
    is_handshake_refused: bool,
    /// Between two attempts: the body keeps coming and has to be kept.
    is_retry_due: bool,
    codes: Codes,
    /// What of the response has passed the attempt's filters.
    passed: VecDeque<Frame>,
}

impl Terminal for Router {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        self.is_request_complete = end_stream;
        core.manager.counts.router.rq_total.inc();
        let Some(route) = core.route_ref().cloned() else { return no_route(core) };
        match route.route().action() {
            Action::Forward(forward) => self.forward(&route, forward, core),
            Action::Redirect(redirect) => direct::redirect(&route, redirect, core),
            Action::DirectResponse(response) => direct::respond(response, core),
        }
    }

    fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool) {
        self.is_request_complete |= end_stream;
        self.keep(&data, core);
        match &mut self.attempt {
            Some(attempt) => {
                attempt.data(core, data, end_stream);
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
    /// The head goes to the cluster that the route names.
    fn forward(&mut self, route: &RouteRef, forward: &Forward, core: &mut Core) {
        let Some(cluster) = find_cluster(route, forward, core) else { return };
        self.codes.own = Some(Rc::clone(cluster.codes()));
        core.info.upstream.cluster = Some(Arc::clone(cluster.names()));
        self.prepare_head(route, forward, &cluster, core);
        self.retries.begin(forward.retry.as_ref(), &mut core.request);
        if self.is_request_complete {
            self.request_sent(core);
        }
        self.try_host(&cluster, forward, core);
    }

    /// Picks a host, asks its pool for a connection, and sends the request through the attempt's filters meanwhile.
    fn try_host(&mut self, cluster: &Rc<ClusterLocal>, forward: &Forward, core: &mut Core) {
        let random = core.http.worker().random();
        self.attempts += 1;
        core.info.upstream.attempt_count = self.attempts;
        core.info.upstream.host = None;
        core.info.timing.forget_upstream();
        let is_tunnel = forward.terminates_connect && upgrade::is_connect(&core.request);
        let key = PoolKey { priority: forward.priority, is_tunnel };
        let Some(pool) = cluster.pick(key, &PickContext { random }) else {
            return self.no_host(cluster, core);
        };
        core.info.upstream.host = Some(Arc::clone(pool.host()) as Arc<dyn HostDescription>);
        request_head::name_host(pool.host(), forward, core);
        self.is_http1 = !pool.is_http2();
        let plan = cluster.upstream_plan().or(core.manager.upstream_plan.as_ref()).cloned();
        let attempt = self.attempt.insert(Attempt::new(self.attempts, pool, plan.as_ref(), core));
        let Ok(offered) = attempt.acquire(core) else {
            self.attempt = None;
            return self.overflow(core);
        };
        attempt.choose_filters(core);
        self.replay(core);
        match offered {
            Some(connection) => self.pool_ready(self.attempts, &connection, core),
            None => self.advance(core),
        }
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

    pub(crate) fn is_attempt(&self, number: u32) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.number == number)
    }

    fn connected(&mut self, connection: &Rc<Connection>, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match attempt.connected(connection, core) {
            Err(objection) => self.refuse_to_send(&objection, core),
            Ok(()) if attempt.is_sending() => self.limit_try(core),
            Ok(()) => {}
        }
    }

    /// A frame of the response: it goes through the attempt's filters. What of it goes on to the stream's, if anything;
    /// there may be more, see [`Self::passed`].
    pub(crate) fn response(&mut self, frame: Frame, core: &mut Core) -> Option<Frame> {
        let asks_for_tunnel = self.attempt.as_ref()?.handshake() != Handshake::None;
        let frame = if asks_for_tunnel { self.shake_hands(frame, core) } else { frame };
        let attempt = self.attempt.as_mut()?;
        if let Frame::Data { data, .. } = &frame {
            let now = core.now();
            core.info.timing.mark_first(Moment::UpstreamReceiveBodyBegin, now);
            attempt.received(data.len());
        }
        if frame.is_last() {
            attempt.leave_connection(self.is_request_complete);
        }
        if !attempt.has_filters() {
            return self.received(frame, core);
        }
        self.filter_response(frame, core);
        self.passed(core)
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

    /// The head of a response: it may be reason enough to try again.
    fn received_head(&mut self, headers: Headers, end_stream: bool, core: &mut Core) -> Option<Frame> {
        let attempt = self.attempt.as_ref()?;
        let now = core.now();
        let status = headers.status().unwrap_or(0);
        let pool = Rc::clone(&attempt.pool);
        pool.note_head(&headers);
        core.deadlines.clear(Deadline::PerTry);
        if self.settle_outcome(self.retries.after_response(&headers), core) {
            self.discard_response(status, end_stream, core);
            return None;
        }
        if !self.is_handshake_refused {
            pool.count_response(status);
            self.codes.charge(status, Some(&headers), core);
        }
        self.is_response_started = true;
        self.sent.clear();
        core.info.timing.mark(Moment::UpstreamReceiveBegin, now);
        let details = if self.is_handshake_refused { "websocket_handshake_unsuccessful" } else { "via_upstream" };
        core.info.response_code_details = Some(Cow::Borrowed(details));
        let headers = self.finish_head(headers, status, now, core);
        if end_stream {
            self.response_complete(core);
        }
        Some(Frame::Head { headers, end_stream })
    }

    fn response_complete(&mut self, core: &mut Core) {
        core.deadlines.clear(Deadline::Route);
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamReceiveEnd, now);
        self.codes.charge_time(now, core);
        if let Some(attempt) = &mut self.attempt {
            attempt.finish(core);
            self.attempt = None;
        }
    }
}
