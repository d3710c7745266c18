//! Picks a host of a cluster, and finds the worker's connections to it.
//!
//! Before: the router found the cluster in the route's slot. Next: `router/attempt/mod.rs`, one try of the host.

use std::rc::Rc;

use nuncio_upstream::{LoadBalancer, PickContext};

use super::{ClusterLocal, HostPool, PoolKey};

impl ClusterLocal {
    /// Picks a host and gives its pool; `None` when there is no host.
    pub(crate) fn pick(&self, key: PoolKey, cx: &PickContext<'_>) -> Option<Rc<HostPool>> {
        let hosts = self.cluster.hosts();
        let Some(host) = self.balancer.pick(hosts, cx) else {
            // No host at all is the worst panic.
            self.stats.lb_healthy_panic.inc();
            return None;
        };
        let at = host * PoolKey::COUNT + key.index();
        let mut pools = self.pools.borrow_mut();
        if pools.len() <= at {
            pools.resize_with(hosts.hosts().len() * PoolKey::COUNT, || None);
        }
        let pool = pools[at].get_or_insert_with(|| {
            let local = hosts.hosts()[host].local(self.worker());
            Rc::new(HostPool::new(self.http.clone(), &self.cluster, &self.codecs, local, key))
        });
        Some(Rc::clone(pool))
    }
}
