//! A cluster: what is published to the workers. Shared, immutable but for breakers and counts.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use nuncio_stats::{Group, Scope};

use crate::{Breakers, HostSet, MembershipStats, RoutingPriority, Thresholds, TrafficStats};

/// `envoy.config.cluster.v3.Cluster.LbPolicy`, as far as supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LbPolicy {
    /// ROUND_ROBIN
    RoundRobin,
}

/// A cluster as configured: `envoy.config.cluster.v3.Cluster`, parsed.
pub struct ClusterConfig {
    /// name
    pub name: Arc<str>,
    /// `alt_stat_name`, or the name: what stands in stat names.
    pub stat_name: String,
    /// connect_timeout
    pub connect_timeout: Duration,
    /// per_connection_buffer_limit_bytes
    pub buffer_limit_bytes: u32,
    /// lb_policy
    pub lb_policy: LbPolicy,
    /// circuit_breakers, default and high priority.
    pub thresholds: [Thresholds; 2],
    /// The hosts of `load_assignment`.
    pub hosts: Arc<HostSet>,
    /// The HTTP options, of the HTTP layer's own type.
    pub http: Arc<dyn Any + Send + Sync>,
}

/// A running cluster. Shared by all workers.
pub struct Cluster {
    /// What was configured.
    pub config: ClusterConfig,
    /// Counts of connections and requests.
    pub stats: Group<TrafficStats>,
    /// Where the HTTP layer puts stats of its own, and those that are made on first use.
    pub scope: Scope,
    membership: Group<MembershipStats>,
    breakers: [Arc<Breakers>; 2],
}

impl Cluster {
    /// Registers the cluster's stats under `root` and closes its breakers.
    pub fn build(config: ClusterConfig, root: &Scope) -> Self {
        // Envoy replaces the colon, which separates labels in some sinks.
        let scope = root.scope(&format!("cluster.{}.", config.stat_name.replace(':', "_")));
        let breakers = ["default", "high"].map(|priority| scope.scope(&format!("circuit_breakers.{priority}.")));
        let [default, high] = breakers;
        let membership = MembershipStats::new(&scope);
        {
            let stats = membership.local(nuncio_stats::WorkerIndex::MAIN);
            let count = config.hosts.hosts().len() as u64;
            stats.membership_change.add(u64::from(count > 0));
            // Which transport socket a host gets is decided when it comes: the cluster's own.
            stats.total_match_count.add(count);
            stats.membership_total.set(count);
            stats.membership_healthy.set(count);
            stats.membership_degraded.set(0);
            stats.membership_excluded.set(0);
            stats.warming_state.set(0);
        }
        Self {
            stats: TrafficStats::new(&scope),
            membership,
            breakers: [
                Arc::new(Breakers::new(config.thresholds[0], &default)),
                Arc::new(Breakers::new(config.thresholds[1], &high)),
            ],
            scope,
            config,
        }
    }

    /// The breakers of a priority.
    pub fn breakers(&self, priority: RoutingPriority) -> &Arc<Breakers> {
        &self.breakers[priority as usize]
    }

    /// The hosts that are there now.
    pub fn hosts(&self) -> &Arc<HostSet> {
        &self.config.hosts
    }

    /// Main's counts.
    pub fn membership(&self) -> &Group<MembershipStats> {
        &self.membership
    }
}
