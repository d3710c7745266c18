//! What the owner of a connection can ask of the HTTP/1 codec, and what it counts.

use std::fmt;
use std::sync::Arc;

use nuncio_message::OtherNames;

/// Settings of one side's connections: the wire-visible part of `envoy.config.core.v3.Http1ProtocolOptions` and
/// `HttpProtocolOptions`. Shared by all connections of a listener or cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes that a head, or a trailer block, may have as sent (`max_request_headers_kb`, `max_response_headers_kb`).
    pub max_head_bytes: usize,
    /// Headers, after joining, that a head or a trailer block may have (`max_headers_count`).
    pub max_headers: usize,
    /// Outstanding body bytes from which on [`super::Codec::wants_input`] is false, until less than half are left.
    pub read_limit: usize,
    /// `accept_http_10`: serve versions other than 1.1, as HTTP/1.0, instead of answering 426.
    pub accept_http_10: bool,
    /// `default_host_for_http_10`: `:authority` of a request before HTTP/1.1 without Host; empty for none.
    pub default_host_for_http_10: String,
    /// `allow_absolute_url`: take authority, scheme and path out of an absolute request target.
    pub allow_absolute_url: bool,
    /// `enable_trailers`: hand out received trailers and send those given; otherwise both are dropped.
    pub enable_trailers: bool,
    /// `allow_chunked_length`: drop a content-length beside `transfer-encoding: chunked` instead of answering 400.
    pub allow_chunked_length: bool,
    /// `allow_custom_methods`: take any token as a method.
    pub allow_custom_methods: bool,
    /// `send_fully_qualified_url`: send requests with an absolute target.
    pub send_fully_qualified_url: bool,
    /// Client only: requests are for tunnels over the bare connection. Nothing is sent of their heads, and the answer to
    /// them is 200, from the codec itself.
    pub is_tunnel: bool,
    /// `header_key_format`: how the names of messages are written that come without their [`Spelling`].
    ///
    /// [`Spelling`]: nuncio_message::Spelling
    pub name_case: NameCase,
    /// `header_key_format.stateful_formatter` (`preserve_case`): whether received heads keep their spelling.
    pub spelling: Option<KeepSpelling>,
    /// `headers_with_underscores_action`, for received requests.
    pub underscores: Underscores,
    /// `ignore_http_11_upgrade`
    pub ignored_upgrades: IgnoredUpgrades,
}

impl Default for Options {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            max_head_bytes: 60 * 1024,
            max_headers: 100,
            read_limit: 1024 * 1024,
            accept_http_10: false,
            default_host_for_http_10: String::new(),
            allow_absolute_url: true,
            enable_trailers: false,
            allow_chunked_length: false,
            allow_custom_methods: false,
            send_fully_qualified_url: false,
            is_tunnel: false,
            name_case: NameCase::Lower,
            spelling: None,
            underscores: Underscores::Allow,
            ignored_upgrades: IgnoredUpgrades::default(),
        }
    }
}

/// What is kept of received heads for other HTTP/1 connections:
/// `envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepSpelling {
    /// `formatter_type_on_envoy_headers`
    pub others: OtherNames,
    /// `forward_reason_phrase`
    pub keeps_reason: bool,
}

/// How header names are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameCase {
    /// All lower case, the default.
    Lower,
    /// `proper_case_words`: upper case at the start and after each character that is no letter or digit.
    ProperWords,
}

/// What happens to a request header with an underscore in its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Underscores {
    /// `ALLOW`
    Allow,
    /// `REJECT_REQUEST`: 400, `http1.unexpected_underscore`.
    Reject,
    /// `DROP_HEADER`
    Drop,
}

/// The protocols that a request may ask to upgrade to in vain: it is served as if it had not asked. The codec has to
/// know, since behind an upgrade there are no messages any more. (An upgrade to h2c is always ignored.)
#[derive(Clone, Default)]
pub struct IgnoredUpgrades(Option<Arc<IsIgnored>>);

type IsIgnored = dyn Fn(&[u8]) -> bool + Send + Sync;

impl IgnoredUpgrades {
    /// Ignores the protocols for which `is_ignored` says so; it gets one item of the Upgrade header.
    pub fn new(is_ignored: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_ignored)))
    }

    pub(super) fn has_any(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn contains(&self, protocol: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|is_ignored| is_ignored(protocol))
    }
}

impl fmt::Debug for IgnoredUpgrades {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IgnoredUpgrades").field(&self.has_any()).finish()
    }
}

/// Counters since the owner last took them, named as Envoy's `http1.*` stats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// `http1.dropped_headers_with_underscores`
    pub dropped_headers_with_underscores: u32,
    /// `http1.metadata_not_supported_error`: counted by the owner, who alone sees metadata.
    pub metadata_not_supported_error: u32,
    /// `http1.requests_rejected_with_underscores_in_headers`
    pub requests_rejected_with_underscores_in_headers: u32,
    /// `http1.response_flood`
    pub response_flood: u32,
}

impl Tally {
    /// Whether anything was counted.
    pub fn is_dirty(&self) -> bool {
        *self != Self::default()
    }
}
