//! One worker's half of a cluster.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use nuncio_stats::Local;
use nuncio_telemetry::ClusterNames;
use nuncio_upstream::{BreakerSlot, Cluster, ClusterCodes, Resource, RoundRobin, RoutingPriority, TrafficStats};
use nuncio_worker::WorkerIndex;

use super::{HostPool, UpstreamOptions};
use crate::chain::Plan;
use crate::codec_stats::CodecStats;
use crate::filter::FactoryContext;
use crate::http_worker::HttpWorker;

/// One worker's half of a cluster. Owner: the worker.
pub(crate) struct ClusterLocal {
    pub(super) http: Weak<HttpWorker>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) stats: Local<TrafficStats>,
    codes: Rc<ClusterCodes>,
    pub(super) codecs: Rc<CodecStats>,
    names: Arc<ClusterNames>,
    pub(super) balancer: RoundRobin,
    /// The filters that each attempt has of its own.
    upstream_plan: Option<Rc<Plan>>,
    /// By host and [`PoolKey`](super::PoolKey).
    pub(super) pools: RefCell<Vec<Option<Rc<HostPool>>>>,
}

impl ClusterLocal {
    pub(crate) fn new(http: Weak<HttpWorker>, cluster: Arc<Cluster>) -> Self {
        let worker = http.upgrade().map_or(WorkerIndex::MAIN, |http| http.worker().index());
        let upstream_plan = http.upgrade().and_then(|http| {
            let options = cluster.config.http.downcast_ref::<UpstreamOptions>()?;
            Plan::build_upstream(
                options.filters.as_deref(),
                &FactoryContext { worker: http.worker(), scope: &cluster.scope },
            )
        });
        Self {
            http,
            upstream_plan,
            stats: cluster.stats.local(worker),
            codes: Rc::new(ClusterCodes::new(&cluster.scope, worker)),
            codecs: Rc::new(CodecStats::new(&cluster.scope, worker)),
            names: names(&cluster.config),
            cluster,
            balancer: RoundRobin::default(),
            pools: RefCell::default(),
        }
    }

    pub(super) fn worker(&self) -> WorkerIndex {
        self.http.upgrade().map_or(WorkerIndex::MAIN, |http| http.worker().index())
    }

    pub(crate) fn stats(&self) -> &Local<TrafficStats> {
        &self.stats
    }

    pub(crate) fn codes(&self) -> &Rc<ClusterCodes> {
        &self.codes
    }

    /// The cluster's own filters for each attempt; `None` when it has none, so that those of the router count.
    pub(crate) fn upstream_plan(&self) -> Option<&Rc<Plan>> {
        self.upstream_plan.as_ref()
    }

    pub(crate) fn names(&self) -> &Arc<ClusterNames> {
        &self.names
    }

    pub(crate) fn allows(&self, priority: RoutingPriority, resource: Resource) -> bool {
        self.cluster.breakers(priority).allows(resource)
    }

    pub(crate) fn take(&self, priority: RoutingPriority, resource: Resource) -> BreakerSlot {
        self.cluster.breakers(priority).take(resource, self.worker())
    }
}

/// The names of a cluster as logs print them.
fn names(config: &nuncio_upstream::ClusterConfig) -> Arc<ClusterNames> {
    let observability_name = Arc::from(config.stat_name.as_str());
    Arc::new(ClusterNames { name: Arc::clone(&config.name), observability_name })
}
