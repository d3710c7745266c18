//! The process: main is worker 0 and has no traffic; sockets are made by main and lent to workers; signals end it.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio_admin::pages::{About, Active};
use nuncio_config::Source;
use nuncio_http::{ConnectionManager, HttpWorker, ListenerInfo, Manager};
use nuncio_listener::{ListenerConfig, ListenerCounts, accept};
use nuncio_network::{ListenOptions, TcpConnector, allow_core_dumps, bind, own_address, raise_descriptor_limit};
use nuncio_stats::{Store, WorkerIndex, sanitize};
use nuncio_telemetry::access_log::file::{FileManager, Options as FileOptions};
use nuncio_upstream::{Cluster, ClusterConfig, Clusters};
use nuncio_worker::{Clock, Lifecycle, Mailbox, Random, Spawner, Stopwatch, Threads, Worker, available_parallelism};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;

use crate::admin::{self, AdminConfig, Subjects};
use crate::bootstrap::{self, Config, ProcessConfig};
use crate::code_pages;
use crate::echo::Echo;
use crate::extensions::Extensions;
use crate::logging::Log;
use crate::memory;
use crate::options::{Mode, Options};
use crate::signals::Signals;
use crate::stats::ServerStats;
use crate::supervisor;
use crate::validate;

/// Runs until SIGTERM, SIGINT or `/quitquitquit`, which end it at once, as in Envoy.
///
/// # Errors
/// When the configuration is invalid, or an address cannot be bound.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let uptime = Stopwatch::start();
    let log = Log::start(options)?;
    options.tell_without_effect();
    let extensions = Extensions::new(&options.disable_extensions);
    let workers = options.concurrency.unwrap_or_else(available_parallelism).max(1);
    let registry = Arc::new(Clusters::default());
    if !options.checks.report.is_empty() {
        return validate::report(options, workers + 1, &extensions);
    }
    let example = if options.is_example() { Some(Echo::bind()?) } else { None };
    let source = match &example {
        Some(echo) => echo.configuration(),
        None => source(options)?,
    };
    if options.mode == Mode::Validate {
        return validate::run(&source, options, workers + 1, &extensions);
    }
    let config = bootstrap::load(&source, options, workers + 1, &registry, &extensions)?;
    write_base_id(options);
    if options.enable_core_dump {
        match allow_core_dumps() {
            Ok(()) => tracing::info!("core dump enabled"),
            Err(error) => tracing::warn!(%error, "cannot enable core dumps"),
        }
    }
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
    let Config { process, listeners, clusters } = config;
    let ProcessConfig { admin, node, stats: settings, stats_flush_interval, log_format, counts } = process;
    if let Some(format) = log_format {
        log.set_format(format);
    }
    let store = Store::with_settings(workers + 1, settings);
    let files = Arc::new(FileManager::new(FileOptions {
        flush_interval: options.file_flush_interval(),
        min_flush_bytes: options.file_flush_min_size_kb as usize * 1024,
    }));
    let lifecycle = Arc::default();
    let server = Server {
        workers,
        stats: Rc::new(ServerStats::new(&store, workers, &lifecycle, &files, uptime, options)),
        registry,
        store,
        files,
        lifecycle,
        quit: Arc::default(),
        listeners: Active::default(),
        log,
        about: Arc::new(node.about(options, workers, extensions)),
        admin_address_path: options.admin_address_path.clone(),
        stats_flush_interval,
        uptime,
        is_init_only: options.mode == Mode::InitOnly,
        address: own_address(options.local_address_ip_version),
    };
    server.stats.loaded(counts);
    drop(source);
    // What the configuration was read from is far larger than what came of it.
    memory::give_back();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(server.serve(admin, listeners, clusters, example))
}

/// The configuration that the command line gives.
fn source(options: &Options) -> anyhow::Result<Source> {
    let file = |path: &Path| {
        Source::from_file(path).map_err(|error| anyhow::anyhow!("Invalid path: {}: {error}", path.display()))
    };
    let yaml = |text: &str| Source::yaml("--config-yaml", text);
    match (options.config_path(), options.config_yaml()) {
        (Some(path), Some(text)) => Ok(file(path)?.with_overlay(yaml(text))),
        (Some(path), None) => file(path),
        (None, Some(text)) => Ok(yaml(text)),
        (None, None) => anyhow::bail!("At least one of --config-path or --config-yaml should be non-empty"),
    }
}

