//! What the codecs of a connection manager are told.

use nuncio_codec::{http1, http2};
use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;

use super::CodecType;
use crate::connection_manager::codec_options::{CommonOptions, codec_options_http1, codec_options_http2, only_true};

/// The protocols of a connection manager.
pub(super) struct Codecs {
    pub(super) codec_type: CodecType,
    pub(super) common: CommonOptions,
    pub(super) http1: http1::Options,
    pub(super) http2: http2::Options,
}

/// The connection manager's fields that concern protocols, by their names.
pub(super) struct CodecFields {
    pub(super) codec_type: i32,
    pub(super) common_http_protocol_options: Option<core::HttpProtocolOptions>,
    pub(super) http_protocol_options: Option<core::Http1ProtocolOptions>,
    pub(super) http2_protocol_options: Option<core::Http2ProtocolOptions>,
    pub(super) max_request_headers_kb: Option<u32>,
    pub(super) stream_error_on_invalid_http_message: Option<bool>,
}

impl Codecs {
    pub(super) fn parse(proto: CodecFields, at: &At<'_>) -> Result<Self, Invalid> {
        let CodecFields {
            codec_type,
            common_http_protocol_options,
            http_protocol_options,
            http2_protocol_options,
            max_request_headers_kb,
            stream_error_on_invalid_http_message,
        } = proto;
        let mut f = at.fields();
        let codec_type = f.value("codec_type", codec_type, CodecType::parse);
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
        f.finish(|| Self {
            codec_type: codec_type.take(),
            common: common.take(),
            http1: http1.take(),
            http2: http2.take(),
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
