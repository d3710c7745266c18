//! What a connection manager is configured to do: `HttpConnectionManager` and the messages in it, parsed.
//!
//! Before: a listener's filter chain names the manager. Next: `manager.rs`, one worker's half of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nuncio_codec::{http1, http2};
use nuncio_config::diagnostic::code;
use nuncio_config::{AnyConfig, At, Diagnostic, Invalid, Slot, scalar};
use nuncio_message::{HeaderId, Headers};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3::RouteConfiguration;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_proto::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;
use nuncio_telemetry::access_log::Config as LogConfig;
use nuncio_upstream::ClusterRef;

use super::client_address::{ClientRules, InternalAddresses};
use super::codec_options::{CommonOptions, codec_options_http1, codec_options_http2, only_true};
use super::host_rules::{HostRules, StripPort};
use super::path_rules::{EscapedSlashes, PathRules};
use crate::filter::{ChainFilter, FilterParser, PerRoute};
use crate::local_reply_config::LocalReplyConfig;
use crate::route::{ParseContext as RouteContext, Table};
use crate::router::config::RouterOptions;

pub(super) const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const UUID_REQUEST_IDS: &str = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig";

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

/// `generate_request_id` and what goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestIds {
    /// Requests keep what they have.
    Keep,
    /// Requests without one get one.
    Generate {
        /// `preserve_external_request_id`: the outside may bring its own.
        keeps_external: bool,
        /// `UuidRequestIdConfig.pack_trace_reason`
        packs_trace_reason: bool,
    },
}

/// `add_user_agent`: who we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UserAgent {
    /// `node.cluster`
    cluster: String,
    /// `node.id`
    node: String,
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
    /// Whether the configuration has a cluster of this name, for `validate_clusters`.
    pub has_cluster: &'a dyn Fn(&str) -> bool,
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

