//! What a connection manager is configured to do: `HttpConnectionManager` and the messages in it, parsed.
//!
//! Before: a listener's filter chain names the manager. Next: `manager.rs`, one worker's half of it.

mod codecs;
mod filters;
mod heads;
mod parse;
mod routes;
mod timeouts;
mod upgrades;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nuncio_codec::{http1, http2};
use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_telemetry::access_log::Config as LogConfig;
use nuncio_upstream::ClusterRef;

use super::client_address::ClientRules;
use super::host_rules::HostRules;
use super::path_rules::PathRules;
use crate::filter::{ChainFilter, FilterParser, PerRoute};
use crate::local_reply_config::LocalReplyConfig;
use crate::route::Table;
use crate::router::config::RouterOptions;
pub(super) use filters::ROUTER;
pub(crate) use heads::{RequestIds, UserAgent};
pub(super) use upgrades::Upgrade;

/// `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`. Shared by all workers.
pub struct ConnectionManager {
    /// `stat_prefix`: its counters are `http.<stat_prefix>.*`.
    pub stat_prefix: String,
    /// The protocol of the connections.
    pub codec_type: CodecType,
    /// `http_protocol_options`, and what concerns HTTP/1 elsewhere.
    pub http1: http1::Options,
    /// `http2_protocol_options`, and what concerns HTTP/2 elsewhere.
    pub http2: http2::Options,
    /// `route_config`
    pub routes: Arc<Table>,
    /// `http_filters` in order, without the router.
    pub filters: Vec<ChainFilter>,
    /// The router's `upstream_http_filters` without the codec, for clusters that have no filters of their own.
    pub upstream_filters: Option<Vec<ChainFilter>>,
    /// `upgrade_configs`
    pub(super) upgrades: Vec<Upgrade>,
    /// `server_name`, `envoy` by default.
    pub server_name: String,
    /// `server_header_transformation`
    pub server_header: ServerHeader,
    /// `stream_idle_timeout`, 5 min by default; zero is off.
    pub stream_idle_timeout: Duration,
    /// `request_timeout`, from first byte to the request's end; zero is off.
    pub request_timeout: Duration,
    /// `request_headers_timeout`, from first byte to the head's end; zero is off.
    pub request_headers_timeout: Duration,
    /// `common_http_protocol_options.max_stream_duration`; zero is off.
    pub max_stream_duration: Duration,
    /// `common_http_protocol_options.idle_timeout` of a connection without streams, 1 h by default; zero is off.
    pub idle_timeout: Duration,
    /// `common_http_protocol_options.max_connection_duration`, after which a connection drains; zero is off.
    pub max_connection_duration: Duration,
    /// `common_http_protocol_options.max_requests_per_connection`, after which it drains; zero is no limit.
    pub max_requests_per_connection: u32,
    /// `http1_safe_max_connection_duration`: whether an HTTP/1 connection that is too old ends with a response only.
    pub is_http1_duration_safe: bool,
    /// `drain_timeout`, 5 s by default: from a drain's beginning to its end.
    pub drain_timeout: Duration,
    /// `delayed_close_timeout`, 1 s by default: how long a connection that is being closed waits for progress of its
    /// peer; zero closes as soon as everything is written.
    pub delayed_close_timeout: Duration,
    /// The listener's `per_connection_buffer_limit_bytes`; zero is no limit.
    pub buffer_limit_bytes: usize,
    /// `proxy_100_continue`: whether `100-continue` is the upstream's to answer.
    pub proxy_100_continue: bool,
    /// Who gets an `x-request-id`.
    pub(crate) request_ids: RequestIds,
    /// `always_set_request_id_in_response`
    pub always_set_request_id: bool,
    /// It is part of the process, as the admin's: its routing and tracing are not counted.
    pub is_internal: bool,
    /// `access_log`, its files not opened yet.
    pub access_log: LogConfig,
    /// What the router does.
    pub(crate) router: RouterOptions,
    /// `local_reply_config`
    pub(crate) local_replies: LocalReplyConfig,
    /// What becomes of paths.
    pub(crate) path_rules: PathRules,
    /// What becomes of authorities.
    pub(crate) host_rules: HostRules,
    /// Whom requests come from.
    pub(crate) client_rules: ClientRules,
    /// `scheme_header_transformation.scheme_to_overwrite`
    pub(crate) scheme_to_overwrite: Option<&'static str>,
    /// `add_user_agent`
    pub(crate) user_agent: Option<UserAgent>,
    /// `via`; empty: none.
    pub via: String,
    /// `forward_client_cert_details` is ALWAYS_FORWARD_ONLY.
    pub(crate) forwards_client_cert_always: bool,
}

/// What this process is, as its configuration tells it. Shared by all workers.
#[derive(Clone, Default, Debug)]
pub struct LocalInfo {
    /// `node.cluster`
    pub cluster: String,
    /// `node.id`
    pub node: String,
    /// The address that others reach us at, if there is one.
    pub address: Option<IpAddr>,
}

/// `HttpConnectionManager.CodecType`, without HTTP/3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodecType {
    /// By ALPN, or by the first bytes.
    Auto,
    /// HTTP/1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge on plain text.
    Http2,
}

/// `ServerHeaderTransformation`: what becomes of a response's `server`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerHeader {
    /// It is ours.
    Overwrite,
    /// It is ours if the upstream set none.
    AppendIfAbsent,
    /// It is the upstream's, if any.
    PassThrough,
}

/// What a connection manager's configuration needs from outside while it is parsed.
#[expect(clippy::type_complexity, reason = "each is one function, and named by its field")]
pub struct ParseContext<'a> {
    /// The reference to a cluster by its name.
    pub cluster: &'a dyn Fn(&str) -> ClusterRef,
    /// The names of the clusters in the configuration, for `validate_clusters`.
    pub clusters: &'a BTreeSet<String>,
    /// The factory of a filter, given the filter's name and configuration.
    pub filter: &'a FilterParser<'a>,
    /// What a route says to the filter of this name; `None` when filters of that type have no configuration for routes.
    pub per_route: &'a dyn Fn(&str, &prost_types::Any, &At<'_>) -> Result<Option<PerRoute>, Invalid>,
    /// The bytes of a data source that is not inline.
    pub data_source: &'a dyn Fn(core::DataSource, &At<'_>) -> Result<Vec<u8>, Invalid>,
    /// The listener's `per_connection_buffer_limit_bytes`; zero is no limit.
    pub buffer_limit_bytes: usize,
    /// What this process is.
    pub local: &'a LocalInfo,
}
