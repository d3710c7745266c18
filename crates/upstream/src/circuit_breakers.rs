//! Circuit breakers: process-wide counts with a limit for each, per priority.
//!
//! Workers load, then add: a limit can be overshot by a race, as in Envoy. Slots are guards, so that none leaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nuncio_stats::{Group, Local, Scope, WorkerIndex};

use crate::stats::{BreakerStats, RemainingStats};

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
    /// Pools with connections.
    ConnectionPools,
}

impl Resource {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Connections, Self::PendingRequests, Self::Requests, Self::Retries, Self::ConnectionPools];
}

const RESOURCES: usize = Resource::ALL.len();

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
    /// `track_remaining`: whether gauges show what is left of each.
    pub tracks_remaining: bool,
    /// `max_connections` of `per_host_thresholds`: connections to one host.
    pub max_connections_per_host: Option<u32>,
}

impl Default for Thresholds {
    /// The proto: "If not specified, the default is 1024", and 3 retries.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending_requests: 1024,
            max_requests: 1024,
            max_retries: 3,
            tracks_remaining: false,
            max_connections_per_host: None,
        }
    }
}

impl Thresholds {
    fn limit(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Connections => self.max_connections.into(),
            Resource::PendingRequests => self.max_pending_requests.into(),
            Resource::Requests => self.max_requests.into(),
            Resource::Retries => self.max_retries.into(),
            // The proto: "If not specified, the default is unlimited", which Envoy shows as this number.
            Resource::ConnectionPools => u64::MAX,
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
    /// With `track_remaining`.
    remaining: Option<Group<RemainingStats>>,
}

impl Breakers {
    /// All closed, with gauges in `scope`.
    pub fn new(thresholds: Thresholds, scope: &Scope) -> Self {
        let breakers = Self {
            thresholds,
            counts: Default::default(),
            is_shown: Default::default(),
            stats: BreakerStats::new(scope),
            remaining: thresholds.tracks_remaining.then(|| RemainingStats::new(scope)),
        };
        for resource in Resource::ALL {
            // Unlimited, all ones, is the same bits.
            breakers.change_remaining(resource, WorkerIndex::MAIN, thresholds.limit(resource) as i64);
        }
        breakers
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
        u64::from(self.in_use(resource)) < self.thresholds.limit(resource)
    }

    /// Takes one of `resource`, also beyond the limit: who may not checks [`Breakers::allows`] first.
    pub fn take(self: &Arc<Self>, resource: Resource, worker: WorkerIndex) -> BreakerSlot {
        let used = self.counts[resource as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if u64::from(used) == self.thresholds.limit(resource) {
            self.gauge(resource, worker, 1);
        }
        if self.remaining.is_some() && u64::from(used) <= self.thresholds.limit(resource) {
            self.change_remaining(resource, worker, -1);
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
    }

    fn release(&self, resource: Resource, worker: WorkerIndex) {
        let used = self.counts[resource as usize].fetch_sub(1, Ordering::Relaxed);
        if u64::from(used) == self.thresholds.limit(resource) {
            self.gauge(resource, worker, -1);
        }
        if self.remaining.is_some() && u64::from(used) <= self.thresholds.limit(resource) {
            self.change_remaining(resource, worker, 1);
        }
    }

    /// What is taken beyond the limit does not count.
    #[cold]
    fn change_remaining(&self, resource: Resource, worker: WorkerIndex, change: i64) {
        let Some(stats) = &self.remaining else { return };
        let stats: Local<RemainingStats> = stats.local(worker);
        let gauge = match resource {
            Resource::Connections => &stats.remaining_cx,
            Resource::PendingRequests => &stats.remaining_pending,
            Resource::Requests => &stats.remaining_rq,
            Resource::Retries => &stats.remaining_retries,
            Resource::ConnectionPools => {
                // The sum of the workers' parts wraps around, which that of other gauges does not.
                stats.remaining_cx_pools.add(change);
                return;
            }
        };
        gauge.add(change);
    }

    /// `*_open` is 1 while the limit is reached. Rare, so that the worker's stats are looked up here.
    fn gauge(&self, resource: Resource, worker: WorkerIndex, change: i64) {
        let stats: Local<BreakerStats> = self.stats.local(worker);
        let gauge = match resource {
            Resource::Connections => &stats.cx_open,
            Resource::PendingRequests => &stats.rq_pending_open,
            Resource::Requests => &stats.rq_open,
            Resource::Retries => &stats.rq_retry_open,
            Resource::ConnectionPools => &stats.cx_pool_open,
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
        let thresholds = Thresholds { max_requests: 2, ..Thresholds::default() };
        let breakers = Arc::new(Breakers::new(thresholds, &store.scope("b.")));
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

    #[test]
    fn what_remains_is_never_less_than_nothing() {
        let store = Store::new(2);
        let thresholds = Thresholds { max_requests: 1, tracks_remaining: true, ..Thresholds::default() };
        let breakers = Arc::new(Breakers::new(thresholds, &store.scope("b.")));
        assert_eq!(store.gauge("b.remaining_rq"), Some(1));
        assert_eq!(store.gauge("b.remaining_cx_pools"), Some(-1));
        let slots = [0, 1].map(|worker| breakers.take(Resource::Requests, WorkerIndex(worker)));
        assert_eq!(store.gauge("b.remaining_rq"), Some(0));
        let pool = breakers.take(Resource::ConnectionPools, WorkerIndex(1));
        assert_eq!(store.gauge("b.remaining_cx_pools"), Some(-2));
        drop((slots, pool));
        assert_eq!(store.gauge("b.remaining_rq"), Some(1));
        let quiet = Breakers::new(Thresholds::default(), &store.scope("q."));
        assert!(quiet.allows(Resource::Requests));
        assert_eq!(store.gauge("q.remaining_rq"), None);
    }
}
