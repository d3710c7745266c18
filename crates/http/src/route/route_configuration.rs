//! From `envoy.config.route.v3.RouteConfiguration` to [`Table`].

use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::context::ParseContext;
use super::direct_response::DEFAULT_MAX_BODY_BYTES;
use super::domains::Domains;
use super::header_mutations::MutationOrder;
use super::level::Level;
use super::level::LevelFields;
use super::table::Table;
use super::virtual_host::VirtualHost;

impl Table {
    /// Parses the route configuration.
    ///
    /// The clusters that it names are noted in `cx`; whether they must exist is [`Table::validates_clusters`].
    ///
    /// # Errors
    /// When anything in it is invalid or not supported; all errors have been reported.
    pub fn parse(proto: pb::RouteConfiguration, cx: &ParseContext<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::RouteConfiguration {
            name,
            virtual_hosts,
            vhds,
            internal_only_headers,
            response_headers_to_add,
            response_headers_to_remove,
            request_headers_to_add,
            request_headers_to_remove,
            most_specific_header_mutations_wins,
            validate_clusters,
            max_direct_response_body_size_bytes,
            cluster_specifier_plugins,
            request_mirror_policies,
            ignore_port_in_host_matching,
            vhost_header,
            ignore_path_parameters_in_path_matching,
            typed_per_filter_config,
            metadata: _,
            route_specifiers,
        } = proto;
        let mut f = at.fields();
        let max_body_bytes = max_direct_response_body_size_bytes.unwrap_or(DEFAULT_MAX_BODY_BYTES);
        let mut domains = Domains::default();
        let numbered = (0..).zip(virtual_hosts).collect();
        let virtual_hosts = f.each("virtual_hosts", numbered, |(index, proto), at| {
            let (virtual_host, names) = VirtualHost::parse(proto, max_body_bytes, cx, at)?;
            let mut f = at.fields();
            let added = f.each("domains", names, |domain, at| domains.add(domain, index, &name, at));
            f.finish(|| {
                drop(added.take());
                virtual_host
            })
        });
        let level = LevelFields {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
        };
        let level = f.keep(Level::parse(level, cx, at));
        f.unsupported("vhds", vhds);
        f.unsupported("cluster_specifier_plugins", cluster_specifier_plugins);
        f.unsupported("request_mirror_policies", request_mirror_policies);
        f.unsupported("vhost_header", vhost_header);
        f.unsupported("ignore_path_parameters_in_path_matching", ignore_path_parameters_in_path_matching);
        f.unsupported("route_specifiers", route_specifiers);
        f.finish(|| Self {
            virtual_hosts: virtual_hosts.take().into(),
            domains,
            is_port_ignored: ignore_port_in_host_matching,
            validates_clusters: validate_clusters,
            level: level.take(),
            order: match most_specific_header_mutations_wins {
                true => MutationOrder::MostSpecificWins,
                false => MutationOrder::LeastSpecificWins,
            },
            internal_only_headers: internal_only_headers
                .into_iter()
                .map(|name| name.to_ascii_lowercase().into_bytes().into())
                .collect(),
            name: name.as_str().into(),
        })
    }

    /// The lower-case names of headers that only internal clients may send: `internal_only_headers`.
    pub fn internal_only_headers(&self) -> impl Iterator<Item = &[u8]> {
        self.internal_only_headers.iter().map(|name| &**name)
    }

    /// The name of the route configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `validate_clusters`: absent means yes for a route configuration in a listener, no for one from RDS.
    pub fn validates_clusters(&self) -> Option<bool> {
        self.validates_clusters
    }
}
