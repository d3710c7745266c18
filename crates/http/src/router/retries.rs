//! Whether a request is tried again: what its route and its headers want, and how many tries are left.

use std::sync::Arc;
use std::time::Duration;

use nuncio_message::{HeaderId, HeaderSet, Headers};
use nuncio_upstream::BreakerSlot;

use super::UpstreamEnd;
use crate::route::{BackOff, RetryOn, RetryPolicy};

/// How one request may be retried. Owner: the router's part of its stream.
#[derive(Default)]
pub(super) struct Retries {
    on: RetryOn,
    left: u32,
    made: u32,
    policy: Option<Arc<RetryPolicy>>,
    /// `x-envoy-retriable-status-codes`
    status_codes: Vec<u16>,
    /// `x-envoy-retriable-header-names`, in lower case.
    header_names: Vec<Vec<u8>>,
    /// The attempt that is under way, or due, is not the first.
    pub(super) is_retry: bool,
    /// While one is due or under way: its place under the cluster's limit.
    pub(super) slot: Option<BreakerSlot>,
}

/// What a failure means for the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is the answer.
    Final,
    /// It is worth another try.
    Retriable,
    /// It would be, but the tries are used up.
    Exhausted,
}

/// What requests may say about retries.
const STEERING: HeaderSet = HeaderSet::of(&[
    HeaderId::X_ENVOY_RETRY_ON,
    HeaderId::X_ENVOY_RETRY_GRPC_ON,
    HeaderId::X_ENVOY_MAX_RETRIES,
    HeaderId::X_ENVOY_RETRIABLE_STATUS_CODES,
    HeaderId::X_ENVOY_RETRIABLE_HEADER_NAMES,
    HeaderId::X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT,
]);

impl Retries {
    /// What `policy` and the headers of `request` want. The headers are taken out: they are for us.
    pub(super) fn begin(&mut self, policy: Option<&Arc<RetryPolicy>>, request: &mut Headers) {
        self.clear();
        if let Some(policy) = policy {
            self.on = policy.retry_on;
            self.policy = Some(Arc::clone(policy));
        }
        for id in [HeaderId::X_ENVOY_RETRY_ON, HeaderId::X_ENVOY_RETRY_GRPC_ON] {
            if let Some(value) = request.get(id) {
                self.on = self.on | RetryOn::from_header(value);
            }
        }
        self.left = policy.map_or(1, |policy| policy.num_retries);
        if let Some(policy) = policy
            && !policy.request_headers.is_empty()
            && !policy.request_headers.iter().any(|matcher| matcher.matches(request))
        {
            self.on = RetryOn::default();
        }
        if !self.on.is_empty() {
            self.read_headers(request);
        }
        request.remove_all(&STEERING);
    }

    /// Forgets everything; memory is kept.
    pub(super) fn clear(&mut self) {
        let Self { on, left, made, policy, status_codes, header_names, is_retry, slot } = self;
        (*on, *left, *made, *policy) = (RetryOn::default(), 0, 0, None);
        (*is_retry, *slot) = (false, None);
        status_codes.clear();
        header_names.clear();
    }

    fn read_headers(&mut self, request: &Headers) {
        if let Some(max) = request.get(HeaderId::X_ENVOY_MAX_RETRIES).and_then(number) {
            self.left = u32::try_from(max).unwrap_or(u32::MAX);
        }
        let list = |id| request.get(id).unwrap_or_default().split(|&b| b == b',').map(<[u8]>::trim_ascii);
        let codes = list(HeaderId::X_ENVOY_RETRIABLE_STATUS_CODES).filter_map(number);
        self.status_codes = codes.filter_map(|code| u16::try_from(code).ok()).collect();
        let names = list(HeaderId::X_ENVOY_RETRIABLE_HEADER_NAMES).filter(|name| !name.is_empty());
        self.header_names = names.map(<[u8]>::to_ascii_lowercase).collect();
    }

    /// Whether nothing will ever be retried: then nothing has to be kept for it.
    pub(super) fn is_off(&self) -> bool {
        self.on.is_empty() || self.left == 0
    }

    /// Gives up retrying: what would have to be sent again is gone.
    pub(super) fn abandon(&mut self) {
        self.on = RetryOn::default();
    }

    /// The interval that a random part of is waited for before the next try, which this call takes.
    pub(super) fn take(&mut self) -> Duration {
        self.left = self.left.saturating_sub(1);
        self.made += 1;
        let back_off = self.policy.as_ref().map_or_else(BackOff::default, |policy| policy.back_off);
        back_off.interval(self.made)
    }

    /// What the head of a response means.
    pub(super) fn after_response(&self, response: &Headers) -> Outcome {
        if self.on.is_empty() {
            return Outcome::Final;
        }
        self.outcome(self.wants_other_than(response))
    }

    /// What the end of an attempt without a response means. `was_sending`: the request's head had been sent.
    pub(super) fn after_end(&self, end: &UpstreamEnd, was_sending: bool) -> Outcome {
        let any = RetryOn::RESET | RetryOn::FIVE_XX | RetryOn::GATEWAY_ERROR;
        let is_wanted = self.on.has(any)
            || (!was_sending && self.on.has(RetryOn::RESET_BEFORE_REQUEST))
            || (end.is_refused() && self.on.has(RetryOn::REFUSED_STREAM))
            || (end.is_connect_failure() && self.on.has(RetryOn::CONNECT_FAILURE));
        self.outcome(is_wanted)
    }