/// As in Envoy, which starts all the same when it cannot write it, and does not write one that nothing is shared by.
fn write_base_id(options: &Options) {
    let Some(path) = options.base_id_path.as_ref().filter(|_| !options.disable_hot_restart) else { return };
    if let Err(error) = std::fs::write(path, options.base_id.to_string()) {
        tracing::error!(%error, "cannot open base id output file {} for writing.", path.display());
    }
}

/// What the whole process shares.
struct Server {
    workers: u16,
    registry: Arc<Clusters>,
    store: Store,
    stats: Rc<ServerStats>,
    files: Arc<FileManager>,
    lifecycle: Arc<Lifecycle>,
    quit: Arc<Notify>,
    listeners: Active,
    log: Log,
    about: Arc<About>,
    admin_address_path: Option<PathBuf>,
    stats_flush_interval: Duration,
    uptime: Stopwatch,
    /// `--mode init_only`
    is_init_only: bool,
    /// One of this machine's own.
    address: Option<IpAddr>,
}

impl Server {
    async fn serve(
        self,
        admin: Option<AdminConfig>,
        listeners: Vec<ListenerConfig<Arc<ConnectionManager>>>,
        clusters: Vec<ClusterConfig>,
        example: Option<Echo>,
    ) -> anyhow::Result<()> {
        let signals = Signals::install()?;
        let main = Worker::new(WorkerIndex(0), Clock::real(), Random::from_system(), Spawner::Tokio);
        main.clock().refresh();
        let http = self.http_worker(&main);
        let ticker = main.clone();
        main.spawn(async move { ticker.run().await });
        if let Some(config) = admin {
            self.serve_admin(config, &http)?;
        }
        for cluster in clusters {
            let slot = self.registry.reference(&cluster.name);
            slot.publish(Some(Arc::new(Cluster::build(cluster, &self.store.scope("")))));
            self.stats.cluster_added(self.workers);
        }
        let (registry, lifecycle) = (Arc::clone(&self.registry), Arc::clone(&self.lifecycle));
        let threads = Threads::start(self.workers, move |worker| {
            HttpWorker::new(worker, Rc::new(TcpConnector), Arc::clone(&registry), Arc::clone(&lifecycle))
        })?;
        let mut gauges = Vec::new();
        for listener in listeners {
            gauges.push(format!("listener.{}.downstream_cx_active", sanitize(&listener.stat_name)));
            let options = ListenOptions { reuse_port: listener.reuse_port, backlog: listener.backlog };
            let sockets = bind(listener.address.socket(), usize::from(self.workers), options)?;
            let bound = sockets[0].local_addr()?;
            let logs = Arc::new(listener.filter.access_log.open(&self.files)?);
            let name: Arc<str> = listener.name.as_str().into();
            let chain_name = Some(listener.filter_chain_name.as_str()).filter(|name| !name.is_empty());
            let filter_chain_name: Option<Arc<str>> = chain_name.map(Into::into);
            for (mailbox, socket) in threads.mailboxes().iter().zip(sockets) {
                let (filter, logs, scope) = (Arc::clone(&listener.filter), Arc::clone(&logs), self.store.scope(""));
                let (name, stat_name) = (Arc::clone(&name), listener.stat_name.clone());
                let filter_chain_name = filter_chain_name.clone();
                let serve = move |worker: &Worker, http: &Rc<HttpWorker>| {
                    let counts = ListenerCounts::new(&scope, &stat_name, worker.index());
                    let listener = ListenerInfo { name: Some(name), filter_chain_name, scope: counts.scope().clone() };
                    let manager = Manager::build(http, &filter, &logs, &scope, listener);
                    serve(http, socket, counts, manager);
                };
                if !mailbox.post(serve) {
                    anyhow::bail!("a worker has ended before it could serve");
                }
            }
            self.listeners.add(&listener.name, bound);
            self.stats.listener_added(self.workers);
            tracing::info!(listener = %listener.name, address = %bound, "listening");
        }
        if self.is_init_only {
            tracing::info!("exiting");
            return Ok(());
        }
        self.lifecycle.set_live();
        self.stats.started();
        self.flush_stats(&http, threads.mailboxes().to_vec(), gauges);
        if let Some(echo) = example {
            echo.serve(&http)?;
        }
        code_pages::let_go();
        supervisor::tell(supervisor::State::Ready);
        signals.wait(&self.quit, &self.reopener()).await;
        supervisor::tell(supervisor::State::Stopping);
        tracing::info!("exiting");
        // The answer of `/quitquitquit` is still to be written.
        main.turn();
        // As Envoy: no drain, connections end with the process, but what was logged is written.
        self.files.shut_down();
        std::mem::forget(threads);
        Ok(())
    }

