//! What is counted for the process as a whole, under Envoy's names: `server.`, `cluster_manager.`,
//! `listener_manager.`, `runtime.`, the watchdogs and the rest of what an idle server shows.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use nuncio_admin::pages::{Refresh, Usage};
use nuncio_config::Counts;
use nuncio_http::RouterStats;
use nuncio_stats::{Dynamic, Group, LocalDynamic, Store, WorkerIndex, stat_group};
use nuncio_telemetry::access_log::file::{FileManager, FileStats};
use nuncio_worker::{Lifecycle, Stopwatch};

use crate::options::Options;
use crate::{about, memory};

stat_group! {
    /// `server.`
    struct Server {
        set_gauge fips_mode = "compilation_settings.fips_mode",
        set_gauge concurrency,
        set_gauge days_until_first_cert_expiring,
        counter debug_assertion_failures,
        counter dropped_stat_flushes,
        counter dynamic_unknown_fields,
        counter envoy_bug_failures,
        counter envoy_notifications,
        set_gauge hot_restart_epoch,
        histogram initialization_time_ms: Milliseconds,
        set_gauge live,
        set_gauge memory_allocated,
        set_gauge memory_heap_size,
        set_gauge memory_physical_size,
        set_gauge parent_connections,
        set_gauge seconds_until_first_ocsp_response_expiring,
        set_gauge state,
        counter static_unknown_fields,
        set_gauge stats_recent_lookups,
        set_gauge total_connections,
        set_gauge uptime,
        set_gauge version,
        counter wip_protos,
    }
}

stat_group! {
    /// `cluster_manager.`
    struct ClusterManager {
        set_gauge active_clusters,
        counter cluster_added,
        counter cluster_modified,
        counter cluster_removed,
        counter cluster_updated,
        counter cluster_updated_via_merge,
        counter update_merge_cancelled,
        counter update_out_of_merge_window,
        set_gauge warming_clusters,
    }
}

stat_group! {
    /// `listener_manager.`
    struct ListenerManager {
        counter listener_added,
        counter listener_create_failure,
        counter listener_create_success,
        counter listener_in_place_updated,
        counter listener_modified,
        counter listener_removed,
        counter listener_stopped,
        set_gauge total_filter_chains_draining,
        set_gauge total_listeners_active,
        set_gauge total_listeners_draining,
        set_gauge total_listeners_warming,
        set_gauge workers_pinned,
        set_gauge workers_started,
    }
}

stat_group! {
    /// `runtime.`
    struct Runtime {
        set_gauge admin_overrides_active,
        set_gauge deprecated_feature_seen_since_process_start,
        counter deprecated_feature_use,
        counter load_error,
        counter load_success,
        set_gauge num_keys,
        set_gauge num_layers,
        counter override_dir_exists,
        counter override_dir_not_exists,
    }
}

stat_group! {
    /// `main_thread.`, `workers.` and the threads' own below `server.`.
    struct Watchdog { counter watchdog_mega_miss, counter watchdog_miss }
}

stat_group! {
    /// `server.`, but for `--disable-hot-restart`: which process of a row of hot restarts this is.
    struct HotRestart { set_gauge hot_restart_generation }
}

stat_group! {
    /// What overload managers show when none is configured.
    struct Overload {
        counter reset = "envoy.overload_actions.reset_high_memory_stream.count",
        histogram refresh_interval_delay = "overload.refresh_interval_delay",
    }
}

/// By this much the process may grow before free pages of the heap are given back, such as after a long page.
const MOST_FREE_BYTES: u64 = 32 * 1024 * 1024;

thread_local! {
    /// `filesystem.`, on main: pages are shared by type though only main asks them, and this cannot be.
    static FILES: RefCell<Option<FileStats>> = const { RefCell::new(None) };
}

/// The process's stats. Owner: main.
pub(crate) struct ServerStats {
    server: Group<Server>,
    clusters: Group<ClusterManager>,
    listeners: Group<ListenerManager>,
    runtime: Group<Runtime>,
    _watchdogs: Vec<Group<Watchdog>>,
    _overload: Group<Overload>,
    /// `http.async-client.`: of the server's own calls, of which there are none yet.
    _own_calls: Group<RouterStats>,
    _hot_restart: Option<Group<HotRestart>>,
    inflated: Dynamic,
    lifecycle: Arc<Lifecycle>,
    uptime: Stopwatch,
    /// What of the panics of all workers is in `envoy_bug_failures`.
    bugs: Cell<u64>,
    /// The process's size when free pages were last given back.
    trimmed_bytes: Cell<u64>,
}

