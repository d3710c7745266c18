//! What becomes of a request whose attempt failed: another attempt, a reply of ours, or a reset.
//!
//! `retries.rs` says what a failure means; here it is acted upon.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use nuncio_codec::ErrorCode;
use nuncio_message::HeaderId;
use nuncio_telemetry::{Moment, ResponseFlag};
use nuncio_upstream::{Resource, ResponsePart};

use super::Router;
use super::end::{UpstreamEnd, connect_error};
use super::pool::ClusterLocal;
use super::retries::Outcome;
use super::target::{cluster_of, find_cluster};
use crate::connection_manager::{Core, Deadline, Stage};
use crate::filter::LocalReply;
use crate::local_reply;
use crate::route::{Priority, Route};

impl Router {
    /// Acts on what a failure means; true when another try is due.
    pub(super) fn settle_outcome(&mut self, outcome: Outcome, core: &mut Core) -> bool {
        let Some(cluster) = self.cluster(core) else { return false };
        match outcome {
            Outcome::Final => {
                if std::mem::take(&mut self.retries.is_retry) {
                    cluster.stats().upstream_rq_retry_success.inc();
                }
                self.retries.slot = None;
                false
            }
            Outcome::Exhausted => {
                cluster.stats().upstream_rq_retry_limit_exceeded.inc();
                core.info.flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
                self.retries.slot = None;
                false
            }
            Outcome::Retriable => self.schedule_retry(&cluster, core),
        }
    }

    fn cluster(&self, core: &mut Core) -> Option<Rc<ClusterLocal>> {
        let route = core.route_ref().cloned()?;
        cluster_of(&route, route.route().forward()?, core)
    }

    /// Waits a moment for the next try, unless too many requests of the cluster do.
    fn schedule_retry(&mut self, cluster: &Rc<ClusterLocal>, core: &mut Core) -> bool {
        let interval = self.retries.take();
        let priority = core.route().and_then(Route::forward).map_or(Priority::Default, |forward| forward.priority);
        // The slot of the attempt before comes back first: a request holds one at a time.
        self.retries.slot = None;
        if !cluster.allows(priority, Resource::Retries) {
            cluster.stats().upstream_rq_retry_overflow.inc();
            core.info.flags.set(ResponseFlag::UpstreamOverflow);
            return false;
        }
        cluster.stats().upstream_rq_retry.inc();
        cluster.stats().upstream_rq_retry_backoff_exponential.inc();
        self.retries.slot = Some(cluster.take(priority, Resource::Retries));
        (self.is_retry_due, self.retries.is_retry) = (true, true);
        let pause = core.http.worker().random().below(interval.as_millis() as u64);
        core.set_timeout(Deadline::Retry, Duration::from_millis(pause));
        true
    }

    /// A response gives way to another try.
    pub(super) fn discard_response(&mut self, status: u16, end_stream: bool, core: &mut Core) {
        if let Some(mut attempt) = self.attempt.take() {
            attempt.pool.note_retried();
            if let Some(codes) = &self.codes.own {
                codes.part(ResponsePart::Retry).count(status);
            }
            if end_stream { attempt.finish(core) } else { attempt.abandon(ErrorCode::NO_ERROR, core) }
        }
        self.passed.clear();
    }

    /// The cluster has no host that could be tried.
    pub(super) fn no_host(&self, cluster: &ClusterLocal, core: &mut Core) {
        cluster.stats().upstream_cx_none_healthy.inc();
        core.info.flags.set(ResponseFlag::NoHealthyUpstream);
        self.answer(LocalReply::new(503, "no healthy upstream", "no_healthy_upstream"), core);
    }

    /// A circuit breaker is open.
    pub(super) fn overflow(&self, core: &mut Core) {
        // Envoy's pool names no host for what it does not let in.
        core.info.upstream.host = None;
        core.info.flags.set(ResponseFlag::UpstreamOverflow);
        let details = "upstream_reset_before_response_started{overflow}";
        let mut reply = connect_error("overflow", self.attempts, details);
        reply.headers.push(("x-envoy-overloaded", b"true".to_vec()));
        self.answer(reply, core);
    }

    /// Filters or the route have left nothing that could be sent. Envoy blames the client, and closes the connection.
    pub(super) fn refuse_to_send(&mut self, objection: &str, core: &mut Core) {
        if let Some(attempt) = self.attempt.take() {
            attempt.give_up(ErrorCode::INTERNAL_ERROR, core);
        }
        core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        let mut reply = LocalReply::new(503, objection, "");
        reply.details = Cow::Owned(local_reply::details("filter_removed_required_request_headers", objection));
        core.reply(reply);
    }

    /// The upstream side is gone: try again, answer, or cut the response off.
    pub(crate) fn upstream_gone(&mut self, end: UpstreamEnd, core: &mut Core) {
        let Some(attempt) = self.attempt.take() else { return };
        let was_sending = attempt.is_sending();
        attempt.lost(&end, core);
        self.passed.clear();
        if core.stage == Stage::Waiting {
            // What of a response stood with the attempt's filters.
            (core.response, core.response_trailers) = (None, None);
        }
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
        let when = if self.has_informed { "after" } else { "before" };
        let details = format!("upstream_reset_{when}_response_started{{{}}}", end.detail());
        let mut reply = connect_error(end.reason(), self.attempts, "");
        reply.status = if end.is_protocol_error() { 502 } else { 503 };
        reply.details = Cow::Owned(details);
        self.answer(reply, core);
    }

    /// One try has taken too long: Envoy takes that for a reset.
    pub(super) fn try_timed_out(&mut self, core: &mut Core) {
        let Some(attempt) = self.attempt.take() else { return };
        attempt.pool.note_try_timeout();
        attempt.abandon(ErrorCode::INTERNAL_ERROR, core);
        self.passed.clear();
        if self.is_response_started || !self.settle_outcome(self.retries.after_try_timeout(), core) {
            self.answer_timeout("upstream_per_try_timeout", core);
        }
    }

    pub(super) fn answer_timeout(&mut self, details: &'static str, core: &mut Core) {
        self.abandon(core, ErrorCode::INTERNAL_ERROR);
        core.info.flags.set(ResponseFlag::UpstreamRequestTimeout);
        let reply = match self.timeouts.is_alternative {
            true => LocalReply::new(204, "", details),
            false => LocalReply::new(504, "upstream request timeout", details),
        };
        self.answer(reply, core);
    }

    /// Replies in the place of the upstream, and tells how often it was tried if that is wanted.
    pub(super) fn answer(&self, mut reply: LocalReply, core: &mut Core) {
        // What has been answered by the upstream, be it for a start, was counted then.
        if !self.is_response_started && !self.has_informed {
            self.codes.charge(reply.status, None, core);
        }
        if core.route_ref().is_some_and(|route| route.virtual_host().shows_attempt_count) {
            reply.headers.insert(0, ("x-envoy-attempt-count", self.attempts.max(1).to_string().into_bytes()));
        }
        core.reply(reply);
    }

    /// The pause is over. The route's slot may hold another cluster by now, or none.
    pub(super) fn retry(&mut self, core: &mut Core) {
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
}

/// There is no route for the request.
pub(super) fn no_route(core: &mut Core) {
    core.manager.counts.router.no_route.inc();
    core.info.flags.set(ResponseFlag::NoRouteFound);
    core.reply(LocalReply::new(404, "", "route_not_found"));
}
