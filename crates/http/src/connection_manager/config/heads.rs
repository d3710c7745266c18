//! What a connection manager adds to heads, and takes out of them.

use nuncio_config::{AnyConfig, At, Invalid, scalar};
use nuncio_message::{HeaderId, Headers};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_proto::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;

use super::{LocalInfo, ServerHeader};

const UUID_REQUEST_IDS: &str = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig";

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

impl RequestIds {
    /// Parses the fields that say who gets one: `generate_request_id`, `preserve_external_request_id` and
    /// `request_id_extension`.
    pub(super) fn parse(
        generates: Option<bool>,
        keeps_external: bool,
        extension: Option<pb::RequestIdExtension>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        let mut f = at.fields();
        let packs_trace_reason = f.optional_or("request_id_extension", extension, true, parse_extension);
        f.finish(|| {
            let packs_trace_reason = packs_trace_reason.take();
            match generates.unwrap_or(true) {
                true => Self::Generate { keeps_external, packs_trace_reason },
                false => Self::Keep,
            }
        })
    }
}

impl UserAgent {
    pub(super) fn new(local: &LocalInfo) -> Self {
        Self { cluster: local.cluster.clone(), node: local.node.clone() }
    }

    /// Tells a request who has passed it on.
    pub(in crate::connection_manager) fn add(&self, request: &mut Headers) {
        request.set(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER, self.cluster.as_bytes());
        if request.get(HeaderId::USER_AGENT).is_none_or(<[u8]>::is_empty) {
            request.set(HeaderId::USER_AGENT, self.cluster.as_bytes());
        }
        if !self.node.is_empty() {
            request.set(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_NODE, self.node.as_bytes());
        }
    }
}

impl ServerHeader {
    pub(super) fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::http_connection_manager::ServerHeaderTransformation as Proto;
        Ok(match scalar::enumeration(number, at)? {
            Proto::Overwrite => Self::Overwrite,
            Proto::AppendIfAbsent => Self::AppendIfAbsent,
            Proto::PassThrough => Self::PassThrough,
        })
    }
}

/// Parses `request_id_extension`: whether ids tell why a request is traced.
fn parse_extension(proto: pb::RequestIdExtension, at: &At<'_>) -> Result<bool, Invalid> {
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
pub(super) fn parse_scheme(proto: core::SchemeHeaderTransformation, at: &At<'_>) -> Result<&'static str, Invalid> {
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
pub(super) fn parse_client_cert(number: i32, at: &At<'_>) -> Result<bool, Invalid> {
    use pb::http_connection_manager::ForwardClientCertDetails as Proto;
    Ok(match scalar::enumeration(number, at)? {
        // All of these take the header out of a request that has come without a client certificate.
        Proto::Sanitize | Proto::ForwardOnly | Proto::AppendForward | Proto::SanitizeSet => false,
        Proto::AlwaysForwardOnly => true,
    })
}
