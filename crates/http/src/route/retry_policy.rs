//! When a request is tried again.

use std::ops::BitOr;
use std::time::Duration;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::diagnostic::code;
use nuncio_config::scalar;
use nuncio_matching::HeaderMatcher;
use nuncio_proto::envoy::config::route::v3 as pb;

/// `envoy.config.route.v3.RetryPolicy`.
#[derive(Debug)]
pub struct RetryPolicy {
    /// The failures that are worth another try.
    pub retry_on: RetryOn,
    /// Tries after the first.
    pub num_retries: u32,
    /// How long one try may take; absent: as long as all together.
    pub per_try_timeout: Option<Duration>,
    /// `retriable_status_codes`
    pub status_codes: Box<[u16]>,
    /// `retriable_headers` of responses: one has to match.
    pub response_headers: Box<[HeaderMatcher]>,
    /// `retriable_request_headers`: one has to match, if there are any.
    pub request_headers: Box<[HeaderMatcher]>,
    /// `retry_back_off`
    pub back_off: BackOff,
}

/// `envoy.config.route.v3.RetryPolicy.RetryBackOff`: a pause before a retry is a random part of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The first interval; each is twice the one before.
    pub base: Duration,
    /// No interval is longer.
    pub max: Duration,
}

/// `retry_on`: a set of conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn(u32);

impl RetryOn {
    /// A 5xx response, or none at all.
    pub const FIVE_XX: Self = Self(1);
    /// 502, 503 or 504, or no response at all.
    pub const GATEWAY_ERROR: Self = Self(1 << 1);
    /// No response at all.
    pub const RESET: Self = Self(1 << 2);
    /// The stream was reset before the request's head was sent.
    pub const RESET_BEFORE_REQUEST: Self = Self(1 << 3);
    /// No connection could be made.
    pub const CONNECT_FAILURE: Self = Self(1 << 4);
    /// A response with `x-envoy-ratelimited`.
    pub const RATE_LIMITED: Self = Self(1 << 5);
    /// 409.
    pub const RETRIABLE_4XX: Self = Self(1 << 6);
    /// REFUSED_STREAM.
    pub const REFUSED_STREAM: Self = Self(1 << 7);
    /// One of the policy's status codes.
    pub const STATUS_CODES: Self = Self(1 << 8);
    /// A response header that the policy names.
    pub const HEADERS: Self = Self(1 << 9);
    /// gRPC status 1.
    pub const CANCELLED: Self = Self(1 << 10);
    /// gRPC status 4.
    pub const DEADLINE_EXCEEDED: Self = Self(1 << 11);
    /// gRPC status 8.
    pub const RESOURCE_EXHAUSTED: Self = Self(1 << 12);
    /// gRPC status 13.
    pub const INTERNAL: Self = Self(1 << 13);
    /// gRPC status 14.
    pub const UNAVAILABLE: Self = Self(1 << 14);
    /// A failure of HTTP/3 after the connection was made: there is none.
    const HTTP3: Self = Self(1 << 15);

    /// The condition with this name.
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"5xx" => Self::FIVE_XX,
            b"gateway-error" => Self::GATEWAY_ERROR,
            b"reset" => Self::RESET,
            b"reset-before-request" => Self::RESET_BEFORE_REQUEST,
            b"connect-failure" => Self::CONNECT_FAILURE,
            b"envoy-ratelimited" => Self::RATE_LIMITED,
            b"retriable-4xx" => Self::RETRIABLE_4XX,
            b"refused-stream" => Self::REFUSED_STREAM,
            b"retriable-status-codes" => Self::STATUS_CODES,
            b"retriable-headers" => Self::HEADERS,
            b"http3-post-connect-failure" => Self::HTTP3,
            b"cancelled" => Self::CANCELLED,
            b"deadline-exceeded" => Self::DEADLINE_EXCEEDED,
            b"resource-exhausted" => Self::RESOURCE_EXHAUSTED,
            b"internal" => Self::INTERNAL,
            b"unavailable" => Self::UNAVAILABLE,
            _ => return None,
        })
    }

    /// The conditions that a request header lists; what is unknown is left out, as Envoy does.
    pub fn from_header(value: &[u8]) -> Self {
        value.split(|&b| b == b',').filter_map(|name| Self::named(name.trim_ascii())).fold(Self::default(), Self::bitor)
    }

    /// Whether it has one of `conditions`.
    pub fn has(self, conditions: Self) -> bool {
        self.0 & conditions.0 != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn parse(text: &str, at: &At<'_>) -> Self {
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if Self::named(name.as_bytes()).is_none() {
                let message = format!("'{name}' is no condition that a request can be retried on: it is not looked at");
                at.warning(code::NO_EFFECT, message);
            }
        }
        Self::from_header(text.as_bytes())
    }
}

impl BitOr for RetryOn {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

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
        let retry_on = f.value("retry_on", retry_on, |text, at| Ok(RetryOn::parse(&text, at)));
        let per_try = f.optional("per_try_timeout", per_try_timeout, scalar::duration);
        let headers = f.each("retriable_headers", retriable_headers, HeaderMatcher::parse);
        let request_headers = f.each("retriable_request_headers", retriable_request_headers, HeaderMatcher::parse);
        let back_off = f.optional_or("retry_back_off", retry_back_off, BackOff::default(), BackOff::parse);
        f.unsupported("per_try_idle_timeout", per_try_idle_timeout);
        f.unsupported("retry_priority", retry_priority);
        f.unsupported("retry_host_predicate", retry_host_predicate);
        f.unsupported("retry_options_predicates", retry_options_predicates);
        let why = "there is no 'retry_host_predicate'";
        f.without_effect("host_selection_retry_max_attempts", host_selection_retry_max_attempts, why);
        f.unsupported("rate_limited_retry_back_off", rate_limited_retry_back_off);
        f.unsupported("refresh_cluster_on_retry", refresh_cluster_on_retry);
        f.finish(|| Self {
            retry_on: retry_on.take(),
            // "num_retries: defaults to 1."
            num_retries: num_retries.unwrap_or(1),
            per_try_timeout: per_try.take().filter(|timeout| !timeout.is_zero()),
            status_codes: retriable_status_codes.into_iter().filter_map(|code| u16::try_from(code).ok()).collect(),
            response_headers: headers.take().into(),
            request_headers: request_headers.take().into(),
            back_off: back_off.take(),
        })
    }
}

impl BackOff {
    fn parse(proto: pb::retry_policy::RetryBackOff, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::retry_policy::RetryBackOff { base_interval, max_interval } = proto;
        let mut f = at.fields();
        let base = f.required("base_interval", base_interval, scalar::positive_duration);
        let max = f.optional("max_interval", max_interval, scalar::positive_duration);
        if let (Some(base), Some(Some(max))) = (base.as_ref(), max.as_ref())
            && max < base
        {
            f.reject("max_interval", "must be greater than or equal to the base_interval");
        }
        f.finish(|| {
            // "Durations of less than 1 ms are rounded up to 1 ms"; "the default is 10 times the base_interval".
            let base = base.take().max(Duration::from_millis(1));
            Self { base, max: max.take().unwrap_or(base * 10).max(base) }
        })
    }

    /// The interval before the retry with this number, from 1.
    pub fn interval(&self, retry: u32) -> Duration {
        self.base.saturating_mul(1 << retry.saturating_sub(1).min(20)).min(self.max)
    }
}

impl Default for BackOff {
    /// Envoy's: 25 ms, and ten times that.
    fn default() -> Self {
        Self { base: Duration::from_millis(25), max: Duration::from_millis(250) }
    }
}
