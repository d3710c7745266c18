//! What is counted, and the faults that are going on.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use nuncio_http::FactoryContext;
use nuncio_stats::{Dynamic, GaugeGuard, Group, Local, LocalDynamic, stat_group};

stat_group! {
    /// `http.<stat_prefix>.fault.`
    pub(super) struct Stats {
        counter aborts_injected,
        counter delays_injected,
        counter faults_overflow,
        counter response_rl_injected,
        gauge active_faults,
    }
}

/// Owner: the worker.
pub(super) struct Counts {
    pub(super) stats: Local<Stats>,
    /// `http.<stat_prefix>.fault.<downstream cluster>.`
    by_cluster: LocalDynamic,
    /// The faults of this filter that are going on, on all workers.
    active: Arc<AtomicU64>,
    /// Keeps the names for as long as the filter is used.
    _names: (Group<Stats>, Dynamic),
}

/// A stream that meets faults, whatever their number. Owner: the stream.
pub(super) struct Active {
    active: Arc<AtomicU64>,
    _gauge: GaugeGuard<Stats>,
}

impl Counts {
    pub(super) fn new(active: &Arc<AtomicU64>, cx: &FactoryContext<'_>) -> Self {
        let (scope, worker) = (cx.scope.scope("fault."), cx.worker.index());
        let names = (Stats::new(&scope), Dynamic::new(&scope));
        let (stats, by_cluster) = (names.0.local(worker), names.1.local(worker));
        Self { stats, by_cluster, active: Arc::clone(active), _names: names }
    }

    /// Begins a fault, unless there are `max` already. As in Envoy two workers may both take the last place.
    pub(super) fn begin(&self, max: u64) -> Option<Active> {
        if self.active.load(Relaxed) >= max {
            self.stats.faults_overflow.inc();
            return None;
        }
        self.active.fetch_add(1, Relaxed);
        Some(Active { active: Arc::clone(&self.active), _gauge: self.stats.guard(|stats| &stats.active_faults) })
    }

    pub(super) fn count_delay(&self, downstream_cluster: &[u8]) {
        self.stats.delays_injected.inc();
        self.count_for(downstream_cluster, "delays_injected");
    }

    pub(super) fn count_abort(&self, downstream_cluster: &[u8]) {
        self.stats.aborts_injected.inc();
        self.count_for(downstream_cluster, "aborts_injected");
    }

    fn count_for(&self, downstream_cluster: &[u8], name: &str) {
        if !downstream_cluster.is_empty() {
            let cluster = String::from_utf8_lossy(downstream_cluster);
            self.by_cluster.counter(&format!("{cluster}.{name}")).inc();
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.active.fetch_sub(1, Relaxed);
    }
}
