//! What a connection manager is configured to do: `HttpConnectionManager` and the messages in it, parsed.
//!
//! Before: a listener's filter chain names the manager. Next: `manager.rs`, one worker's half of it.

use std::sync::Arc;
use std::time::Duration;

use nuncio_codec::{http1, http2};
use nuncio_config::diagnostic::code;
use nuncio_config::{AnyConfig, At, Diagnostic, Invalid, Slot, scalar};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3::RouteConfiguration;
use nuncio_proto::envoy::extensions::filters::http::router::v3::Router;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_upstream::ClusterRef;

use crate::filter::{FilterFactory, PerRoute};
use crate::route::{ParseContext as RouteContext, Table};

const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// Envoy's `max_request_headers_kb`.
const DEFAULT_HEAD_KB: u32 = 60;

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
    pub factories: Vec<Arc<dyn FilterFactory>>,
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
    /// `delayed_close_timeout`: how long the peer may take to close after us, 1 s by default; zero is off.
    pub delayed_close_timeout: Duration,
    /// `common_http_protocol_options.max_requests_per_connection`; zero is no limit.
    pub max_requests_per_connection: u32,
    /// The listener's `per_connection_buffer_limit_bytes`; zero is no limit.
    pub buffer_limit_bytes: usize,
    /// `proxy_100_continue`: whether `100-continue` is the upstream's to answer.
    pub proxy_100_continue: bool,
    /// `generate_request_id`, true by default.
    pub generate_request_id: bool,
    /// `preserve_external_request_id`
    pub preserve_external_request_id: bool,
    /// `always_set_request_id_in_response`
    pub always_set_request_id: bool,
    /// `use_remote_address`
    pub use_remote_address: bool,
    /// `xff_num_trusted_hops`
    pub xff_num_trusted_hops: u32,
    /// `skip_xff_append`
    pub skip_xff_append: bool,
    /// `suppress_envoy_headers` of the router.
    pub suppress_envoy_headers: bool,
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
    pub filter: &'a dyn Fn(&str, &AnyConfig, &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid>,
    /// What a route says about the filter of this name.
    pub per_route: &'a dyn Fn(&str, &prost_types::Any, &At<'_>) -> Result<PerRoute, Invalid>,
    /// The bytes of a data source that is not inline.
    pub data_source: &'a dyn Fn(core::DataSource, &At<'_>) -> Result<Vec<u8>, Invalid>,
    /// The listener's `per_connection_buffer_limit_bytes`; zero is no limit.
    pub buffer_limit_bytes: usize,
}

/// `envoy.config.core.v3.HttpProtocolOptions`, for listeners and clusters.
#[derive(Clone, Debug)]
pub(crate) struct CommonOptions {
    /// `idle_timeout`, 1 h by default; zero is off.
    pub(crate) idle_timeout: Duration,
    /// `max_stream_duration`; zero is off.
    pub(crate) max_stream_duration: Duration,
    /// `max_requests_per_connection`; zero is no limit.
    pub(crate) max_requests_per_connection: u32,
    /// `max_headers_count`, 100 by default.
    pub(crate) max_headers: u32,
    /// Limit of received heads in KiB: `max_response_headers_kb`, which a connection manager replaces by its own
    /// `max_request_headers_kb`. The codecs' default (60) stands where there is none.
    pub(crate) max_head_kb: Option<u32>,
    underscores: core::http_protocol_options::HeadersWithUnderscoresAction,
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
        let filters = f.value("http_filters", http_filters, |filters, at| FilterList::parse(filters, at, cx));

        f.unsupported("access_log", access_log);

