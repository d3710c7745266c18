//! How long a request and its tries may take, by its route and its headers.

use std::time::Duration;

use nuncio_message::{HeaderId, Headers};

use super::Router;
use super::attempt::Attempt;
use super::config::RouterOptions;
use super::retries::number;
use crate::connection_manager::{Core, Deadline};
use crate::route::Forward;

/// The timeouts of one request. Owner: the router's part of its stream.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct RequestTimeouts {
    /// Over all tries, from the end of the request.
    pub(super) global: Option<Duration>,
    /// Of each try.
    pub(super) per_try: Option<Duration>,
    /// Whether a timeout is answered with 204: `x-envoy-upstream-rq-timeout-alt-response`.
    pub(super) is_alternative: bool,
}

impl RequestTimeouts {
    /// What the route says, and the headers that it leaves to internal clients; these are taken out.
    pub(super) fn begin(forward: &Forward, request: &mut Headers, options: &RouterOptions) -> Self {
        let milliseconds = |value: Option<&[u8]>| value.and_then(number).map(Duration::from_millis);
        let mut global = forward.timeout;
        let expected = HeaderId::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS;
        if options.respects_expected_timeout && request.has(expected) {
            global = milliseconds(request.get(expected)).or(global);
        } else {
            global = milliseconds(request.get(HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS)).or(global);
            request.remove(HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS);
        }
        let global = global.filter(|timeout| !timeout.is_zero());
        let per_try = forward.retry.as_ref().and_then(|policy| policy.per_try_timeout);
        let per_try = milliseconds(request.get(HeaderId::X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS)).or(per_try);
        request.remove(HeaderId::X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS);
        // One that is not shorter than all tries together is no limit.
        let per_try = per_try.filter(|per_try| !per_try.is_zero() && global.is_none_or(|global| *per_try < global));
        let is_alternative = request.remove(HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE);
        Self { global, per_try, is_alternative }
    }

    /// Tells the upstream how long it has, `elapsed` after the request's end.
    pub(super) fn announce(&self, request: &mut Headers, elapsed: Duration) {
        let Some(expected) = self.per_try.or(self.global) else { return };
        let left = self.global.map_or(expected, |global| expected.min(global.saturating_sub(elapsed)));
        // Zero would say that there is no limit.
        let left = (left.as_millis() as u64).max(1);
        request.set_number(HeaderId::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, left);
    }
}

impl Router {
    /// The timeouts count from the end of the request.
    pub(super) fn request_sent(&self, core: &mut Core) {
        if let Some(timeout) = self.timeouts.global {
            core.set_timeout(Deadline::Route, timeout);
        }
        if self.attempt.as_ref().is_some_and(Attempt::is_sending) {
            self.limit_try(core);
        }
    }

    /// The timeout of one try counts from when it has a connection, but not before the end of the request.
    pub(super) fn limit_try(&self, core: &mut Core) {
        if let (true, Some(timeout)) = (self.is_request_complete, self.timeouts.per_try) {
            core.set_timeout(Deadline::PerTry, timeout);
        }
    }

    /// One of the router's deadlines has passed.
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
}
