//! The filters that each attempt has of its own: `http_filters` of a cluster's `HttpProtocolOptions`, or the router's
//! `upstream_http_filters`.

use nuncio_config::{AnyConfig, At, Invalid};
use nuncio_proto::envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;

use crate::filter::{ChainFilter, FilterParser};

const CODEC: &str = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";

/// Whose filters they are, which Envoy words its errors by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Cluster,
    Router,
}

/// One of the list.
enum UpstreamFilter {
    /// The end of the chain.
    Codec {
        name: String,
    },
    Other(ChainFilter),
}

/// Parses the list: some filters, then the codec. An empty one is none.
///
/// # Errors
/// When anything in it is invalid or not supported; all errors have been reported.
pub(crate) fn parse(
    protos: Vec<pb::HttpFilter>,
    at: &At<'_>,
    owner: Owner,
    filter: &FilterParser<'_>,
) -> Result<Option<Vec<ChainFilter>>, Invalid> {
    if protos.is_empty() {
        return Ok(None);
    }
    let (mut failed, mut filters, mut last) = (None, Vec::new(), String::new());
    let mut has_codec = false;
    let count = protos.len();
    for (index, proto) in protos.into_iter().enumerate() {
        let at = at.index(index);
        last.clone_from(&proto.name);
        match parse_one(proto, &at, filter) {
            Ok(UpstreamFilter::Codec { name }) if index + 1 != count => {
                failed = Some(at.invalid(owner.not_last(&name)))
            }
            Ok(UpstreamFilter::Codec { .. }) => has_codec = true,
            Ok(UpstreamFilter::Other(filter)) => filters.push(filter),
            Err(invalid) => failed = Some(invalid),
        }
    }
    match (failed, has_codec) {
        (Some(invalid), _) => Err(invalid),
        (None, true) => Ok(Some(filters)),
        (None, false) => Err(at.invalid(owner.no_codec(&last))),
    }
}

fn parse_one(proto: pb::HttpFilter, at: &At<'_>, filter: &FilterParser<'_>) -> Result<UpstreamFilter, Invalid> {
    // An optional filter of an unknown type is refused like any other: Envoy may well know it.
    let pb::HttpFilter { name, is_optional: _, disabled, config_type } = proto;
    let mut f = at.fields();
    let parsed = match config_type {
        Some(pb::http_filter::ConfigType::TypedConfig(any)) => f.value("typed_config", any, |any, at| {
            let config = AnyConfig::parse(any, at)?;
            if config.type_name() != CODEC {
                let factory = filter(&name, &config, at)?;
                let name = name.as_str().into();
                return Ok(UpstreamFilter::Other(ChainFilter { name, is_disabled: disabled, factory }));
            }
            if disabled {
                return Err(at.invalid(format!(
                    "Error: the last (terminal) filter ({name}) in the chain cannot be disabled by default."
                )));
            }
            let UpstreamCodec {} = config.decode(at)?;
            Ok(UpstreamFilter::Codec { name: name.clone() })
        }),
        Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) => {
            f.keep(Err(at.field("config_discovery").not_implemented("'config_discovery'")))
        }
        None => f.absent("'typed_config' must be set"),
    };
    f.finish(|| parsed.take())
}

impl Owner {
    fn not_last(self, name: &str) -> String {
        let whose = match self {
            Self::Cluster => "upstream",
            Self::Router => "router upstream",
        };
        format!(
            "Error: terminal filter named {name} of type envoy.filters.http.upstream_codec must be the last filter in a \
             {whose} http filter chain."
        )
    }

    fn no_codec(self, last: &str) -> String {
        match self {
            Self::Cluster => format!("The codec filter is the only valid terminal upstream HTTP filter, use '{CODEC}'"),
            Self::Router => format!(
                "Error: non-terminal filter named {last} is the last filter in a router upstream http filter chain. When \
                 upstream_http_filters are specified, they must explicitly end with an UpstreamCodec filter."
            ),
        }
    }
}