impl ConnectionManager {
    /// Parses the message.
    ///
    /// # Errors
    /// When anything in it is invalid or not supported; all errors have been reported.
    pub fn parse(proto: pb::HttpConnectionManager, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        let pb::HttpConnectionManager {
            codec_type,
            stat_prefix,
            http_filters,
            add_user_agent,
            tracing,
            common_http_protocol_options,
            http1_safe_max_connection_duration,
            http_protocol_options,
            http2_protocol_options,
            http3_protocol_options,
            server_name,
            server_header_transformation,
            scheme_header_transformation,
            max_request_headers_kb,
            stream_idle_timeout,
            stream_flush_timeout,
            request_timeout,
            request_headers_timeout,
            drain_timeout,
            drain_timeout_jitter,
            delayed_close_timeout,
            access_log,
            access_log_flush_interval,
            flush_access_log_on_new_request,
            access_log_options,
            use_remote_address,
            xff_num_trusted_hops,
            original_ip_detection_extensions,
            early_header_mutation_extensions,
            internal_address_config,
            skip_xff_append,
            via,
            generate_request_id,
            preserve_external_request_id,
            always_set_request_id_in_response,
            forward_client_cert_details,
            set_current_client_cert_details,
            forward_client_cert_matcher,
            proxy_100_continue,
            represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
            upgrade_configs,
            normalize_path,
            merge_slashes,
            path_with_escaped_slashes_action,
            request_id_extension,
            local_reply_config,
            strip_matching_host_port,
            stream_error_on_invalid_http_message,
            path_normalization_options,
            strip_trailing_host_dot,
            proxy_status_config,
            typed_header_validation_config,
            append_x_forwarded_port,
            append_local_overload,
            add_proxy_protocol_connection_state,
            forward_proto_config,
            record_route_resolution_stats,
            route_specifier,
            strip_port_mode,
        } = proto;
        let mut f = at.fields();
        let codec_type = f.value("codec_type", codec_type, CodecType::parse);
        let server_header = f.value("server_header_transformation", server_header_transformation, ServerHeader::parse);
        let routes = match route_specifier {
            Some(pb::http_connection_manager::RouteSpecifier::RouteConfig(proto)) => {
                f.value("route_config", proto, |proto, at| parse_routes(proto, at, cx))
            }
            Some(pb::http_connection_manager::RouteSpecifier::Rds(_)) => {
                f.keep(Err(at.field("rds").not_implemented("'rds'")))
            }
            Some(pb::http_connection_manager::RouteSpecifier::ScopedRoutes(_)) => {
                f.keep(Err(at.field("scoped_routes").not_implemented("'scoped_routes'")))
            }
            None => f.absent("one of 'route_config', 'rds' and 'scoped_routes' must be set"),
        };
        let filters = f.value("http_filters", http_filters, |filters, at| Filter::parse_list(filters, at, cx));

        let access_log = f.value("access_log", access_log, LogConfig::parse);

        let duration = scalar::duration;
        let idle = Duration::from_secs(300);
        let stream_idle_timeout = f.optional_or("stream_idle_timeout", stream_idle_timeout, idle, duration);
        let flush_timeout = f.optional("stream_flush_timeout", stream_flush_timeout, duration);
        let request_timeout = f.optional_or("request_timeout", request_timeout, Duration::ZERO, duration);
        let request_headers_timeout =
            f.optional_or("request_headers_timeout", request_headers_timeout, Duration::ZERO, duration);
        let second = Duration::from_secs(1);
        let delayed_close_timeout = f.optional_or("delayed_close_timeout", delayed_close_timeout, second, duration);
        let drain_timeout = f.optional_or("drain_timeout", drain_timeout, second * 5, duration);
        f.unsupported("drain_timeout_jitter", drain_timeout_jitter);
        let uses_remote_address = use_remote_address.unwrap_or(false);
        if !uses_remote_address {
            let why = "'use_remote_address' is off";
            f.without_effect("preserve_external_request_id", preserve_external_request_id, why);
            f.without_effect("skip_xff_append", skip_xff_append, why);
        }
        let internal = f.optional_or(
            "internal_address_config",
            internal_address_config,
            InternalAddresses::default(),
            InternalAddresses::parse,
        );
        let escaped_slashes =
            f.value("path_with_escaped_slashes_action", path_with_escaped_slashes_action, EscapedSlashes::parse);
        let packs_trace_reason = f.optional_or("request_id_extension", request_id_extension, true, parse_request_ids);
        let scheme = f.optional("scheme_header_transformation", scheme_header_transformation, parse_scheme);
        let client_cert = f.value("forward_client_cert_details", forward_client_cert_details, parse_client_cert);
        let why = "connections have no client certificates";
        f.without_effect("set_current_client_cert_details", set_current_client_cert_details, why);
        let strips_port = match strip_port_mode {
            Some(pb::http_connection_manager::StripPortMode::StripAnyHostPort(true)) if strip_matching_host_port => {
                f.reject("strip_any_host_port", "must not be set together with 'strip_matching_host_port'");
                StripPort::Any
            }
            Some(pb::http_connection_manager::StripPortMode::StripAnyHostPort(true)) => StripPort::Any,
            Some(pb::http_connection_manager::StripPortMode::StripAnyHostPort(false)) | None => {
                if strip_matching_host_port {
                    StripPort::Matching
                } else {
                    StripPort::Never
                }
            }
        };

        let common = common_http_protocol_options.unwrap_or_default();
        f.without_effect(
            "common_http_protocol_options.max_response_headers_kb",
            common.max_response_headers_kb,
            "it limits responses of upstreams; see 'max_request_headers_kb'",
        );
        let common = f.value("common_http_protocol_options", common, CommonOptions::parse);
        // After an error any limits do: the rest is parsed for its own errors.
        let mut limits = common.as_ref().cloned().unwrap_or_default();
        limits.max_head_kb = max_request_headers_kb;
        let http1 = f.value("http_protocol_options", http_protocol_options.unwrap_or_default(), |proto, at| {
            codec_options_http1(proto, &limits, at)
        });
        let mut http2 = http2_protocol_options.unwrap_or_default();
        http2.override_stream_error_on_invalid_http_message =
            http2.override_stream_error_on_invalid_http_message.or(stream_error_on_invalid_http_message);
        let http2 = f.value("http2_protocol_options", http2, |proto, at| codec_options_http2(proto, &limits, at));
        if codec_type.as_ref() != Some(&CodecType::Http2) {
            let kept_open = only_true(stream_error_on_invalid_http_message);
            f.unsupported("stream_error_on_invalid_http_message", kept_open);
        }

        f.unsupported("tracing", tracing);
        f.unsupported("access_log_flush_interval", access_log_flush_interval);
        f.unsupported("flush_access_log_on_new_request", flush_access_log_on_new_request);
        f.unsupported("access_log_options", access_log_options);
        f.unsupported("original_ip_detection_extensions", original_ip_detection_extensions);
        f.unsupported("early_header_mutation_extensions", early_header_mutation_extensions);
        f.unsupported("forward_client_cert_matcher", forward_client_cert_matcher);
        f.unsupported(
            "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
            represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
        );
        f.unsupported("upgrade_configs", upgrade_configs);
        let local_replies =
            f.optional_or("local_reply_config", local_reply_config, LocalReplyConfig::default(), |proto, at| {
                LocalReplyConfig::parse(proto, cx.data_source, at)
            });
        f.unsupported("path_normalization_options", path_normalization_options);
        f.unsupported("proxy_status_config", proxy_status_config);
        f.unsupported("typed_header_validation_config", typed_header_validation_config);
        f.unsupported("append_local_overload", append_local_overload);
        f.unsupported("add_proxy_protocol_connection_state", add_proxy_protocol_connection_state);
        f.unsupported("forward_proto_config", forward_proto_config);
        f.unsupported("record_route_resolution_stats", record_route_resolution_stats);
        f.without_effect("http3_protocol_options", http3_protocol_options, "HTTP/3 is not served");

        f.finish(|| {
            let (Filters { filters, router, upstream_filters }, common) = (filters.take(), common.take());
            let (mut http1, mut http2) = (http1.take(), http2.take());
            let stream_idle_timeout = stream_idle_timeout.take();
            let flush_timeout = flush_timeout.take().unwrap_or(stream_idle_timeout);
            http2.flush_timeout = Some(flush_timeout).filter(|timeout| !timeout.is_zero());
            if cx.buffer_limit_bytes > 0 {
                http1.read_limit = cx.buffer_limit_bytes;
            }
            Self {
                stat_prefix,
                codec_type: codec_type.take(),
                http1,
                http2,
                routes: routes.take(),
                filters,
                router,
                upstream_filters,
                server_name: if server_name.is_empty() { "envoy".to_owned() } else { server_name },
                server_header: server_header.take(),
                stream_idle_timeout,
                request_timeout: request_timeout.take(),
                request_headers_timeout: request_headers_timeout.take(),
                max_stream_duration: common.max_stream_duration,
                idle_timeout: common.idle_timeout,
                max_connection_duration: common.max_connection_duration,
                max_requests_per_connection: common.max_requests_per_connection,
                is_http1_duration_safe: http1_safe_max_connection_duration,
                drain_timeout: drain_timeout.take(),
                delayed_close_timeout: delayed_close_timeout.take(),
                buffer_limit_bytes: cx.buffer_limit_bytes,
                proxy_100_continue,
                request_ids: match generate_request_id.unwrap_or(true) {
                    true => RequestIds::Generate {
                        keeps_external: preserve_external_request_id,
                        packs_trace_reason: packs_trace_reason.take(),
                    },
                    false => RequestIds::Keep,
                },
                always_set_request_id: always_set_request_id_in_response,
                is_internal: false,
                access_log: access_log.take(),
                local_replies: local_replies.take(),
                path_rules: PathRules {
                    normalizes: normalize_path.unwrap_or(false),
                    merges_slashes: merge_slashes,
                    escaped_slashes: escaped_slashes.take(),
                },
                host_rules: HostRules { strips_port, strips_trailing_dot: strip_trailing_host_dot },
                client_rules: ClientRules {
                    uses_remote_address,
                    trusted_hops: xff_num_trusted_hops,
                    skips_append: skip_xff_append,
                    appends_port: append_x_forwarded_port,
                    internal: internal.take(),
                    own_address: cx.local.address,
                },
                scheme_to_overwrite: scheme.take(),
                user_agent: add_user_agent
                    .unwrap_or(false)
                    .then(|| UserAgent { cluster: cx.local.cluster.clone(), node: cx.local.node.clone() }),
                via,
                forwards_client_cert_always: client_cert.take(),
            }
        })
    }
}

