//! The header names that have a number, and which of them Envoy joins with a comma.

/// A well-known header name, or [`HeaderId::OTHER`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct HeaderId(pub(super) u8);

/// The map that a header is added to: Envoy joins different names in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderMapKind {
    /// Request headers.
    Request,
    /// Request trailers: nothing is joined.
    RequestTrailers,
    /// Response headers, informational ones too.
    Response,
    /// Response trailers.
    ResponseTrailers,
}

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const TRAILERS: u8 = 4;

macro_rules! known {
    ($($id:ident $name:literal $joined:expr;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, dead_code, reason = "only numbers the names")]
        #[repr(u8)]
        enum Number { OTHER, $($id),* }

        impl HeaderId {
            $(#[doc = concat!("`", $name, "`")] pub const $id: Self = Self(Number::$id as u8);)*
        }

        const NAMES: &[&str] = &["", $($name),*];
        const JOINED: &[u8] = &[0, $($joined),*];
    };
}

// The first HOT ids are found in O(1). Which names are joined: Envoy's "HTTP header map info" at start-up.
known! {
    METHOD ":method" REQUEST;
    PATH ":path" REQUEST;
    AUTHORITY ":authority" REQUEST;
    SCHEME ":scheme" REQUEST;
    STATUS ":status" RESPONSE;
    PROTOCOL ":protocol" REQUEST;
    HOST "host" 0;
    CONTENT_LENGTH "content-length" REQUEST | RESPONSE;
    CONTENT_TYPE "content-type" REQUEST | RESPONSE;
    TRANSFER_ENCODING "transfer-encoding" REQUEST | RESPONSE;
    CONNECTION "connection" REQUEST | RESPONSE;
    UPGRADE "upgrade" REQUEST | RESPONSE;
    TE "te" REQUEST;
    EXPECT "expect" REQUEST;
    USER_AGENT "user-agent" REQUEST;
    X_REQUEST_ID "x-request-id" REQUEST | RESPONSE;
    X_FORWARDED_FOR "x-forwarded-for" REQUEST;
    X_FORWARDED_PROTO "x-forwarded-proto" REQUEST;
    X_ENVOY_EXPECTED_RQ_TIMEOUT_MS "x-envoy-expected-rq-timeout-ms" REQUEST;
    X_ENVOY_UPSTREAM_SERVICE_TIME "x-envoy-upstream-service-time" RESPONSE;
    SERVER "server" RESPONSE;
    DATE "date" RESPONSE;
    GRPC_STATUS "grpc-status" RESPONSE | TRAILERS;
    GRPC_MESSAGE "grpc-message" RESPONSE | TRAILERS;
    ACCEPT "accept" REQUEST;
    ACCEPT_ENCODING "accept-encoding" REQUEST;
    ACCEPT_LANGUAGE "accept-language" 0;
    ACCEPT_RANGES "accept-ranges" 0;
    ACCESS_CONTROL_ALLOW_CREDENTIALS "access-control-allow-credentials" RESPONSE;
    ACCESS_CONTROL_ALLOW_HEADERS "access-control-allow-headers" RESPONSE;
    ACCESS_CONTROL_ALLOW_METHODS "access-control-allow-methods" RESPONSE;
    ACCESS_CONTROL_ALLOW_ORIGIN "access-control-allow-origin" RESPONSE;
    ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK "access-control-allow-private-network" RESPONSE;
    ACCESS_CONTROL_EXPOSE_HEADERS "access-control-expose-headers" RESPONSE;
    ACCESS_CONTROL_MAX_AGE "access-control-max-age" RESPONSE;
    ACCESS_CONTROL_REQUEST_HEADERS "access-control-request-headers" REQUEST;
    ACCESS_CONTROL_REQUEST_METHOD "access-control-request-method" REQUEST;
    ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK "access-control-request-private-network" REQUEST;
    AGE "age" RESPONSE;
    AUTHENTICATION "authentication" REQUEST;
    AUTHORIZATION "authorization" REQUEST;
    CACHE_CONTROL "cache-control" REQUEST | RESPONSE;
    CDN_LOOP "cdn-loop" REQUEST;
    CONTENT_ENCODING "content-encoding" REQUEST | RESPONSE;
    COOKIE "cookie" 0;
    ETAG "etag" RESPONSE;
    EXPIRES "expires" RESPONSE;
    GRPC_ACCEPT_ENCODING "grpc-accept-encoding" REQUEST;
    GRPC_TIMEOUT "grpc-timeout" REQUEST;
    HTTP2_SETTINGS "http2-settings" 0;
    IF_MATCH "if-match" REQUEST;
    IF_MODIFIED_SINCE "if-modified-since" REQUEST;
    IF_NONE_MATCH "if-none-match" REQUEST;
    IF_RANGE "if-range" REQUEST;
    IF_UNMODIFIED_SINCE "if-unmodified-since" REQUEST;
    KEEP_ALIVE "keep-alive" REQUEST | RESPONSE;
    LAST_MODIFIED "last-modified" RESPONSE;
    LOCATION "location" RESPONSE;
    ORIGIN "origin" REQUEST;
    PRAGMA "pragma" REQUEST;
    PROXY_CONNECTION "proxy-connection" REQUEST | RESPONSE;
    PROXY_STATUS "proxy-status" REQUEST | RESPONSE;
    REFERER "referer" REQUEST;
    RETRY_AFTER "retry-after" 0;
    SET_COOKIE "set-cookie" 0;
    TRAILER "trailer" 0;
    VARY "vary" RESPONSE;
    VIA "via" REQUEST | RESPONSE;
    WWW_AUTHENTICATE "www-authenticate" 0;
    X_CLIENT_TRACE_ID "x-client-trace-id" REQUEST;
    X_ENVOY_ATTEMPT_COUNT "x-envoy-attempt-count" REQUEST | RESPONSE;
    X_ENVOY_DECORATOR_OPERATION "x-envoy-decorator-operation" REQUEST | RESPONSE;
    X_ENVOY_DEGRADED "x-envoy-degraded" RESPONSE;
    X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER "x-envoy-downstream-service-cluster" REQUEST;
    X_ENVOY_DOWNSTREAM_SERVICE_NODE "x-envoy-downstream-service-node" REQUEST;
    X_ENVOY_EXTERNAL_ADDRESS "x-envoy-external-address" REQUEST;
    X_ENVOY_FORCE_TRACE "x-envoy-force-trace" REQUEST;
    X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT "x-envoy-hedge-on-per-try-timeout" REQUEST;
    X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL "x-envoy-immediate-health-check-fail" RESPONSE;
    X_ENVOY_INTERNAL "x-envoy-internal" REQUEST;
    X_ENVOY_IP_TAGS "x-envoy-ip-tags" REQUEST;
    X_ENVOY_IS_TIMEOUT_RETRY "x-envoy-is-timeout-retry" REQUEST;
    X_ENVOY_LOCAL_OVERLOADED "x-envoy-local-overloaded" 0;
    X_ENVOY_MAX_RETRIES "x-envoy-max-retries" REQUEST;
    X_ENVOY_ORIGINAL_HOST "x-envoy-original-host" REQUEST;
    X_ENVOY_ORIGINAL_PATH "x-envoy-original-path" REQUEST;
    X_ENVOY_ORIGINAL_URL "x-envoy-original-url" REQUEST;
    X_ENVOY_OVERLOADED "x-envoy-overloaded" 0;
    X_ENVOY_RATELIMITED "x-envoy-ratelimited" RESPONSE;
    X_ENVOY_RETRIABLE_HEADER_NAMES "x-envoy-retriable-header-names" REQUEST;
    X_ENVOY_RETRIABLE_STATUS_CODES "x-envoy-retriable-status-codes" REQUEST;
    X_ENVOY_RETRY_GRPC_ON "x-envoy-retry-grpc-on" REQUEST;
    X_ENVOY_RETRY_ON "x-envoy-retry-on" REQUEST;
    X_ENVOY_UPSTREAM_ALT_STAT_NAME "x-envoy-upstream-alt-stat-name" REQUEST;
    X_ENVOY_UPSTREAM_CANARY "x-envoy-upstream-canary" RESPONSE;
    X_ENVOY_UPSTREAM_HEALTHCHECKED_CLUSTER "x-envoy-upstream-healthchecked-cluster" RESPONSE;
    X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS "x-envoy-upstream-rq-per-try-timeout-ms" REQUEST;
    X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE "x-envoy-upstream-rq-timeout-alt-response" REQUEST;
    X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS "x-envoy-upstream-rq-timeout-ms" REQUEST;
    X_ENVOY_UPSTREAM_STREAM_DURATION_MS "x-envoy-upstream-stream-duration-ms" REQUEST;
    X_FORWARDED_CLIENT_CERT "x-forwarded-client-cert" REQUEST;
    X_FORWARDED_HOST "x-forwarded-host" REQUEST;
    X_FORWARDED_PORT "x-forwarded-port" REQUEST;
}