impl ServerStats {
    /// Registers all of them, and sets what is known at start.
    pub(crate) fn new(
        store: &Store,
        workers: u16,
        lifecycle: &Arc<Lifecycle>,
        files: &FileManager,
        uptime: Stopwatch,
        options: &Options,
    ) -> Self {
        FILES.set(Some(files.stats(&store.scope("filesystem."))));
        let watchdog = |prefix: &str| Watchdog::new(&store.scope(prefix));
        let mut watchdogs = vec![watchdog("main_thread."), watchdog("workers."), watchdog("server.main_thread.")];
        watchdogs.extend((0..workers).map(|worker| watchdog(&format!("server.worker_{worker}."))));
        let stats = Self {
            server: Server::new(&store.scope("server.")),
            clusters: ClusterManager::new(&store.scope("cluster_manager.")),
            listeners: ListenerManager::new(&store.scope("listener_manager.")),
            runtime: runtime(store),
            _watchdogs: watchdogs,
            _overload: Overload::new(&store.scope("")),
            _own_calls: RouterStats::new(&store.scope("http.async-client.")),
            _hot_restart: (!options.disable_hot_restart).then(|| generation(store)),
            inflated: Dynamic::new(&store.scope("thread_local_cluster_manager.")),
            lifecycle: Arc::clone(lifecycle),
            uptime,
            bugs: Cell::new(0),
            trimmed_bytes: Cell::new(0),
        };
        stats.set_constants(workers, options.restart_epoch);
        stats.set_state();
        stats.set_memory();
        (stats.refresher())();
        stats
    }

    fn set_constants(&self, workers: u16, epoch: u32) {
        let server = self.server.local(WorkerIndex::MAIN);
        server.fips_mode.set(0);
        server.concurrency.set(workers.into());
        // There are no certificates, which Envoy tells by the largest number of 32 bits.
        server.days_until_first_cert_expiring.set(u32::MAX.into());
        server.hot_restart_epoch.set(epoch.into());
        server.parent_connections.set(0);
        server.seconds_until_first_ocsp_response_expiring.set(0);
        server.stats_recent_lookups.set(0);
        server.total_connections.set(0);
        server.uptime.set(0);
        server.version.set(about::version_number());
        let clusters = self.clusters.local(WorkerIndex::MAIN);
        clusters.active_clusters.set(0);
        clusters.warming_clusters.set(0);
        let listeners = self.listeners.local(WorkerIndex::MAIN);
        listeners.total_filter_chains_draining.set(0);
        listeners.total_listeners_active.set(0);
        listeners.total_listeners_draining.set(0);
        listeners.total_listeners_warming.set(0);
        listeners.workers_pinned.set(0);
        listeners.workers_started.set(0);
        let inflated = self.inflated.local(WorkerIndex::MAIN);
        inflated.gauge("main_thread.clusters_inflated");
        (0..workers).for_each(|worker| drop(inflated.gauge(&format!("worker_{worker}.clusters_inflated"))));
    }

    /// A cluster is there, on main and on all workers.
    pub(crate) fn cluster_added(&self, workers: u16) {
        let clusters = self.clusters.local(WorkerIndex::MAIN);
        clusters.cluster_added.inc();
        clusters.active_clusters.add(1);
        let inflated: LocalDynamic = self.inflated.local(WorkerIndex::MAIN);
        inflated.gauge("main_thread.clusters_inflated").inc();
        (0..workers).for_each(|worker| inflated.gauge(&format!("worker_{worker}.clusters_inflated")).inc());
    }

    /// A listener accepts.
    pub(crate) fn listener_added(&self, workers: u16) {
        let listeners = self.listeners.local(WorkerIndex::MAIN);
        listeners.listener_added.inc();
        listeners.listener_create_success.add(workers.into());
        listeners.total_listeners_active.add(1);
    }

