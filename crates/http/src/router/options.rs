//! A cluster's HTTP options: `envoy.extensions.upstreams.http.v3.HttpProtocolOptions`, parsed.

use std::time::Duration;

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::extensions::upstreams::http::v3 as pb;
use nuncio_upstream::HttpOptionsProto;

use super::upstream_filters::{self, Owner};
use crate::connection_manager::{CommonOptions, codec_options_http1, codec_options_http2};
use crate::filter::{ChainFilter, FilterParser};

/// How a cluster's hosts are spoken to. Shared; opaque to `upstream`.
pub struct UpstreamOptions {
    /// Speak HTTP/2 with prior knowledge, HTTP/1 otherwise.
    pub is_http2: bool,
    /// `http_protocol_options`
    pub http1: nuncio_codec::http1::Options,
    /// `http2_protocol_options`
    pub http2: nuncio_codec::http2::Options,
    /// `common_http_protocol_options.idle_timeout`, 1 h by default; zero switches it off.
    pub idle_timeout: Duration,
    /// `common_http_protocol_options.max_connection_duration`; zero is off.
    pub max_connection_duration: Duration,
    /// `max_requests_per_connection`, of the cluster or its `common_http_protocol_options`; zero is no limit.
    pub max_requests_per_connection: u32,
    /// `http_filters` without the codec: what each attempt has of its own. Absent: those of the router.
    pub filters: Option<Vec<ChainFilter>>,
}

impl Default for UpstreamOptions {
    /// HTTP/1 with Envoy's defaults.
    fn default() -> Self {
        // Responses may have larger heads than requests: 80 KiB on HTTP/1.
        let http1 = nuncio_codec::http1::Options { max_head_bytes: 80 * 1024, ..Default::default() };
        Self {
            is_http2: false,
            http1,
            http2: Default::default(),
            idle_timeout: Duration::from_secs(3600),
            max_connection_duration: Duration::ZERO,
            max_requests_per_connection: 0,
            filters: None,
        }
    }
}

/// The key of [`HttpProtocolOptions`](pb::HttpProtocolOptions) in `typed_extension_protocol_options`.
const KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

impl UpstreamOptions {
    /// Parses a cluster's HTTP options; `filter` makes the factories of its filters.
    ///
    /// # Errors
    /// Everything that is wrong or not supported is reported at its path.
    pub fn parse(proto: HttpOptionsProto, at: &At<'_>, filter: &FilterParser<'_>) -> Result<Self, Invalid> {
        let HttpOptionsProto { common, upstream, http1, http2, max_requests_per_connection, mut typed } = proto;
        let mut f = at.fields();
        f.unsupported("upstream_http_protocol_options", upstream);
        f.unsupported("common_http_protocol_options", common);
        f.unsupported("http_protocol_options", http1);
        f.unsupported("http2_protocol_options", http2);
        let options = typed.remove(KEY);
        f.unsupported("typed_extension_protocol_options", typed);
        let parsed = f.optional_or("typed_extension_protocol_options", options, Self::default(), |any, at| {
            let at = at.key(KEY);
            Self::parse_typed(at.any(&any)?, &at, filter)
        });
        f.finish(|| {
            let mut options = parsed.take();
            // The deprecated field of the cluster counts where the newer one says nothing.
            if let (0, Some(limit)) = (options.max_requests_per_connection, max_requests_per_connection) {
                options.max_requests_per_connection = limit;
            }
            options
        })
    }

    fn parse_typed(proto: pb::HttpProtocolOptions, at: &At<'_>, filter: &FilterParser<'_>) -> Result<Self, Invalid> {
        let pb::HttpProtocolOptions {
            common_http_protocol_options,
            upstream_http_protocol_options,
            http_filters,
            header_validation_config,
            outlier_detection,
            request_mirror_policies,
            hash_policy,
            retry_policy,
            upstream_protocol_options,
        } = proto;
        let mut f = at.fields();
        f.unsupported("upstream_http_protocol_options", upstream_http_protocol_options);
        let filters = f.value("http_filters", http_filters, |protos, at| {
            upstream_filters::parse(protos, at, Owner::Cluster, filter)
        });
        f.unsupported("header_validation_config", header_validation_config);
        f.unsupported("outlier_detection", outlier_detection);
        f.unsupported("request_mirror_policies", request_mirror_policies);
        f.unsupported("hash_policy", hash_policy);
        f.unsupported("retry_policy", retry_policy);
        let common = common_http_protocol_options.unwrap_or_default();
        let common = f.value("common_http_protocol_options", common, CommonOptions::parse);
        let Some(common) = common.as_ref() else { return f.finish(Self::default) };
        f.unsupported(
            "common_http_protocol_options.max_stream_duration",
            common.max_stream_duration.as_millis() as u64,
        );
        let mut options = Self {
            idle_timeout: common.idle_timeout,
            max_connection_duration: common.max_connection_duration,
            max_requests_per_connection: common.max_requests_per_connection,
            ..Self::default()
        };
        match upstream_protocol_options {
            Some(pb::http_protocol_options::UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
                let parsed =
                    f.value("explicit_http_config", explicit, |explicit, at| options.set(explicit, common, at));
                let _ = parsed;
            }
            Some(pb::http_protocol_options::UpstreamProtocolOptions::UseDownstreamProtocolConfig(_)) => {
                f.reject("use_downstream_protocol_config", "is not supported yet");
            }
            Some(pb::http_protocol_options::UpstreamProtocolOptions::AutoConfig(_)) => {
                f.reject("auto_config", "is not supported yet");
            }
            None => f.reject("upstream_protocol_options", "one of them must be set"),
        }
        f.finish(|| Self { filters: filters.take(), ..options })
    }

    fn set(
        &mut self,
        proto: pb::http_protocol_options::ExplicitHttpConfig,
        common: &CommonOptions,
        at: &At<'_>,
    ) -> Result<(), Invalid> {
        use pb::http_protocol_options::explicit_http_config::ProtocolConfig;
        match proto.protocol_config {
            Some(ProtocolConfig::HttpProtocolOptions(http1)) => {
                let http1 = codec_options_http1(http1, common, &at.field("http_protocol_options"))?;
                let max_head_bytes = common.max_head_kb.map_or(80 * 1024, |kb| kb as usize * 1024);
                self.http1 = nuncio_codec::http1::Options { max_head_bytes, ..http1 };
            }
            Some(ProtocolConfig::Http2ProtocolOptions(http2)) => {
                self.http2 = codec_options_http2(http2, common, &at.field("http2_protocol_options"))?;
                self.is_http2 = true;
            }
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                return Err(at.field("http3_protocol_options").not_implemented("HTTP/3"));
            }
            None => return Err(at.invalid("one protocol must be chosen")),
        }
        Ok(())
    }
}
