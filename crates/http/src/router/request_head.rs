//! What the router makes of a request's head before it is sent: what its route says, and what Envoy tells upstreams.

use std::time::Duration;

use nuncio_message::{HeaderId, HeaderMapKind};
use nuncio_upstream::Host;

use super::Router;
use super::pool::ClusterLocal;
use super::request_timeouts::RequestTimeouts;
use super::target::rewrite_host;
use crate::connection_manager::Core;
use crate::route::{Forward, HostRewrite, RouteRef};

impl Router {
    /// Makes the head what all hosts of the cluster are sent.
    pub(super) fn prepare_head(
        &mut self,
        route: &RouteRef,
        forward: &Forward,
        cluster: &ClusterLocal,
        core: &mut Core,
    ) {
        if let Some(host) = route.weighted_cluster().and_then(|weighted| weighted.host_rewrite.as_ref()) {
            // Envoy tells nobody what it was.
            core.request.set(HeaderId::AUTHORITY, host);
        }
        let options = core.manager.config.router;
        if let Some(name) = core.request.get(HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME) {
            self.codes.alternative = cluster.codes().alternative(name);
            core.request.remove(HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME);
        }
        self.timeouts = RequestTimeouts::begin(forward, &mut core.request, &options);
        if !options.suppresses_envoy_headers {
            self.timeouts.announce(&mut core.request, Duration::ZERO);
        }
        if route.virtual_host().includes_attempt_count {
            core.request.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, 1);
        }
        if route.changes_request_headers() {
            route.change_request_headers(&mut core.subject(HeaderMapKind::Request));
        }
        if let Some(path) = route.route().rewritten_path(&core.request) {
            let old = core.request.get(HeaderId::PATH).unwrap_or_default().to_vec();
            if !options.suppresses_envoy_headers {
                core.request.set(HeaderId::X_ENVOY_ORIGINAL_PATH, &old);
            }
            core.request.set(HeaderId::PATH, &path);
        }
        match &forward.host_rewrite {
            Some(HostRewrite::Literal(host)) => {
                rewrite_host(&mut core.request, host, forward.append_x_forwarded_host);
            }
            Some(HostRewrite::Header(name)) => {
                if let Some(host) = core.request.get_by_name(name).map(<[u8]>::to_vec) {
                    rewrite_host(&mut core.request, &host, forward.append_x_forwarded_host);
                }
            }
            // Known only when a host is picked.
            Some(HostRewrite::Endpoint) | None => {}
        }
    }
}

/// Makes the head what this host is sent.
pub(super) fn name_host(host: &Host, forward: &Forward, core: &mut Core) {
    if matches!(forward.host_rewrite, Some(HostRewrite::Endpoint)) && !host.hostname.is_empty() {
        rewrite_host(&mut core.request, host.hostname.as_bytes(), forward.append_x_forwarded_host);
    }
}