    /// The server is up.
    pub(crate) fn started(&self) {
        self.listeners.local(WorkerIndex::MAIN).workers_started.set(1);
        let elapsed = u64::try_from(self.uptime.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.server.local(WorkerIndex::MAIN).initialization_time_ms.record(elapsed);
        self.set_state();
    }

    /// What was let pass in the bootstrap.
    pub(crate) fn loaded(&self, counts: Counts) {
        let Counts { static_unknown_fields, dynamic_unknown_fields, wip_protos, deprecated_feature_use } = counts;
        let server = self.server.local(WorkerIndex::MAIN);
        server.static_unknown_fields.add(static_unknown_fields);
        server.dynamic_unknown_fields.add(dynamic_unknown_fields);
        server.wip_protos.add(wip_protos);
        let runtime = self.runtime.local(WorkerIndex::MAIN);
        runtime.deprecated_feature_use.add(deprecated_feature_use);
        runtime.deprecated_feature_seen_since_process_start.set(deprecated_feature_use);
    }

    /// So many drivers and streams have panicked so far, on all workers.
    pub(crate) fn count_bugs(&self, so_far: u64) {
        let new = so_far.saturating_sub(self.bugs.replace(so_far));
        self.server.local(WorkerIndex::MAIN).envoy_bug_failures.add(new);
    }

    /// So many downstream connections are open.
    pub(crate) fn set_connections(&self, open: u64) {
        self.server.local(WorkerIndex::MAIN).total_connections.set(open);
    }

    /// What a flush of the stats sets: state, memory, and how long the server has run.
    pub(crate) fn flush(&self) {
        (self.refresher())();
        self.set_state();
        self.set_memory();
        self.server.local(WorkerIndex::MAIN).uptime.set(self.uptime.elapsed().as_secs());
    }

    /// Sets what is to be shown as it is when a page is asked for. To be called on main.
    pub(crate) fn refresher(&self) -> Refresh {
        let (server, lifecycle) = (self.server.clone(), Arc::clone(&self.lifecycle));
        Arc::new(move || {
            // Envoy's gauge says whether health checks pass, from the start.
            server.local(WorkerIndex::MAIN).live.set(u64::from(!lifecycle.is_draining()));
            FILES.with_borrow_mut(|files| files.as_mut().map(FileStats::update));
        })
    }

    fn set_state(&self) {
        self.server.local(WorkerIndex::MAIN).state.set(self.lifecycle.state().number().into());
    }

    /// Gives free pages back when they are many. Those of the last time still count as free, but not as resident.
    fn trim(&self, usage: &Usage) {
        let has_grown = usage.total_physical_bytes > self.trimmed_bytes.get() + MOST_FREE_BYTES;
        if has_grown && usage.pageheap_free > usage.allocated.max(MOST_FREE_BYTES) {
            memory::give_back();
            self.trimmed_bytes.set(memory::usage().total_physical_bytes);
        }
    }

    fn set_memory(&self) {
        let usage = memory::usage();
        self.trim(&usage);
        let server = self.server.local(WorkerIndex::MAIN);
        server.memory_allocated.set(usage.allocated);
        server.memory_heap_size.set(usage.heap_size);
        server.memory_physical_size.set(usage.total_physical_bytes);
    }
}

/// Always the first.
fn generation(store: &Store) -> Group<HotRestart> {
    let group = HotRestart::new(&store.scope("server."));
    group.local(WorkerIndex::MAIN).hot_restart_generation.set(1);
    group
}

/// There are no layers: what Envoy counts then.
fn runtime(store: &Store) -> Group<Runtime> {
    let group = Runtime::new(&store.scope("runtime."));
    let stats = group.local(WorkerIndex::MAIN);
    stats.admin_overrides_active.set(0);
    stats.deprecated_feature_seen_since_process_start.set(0);
    stats.num_keys.set(0);
    stats.num_layers.set(0);
    stats.load_success.add(2);
    stats.override_dir_not_exists.add(2);
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Parsed;

    #[test]
    fn an_idle_server_counts_what_envoy_does() {
        let (store, lifecycle) = (Store::new(3), Arc::default());
        let Parsed::Run(options) = Options::read(["nuncio".into()]) else { panic!("no option is needed") };
        let files = FileManager::new(nuncio_telemetry::access_log::file::Options::default());
        let stats = ServerStats::new(&store, 2, &lifecycle, &files, Stopwatch::start(), &options);
        stats.cluster_added(2);
        stats.listener_added(2);
        lifecycle.set_live();
        stats.flush();
        let check = |name: &str, gauge: Option<i64>, counter: Option<u64>| match counter {
            Some(_) => assert_eq!(store.counter(name), counter, "{name}"),
            None => assert_eq!(store.gauge(name), gauge, "{name}"),
        };
        check("server.state", Some(0), None);
        check("server.live", Some(1), None);
        check("server.concurrency", Some(2), None);
        check("server.days_until_first_cert_expiring", Some(4_294_967_295), None);
        check("server.worker_1.watchdog_miss", None, Some(0));
        check("cluster_manager.active_clusters", Some(1), None);
        check("listener_manager.listener_create_success", None, Some(2));
        check("thread_local_cluster_manager.worker_1.clusters_inflated", Some(1), None);
        check("runtime.load_success", None, Some(2));
        check("server.hot_restart_generation", Some(1), None);
        check("filesystem.write_completed", None, Some(0));
        [2, 2, 3].into_iter().for_each(|so_far| stats.count_bugs(so_far));
        check("server.envoy_bug_failures", None, Some(3));
        lifecycle.fail_health_checks(true);
        (stats.refresher())();
        check("server.live", Some(0), None);
        check("server.state", Some(0), None);
        stats.flush();
        check("server.state", Some(1), None);
    }
}
