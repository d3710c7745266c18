//! A route configuration as a whole: domains, names, mirrors, routes that cannot be reached.

use std::collections::{BTreeMap, BTreeSet};

use nuncio_proto::envoy::config::route::v3 as pb;
use nuncio_proto::envoy::config::route::v3::route_action::RequestMirrorPolicy;

use super::names::Names;
use super::references::{dangling, unknown_route_cluster};
use super::unreachable;
use crate::at::At;
use crate::diagnostic::code;

/// Judges a route configuration, but for the clusters that its routes name.
pub(super) fn review(proto: &pb::RouteConfiguration, names: &Names, validates: bool, at: &At<'_>) {
    let at_hosts = at.field("virtual_hosts");
    let mut domains = BTreeSet::new();
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, host) in proto.virtual_hosts.iter().enumerate() {
        let at = at_hosts.index(index);
        if let Some(first) = hosts.get(host.name.as_str()) {
            let message =
                format!("virtual_hosts[{first}] has the name '{}' too, and they share their stats", host.name);
            at.field("name").warning(code::DUPLICATE_NAME, message);
        } else {
            hosts.insert(&host.name, index);
        }
        review_domains(host, &proto.name, &mut domains, &at.field("domains"));
        unreachable::review(&host.routes, &at.field("routes"));
        let is_used = host.routes.iter().any(lacks_mirrors);
        review_mirrors(&host.request_mirror_policies, is_used && validates, names, &at);
    }
    let lacks =
        |host: &pb::VirtualHost| host.request_mirror_policies.is_empty() && host.routes.iter().any(lacks_mirrors);
    let is_used = proto.virtual_hosts.iter().any(lacks);
    review_mirrors(&proto.request_mirror_policies, is_used && validates, names, at);
}

fn review_domains(host: &pb::VirtualHost, table: &str, domains: &mut BTreeSet<String>, at: &At<'_>) {
    for (index, domain) in host.domains.iter().enumerate() {
        let domain = domain.to_ascii_lowercase();
        if domain == "*" && domains.contains("*") {
            at.index(index).invalid(format!("Only a single wildcard domain is permitted in route {table}"));
        } else if domains.contains(&domain) {
            at.index(index).invalid(format!(
                "Only unique values for domains are permitted. Duplicate entry of domain {domain} in route {table}"
            ));
        }
        domains.insert(domain);
    }
}

/// Whether a route takes the mirrors of the level above. Redirects have none of their own.
fn lacks_mirrors(route: &pb::Route) -> bool {
    match &route.action {
        Some(pb::route::Action::Route(action)) => action.request_mirror_policies.is_empty(),
        _ => true,
    }
}

/// Mirrors that stand above the routes: Envoy looks at them only where a route takes them.
fn review_mirrors(mirrors: &[RequestMirrorPolicy], is_checked: bool, names: &Names, at: &At<'_>) {
    let at = at.field("request_mirror_policies");
    for (index, mirror) in mirrors.iter().enumerate() {
        let (name, at) = (&mirror.cluster, at.index(index));
        let at = at.field("cluster");
        if name.is_empty() || names.clusters.contains(name) {
            continue;
        }
        if is_checked {
            unknown_route_cluster("shadow cluster", name, names, &at);
        } else if !names.has_more_clusters {
            dangling(&format!("there is no cluster '{name}'"), names.cluster_help(name), &at);
        }
    }
}
