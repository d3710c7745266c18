//! `http_filters`: some filters, then the router with the filters that it has for attempts.

use nuncio_config::diagnostic::code;
use nuncio_config::{AnyConfig, At, Chain, Invalid, filter_order};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;

use super::ParseContext;
use crate::filter::ChainFilter;
use crate::router::config::RouterOptions;

pub(in crate::connection_manager) const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// `http_filters`, and those of the router in it.
pub(super) struct Filters {
    pub(super) filters: Vec<ChainFilter>,
    pub(super) router: RouterOptions,
    pub(super) upstream_filters: Option<Vec<ChainFilter>>,
}

/// One of `http_filters`.
enum Filter {
    Router { options: RouterOptions, upstream_filters: Option<Vec<ChainFilter>> },
    Other(ChainFilter),
}

impl Filters {
    pub(super) fn parse(protos: Vec<pb::HttpFilter>, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        let mut failed = check_order(&protos, at).err();
        let mut chain = Vec::new();
        let mut router = None;
        for (index, proto) in protos.into_iter().enumerate() {
            match Filter::parse(proto, &at.index(index), cx) {
                Ok(Filter::Router { options, upstream_filters }) => router = Some((options, upstream_filters)),
                Ok(Filter::Other(filter)) => chain.push(filter),
                Err(invalid) => failed = Some(invalid),
            }
        }
        match (failed, router) {
            // What is invalid may have been the router: its own error says enough.
            (Some(invalid), _) => Err(invalid),
            (None, Some((router, upstream_filters))) => Ok(Self { filters: chain, router, upstream_filters }),
            (None, None) => Err(at.error(code::NOT_IMPLEMENTED, "no terminal router filter")),
        }
    }
}

/// Whether the terminal filter, and nothing else, is the last one.
fn check_order(protos: &[pb::HttpFilter], at: &At<'_>) -> Result<(), Invalid> {
    let url = |proto: &pb::HttpFilter| match &proto.config_type {
        Some(pb::http_filter::ConfigType::TypedConfig(any)) => any.type_url.clone(),
        Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) | None => String::new(),
    };
    let filters: Vec<_> = protos.iter().map(|proto| (proto.name.clone(), url(proto))).collect();
    match filter_order(Chain::Http, &filters) {
        Some((index, message)) => Err(at.index(index).invalid(message)),
        None => Ok(()),
    }
}

impl Filter {
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
                Ok(Self::Router { options, upstream_filters })
            }),
            Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) => {
                f.keep(Err(at.field("config_discovery").not_implemented("'config_discovery'")))
            }
            None => f.absent("'typed_config' must be set"),
        };
        f.finish(|| filter.take())
    }
}