        let duration = scalar::duration;
        let idle = Duration::from_secs(300);
        let stream_idle_timeout = f.optional_or("stream_idle_timeout", stream_idle_timeout, idle, duration);
        let flush_timeout = f.optional("stream_flush_timeout", stream_flush_timeout, duration);
        let request_timeout = f.optional_or("request_timeout", request_timeout, Duration::ZERO, duration);
        let request_headers_timeout =
            f.optional_or("request_headers_timeout", request_headers_timeout, Duration::ZERO, duration);
        let linger = Duration::from_secs(1);
        // Parsed below and not honoured yet: refused rather than ignored.
        f.unsupported("delayed_close_timeout", delayed_close_timeout.is_some());
        f.unsupported("xff_num_trusted_hops", xff_num_trusted_hops);
        f.unsupported("skip_xff_append", skip_xff_append);
        f.unsupported("use_remote_address", use_remote_address.filter(|uses| *uses));
        let delayed_close_timeout = f.optional_or("delayed_close_timeout", delayed_close_timeout, linger, duration);

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

        f.unsupported("add_user_agent", only_true(add_user_agent));
        f.unsupported("tracing", tracing);
        f.unsupported("scheme_header_transformation", scheme_header_transformation);
        f.unsupported("drain_timeout", drain_timeout);
        f.unsupported("drain_timeout_jitter", drain_timeout_jitter);
        f.unsupported("access_log_flush_interval", access_log_flush_interval);
        f.unsupported("flush_access_log_on_new_request", flush_access_log_on_new_request);
        f.unsupported("access_log_options", access_log_options);
        f.unsupported("original_ip_detection_extensions", original_ip_detection_extensions);
        f.unsupported("early_header_mutation_extensions", early_header_mutation_extensions);
        f.unsupported("internal_address_config", internal_address_config);
        f.unsupported("via", via);
        f.unsupported("forward_client_cert_details", forward_client_cert_details);
        let why = "'forward_client_cert_details' is SANITIZE";
        f.without_effect("set_current_client_cert_details", set_current_client_cert_details, why);
        f.unsupported("forward_client_cert_matcher", forward_client_cert_matcher);
        f.unsupported(
            "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
            represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
        );
        f.unsupported("upgrade_configs", upgrade_configs);
        f.unsupported("normalize_path", only_true(normalize_path));
        f.unsupported("merge_slashes", merge_slashes);
        let keep = pb::http_connection_manager::PathWithEscapedSlashesAction::KeepUnchanged as i32;
        let slashes = Some(path_with_escaped_slashes_action).filter(|action| *action != 0 && *action != keep);
        f.unsupported("path_with_escaped_slashes_action", slashes);
        f.unsupported("request_id_extension", request_id_extension);
        f.unsupported("local_reply_config", local_reply_config);
        f.unsupported("strip_matching_host_port", strip_matching_host_port);
        f.unsupported("path_normalization_options", path_normalization_options);
        f.unsupported("strip_trailing_host_dot", strip_trailing_host_dot);
        f.unsupported("proxy_status_config", proxy_status_config);
        f.unsupported("typed_header_validation_config", typed_header_validation_config);
        f.unsupported("append_x_forwarded_port", append_x_forwarded_port);
        f.unsupported("append_local_overload", append_local_overload);
        f.unsupported("add_proxy_protocol_connection_state", add_proxy_protocol_connection_state);
        f.unsupported("forward_proto_config", forward_proto_config);
        f.unsupported("record_route_resolution_stats", record_route_resolution_stats);
        match strip_port_mode {
            Some(pb::http_connection_manager::StripPortMode::StripAnyHostPort(strips)) => {
                f.unsupported("strip_any_host_port", strips);
            }
            None => {}
        }
        f.without_effect("http3_protocol_options", http3_protocol_options, "HTTP/3 is not served");
        let why = "connections have no maximum duration";
        f.without_effect("http1_safe_max_connection_duration", http1_safe_max_connection_duration, why);