    /// What the timeout of one try means: Envoy takes it for a reset.
    pub(super) fn after_try_timeout(&self) -> Outcome {
        self.outcome(self.on.has(RetryOn::RESET | RetryOn::FIVE_XX | RetryOn::GATEWAY_ERROR))
    }

    fn outcome(&self, is_wanted: bool) -> Outcome {
        match (is_wanted, self.left) {
            (false, _) => Outcome::Final,
            (true, 0) => Outcome::Exhausted,
            (true, _) => Outcome::Retriable,
        }
    }

    fn wants_other_than(&self, response: &Headers) -> bool {
        if response.has(HeaderId::X_ENVOY_RATELIMITED) {
            return self.on.has(RetryOn::RATE_LIMITED);
        }
        let status = response.status().unwrap_or(0);
        (status >= 500 && self.on.has(RetryOn::FIVE_XX))
            || ((502..=504).contains(&status) && self.on.has(RetryOn::GATEWAY_ERROR))
            || (status == 409 && self.on.has(RetryOn::RETRIABLE_4XX))
            || (self.on.has(RetryOn::STATUS_CODES) && self.names_status(status))
            || (self.on.has(RetryOn::HEADERS) && self.names_header(response))
            || self.names_grpc_status(response)
    }

    fn names_status(&self, status: u16) -> bool {
        let of_policy = self.policy.as_ref().map_or(&[][..], |policy| &policy.status_codes);
        of_policy.contains(&status) || self.status_codes.contains(&status)
    }

    fn names_header(&self, response: &Headers) -> bool {
        let of_policy = self.policy.as_ref().map_or(&[][..], |policy| &policy.response_headers);
        of_policy.iter().any(|matcher| matcher.matches(response))
            || self.header_names.iter().any(|name| response.get_by_name(name).is_some())
    }

    fn names_grpc_status(&self, response: &Headers) -> bool {
        let condition = match response.get(HeaderId::GRPC_STATUS) {
            Some(b"1") => RetryOn::CANCELLED,
            Some(b"4") => RetryOn::DEADLINE_EXCEEDED,
            Some(b"8") => RetryOn::RESOURCE_EXHAUSTED,
            Some(b"13") => RetryOn::INTERNAL,
            Some(b"14") => RetryOn::UNAVAILABLE,
            Some(_) | None => return false,
        };
        self.on.has(condition)
    }
}

/// A header value that is a decimal number.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use nuncio_message::HeaderMapKind;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn retries(on: &str) -> Retries {
        begin(&mut headers(&[("x-envoy-retry-on", on)]))
    }

    fn begin(request: &mut Headers) -> Retries {
        let mut retries = Retries::default();
        retries.begin(None, request);
        retries
    }

    #[track_caller]
    fn check(on: &str, response: &[(&str, &str)], expected: Outcome) {
        assert_eq!(retries(on).after_response(&headers(response)), expected, "{on}: {response:?}");
    }

    #[test]
    fn statuses_are_retried_by_condition() {
        for (on, status, expected) in [
            ("5xx", "500", Outcome::Retriable),
            ("5xx", "499", Outcome::Final),
            ("gateway-error", "500", Outcome::Final),
            ("gateway-error", "504", Outcome::Retriable),
            ("gateway-error, 5xx", "500", Outcome::Retriable),
            ("retriable-4xx", "409", Outcome::Retriable),
            ("retriable-4xx", "404", Outcome::Final),
            ("nonsense", "500", Outcome::Final),
        ] {
            check(on, &[(":status", status)], expected);
        }
    }

    #[test]
    fn rate_limited_responses_are_retried_only_when_asked_for() {
        let limited = [(":status", "503"), ("x-envoy-ratelimited", "true")];
        check("5xx", &limited, Outcome::Final);
        check("envoy-ratelimited", &limited, Outcome::Retriable);
    }

    #[test]
    fn grpc_statuses_count_in_the_head_of_a_response() {
        check("unavailable", &[(":status", "200"), ("grpc-status", "14")], Outcome::Retriable);
        check("unavailable", &[(":status", "200"), ("grpc-status", "13")], Outcome::Final);
    }

    #[test]
    fn the_headers_of_a_request_are_taken_out_and_used() {
        let mut request = headers(&[
            ("x-envoy-retry-on", "retriable-status-codes,retriable-headers"),
            ("x-envoy-max-retries", "0"),
            ("x-envoy-retriable-status-codes", "418, x"),
            ("x-envoy-retriable-header-names", "X-Retry"),
            ("x-a", "1"),
        ]);
        let retries = begin(&mut request);
        assert_eq!(request, headers(&[("x-a", "1")]));
        assert_eq!(retries.after_response(&headers(&[(":status", "418")])), Outcome::Exhausted);
        assert_eq!(retries.after_response(&headers(&[(":status", "200"), ("x-retry", "")])), Outcome::Exhausted);
        assert_eq!(retries.after_response(&headers(&[(":status", "200")])), Outcome::Final);
    }

    #[test]
    fn intervals_double_up_to_ten_times_the_first() {
        let mut retries = retries("5xx");
        let intervals: Vec<_> = (0..6).map(|_| retries.take().as_millis()).collect();
        assert_eq!(intervals, [25, 50, 100, 200, 250, 250]);
    }
}
