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
const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;
/// Found by trying: with it all names but two have a slot of their own.
const MULTIPLIER: u64 = 0x5dd9_61e6_830b_54fb;
/// Open-addressed table from a name's key to its number, filled at compile time.
static TABLE: [u8; SLOTS] = table();
static KEYS: [Key; NAMES.len()] = keys();
/// Names up to this length are told apart by their keys alone.
const KEY_BYTES: usize = 16;
/// Sets the bit that tells a lower-case letter from its upper-case one. No letter, digit, hyphen or colon results from
/// anything but itself, its upper-case form, and control characters.
const TO_LOWER: u64 = 0x2020_2020_2020_2020;

/// The beginning, the end and the length of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    len: u64,
}

impl Key {
    #[inline(always)]
    const fn of(name: &[u8]) -> Self {
        let len = name.len() as u64;
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            return Self { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), len };
        }
        let both = match (name.first_chunk(), name.last_chunk(), name) {
            (Some(first), Some(last), _) => {
                u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32
            }
            (_, _, [a, b, c]) => u32::from_le_bytes([*a, *b, *c, 0]) as u64,
            (_, _, [a, b]) => u32::from_le_bytes([*a, *b, 0, 0]) as u64,
            (_, _, [a, ..]) => *a as u64,
            _ => 0,
        };
        Self { first: both, last: both, len }
    }

    /// The key of the lower-case name.
    #[inline(always)]
    fn lower(self) -> Self {
        let used = if self.len < 4 { TO_LOWER >> (64 - 8 * self.len.max(1)) } else { TO_LOWER };
        Self { first: self.first | used, last: self.last | used, len: self.len }
    }

    /// Whether there is a byte below 0x20 in what is kept of the name.
    #[inline(always)]
    fn has_control(self) -> bool {
        const BITS: u64 = TO_LOWER << 1;
        let is_above = |word: u64| word | word << 1;
        let wanted = if self.len < 4 { BITS >> (64 - 8 * self.len.max(1)) } else { BITS };
        is_above(self.first) & is_above(self.last) & wanted != wanted
    }

    #[inline(always)]
    const fn slot(self) -> usize {
        let mix = (self.first ^ self.last.rotate_left(29)).wrapping_add(self.len);
        (mix.wrapping_mul(MULTIPLIER) >> (64 - SLOT_BITS)) as usize
    }
}

const fn keys() -> [Key; NAMES.len()] {
    let mut keys = [Key { first: 0, last: 0, len: 0 }; NAMES.len()];
    let mut number = 1;
    while number < NAMES.len() {
        keys[number] = Key::of(NAMES[number].as_bytes());
        number += 1;
    }
    keys
}

const fn table() -> [u8; SLOTS] {
    let mut table = [0; SLOTS];
    let mut number = 1;
    while number < NAMES.len() {
        let mut slot = Key::of(NAMES[number].as_bytes()).slot();
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
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        Self::find(Key::of(name), |known| known == name)
    }

    /// Finds the number of a name in any case.
    #[inline]
    pub fn of_any_case(name: &[u8]) -> Self {
        let key = Key::of(name);
        let id = Self::find(key.lower(), |known| known.eq_ignore_ascii_case(name));
        if id != Self::OTHER && key.has_control() { Self::OTHER } else { id }
    }

    #[inline(always)]
    fn find(key: Key, is_same: impl Fn(&[u8]) -> bool) -> Self {
        let mut slot = key.slot();
        loop {
            let number = TABLE[slot];
            if number == 0 {
                return Self::OTHER;
            }
            let is_found = KEYS[number as usize] == key;
            if is_found && (key.len <= KEY_BYTES as u64 || is_same(NAMES[number as usize].as_bytes())) {
                return Self(number);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The lower-case name; empty for [`HeaderId::OTHER`].
    #[inline]
    pub fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// The number, below 128; zero for [`HeaderId::OTHER`].
    #[inline]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether it is a pseudo header such as `:path`.
    #[inline]
    pub fn is_pseudo(self) -> bool {
        (Self::METHOD.0..=Self::PROTOCOL.0).contains(&self.0)
    }

    /// Whether Envoy joins a second value onto the first with a comma in `map`.
    #[inline]
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
            assert_eq!(HeaderId::of_any_case(name.to_uppercase().as_bytes()).0 as usize, number, "{name}");
        }
        for other in ["", "x", "xx", "tee", "x-forwarded", "content-lengthy", ":methods"] {
            assert_eq!(HeaderId::of(other.as_bytes()), HeaderId::OTHER, "{other}");
            assert_eq!(HeaderId::of_any_case(other.as_bytes()), HeaderId::OTHER, "{other}");
        }
        assert_eq!(HeaderId::of(b"Host"), HeaderId::OTHER);
    }

    #[test]
    fn no_other_name_is_taken_for_a_known_one() {
        for name in NAMES.iter().skip(1) {
            for at in 0..name.len() {
                for byte in 0..=255u8 {
                    let mut other = name.as_bytes().to_vec();
                    other[at] = byte;
                    let known = |name: &[u8]| NAMES.iter().position(|known| known.as_bytes() == name).unwrap_or(0);
                    assert_eq!(HeaderId::of(&other).0 as usize, known(&other));
                    let expected = known(&other.to_ascii_lowercase());
                    assert_eq!(HeaderId::of_any_case(&other).0 as usize, expected);
                }
            }
        }
    }

    #[test]
    fn nearly_every_name_has_its_own_slot() {
        let shared =
            NAMES[1..].iter().filter(|name| TABLE[Key::of(name.as_bytes()).slot()] != HeaderId::of(name.as_bytes()).0);
        assert!(shared.count() <= 1, "look for another multiplier");
    }
}
