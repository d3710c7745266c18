//! What is counted for a listener, under `listener.<address or stat_prefix>.`.

use nuncio_message::Tick;
use nuncio_stats::{Held, Scope, WorkerIndex, sanitize, stat_group};

stat_group! {
    /// Connections as they come and go.
    pub(crate) struct ListenerStats {
        gauge downstream_cx_active,
        counter downstream_cx_destroy,
        counter downstream_cx_overflow,
        counter downstream_cx_overload_reject,
        counter downstream_cx_total,
        counter downstream_cx_transport_socket_connect_timeout,
        counter downstream_global_cx_overflow,
        counter downstream_listener_filter_error,
        counter downstream_listener_filter_remote_close,
        gauge downstream_pre_cx_active,
        counter downstream_pre_cx_timeout,
        counter no_filter_chain_match,
        histogram connections_accepted_per_socket_event: Unspecified,
        histogram downstream_cx_length_ms: Milliseconds,
    }
}

stat_group! {
    /// What only configured listeners have, not the admin's.
    pub(crate) struct DiscoveryStats {
        counter extension_config_missing,
        counter network_extension_config_missing,
    }
}

stat_group! {
    /// One worker's share, `worker_<n>.` or `main_thread.`.
    pub(crate) struct WorkerStats {
        gauge downstream_cx_active,
        counter downstream_cx_total,
    }
}

/// Per worker: the counts of one listener.
pub struct ListenerCounts {
    scope: Scope,
    stats: Held<ListenerStats>,
    worker: Held<WorkerStats>,
    _discovery: Option<Held<DiscoveryStats>>,
}

impl ListenerCounts {
    /// The counts of the configured listener called `name`: its `stat_prefix`, or its address.
    pub fn new(root: &Scope, name: &str, worker: WorkerIndex) -> Self {
        let mut counts = Self::internal(root, name, worker);
        counts._discovery = Some(DiscoveryStats::new(&counts.scope).held(worker));
        counts
    }

    /// The counts of a listener that is part of the process, such as the admin's.
    pub fn internal(root: &Scope, name: &str, worker: WorkerIndex) -> Self {
        let scope = root.scope(&format!("listener.{}.", sanitize(name)));
        let share = match worker {
            WorkerIndex::MAIN => scope.scope("main_thread."),
            WorkerIndex(number) => scope.scope(&format!("worker_{}.", number - 1)),
        };
        Self {
            stats: ListenerStats::new(&scope).held(worker),
            worker: WorkerStats::new(&share).held(worker),
            _discovery: None,
            scope,
        }
    }

    /// Where those who serve the listener's connections put stats of their own: `listener.<name>.`.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// So many connections were ready at once.
    pub(crate) fn accepted(&self, count: u64) {
        self.stats.connections_accepted_per_socket_event.record(count);
    }

    /// A connection was accepted.
    pub fn begin(&self, now: Tick) -> CountedConnection {
        self.stats.downstream_cx_total.inc();
        self.stats.downstream_cx_active.inc();
        self.worker.downstream_cx_total.inc();
        self.worker.downstream_cx_active.inc();
        CountedConnection { opened: now, stats: (*self.stats).clone(), worker: (*self.worker).clone() }
    }
}

/// An accepted connection, as its listener counts it. Owner: whoever serves it, who says when it has ended.
#[must_use = "the connection stays counted as active until it is ended"]
pub struct CountedConnection {
    opened: Tick,
    stats: nuncio_stats::Local<ListenerStats>,
    worker: nuncio_stats::Local<WorkerStats>,
}

impl CountedConnection {
    /// The connection is closed.
    pub fn end(self, now: Tick) {
        self.stats.downstream_cx_active.dec();
        self.worker.downstream_cx_active.dec();
        self.stats.downstream_cx_destroy.inc();
        self.stats.downstream_cx_length_ms.record(now.since(self.opened).as_millis() as u64);
    }
}

#[cfg(test)]
mod tests {
    use nuncio_stats::Store;

    use super::*;

    #[test]
    fn a_connection_is_counted_by_listener_and_by_worker() {
        let store = Store::new(3);
        let counts = ListenerCounts::new(&store.scope(""), "127.0.0.1:80", WorkerIndex(2));
        let admin = ListenerCounts::internal(&store.scope(""), "admin", WorkerIndex::MAIN);
        let (first, second) = (counts.begin(Tick(0)), counts.begin(Tick(5)));
        first.end(Tick(7));
        for (name, counter, gauge) in [
            ("listener.127.0.0.1_80.downstream_cx_total", Some(2), None),
            ("listener.127.0.0.1_80.downstream_cx_active", None, Some(1)),
            ("listener.127.0.0.1_80.downstream_cx_destroy", Some(1), None),
            ("listener.127.0.0.1_80.worker_1.downstream_cx_total", Some(2), None),
            ("listener.127.0.0.1_80.worker_1.downstream_cx_active", None, Some(1)),
            ("listener.127.0.0.1_80.extension_config_missing", Some(0), None),
            ("listener.admin.main_thread.downstream_cx_total", Some(0), None),
            ("listener.admin.extension_config_missing", None, None),
        ] {
            assert_eq!((store.counter(name), store.gauge(name)), (counter, gauge), "{name}");
        }
        second.end(Tick(7));
        drop((counts, admin));
    }
}