/// Ids below this are indexed in each [`super::Headers`].
pub(super) const HOT: usize = HeaderId::GRPC_MESSAGE.0 as usize + 1;
/// A power of two well above the number of names, so that probes are short.
const SLOTS: usize = 512;
/// Open-addressed table from a name's hash to its number, filled at compile time.
static TABLE: [u8; SLOTS] = table();

const fn slot_of(name: &[u8]) -> usize {
    let n = name.len();
    let mix = n * 131 + name[n / 2] as usize * 31 + name[n - 1] as usize * 7 + name[n / 3] as usize * 89;
    (mix ^ (mix >> 7)) % SLOTS
}

const fn table() -> [u8; SLOTS] {
    let mut table = [0; SLOTS];
    let mut number = 1;
    while number < NAMES.len() {
        let mut slot = slot_of(NAMES[number].as_bytes());
        while table[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = number as u8;
        number += 1;
    }
    table
}

impl HeaderId {
    /// Any name that has no number.
    pub const OTHER: Self = Self(0);

    /// Finds the number of a lower-case name.
    pub fn of(name: &[u8]) -> Self {
        if name.is_empty() {
            return Self::OTHER;
        }
        let mut slot = slot_of(name);
        loop {
            let number = TABLE[slot];
            if number == 0 || NAMES[number as usize].as_bytes() == name {
                return Self(number);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The lower-case name; empty for [`HeaderId::OTHER`].
    pub fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// The number, below 128; zero for [`HeaderId::OTHER`].
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether it is a pseudo header such as `:path`.
    pub fn is_pseudo(self) -> bool {
        (Self::METHOD.0..=Self::PROTOCOL.0).contains(&self.0)
    }

    /// Whether Envoy joins a second value onto the first with a comma in `map`.
    pub fn is_joined(self, map: HeaderMapKind) -> bool {
        let bit = match map {
            HeaderMapKind::Request => REQUEST,
            HeaderMapKind::Response => RESPONSE,
            HeaderMapKind::ResponseTrailers => TRAILERS,
            HeaderMapKind::RequestTrailers => 0,
        };
        JOINED[self.0 as usize] & bit != 0
    }
}

const _: () = assert!(NAMES.len() < 128, "presence is kept in 128 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_number() {
        for (number, name) in NAMES.iter().enumerate().skip(1) {
            assert_eq!(HeaderId::of(name.as_bytes()).0 as usize, number, "{name}");
        }
        for other in ["", "x", "x-forwarded", "content-lengthy", ":methods", "Host"] {
            assert_eq!(HeaderId::of(other.as_bytes()), HeaderId::OTHER, "{other}");
        }
    }

    #[test]
    fn probes_are_short() {
        let longest = (0..SLOTS).map(|slot| (0..SLOTS).take_while(|i| TABLE[(slot + i) % SLOTS] != 0).count()).max();
        assert!(longest < Some(12), "{longest:?}");
    }
}