impl CodecType {
    fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::http_connection_manager::CodecType as Proto;
        match scalar::enumeration(number, at)? {
            Proto::Auto => Ok(Self::Auto),
            Proto::Http1 => Ok(Self::Http1),
            Proto::Http2 => Ok(Self::Http2),
            Proto::Http3 => Err(at.not_implemented("HTTP/3")),
        }
    }
}

impl ServerHeader {
    fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::http_connection_manager::ServerHeaderTransformation as Proto;
        Ok(match scalar::enumeration(number, at)? {
            Proto::Overwrite => Self::Overwrite,
            Proto::AppendIfAbsent => Self::AppendIfAbsent,
            Proto::PassThrough => Self::PassThrough,
        })
    }
}

impl UserAgent {
    /// Tells a request who has passed it on.
    pub(super) fn add(&self, request: &mut Headers) {
        request.set(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER, self.cluster.as_bytes());
        if request.get(HeaderId::USER_AGENT).is_none_or(<[u8]>::is_empty) {
            request.set(HeaderId::USER_AGENT, self.cluster.as_bytes());
        }
        if !self.node.is_empty() {
            request.set(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_NODE, self.node.as_bytes());
        }
    }
}

/// Parses `request_id_extension`: whether ids tell why a request is traced.
fn parse_request_ids(proto: pb::RequestIdExtension, at: &At<'_>) -> Result<bool, Invalid> {
    let pb::RequestIdExtension { typed_config } = proto;
    let mut f = at.fields();
    let packs = f.required("typed_config", typed_config, |any, at| {
        let config = AnyConfig::parse(any, at)?;
        if config.type_name() != UUID_REQUEST_IDS {
            return Err(config.unknown(at, "request id extension", std::iter::once(UUID_REQUEST_IDS)));
        }
        let UuidRequestIdConfig { pack_trace_reason, use_request_id_for_trace_sampling } = config.decode(at)?;
        let mut f = at.fields();
        f.without_effect("use_request_id_for_trace_sampling", use_request_id_for_trace_sampling, "there is no tracing");
        f.finish(|| pack_trace_reason.unwrap_or(true))
    });
    f.finish(|| packs.take())
}