        f.finish(|| {
            let (filters, common) = (filters.take(), common.take());
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
                factories: filters.factories,
                server_name: if server_name.is_empty() { "envoy".to_owned() } else { server_name },
                server_header: server_header.take(),
                stream_idle_timeout,
                request_timeout: request_timeout.take(),
                request_headers_timeout: request_headers_timeout.take(),
                max_stream_duration: common.max_stream_duration,
                idle_timeout: common.idle_timeout,
                delayed_close_timeout: delayed_close_timeout.take(),
                max_requests_per_connection: common.max_requests_per_connection,
                buffer_limit_bytes: cx.buffer_limit_bytes,
                proxy_100_continue,
                generate_request_id: generate_request_id.unwrap_or(true),
                preserve_external_request_id,
                always_set_request_id: always_set_request_id_in_response,
                use_remote_address: use_remote_address.unwrap_or(false),
                xff_num_trusted_hops,
                skip_xff_append,
                suppress_envoy_headers: filters.suppress_envoy_headers,
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

/// `http_filters`: some filters, then the router.
struct FilterList {
    factories: Vec<Arc<dyn FilterFactory>>,
    suppress_envoy_headers: bool,
}

/// One of `http_filters`.
enum Filter {
    Router { name: String, suppress_envoy_headers: bool },
    Other(Arc<dyn FilterFactory>),
}

impl FilterList {
    fn parse(protos: Vec<pb::HttpFilter>, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        let mut failed = None;
        let mut factories = Vec::new();
        let mut router = None;
        let count = protos.len();
        for (index, proto) in protos.into_iter().enumerate() {
            let at = at.index(index);
            match Filter::parse(proto, &at, cx) {
                Ok(Filter::Router { name, .. }) if index + 1 != count => {
                    failed = Some(at.invalid(format!(
                        "Error: terminal filter named {name} of type envoy.filters.http.router must be the last filter \
                         in a http filter chain."
                    )));
                }
                Ok(Filter::Router { suppress_envoy_headers, .. }) => router = Some(suppress_envoy_headers),
                Ok(Filter::Other(factory)) => factories.push(factory),
                Err(invalid) => failed = Some(invalid),
            }
        }
        match (failed, router) {
            // What is invalid may have been the router: its own error says enough.
            (Some(invalid), _) => Err(invalid),
            (None, Some(suppress_envoy_headers)) => Ok(Self { factories, suppress_envoy_headers }),
            (None, None) => Err(at.error(code::NOT_IMPLEMENTED, "no terminal router filter")),
        }
    }
}

impl Filter {
    fn parse(proto: pb::HttpFilter, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        // An optional filter of an unknown type is refused like any other: Envoy may well know it.
        let pb::HttpFilter { name, is_optional: _, disabled, config_type } = proto;
        let mut f = at.fields();
        f.unsupported("disabled", disabled);
        let filter = match config_type {
            Some(pb::http_filter::ConfigType::TypedConfig(any)) => f.value("typed_config", any, |any, at| {
                let config = AnyConfig::parse(any, at)?;
                if config.type_name() != ROUTER {
                    return (cx.filter)(&name, &config, at).map(Self::Other);
                }
                let suppress_envoy_headers = parse_router(config.decode(at)?, at)?;
                Ok(Self::Router { name: name.clone(), suppress_envoy_headers })
            }),
            Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) => {
                f.keep(Err(at.field("config_discovery").not_implemented("'config_discovery'")))
            }
            None => f.absent("'typed_config' must be set"),
        };
        f.finish(|| filter.take())
    }
}

/// Parses the router's configuration, of which only `suppress_envoy_headers` is left.
fn parse_router(proto: Router, at: &At<'_>) -> Result<bool, Invalid> {
    let Router {
        dynamic_stats,
        start_child_span,
        upstream_log,
        upstream_log_options,
        suppress_envoy_headers,
        strict_check_headers,
        respect_expected_rq_timeout,
        suppress_grpc_request_failure_code_stats,
        upstream_http_filters,
        reject_connect_request_early_data,
    } = proto;
    let mut f = at.fields();
    f.unsupported("dynamic_stats", dynamic_stats.filter(|is_on| !is_on));
    f.without_effect("start_child_span", start_child_span, "there is no tracing");
    f.unsupported("suppress_envoy_headers", suppress_envoy_headers);
    f.unsupported("upstream_log", upstream_log);
    f.unsupported("upstream_log_options", upstream_log_options);
    f.unsupported("strict_check_headers", strict_check_headers);
    f.unsupported("respect_expected_rq_timeout", respect_expected_rq_timeout);
    f.unsupported("suppress_grpc_request_failure_code_stats", suppress_grpc_request_failure_code_stats);
    f.unsupported("upstream_http_filters", upstream_http_filters);
    f.unsupported("reject_connect_request_early_data", only_true(reject_connect_request_early_data));
    f.finish(|| suppress_envoy_headers)
}

impl CommonOptions {
    /// Parses the message.
    ///
    /// # Errors
    /// When anything in it is invalid or not supported; all errors have been reported.
    pub(crate) fn parse(proto: core::HttpProtocolOptions, at: &At<'_>) -> Result<Self, Invalid> {
        let core::HttpProtocolOptions {
            idle_timeout,
            max_connection_duration,
            max_connection_duration_jitter,
            max_headers_count,
            max_response_headers_kb,
            max_stream_duration,
            headers_with_underscores_action,
            max_requests_per_connection,
        } = proto;
        let default = Self::default();
        let mut f = at.fields();
        let idle = f.optional_or("idle_timeout", idle_timeout, default.idle_timeout, scalar::duration);
        let longest = f.optional_or("max_stream_duration", max_stream_duration, Duration::ZERO, scalar::duration);
        let underscores =
            f.value("headers_with_underscores_action", headers_with_underscores_action, scalar::enumeration);
        f.unsupported("max_connection_duration", max_connection_duration);
        f.unsupported("max_requests_per_connection", max_requests_per_connection);
        let why = "connections have no maximum duration";
        f.without_effect("max_connection_duration_jitter", max_connection_duration_jitter, why);
        f.finish(|| Self {
            idle_timeout: idle.take(),
            max_stream_duration: longest.take(),
            max_requests_per_connection: max_requests_per_connection.unwrap_or(0),
            max_headers: max_headers_count.unwrap_or(default.max_headers),
            max_head_kb: max_response_headers_kb,
            underscores: underscores.take(),
        })
    }

    fn max_head_bytes(&self) -> u32 {
        self.max_head_kb.unwrap_or(DEFAULT_HEAD_KB).saturating_mul(1024)
    }
}

impl Default for CommonOptions {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(3600),
            max_stream_duration: Duration::ZERO,
            max_requests_per_connection: 0,
            max_headers: 100,
            max_head_kb: None,
            underscores: core::http_protocol_options::HeadersWithUnderscoresAction::Allow,
        }
    }
}

