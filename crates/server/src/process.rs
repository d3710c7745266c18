//! The process: main is worker 0 and has no traffic; sockets are made by main and lent to workers; signals end it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio_admin::pages::{About, Active, Loggers};
use nuncio_config::Source;
use nuncio_http::{ConnectionManager, HttpWorker, ListenerInfo, Manager};
use nuncio_listener::{ListenerConfig, ListenerCounts, accept};
use nuncio_network::{ListenOptions, TcpConnector, bind, raise_descriptor_limit};
use nuncio_stats::{Store, WorkerIndex, sanitize};
use nuncio_telemetry::access_log::file::{FileManager, Options as FileOptions};
use nuncio_upstream::{Cluster, ClusterConfig, Clusters};
use nuncio_worker::{Clock, Lifecycle, Mailbox, Random, Spawner, Stopwatch, Threads, Worker, available_parallelism};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::admin::{self, AdminConfig, Subjects};
use crate::bootstrap::{self, Config, ProcessConfig};
use crate::code_pages;
use crate::echo::Echo;
use crate::logging::{self, LogFile};
use crate::memory;
use crate::options::{Mode, Options};
use crate::stats::ServerStats;
use crate::validate;

/// Runs until SIGTERM, SIGINT or `/quitquitquit`, which end it at once, as in Envoy.
///
/// # Errors
/// When the configuration is invalid, or an address cannot be bound.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let uptime = Stopwatch::start();
    let (loggers, log_file) = logging::start(options)?;
    let workers = options.concurrency.unwrap_or_else(available_parallelism).max(1);
    let registry = Arc::new(Clusters::default());
    let example = if options.is_example() { Some(Echo::bind()?) } else { None };
    let source = match &example {
        Some(echo) => echo.configuration(),
        None => source(options)?,
    };
    if options.mode == Mode::Validate {
        return validate::run(&source, options, workers + 1);
    }
    let config = bootstrap::load(&source, options, workers + 1, &registry)?;
    options.tell_without_effect();
    write_base_id(options)?;
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
    let Config { process, listeners, clusters } = config;
    let ProcessConfig { admin, node, stats: settings, stats_flush_interval, counts } = process;
    let store = Store::with_settings(workers + 1, settings);
    let files = Arc::new(FileManager::new(FileOptions {
        flush_interval: options.file_flush_interval(),
        min_flush_bytes: options.file_flush_min_size_kb as usize * 1024,
    }));
    let lifecycle = Arc::default();
    let server = Server {
        workers,
        stats: Rc::new(ServerStats::new(&store, workers, &lifecycle, &files, uptime, !options.disable_hot_restart)),
        registry,
        store,
        files,
        lifecycle,
        quit: Arc::default(),
        listeners: Active::default(),
        loggers,
        log_file,
        about: Arc::new(node.about(options, workers)),
        admin_address_path: options.admin_address_path.clone(),
        stats_flush_interval,
        uptime,
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
    let overlay = options.config_yaml.as_ref().filter(|text| !text.is_empty());
    let overlay = overlay.map(|text| Source::yaml("--config-yaml", text));
    let Some(path) = &options.config_path else {
        return overlay
            .ok_or_else(|| anyhow::anyhow!("At least one of --config-path or --config-yaml should be non-empty"));
    };
    let file = Source::from_file(path);
    let file = file.map_err(|error| anyhow::anyhow!("Invalid path: {}: {error}", path.display()))?;
    Ok(match overlay {
        Some(overlay) => file.with_overlay(overlay),
        None => file,
    })
}

fn write_base_id(options: &Options) -> anyhow::Result<()> {
    let Some(path) = &options.base_id_path else { return Ok(()) };
    std::fs::write(path, options.base_id.to_string())
        .map_err(|error| anyhow::anyhow!("cannot write base id to '{}': {error}", path.display()))
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
    loggers: Loggers,
    log_file: Option<LogFile>,
    about: Arc<About>,
    admin_address_path: Option<PathBuf>,
    stats_flush_interval: Duration,
    uptime: Stopwatch,
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
        self.lifecycle.set_live();
        self.stats.started();
        self.flush_stats(&http, threads.mailboxes().to_vec(), gauges);
        if let Some(echo) = example {
            echo.serve(&http)?;
        }
        code_pages::let_go();
        signals.wait(&self.quit, &self.reopener()).await;
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
        let bound = socket.local_addr()?;
        tracing::info!(address = %bound, "admin");
        if let Some(path) = &self.admin_address_path {
            std::fs::write(path, bound.to_string())
                .map_err(|error| anyhow::anyhow!("cannot write admin address to '{}': {error}", path.display()))?;
        }
        admin::serve(http, socket, config, &self.files, self.subjects())
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
        let (files, log_file) = (Arc::clone(&self.files), self.log_file.clone());
        Box::new(move || {
            files.reopen();
            log_file.iter().for_each(LogFile::reopen);
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
            loggers: self.loggers.clone(),
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

/// The signals that the process acts on.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// SIGUSR1: log files were moved away.
    reopen: tokio::signal::unix::Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }

    /// Until one of them, or `quit`, ends the process.
    async fn wait(mut self, quit: &Notify, reopen: &dyn Fn()) {
        let mut quit = std::pin::pin!(quit.notified());
        std::future::poll_fn(|cx| {
            while let std::task::Poll::Ready(Some(())) = self.reopen.poll_recv(cx) {
                reopen();
            }
            let is_over = self.terminate.poll_recv(cx).is_ready()
                || self.interrupt.poll_recv(cx).is_ready()
                || quit.as_mut().poll(cx).is_ready();
            if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