    fn serve_admin(&self, config: AdminConfig, http: &Rc<HttpWorker>) -> anyhow::Result<()> {
        let Some(address) = &config.address else { return Ok(()) };
        let socket = bind(address.socket(), 1, ListenOptions { reuse_port: false, backlog: 4096 })?.swap_remove(0);
        admin::tell_address(socket.local_addr()?, self.admin_address_path.as_deref());
        admin::serve(http, socket, config, &self.files, self.subjects(), self.address)
    }

    /// Flushes the stats again and again: histograms show what they were at a flush.
    ///
    /// `gauges` count the listeners' open connections.
    fn flush_stats(&self, http: &Rc<HttpWorker>, workers: Vec<Mailbox<Rc<HttpWorker>>>, gauges: Vec<String>) {
        let (stats, store, state) = (Rc::clone(&self.stats), self.store.clone(), Rc::clone(http));
        let interval = self.stats_flush_interval;
        let panics: Arc<[AtomicU64]> = workers.iter().map(|_| AtomicU64::default()).collect();
        http.worker().spawn(async move {
            loop {
                state.sleep(interval).await;
                // What workers answer now is counted at the next flush.
                for (index, worker) in workers.iter().enumerate() {
                    let panics = Arc::clone(&panics);
                    worker.post(move |_, http| panics[index].store(http.panics(), Ordering::Relaxed));
                }
                stats
                    .count_bugs(state.panics() + panics.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>());
                let open = gauges.iter().filter_map(|gauge| store.gauge(gauge)).sum::<i64>();
                stats.set_connections(open.max(0).cast_unsigned());
                stats.flush();
                store.latch_histograms();
            }
        });
    }

    /// Opens log files again, after they were moved away.
    fn reopener(&self) -> Box<dyn Fn() + Send + Sync> {
        let (files, log) = (Arc::clone(&self.files), self.log.output.clone());
        Box::new(move || {
            files.reopen();
            log.reopen();
        })
    }

    fn http_worker(&self, worker: &Worker) -> Rc<HttpWorker> {
        HttpWorker::new(worker, Rc::new(TcpConnector), Arc::clone(&self.registry), Arc::clone(&self.lifecycle))
    }

    fn subjects(&self) -> Subjects {
        Subjects {
            about: Arc::clone(&self.about),
            clusters: Arc::clone(&self.registry),
            lifecycle: Arc::clone(&self.lifecycle),
            listeners: self.listeners.clone(),
            loggers: self.log.loggers.clone(),
            quit: Arc::clone(&self.quit),
            refresh: self.stats.refresher(),
            reopen_logs: self.reopener(),
            store: self.store.clone(),
            uptime: self.uptime,
        }
    }
}

fn serve(http: &Rc<HttpWorker>, socket: TcpListener, counts: ListenerCounts, manager: Rc<Manager>) {
    let state = Rc::clone(http);
    let accepted = accept(http.worker(), socket, counts, move |accepted| manager.serve(&state, accepted));
    if let Err(error) = accepted {
        tracing::error!(%error, "cannot accept on a listening socket");
    }
}