/// Parses `envoy.config.core.v3.Http1ProtocolOptions` of a listener or cluster.
///
/// # Errors
/// When anything in it is invalid or not supported; all errors have been reported.
pub(crate) fn codec_options_http1(
    proto: core::Http1ProtocolOptions,
    common: &CommonOptions,
    at: &At<'_>,
) -> Result<http1::Options, Invalid> {
    use core::http_protocol_options::HeadersWithUnderscoresAction as Action;
    let core::Http1ProtocolOptions {
        allow_absolute_url,
        accept_http_10,
        default_host_for_http_10,
        header_key_format,
        enable_trailers,
        allow_chunked_length,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        use_balsa_parser,
        allow_custom_methods,
        ignore_http_11_upgrade,
    } = proto;
    let default = http1::Options::default();
    let mut f = at.fields();
    let lower = http1::NameCase::Lower;
    let name_case = f.optional_or("header_key_format", header_key_format, lower, parse_name_case);
    let kept_open = only_true(override_stream_error_on_invalid_http_message);
    f.unsupported("override_stream_error_on_invalid_http_message", kept_open);
    f.without_effect("use_balsa_parser", use_balsa_parser, "there is one HTTP/1 parser");
    f.unsupported("ignore_http_11_upgrade", ignore_http_11_upgrade);
    f.finish(|| http1::Options {
        max_head_bytes: common.max_head_bytes() as usize,
        max_headers: common.max_headers as usize,
        accept_http_10,
        default_host_for_http_10,
        allow_absolute_url: allow_absolute_url.unwrap_or(default.allow_absolute_url),
        enable_trailers,
        allow_chunked_length,
        allow_custom_methods,
        send_fully_qualified_url,
        name_case: name_case.take(),
        underscores: match common.underscores {
            Action::Allow => http1::Underscores::Allow,
            Action::RejectRequest => http1::Underscores::Reject,
            Action::DropHeader => http1::Underscores::Drop,
        },
        ..default
    })
}