/// Parses `scheme_header_transformation`.
fn parse_scheme(proto: core::SchemeHeaderTransformation, at: &At<'_>) -> Result<&'static str, Invalid> {
    use core::scheme_header_transformation::Transformation;
    let core::SchemeHeaderTransformation { match_upstream, transformation } = proto;
    let mut f = at.fields();
    f.unsupported("match_upstream", match_upstream);
    let scheme = match transformation {
        Some(Transformation::SchemeToOverwrite(scheme)) => f.value("scheme_to_overwrite", scheme, |scheme, at| {
            ["http", "https"]
                .into_iter()
                .find(|known| *known == scheme)
                .ok_or_else(|| at.invalid(format!("must be http or https, is {scheme}")))
        }),
        None => f.absent("'scheme_to_overwrite' must be set"),
    };
    f.finish(|| scheme.take())
}

/// Parses `forward_client_cert_details`: whether `x-forwarded-client-cert` is passed on without TLS.
fn parse_client_cert(number: i32, at: &At<'_>) -> Result<bool, Invalid> {
    use pb::http_connection_manager::ForwardClientCertDetails as Proto;
    Ok(match scalar::enumeration(number, at)? {
        // All of these take the header out of a request that has come without a client certificate.
        Proto::Sanitize | Proto::ForwardOnly | Proto::AppendForward | Proto::SanitizeSet => false,
        Proto::AlwaysForwardOnly => true,
    })
}

/// Parses the routes in the listener; their clusters must exist unless `validate_clusters` is false.
fn parse_routes(proto: RouteConfiguration, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Arc<Table>, Invalid> {
    let context = RouteContext::new(cx.cluster, cx.per_route, cx.data_source);
    let table = Table::parse(proto, &context, at)?;
    let mut f = at.fields();
    if table.validates_clusters().unwrap_or(true) {
        for reference in context.into_references() {
            if !(cx.has_cluster)(&reference.name) {
                let message = reference.unknown();
                let error = Diagnostic::error(code::REFERENCE, reference.path, message);
                let unknown: Slot<()> = f.keep(Err(at.report(error)));
                drop(unknown);
            }
        }
    }
    f.finish(|| Arc::new(table))
}

/// `http_filters`, and those of the router in it.
struct Filters {
    filters: Vec<ChainFilter>,
    router: RouterOptions,
    upstream_filters: Option<Vec<ChainFilter>>,
}

/// One of `http_filters`.
enum Filter {
    Router { name: String, options: RouterOptions, upstream_filters: Option<Vec<ChainFilter>> },
    Other(ChainFilter),
}

impl Filter {
    /// Parses `http_filters`: some filters, then the router.
    fn parse_list(protos: Vec<pb::HttpFilter>, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Filters, Invalid> {
        let mut failed = None;
        let mut chain = Vec::new();
        let mut router = None;
        let count = protos.len();
        for (index, proto) in protos.into_iter().enumerate() {
            let at = at.index(index);
            match Self::parse(proto, &at, cx) {
                Ok(Self::Router { name, .. }) if index + 1 != count => {
                    failed = Some(at.invalid(format!(
                        "Error: terminal filter named {name} of type envoy.filters.http.router must be the last filter \
                         in a http filter chain."
                    )));
                }
                Ok(Self::Router { options, upstream_filters, .. }) => router = Some((options, upstream_filters)),
                Ok(Self::Other(filter)) => chain.push(filter),
                Err(invalid) => failed = Some(invalid),
            }
        }
        match (failed, router) {
            // What is invalid may have been the router: its own error says enough.
            (Some(invalid), _) => Err(invalid),
            (None, Some((router, upstream_filters))) => Ok(Filters { filters: chain, router, upstream_filters }),
            (None, None) => Err(at.error(code::NOT_IMPLEMENTED, "no terminal router filter")),
        }
    }

    fn parse(proto: pb::HttpFilter, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        // An optional filter of an unknown type is refused like any other: Envoy may well know it.
        let pb::HttpFilter { name, is_optional: _, disabled, config_type } = proto;
        let mut f = at.fields();
        let filter = match config_type {
            Some(pb::http_filter::ConfigType::TypedConfig(any)) => f.value("typed_config", any, |any, at| {
                let config = AnyConfig::parse(any, at)?;
                if config.type_name() != ROUTER {
                    let factory = (cx.filter)(&name, &config, at)?;
                    return Ok(Self::Other(ChainFilter { name: name.as_str().into(), is_disabled: disabled, factory }));
                }
                if disabled {
                    return Err(at.invalid(format!(
                        "Error: the last (terminal) filter ({name}) in the chain cannot be disabled by default."
                    )));
                }
                let (options, upstream_filters) = RouterOptions::parse(config.decode(at)?, at, cx.filter)?;
                Ok(Self::Router { name: name.clone(), options, upstream_filters })
            }),
            Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) => {
                f.keep(Err(at.field("config_discovery").not_implemented("'config_discovery'")))
            }
            None => f.absent("'typed_config' must be set"),
        };
        f.finish(|| filter.take())
    }
}
