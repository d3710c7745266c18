//! From a bootstrap's text to typed configuration, as the server does it, without a server.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use nuncio_config::{AnyConfig, At, Invalid, Schema, Source, diagnostic, load_bootstrap};
use nuncio_http::{ConnectionManager, FilterFactory, FilterParser, LocalInfo, ParseContext, UpstreamOptions};
use nuncio_proto::envoy::config::core::v3::DataSource;
use nuncio_proto::envoy::config::listener::v3::Listener;
use nuncio_proto::envoy::config::listener::v3::filter::ConfigType;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use nuncio_upstream::{ClusterConfig, Clusters, HttpOptionsProto};

/// What a world runs.
pub(crate) struct Config {
    pub(crate) managers: Vec<Arc<ConnectionManager>>,
    pub(crate) clusters: Vec<ClusterConfig>,
}

/// Parses a bootstrap whose HTTP filters are made by `filter`. The worker is the only one, beside main.
///
/// # Panics
/// When the text is not valid: it is the world's own.
pub(crate) fn load(text: &str, schema: &Schema, registry: &Clusters, filter: &FilterParser<'_>) -> Config {
    let source = Source::yaml("simulated", text);
    let loaded = load_bootstrap(&source, schema);
    let found = &loaded.diagnostics;
    let (mut managers, mut clusters, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for resource in &loaded.clusters {
        let at = At::path(found, resource.path());
        let http = |options: HttpOptionsProto, at: &At<'_>| {
            let options = UpstreamOptions::parse(options, at, filter)?;
            Ok(Arc::new(options) as Arc<dyn Any + Send + Sync>)
        };
        let cx = nuncio_upstream::ParseContext { threads: 2, http: &http };
        if let Ok(cluster) = resource.message(&at).and_then(|proto| ClusterConfig::parse(proto, &at, &cx)) {
            names.insert(cluster.name.to_string());
            clusters.push(cluster);
        }
    }
    for resource in &loaded.listeners {
        let at = At::path(found, resource.path());
        if let Ok(manager) = resource.message(&at).and_then(|proto| manager(proto, &at, registry, &names, filter)) {
            managers.push(manager);
        }
    }
    let findings = loaded.findings();
    assert!(!found.has_errors(), "{}\n{text}", diagnostic::render_human(&findings, &source));
    Config { managers, clusters }
}

/// The manager of the listener's only filter. The rest of the listener has no part in a world without sockets.
fn manager(
    listener: Listener,
    at: &At<'_>,
    registry: &Clusters,
    names: &BTreeSet<String>,
    filters: &FilterParser<'_>,
) -> Result<Arc<ConnectionManager>, Invalid> {
    let limit = listener.per_connection_buffer_limit_bytes.unwrap_or(1024 * 1024);
    let filter = listener.filter_chains.into_iter().flat_map(|chain| chain.filters).next();
    let Some(ConfigType::TypedConfig(any)) = filter.and_then(|filter| filter.config_type) else {
        return Err(at.invalid("a world's listener has one filter"));
    };
    let any = AnyConfig::parse(any, at)?;
    let local = LocalInfo::default();
    let cx = ParseContext {
        local: &local,
        cluster: &|name| registry.reference(name),
        clusters: names,
        filter: filters,
        per_route: &|_, any, at| {
            let any = AnyConfig::parse(any.clone(), at)?;
            Err(any.unknown(at, "HTTP filter", std::iter::empty()))
        },
        data_source: &|_: DataSource, at| Err(at.not_implemented("a body that is not inline")),
        buffer_limit_bytes: limit as usize,
    };
    let proto: HttpConnectionManager = any.decode(at)?;
    ConnectionManager::parse(proto, at, &cx).map(Arc::new)
}

/// A world without HTTP filters.
pub(crate) fn no_filters(_: &str, any: &AnyConfig, at: &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid> {
    Err(any.unknown(at, "HTTP filter", std::iter::empty()))
}