fn parse_name_case(
    proto: core::http1_protocol_options::HeaderKeyFormat,
    at: &At<'_>,
) -> Result<http1::NameCase, Invalid> {
    use core::http1_protocol_options::header_key_format::{HeaderFormat, ProperCaseWords};
    let core::http1_protocol_options::HeaderKeyFormat { header_format } = proto;
    match header_format {
        Some(HeaderFormat::ProperCaseWords(ProperCaseWords {})) => Ok(http1::NameCase::ProperWords),
        Some(HeaderFormat::StatefulFormatter(_)) => {
            Err(at.field("stateful_formatter").not_implemented("'stateful_formatter'"))
        }
        None => Err(at.error(code::REQUIRED, "one of 'proper_case_words' and 'stateful_formatter' must be set")),
    }
}

/// Parses `envoy.config.core.v3.Http2ProtocolOptions` of a listener or cluster.
///
/// # Errors
/// When anything in it is invalid or not supported; all errors have been reported.
pub(crate) fn codec_options_http2(
    proto: core::Http2ProtocolOptions,
    common: &CommonOptions,
    at: &At<'_>,
) -> Result<http2::Options, Invalid> {
    use core::http_protocol_options::HeadersWithUnderscoresAction as Action;
    let core::Http2ProtocolOptions {
        hpack_table_size,
        max_concurrent_streams,
        initial_stream_window_size,
        initial_connection_window_size,
        allow_connect,
        allow_metadata,
        max_outbound_frames,
        max_outbound_control_frames,
        max_consecutive_inbound_frames_with_empty_payload: empty_frames,
        max_inbound_priority_frames_per_stream: priority_frames,
        max_inbound_window_update_frames_per_data_frame_sent: window_updates,
        stream_error_on_invalid_http_messaging,
        override_stream_error_on_invalid_http_message: stream_error,
        custom_settings_parameters,
        connection_keepalive,
        use_oghttp2_codec,
        max_metadata_size,
        enable_huffman_encoding,
        max_header_field_size_kb,
        disallow_obs_text,
        stream_reset_burst,
        stream_reset_rate,
    } = proto;
    let default = http2::Options::default();
    let mut f = at.fields();
    let settings = f.each("custom_settings_parameters", custom_settings_parameters, parse_setting);
    let keepalive = f.optional("connection_keepalive", connection_keepalive, parse_keepalive);
    f.unsupported("allow_metadata", allow_metadata);
    f.without_effect("max_metadata_size", max_metadata_size, "'allow_metadata' is off");
    f.unsupported("stream_error_on_invalid_http_messaging", stream_error_on_invalid_http_messaging);
    f.without_effect("use_oghttp2_codec", use_oghttp2_codec, "there is one HTTP/2 codec");
    f.finish(|| http2::Options {
        hpack_table_size: hpack_table_size.unwrap_or(default.hpack_table_size),
        max_concurrent_streams: max_concurrent_streams.unwrap_or(default.max_concurrent_streams),
        initial_stream_window_size: initial_stream_window_size.unwrap_or(default.initial_stream_window_size),
        initial_connection_window_size: initial_connection_window_size
            .unwrap_or(default.initial_connection_window_size),
        allow_connect,
        max_outbound_frames: max_outbound_frames.unwrap_or(default.max_outbound_frames),
        max_outbound_control_frames: max_outbound_control_frames.unwrap_or(default.max_outbound_control_frames),
        max_consecutive_inbound_frames_with_empty_payload: empty_frames
            .unwrap_or(default.max_consecutive_inbound_frames_with_empty_payload),
        max_inbound_priority_frames_per_stream: priority_frames
            .unwrap_or(default.max_inbound_priority_frames_per_stream),
        max_inbound_window_update_frames_per_data_frame_sent: window_updates
            .unwrap_or(default.max_inbound_window_update_frames_per_data_frame_sent),
        stream_reset_burst: stream_reset_burst.map_or(default.stream_reset_burst, saturating),
        stream_reset_rate: stream_reset_rate.map_or(default.stream_reset_rate, saturating),
        override_stream_error_on_invalid_http_message: stream_error.unwrap_or(false),
        connection_keepalive: keepalive.take(),
        enable_huffman_encoding: enable_huffman_encoding.unwrap_or(default.enable_huffman_encoding),
        max_header_field_size: max_header_field_size_kb
            .map_or(default.max_header_field_size, |kb| kb.saturating_mul(1024)),
        custom_settings_parameters: settings.take(),
        disallow_obs_text: disallow_obs_text.unwrap_or(default.disallow_obs_text),
        max_head_bytes: common.max_head_bytes(),
        max_headers: common.max_headers,
        headers_with_underscores_action: match common.underscores {
            Action::Allow => http2::HeadersWithUnderscores::Allow,
            Action::RejectRequest => http2::HeadersWithUnderscores::RejectRequest,
            Action::DropHeader => http2::HeadersWithUnderscores::DropHeader,
        },
        flush_timeout: None,
    })
}

