//! How a host is picked. Each algorithm is per worker: its cursor is the worker's own.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

use nuncio_worker::Random;

use crate::HostSet;

/// What an algorithm may look at besides the hosts.
pub struct PickContext<'a> {
    /// The worker's random source.
    pub random: &'a Random,
}

/// Picks hosts for one cluster on one worker.
pub trait LoadBalancer {
    /// The index of a host in the set; `None` when there is none that may get traffic.
    fn pick(&self, hosts: &HostSet, cx: &PickContext<'_>) -> Option<usize>;
}

/// ROUND_ROBIN: in turn from a random start; by earliest deadline first when weights differ.
#[derive(Default)]
pub struct RoundRobin {
    next: Cell<Option<usize>>,
    schedule: RefCell<Option<BinaryHeap<Due>>>,
}

impl LoadBalancer for RoundRobin {
    fn pick(&self, hosts: &HostSet, cx: &PickContext<'_>) -> Option<usize> {
        let preferred = hosts.preferred();
        let &first = preferred.first()?;
        let weight = hosts.hosts()[first as usize].weight;
        if preferred.iter().any(|&at| hosts.hosts()[at as usize].weight != weight) {
            return self.pick_weighted(hosts, cx);
        }
        let turn = self.next.get().unwrap_or_else(|| cx.random.below(preferred.len() as u64) as usize);
        self.next.set(Some(turn.wrapping_add(1)));
        Some(preferred[turn % preferred.len()] as usize)
    }
}

impl RoundRobin {
    /// Each host comes again after 1/weight: over time in proportion, and never in bursts.
    fn pick_weighted(&self, hosts: &HostSet, cx: &PickContext<'_>) -> Option<usize> {
        let mut schedule = self.schedule.borrow_mut();
        let schedule = schedule.get_or_insert_with(|| Self::schedule(hosts, cx));
        let due = schedule.pop()?;
        let step = 1.0 / f64::from(hosts.hosts()[due.host as usize].weight.max(1));
        schedule.push(Due { at: due.at + step, order: due.order + hosts.preferred().len() as u64, host: due.host });
        Some(due.host as usize)
    }

    /// Starts at a random point of the first turn, so that workers do not walk in step.
    fn schedule(hosts: &HostSet, cx: &PickContext<'_>) -> BinaryHeap<Due> {
        let mut schedule = BinaryHeap::with_capacity(hosts.preferred().len());
        for (order, &host) in hosts.preferred().iter().enumerate() {
            let step = 1.0 / f64::from(hosts.hosts()[host as usize].weight.max(1));
            let share = cx.random.below(1 << 20) as f64 / f64::from(1 << 20);
            schedule.push(Due { at: step * share, order: order as u64, host });
        }
        schedule
    }
}

/// A host and when it is due; the earliest is the greatest, as the heap wants it.
struct Due {
    at: f64,
    order: u64,
    host: u32,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Host, Locality};

    fn picks(weights: &[u32], count: usize) -> Vec<usize> {
        let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port)).into();
        let host = |(at, weight): (usize, &u32)| {
            Arc::new(Host::new(address(at as u16), String::new(), *weight, 0, Arc::new(Locality::default()), 1))
        };
        let hosts = HostSet::new(weights.iter().enumerate().map(host).collect());
        let (balancer, random) = (RoundRobin::default(), Random::seeded(3));
        (0..count).filter_map(|_| balancer.pick(&hosts, &PickContext { random: &random })).collect()
    }

    #[test]
    fn equal_weights_go_in_turn() {
        let picked = picks(&[1, 1, 1], 6);
        assert!((1..6).all(|at| picked[at] == (picked[at - 1] + 1) % 3), "{picked:?}");
    }

    #[test]
    fn shares_follow_weights() {
        let picked = picks(&[1, 2, 5], 800);
        let share = |host| picked.iter().filter(|at| **at == host).count() as i64;
        for (host, expected) in [(0, 100), (1, 200), (2, 500)] {
            assert!((share(host) - expected).abs() <= 2, "host {host}: {}", share(host));
        }
    }

    #[test]
    fn no_hosts_no_pick() {
        assert!(picks(&[], 1).is_empty());
    }
}
