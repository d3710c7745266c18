//! Connection managers that are not configured but part of the process, such as the admin's.

use std::collections::BTreeSet;
use std::sync::Arc;

use nuncio_config::{At, Diagnostics};
use nuncio_proto::envoy::config::core::v3::HttpProtocolOptions;
use nuncio_proto::envoy::config::route::v3::RouteConfiguration;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_upstream::Clusters;

use super::ConnectionManager;
use super::config::{LocalInfo, ParseContext, ROUTER};
use crate::filter::{ChainFilter, FilterFactory};

impl ConnectionManager {
    /// A manager whose requests are answered by `filters`: it has no routes. Its counters are `http.<stat_prefix>.*`.
    ///
    /// As Envoy's admin it has no stream idle timeout, makes no request ids, and makes paths regular: `//ready` is `/ready`.
    pub fn internal(stat_prefix: &str, filters: Vec<Arc<dyn FilterFactory>>) -> Self {
        Self::build_internal(stat_prefix, filters, None)
    }

    /// As [`internal`](Self::internal), but the peer is taken for the client (`use_remote_address`), as by Envoy's admin.
    pub fn internal_edge(stat_prefix: &str, filters: Vec<Arc<dyn FilterFactory>>, local: &LocalInfo) -> Self {
        Self::build_internal(stat_prefix, filters, Some(local))
    }

    fn build_internal(stat_prefix: &str, filters: Vec<Arc<dyn FilterFactory>>, edge: Option<&LocalInfo>) -> Self {
        let router = prost_types::Any { type_url: format!("type.googleapis.com/{ROUTER}"), value: Vec::new() };
        let proto = pb::HttpConnectionManager {
            stat_prefix: stat_prefix.to_owned(),
            stream_idle_timeout: Some(prost_types::Duration::default()),
            generate_request_id: Some(false),
            use_remote_address: Some(edge.is_some()),
            normalize_path: Some(true),
            merge_slashes: true,
            common_http_protocol_options: Some(HttpProtocolOptions::default()),
            route_specifier: Some(pb::http_connection_manager::RouteSpecifier::RouteConfig(
                RouteConfiguration::default(),
            )),
            http_filters: vec![pb::HttpFilter {
                name: "router".to_owned(),
                config_type: Some(pb::http_filter::ConfigType::TypedConfig(router)),
                ..Default::default()
            }],
            ..Default::default()
        };
        let (sink, clusters, nobody) = (Diagnostics::new(), Clusters::default(), LocalInfo::default());
        let cx = ParseContext {
            cluster: &|name| clusters.reference(name),
            clusters: &BTreeSet::new(),
            filter: &|_, any, at| Err(any.unknown(at, "HTTP filter", std::iter::empty())),
            per_route: &|_, _, at| Err(at.not_implemented("a filter's configuration")),
            data_source: &|_, at| Err(at.not_implemented("a body that is not inline")),
            buffer_limit_bytes: 1 << 20,
            local: edge.unwrap_or(&nobody),
        };
        let mut manager = Self::parse(proto, &At::root(&sink), &cx).expect("nothing in it is left to an operator");
        let unnamed = |factory| ChainFilter { name: Box::default(), is_disabled: false, factory };
        manager.filters = filters.into_iter().map(unnamed).collect();
        manager.is_internal = true;
        manager
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_valid_without_any_configuration() {
        let manager = ConnectionManager::internal("admin", Vec::new());
        assert_eq!(manager.stat_prefix, "admin");
        assert!(manager.stream_idle_timeout.is_zero());
    }
}