/// One of `custom_settings_parameters`. The codec acts on the settings of RFC 9113 and RFC 8441 itself, so that they
/// cannot be set behind its back.
fn parse_setting(proto: core::http2_protocol_options::SettingsParameter, at: &At<'_>) -> Result<(u16, u32), Invalid> {
    let core::http2_protocol_options::SettingsParameter { identifier, value } = proto;
    let mut f = at.fields();
    let identifier = f.required("identifier", identifier, |identifier, at| match u16::try_from(identifier) {
        Ok(1..=6 | 8) => Err(at.not_implemented("a custom value of a setting that HTTP/2 defines")),
        Ok(identifier) if identifier > 0 => Ok(identifier),
        _ => Err(at.invalid(format!("must be from 1 to 65535, is {identifier}"))),
    });
    let value = f.required("value", value, |value, _| Ok(value));
    f.finish(|| (identifier.take(), value.take()))
}

fn parse_keepalive(proto: core::KeepaliveSettings, at: &At<'_>) -> Result<http2::Keepalive, Invalid> {
    let core::KeepaliveSettings { interval, timeout, interval_jitter, connection_idle_interval } = proto;
    let mut f = at.fields();
    let interval = f.optional("interval", interval, scalar::positive_duration);
    let timeout = f.required("timeout", timeout, scalar::positive_duration);
    let idle = f.optional("connection_idle_interval", connection_idle_interval, scalar::positive_duration);
    // Options are shared by connections, so that none can have a jitter of its own here.
    f.without_effect("interval_jitter", interval_jitter, "a PING is sent at each interval exactly");
    f.finish(|| http2::Keepalive {
        interval: interval.take(),
        timeout: timeout.take(),
        jitter: Duration::ZERO,
        connection_idle_interval: idle.take(),
    })
}

/// For switches that are off by default: set means switched on.
fn only_true(switch: Option<bool>) -> Option<bool> {
    switch.filter(|is_on| *is_on)
}

fn saturating(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
