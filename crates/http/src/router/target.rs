//! Where a request goes: the cluster of its route, and the authority that its hosts are told.

use std::rc::Rc;
use std::sync::Arc;

use nuncio_message::{HeaderId, Headers};
use nuncio_telemetry::ResponseFlag;

use super::pool::ClusterLocal;
use crate::connection_manager::Core;
use crate::filter::LocalReply;
use crate::route::{ClusterSpecifier, Forward, RouteRef, WeightedTarget};

/// The cluster that the route names, as it is now.
pub(super) fn cluster_of(route: &RouteRef, forward: &Forward, core: &Core) -> Option<Rc<ClusterLocal>> {
    let slot = match (&forward.cluster, route.weighted_cluster().map(|weighted| &weighted.target)) {
        (ClusterSpecifier::Cluster(slot), _) | (_, Some(WeightedTarget::Cluster(slot))) => Some(Arc::clone(slot)),
        (ClusterSpecifier::Header(name), _) | (_, Some(WeightedTarget::Header(name))) => {
            let named = core.request.get_by_name(name).and_then(|name| std::str::from_utf8(name).ok());
            named.and_then(|name| core.http.registry().find(name))
        }
        (ClusterSpecifier::Weighted(_), None) => None,
    };
    slot.and_then(|slot| core.http.cluster(&slot))
}

/// Whether the route names this cluster for the request. There need be none of that name.
pub(crate) fn is_for_cluster(name: &str, core: &mut Core) -> bool {
    let Some(route) = core.route_ref().cloned() else { return false };
    let Some(forward) = route.route().forward() else { return false };
    match (&forward.cluster, route.weighted_cluster().map(|weighted| &weighted.target)) {
        (ClusterSpecifier::Cluster(slot), _) | (_, Some(WeightedTarget::Cluster(slot))) => **slot.name() == *name,
        (ClusterSpecifier::Header(header), _) | (_, Some(WeightedTarget::Header(header))) => {
            core.request.get_by_name(header) == Some(name.as_bytes())
        }
        (ClusterSpecifier::Weighted(_), None) => false,
    }
}

/// Tells the filters which cluster the request is for. Without filters the router notes it soon enough.
pub(crate) fn note_cluster(core: &mut Core) {
    let Some(route) = core.route_ref().cloned() else { return };
    let cluster = route.route().forward().and_then(|forward| cluster_of(&route, forward, core));
    core.info.upstream.cluster = cluster.map(|cluster| Arc::clone(cluster.names()));
}

/// As [`cluster_of`]; replies when there is none.
pub(super) fn find_cluster(route: &RouteRef, forward: &Forward, core: &mut Core) -> Option<Rc<ClusterLocal>> {
    let cluster = cluster_of(route, forward, core);
    if cluster.is_none() {
        core.manager.counts.router.no_cluster.inc();
        core.info.flags.set(ResponseFlag::NoClusterFound);
        core.reply(LocalReply::new(forward.cluster_not_found_status, "", "cluster_not_found"));
    }
    cluster
}

/// The request's target as an absolute URI.
pub(super) fn uri(request: &Headers) -> Option<Vec<u8>> {
    let part = |id| request.get(id);
    let (scheme, authority, path) = (part(HeaderId::SCHEME)?, part(HeaderId::AUTHORITY)?, part(HeaderId::PATH)?);
    Some([scheme, b"://", authority, path].concat())
}

/// Replaces the authority. Envoy tells the upstream what it was, and on request the servers behind it too.
pub(super) fn rewrite_host(request: &mut Headers, host: &[u8], appends_forwarded: bool) {
    let old = request.get(HeaderId::AUTHORITY).unwrap_or_default().to_vec();
    request.set(HeaderId::X_ENVOY_ORIGINAL_HOST, &old);
    if appends_forwarded {
        request.append(HeaderId::X_FORWARDED_HOST, b",", &old);
    }
    request.set(HeaderId::AUTHORITY, host);
}
