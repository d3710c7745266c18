//! The protocol options that connection managers and clusters have in common, parsed into the codecs' own.

use std::time::Duration;

use nuncio_codec::{http1, http2};
use nuncio_config::diagnostic::code;
use nuncio_config::{At, Extension, Invalid, scalar};
use nuncio_message::OtherNames;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;
use nuncio_proto::envoy::extensions::http::header_formatters::preserve_case::v3::preserve_case_formatter_config::FormatterTypeOnEnvoyHeaders;
use prost::Name;

/// Envoy's `max_request_headers_kb`.
const DEFAULT_HEAD_KB: u32 = 60;

/// `envoy.config.core.v3.HttpProtocolOptions`, for listeners and clusters.
#[derive(Clone, Debug)]
pub(crate) struct CommonOptions {
    /// `idle_timeout`, 1 h by default; zero is off.
    pub(crate) idle_timeout: Duration,
    /// `max_stream_duration`; zero is off.
    pub(crate) max_stream_duration: Duration,
    /// `max_connection_duration`; zero is off.
    pub(crate) max_connection_duration: Duration,
    /// `max_requests_per_connection`; zero is no limit.
    pub(crate) max_requests_per_connection: u32,
    /// `max_headers_count`, 100 by default.
    pub(crate) max_headers: u32,
    /// Limit of received heads in KiB: `max_response_headers_kb`, which a connection manager replaces by its own
    /// `max_request_headers_kb`. The codecs' default (60) stands where there is none.
    pub(crate) max_head_kb: Option<u32>,
    underscores: core::http_protocol_options::HeadersWithUnderscoresAction,
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
        // Zero is not "off" but "at once".
        let oldest = f.optional_or("max_connection_duration", max_connection_duration, Duration::ZERO, |span, at| {
            Ok(scalar::duration(span, at)?.max(Duration::from_millis(1)))
        });
        f.unsupported("max_connection_duration_jitter", max_connection_duration_jitter);
        f.finish(|| Self {
            idle_timeout: idle.take(),
            max_stream_duration: longest.take(),
            max_connection_duration: oldest.take(),
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
            max_connection_duration: Duration::ZERO,
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
    let lower = NameFormat { sent: http1::NameCase::Lower, kept: None };
    let names = f.optional_or("header_key_format", header_key_format, lower, NameFormat::parse);
    let kept_open = only_true(override_stream_error_on_invalid_http_message);
    f.unsupported("override_stream_error_on_invalid_http_message", kept_open);
    f.without_effect("use_balsa_parser", use_balsa_parser, "there is one HTTP/1 parser");
    f.unsupported("ignore_http_11_upgrade", ignore_http_11_upgrade);
    f.finish(|| {
        let NameFormat { sent, kept } = names.take();
        http1::Options {
            max_head_bytes: common.max_head_bytes() as usize,
            max_headers: common.max_headers as usize,
            accept_http_10,
            default_host_for_http_10,
            allow_absolute_url: allow_absolute_url.unwrap_or(default.allow_absolute_url),
            enable_trailers,
            allow_chunked_length,
            allow_custom_methods,
            send_fully_qualified_url,
            name_case: sent,
            spelling: kept,
            underscores: match common.underscores {
                Action::Allow => http1::Underscores::Allow,
                Action::RejectRequest => http1::Underscores::Reject,
                Action::DropHeader => http1::Underscores::Drop,
            },
            ..default
        }
    })
}

/// `envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat`
struct NameFormat {
    sent: http1::NameCase,
    kept: Option<http1::KeepSpelling>,
}

impl NameFormat {
    fn parse(proto: core::http1_protocol_options::HeaderKeyFormat, at: &At<'_>) -> Result<Self, Invalid> {
        use core::http1_protocol_options::header_key_format::{HeaderFormat, ProperCaseWords};
        let core::http1_protocol_options::HeaderKeyFormat { header_format } = proto;
        match header_format {
            Some(HeaderFormat::ProperCaseWords(ProperCaseWords {})) => {
                Ok(Self { sent: http1::NameCase::ProperWords, kept: None })
            }
            Some(HeaderFormat::StatefulFormatter(formatter)) => {
                let kept = parse_stateful_formatter(formatter, &at.field("stateful_formatter"))?;
                Ok(Self { sent: http1::NameCase::Lower, kept: Some(kept) })
            }
            None => Err(at.error(code::REQUIRED, "one of 'proper_case_words' and 'stateful_formatter' must be set")),
        }
    }
}

fn parse_stateful_formatter(proto: core::TypedExtensionConfig, at: &At<'_>) -> Result<http1::KeepSpelling, Invalid> {
    let Extension { name: _, config } = Extension::parse(proto, at)?;
    let at = at.field("typed_config");
    let known = PreserveCaseFormatterConfig::full_name();
    if config.type_name() != known {
        return Err(config.unknown(&at, "header formatter", std::iter::once(known.as_str())));
    }
    let PreserveCaseFormatterConfig { forward_reason_phrase, formatter_type_on_envoy_headers } = config.decode(&at)?;
    let mut f = at.fields();
    let others = f.value("formatter_type_on_envoy_headers", formatter_type_on_envoy_headers, scalar::enumeration);
    f.finish(|| http1::KeepSpelling {
        others: match others.take() {
            FormatterTypeOnEnvoyHeaders::Default => OtherNames::Lower,
            FormatterTypeOnEnvoyHeaders::ProperCase => OtherNames::ProperWords,
        },
        keeps_reason: forward_reason_phrase,
    })
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
pub(super) fn only_true(switch: Option<bool>) -> Option<bool> {
    switch.filter(|is_on| *is_on)
}

fn saturating(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
