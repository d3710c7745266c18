//! Circuit breakers: process-wide counts with a limit for each, per priority.
//!
//! Workers load, then add: a limit can be overshot by a race, as in Envoy. Slots are guards, so that none leaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nuncio_stats::{Group, Local, WorkerIndex};

use crate::BreakerStats;

/// `envoy.config.core.v3.RoutingPriority`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RoutingPriority {
    /// DEFAULT
    #[default]
    Default,
    /// HIGH
    High,
}

/// What a breaker counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Upstream connections.
    Connections,
    /// Requests that wait for a connection.
    PendingRequests,
    /// Requests that have a connection.
    Requests,
    /// Retries under way.
    Retries,
}

const RESOURCES: usize = 4;

/// `envoy.config.cluster.v3.CircuitBreakers.Thresholds`: the limits of one priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// max_connections
    pub max_connections: u32,
    /// max_pending_requests
    pub max_pending_requests: u32,
    /// max_requests
    pub max_requests: u32,
    /// max_retries
    pub max_retries: u32,
}

impl Default for Thresholds {
    /// The proto: "If not specified, the default is 1024", and 3 retries.
    fn default() -> Self {
        Self { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024, max_retries: 3 }
    }
}

impl Thresholds {
    fn limit(&self, resource: Resource) -> u32 {
        match resource {
            Resource::Connections => self.max_connections,
            Resource::PendingRequests => self.max_pending_requests,
            Resource::Requests => self.max_requests,
            Resource::Retries => self.max_retries,
        }
    }
}

/// The breakers of one priority of a cluster. Shared by all workers; atomic.
pub struct Breakers {
    thresholds: Thresholds,
    counts: [AtomicU32; RESOURCES],
    /// Whether the gauge of a resource has been shown: Envoy sets it at each use, so that it counts as used.
    is_shown: [AtomicBool; RESOURCES],
    stats: Group<BreakerStats>,
}

impl Breakers {
    /// All closed.
    pub fn new(thresholds: Thresholds, stats: Group<BreakerStats>) -> Self {
        Self { thresholds, counts: Default::default(), is_shown: Default::default(), stats }
    }

    /// The limits.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// What is in use of `resource`.
    pub fn in_use(&self, resource: Resource) -> u32 {
        self.counts[resource as usize].load(Ordering::Relaxed)
    }

    /// Whether one more of `resource` is within the limit.
    pub fn allows(&self, resource: Resource) -> bool {
        self.in_use(resource) < self.thresholds.limit(resource)
    }

    /// Takes one of `resource`, also beyond the limit: who may not checks [`Breakers::allows`] first.
    pub fn take(self: &Arc<Self>, resource: Resource, worker: WorkerIndex) -> BreakerSlot {
        let used = self.counts[resource as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if used == self.thresholds.limit(resource) {
            self.gauge(resource, worker, 1);
        }
        if !self.is_shown[resource as usize].load(Ordering::Relaxed) {
            self.show(resource, worker);
        }
        BreakerSlot { breakers: Arc::clone(self), resource, worker }
    }

    /// At the first use.
    #[cold]
    fn show(&self, resource: Resource, worker: WorkerIndex) {
        self.is_shown[resource as usize].store(true, Ordering::Relaxed);
        self.gauge(resource, worker, 0);
        if resource == Resource::Connections {
            self.stats.local(worker).cx_pool_open.add(0);
        }
    }

    fn release(&self, resource: Resource, worker: WorkerIndex) {
        let used = self.counts[resource as usize].fetch_sub(1, Ordering::Relaxed);
        if used == self.thresholds.limit(resource) {
            self.gauge(resource, worker, -1);
        }
    }

    /// `*_open` is 1 while the limit is reached. Rare, so that the worker's stats are looked up here.
    fn gauge(&self, resource: Resource, worker: WorkerIndex, change: i64) {
        let stats: Local<BreakerStats> = self.stats.local(worker);
        let gauge = match resource {
            Resource::Connections => &stats.cx_open,
            Resource::PendingRequests => &stats.rq_pending_open,
            Resource::Requests => &stats.rq_open,
            Resource::Retries => &stats.rq_retry_open,
        };
        gauge.add(change);
    }
}

/// One unit of a resource, given back when dropped.
#[must_use]
pub struct BreakerSlot {
    breakers: Arc<Breakers>,
    resource: Resource,
    worker: WorkerIndex,
}

impl Drop for BreakerSlot {
    fn drop(&mut self) {
        self.breakers.release(self.resource, self.worker);
    }
}

#[cfg(test)]
mod tests {
    use nuncio_stats::Store;

    use super::*;

    #[test]
    fn slots_come_back_and_the_gauge_shows_the_limit() {
        let store = Store::new(2);
        let stats = BreakerStats::new(&store.scope("b."));
        let thresholds = Thresholds { max_requests: 2, ..Thresholds::default() };
        let breakers = Arc::new(Breakers::new(thresholds, stats));
        let worker = WorkerIndex(1);
        let first = breakers.take(Resource::Requests, worker);
        assert!(breakers.allows(Resource::Requests));
        assert_eq!(store.gauge("b.rq_open"), Some(0));
        let second = breakers.take(Resource::Requests, worker);
        assert!(!breakers.allows(Resource::Requests) && breakers.allows(Resource::Connections));
        assert_eq!(store.gauge("b.rq_open"), Some(1));
        drop((first, second));
        assert_eq!((breakers.in_use(Resource::Requests), store.gauge("b.rq_open")), (0, Some(0)));
    }
}
