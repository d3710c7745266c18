//! What telemetry wants to know of an upstream host and its cluster.

use std::sync::Arc;

use crate::address::Address;

/// An upstream host, as logs name it. Implemented by the hosts of `upstream`.
pub trait HostDescription: Send + Sync {
    /// Where it is.
    fn address(&self) -> &Address;

    /// [`address`](Self::address) printed once, e.g. `10.0.0.1:80`: `UPSTREAM_HOST`.
    fn address_text(&self) -> &str;

    /// `Endpoint.hostname`, or the DNS name; empty when there is none.
    fn hostname(&self) -> &str;
}

/// Shared, immutable: the two names of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterNames {
    /// `Cluster.name`: `UPSTREAM_CLUSTER_RAW`.
    pub name: Arc<str>,
    /// `Cluster.alt_stat_name` when set, else the name: `UPSTREAM_CLUSTER`.
    pub observability_name: Arc<str>,
}
