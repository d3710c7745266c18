//! From the message to [`ConnectionManager`]: what belongs together is parsed in the files beside this one.

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_telemetry::access_log::Config as LogConfig;

use super::codecs::{CodecFields, Codecs};
use super::filters::Filters;
use super::heads::{RequestIds, UserAgent, parse_client_cert, parse_scheme};
use super::timeouts::{TimeoutFields, Timeouts};
use super::upgrades::Parsed as Upgrades;
use super::{ConnectionManager, ParseContext, ServerHeader, routes};
use crate::connection_manager::client_address::{ClientFields, ClientRules};
use crate::connection_manager::host_rules::{HostRules, StripPort};
use crate::connection_manager::path_rules::{EscapedSlashes, PathRules};
use crate::local_reply_config::LocalReplyConfig;

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
        let server_header = f.value("server_header_transformation", server_header_transformation, ServerHeader::parse);
        let routes = routes::parse(route_specifier, cx, &mut f);
        let filters = f.value("http_filters", http_filters, |filters, at| Filters::parse(filters, at, cx));
        let upgrades = f.each("upgrade_configs", upgrade_configs, |proto, at| Upgrades::parse(proto, at, cx));
        let access_log = f.value("access_log", access_log, LogConfig::parse);
        let timeouts = TimeoutFields {
            stream_idle_timeout,
            stream_flush_timeout,
            request_timeout,
            request_headers_timeout,
            delayed_close_timeout,
            drain_timeout,
        };
        let timeouts = f.keep(Timeouts::parse(timeouts, at));
        let codecs = CodecFields {
            codec_type,
            common_http_protocol_options,
            http_protocol_options,
            http2_protocol_options,
            max_request_headers_kb,
            stream_error_on_invalid_http_message,
        };
        let codecs = f.keep(Codecs::parse(codecs, at));
        let client_rules = ClientFields {
            use_remote_address,
            xff_num_trusted_hops,
            skip_xff_append,
            append_x_forwarded_port,
            internal_address_config,
        };
        let client_rules = f.keep(ClientRules::parse(client_rules, cx.local.address, at));
        if !use_remote_address.unwrap_or(false) {
            let why = "'use_remote_address' is off";
            f.without_effect("preserve_external_request_id", preserve_external_request_id, why);
        }
        let escaped_slashes =
            f.value("path_with_escaped_slashes_action", path_with_escaped_slashes_action, EscapedSlashes::parse);
        let request_ids =
            RequestIds::parse(generate_request_id, preserve_external_request_id, request_id_extension, at);
        let request_ids = f.keep(request_ids);
        let scheme = f.optional("scheme_header_transformation", scheme_header_transformation, parse_scheme);
        let client_cert = f.value("forward_client_cert_details", forward_client_cert_details, parse_client_cert);
        let why = "connections have no client certificates";
        f.without_effect("set_current_client_cert_details", set_current_client_cert_details, why);
        let strips_port = StripPort::parse(strip_port_mode, strip_matching_host_port, at);
        let strips_port = f.keep(strips_port);
        let local_replies =
            f.optional_or("local_reply_config", local_reply_config, LocalReplyConfig::default(), |proto, at| {
                LocalReplyConfig::parse(proto, cx.data_source, at)
            });

        f.unsupported("tracing", tracing);
        f.unsupported("drain_timeout_jitter", drain_timeout_jitter);
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
        f.unsupported("path_normalization_options", path_normalization_options);
        f.unsupported("proxy_status_config", proxy_status_config);
        f.unsupported("typed_header_validation_config", typed_header_validation_config);
        f.unsupported("append_local_overload", append_local_overload);
        f.unsupported("add_proxy_protocol_connection_state", add_proxy_protocol_connection_state);
        f.unsupported("forward_proto_config", forward_proto_config);
        f.unsupported("record_route_resolution_stats", record_route_resolution_stats);
        f.without_effect("http3_protocol_options", http3_protocol_options, "HTTP/3 is not served");

        let checked = f.keep(upgrades.as_ref().map_or(Ok(()), |upgrades| {
            Upgrades::check(upgrades, filters.as_ref().map(|filters| &filters.router), &at.field("upgrade_configs"))
        }));
        f.finish(|| {
            checked.take();
            let Filters { filters, router, upstream_filters } = filters.take();
            let Codecs { codec_type, common, mut http1, mut http2 } = codecs.take();
            let timeouts = timeouts.take();
            http2.flush_timeout = Some(timeouts.flush).filter(|timeout| !timeout.is_zero());
            if cx.buffer_limit_bytes > 0 {
                http1.read_limit = cx.buffer_limit_bytes;
            }
            Self {
                stat_prefix,
                codec_type,
                http1,
                http2,
                routes: routes.take(),
                filters,
                router,
                upstream_filters,
                upgrades: upgrades.take().into_iter().map(Upgrades::into_upgrade).collect(),
                server_name: if server_name.is_empty() { "envoy".to_owned() } else { server_name },
                server_header: server_header.take(),
                stream_idle_timeout: timeouts.stream_idle,
                request_timeout: timeouts.request,
                request_headers_timeout: timeouts.request_headers,
                max_stream_duration: common.max_stream_duration,
                idle_timeout: common.idle_timeout,
                max_connection_duration: common.max_connection_duration,
                max_requests_per_connection: common.max_requests_per_connection,
                is_http1_duration_safe: http1_safe_max_connection_duration,
                drain_timeout: timeouts.drain,
                delayed_close_timeout: timeouts.delayed_close,
                buffer_limit_bytes: cx.buffer_limit_bytes,
                proxy_100_continue,
                request_ids: request_ids.take(),
                always_set_request_id: always_set_request_id_in_response,
                is_internal: false,
                access_log: access_log.take(),
                local_replies: local_replies.take(),
                path_rules: PathRules {
                    normalizes: normalize_path.unwrap_or(false),
                    merges_slashes: merge_slashes,
                    escaped_slashes: escaped_slashes.take(),
                },
                host_rules: HostRules { strips_port: strips_port.take(), strips_trailing_dot: strip_trailing_host_dot },
                client_rules: client_rules.take(),
                scheme_to_overwrite: scheme.take(),
                user_agent: add_user_agent.unwrap_or(false).then(|| UserAgent::new(cx.local)),
                via,
                forwards_client_cert_always: client_cert.take(),
            }
        })
    }
}
