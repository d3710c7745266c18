//! When a request is tried again.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::route::v3 as pb;

/// `envoy.config.route.v3.RetryPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The failures that are worth another try.
    pub retry_on: RetryOn,
    /// Tries after the first.
    pub num_retries: u32,
}

/// `retry_on`: a set of conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// No connection could be made.
    pub connect_failure: bool,
    /// The stream was reset before the request's head was sent.
    pub reset_before_request: bool,
}

/// The conditions that Envoy has and this proxy has not yet.
const NOT_YET: [&str; 14] = [
    "5xx",
    "gateway-error",
    "reset",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

impl RetryPolicy {
    pub(super) fn parse(proto: pb::RetryPolicy, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::RetryPolicy {
            retry_on,
            num_retries,
            per_try_timeout,
            per_try_idle_timeout,
            retry_priority,
            retry_host_predicate,
            retry_options_predicates,
            host_selection_retry_max_attempts,
            retriable_status_codes,
            retry_back_off,
            rate_limited_retry_back_off,
            retriable_headers,
            retriable_request_headers,
            refresh_cluster_on_retry,
        } = proto;
        let mut f = at.fields();
        let retry_on = f.value("retry_on", retry_on, |text, at| RetryOn::parse(&text, at));
        f.unsupported("per_try_timeout", per_try_timeout);
        f.unsupported("per_try_idle_timeout", per_try_idle_timeout);
        f.unsupported("retry_priority", retry_priority);
        f.unsupported("retry_host_predicate", retry_host_predicate);
        f.unsupported("retry_options_predicates", retry_options_predicates);
        f.unsupported("host_selection_retry_max_attempts", host_selection_retry_max_attempts);
        f.unsupported("retriable_status_codes", retriable_status_codes);
        f.unsupported("retry_back_off", retry_back_off);
        f.unsupported("rate_limited_retry_back_off", rate_limited_retry_back_off);
        f.unsupported("retriable_headers", retriable_headers);
        f.unsupported("retriable_request_headers", retriable_request_headers);
        f.unsupported("refresh_cluster_on_retry", refresh_cluster_on_retry);
        // "num_retries: defaults to 1."
        f.finish(|| Self { retry_on: retry_on.take(), num_retries: num_retries.unwrap_or(1) })
    }
}

impl RetryOn {
    fn parse(text: &str, at: &At<'_>) -> Result<Self, Invalid> {
        let mut set = Self::default();
        let mut failed = Ok(());
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "connect-failure" => set.connect_failure = true,
                "reset-before-request" => set.reset_before_request = true,
                _ if NOT_YET.contains(&name) => failed = Err(at.not_implemented(&format!("the condition '{name}'"))),
                _ => failed = Err(at.invalid(format!("'{name}' is no condition that a request can be retried on"))),
            }
        }
        failed.map(|()| set)
    }
}
