//! The process: main is worker 0 and has no traffic; sockets are made by main and lent to workers; signals end it.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_http::{HttpWorker, Manager};
use nuncio_listener::accept;
use nuncio_network::{ListenOptions, TcpConnector, bind, raise_descriptor_limit};
use nuncio_stats::{Store, WorkerIndex};
use nuncio_telemetry::access_log::file::{FileManager, Options as FileOptions};
use nuncio_upstream::{Cluster, Clusters};
use nuncio_worker::{Clock, Lifecycle, Random, Spawner, Threads, Worker, available_parallelism};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::admin::{self, Subjects};
use crate::bootstrap::{self, Config};
use crate::options::Options;

/// Runs until SIGTERM, SIGINT or `/quitquitquit`, which end it at once, as in Envoy.
///
/// # Errors
/// When the configuration is invalid, or an address cannot be bound.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let workers = options.concurrency.unwrap_or_else(available_parallelism).max(1);
    let registry = Arc::new(Clusters::default());
    let config = bootstrap::load(&options.config_path, workers + 1, &registry)?;
    if options.mode == "validate" {
        print_validated(options);
        return Ok(());
    }
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
    let file_options = FileOptions { flush_interval: options.file_flush_interval(), ..FileOptions::default() };
    let server = Server {
        workers,
        registry,
        store: Store::new(workers + 1),
        files: Arc::new(FileManager::new(file_options)),
        lifecycle: Arc::default(),
        quit: Arc::default(),
    };
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(server.serve(config))
}

/// What the whole process shares.
struct Server {
    workers: u16,
    registry: Arc<Clusters>,
    store: Store,
    files: Arc<FileManager>,
    lifecycle: Arc<Lifecycle>,
    quit: Arc<Notify>,
}

impl Server {
    async fn serve(self, config: Config) -> anyhow::Result<()> {
        let signals = Signals::install()?;
        let Config { admin, listeners, clusters } = config;
        let main = Worker::new(WorkerIndex(0), Clock::real(), Random::from_system(), Spawner::Tokio);
        main.clock().refresh();
        let http = self.http_worker(&main);
        let ticker = main.clone();
        main.spawn(async move { ticker.run().await });
        if let Some(address) = admin.and_then(|admin| admin.address) {
            let sockets = bind(address.socket(), 1, ListenOptions { reuse_port: false, backlog: 4096 })?;
            for socket in sockets {
                tracing::info!(address = %socket.local_addr()?, "admin");
                admin::serve(&http, socket, self.subjects())?;
            }
        }
        for cluster in clusters {
            let slot = self.registry.reference(&cluster.name);
            slot.publish(Some(Arc::new(Cluster::build(cluster, &self.store.scope("")))));
        }
        let (registry, lifecycle) = (Arc::clone(&self.registry), Arc::clone(&self.lifecycle));
        let threads = Threads::start(self.workers, move |worker| {
            HttpWorker::new(worker, Rc::new(TcpConnector), Arc::clone(&registry), Arc::clone(&lifecycle))
        })?;
        for listener in listeners {
            let options = ListenOptions { reuse_port: listener.reuse_port, backlog: listener.backlog };
            let sockets = bind(listener.address.socket(), usize::from(self.workers), options)?;
            let bound = sockets[0].local_addr()?;
            let logs = Arc::new(listener.filter.access_log.open(&self.files)?);
            for (mailbox, socket) in threads.mailboxes().iter().zip(sockets) {
                let (filter, logs, scope) = (Arc::clone(&listener.filter), Arc::clone(&logs), self.store.scope(""));
                let serve = move |_: &Worker, http: &Rc<HttpWorker>| {
                    let manager = Manager::build(http, &filter, &logs, &scope);
                    serve(http, socket, manager);
                };
                if !mailbox.post(serve) {
                    anyhow::bail!("a worker has ended before it could serve");
                }
            }
            tracing::info!(listener = %listener.name, address = %bound, "listening");
        }
        self.lifecycle.set_live();
        signals.wait(&self.quit, &self.files).await;
        tracing::info!("exiting");
        // The answer of `/quitquitquit` is still to be written.
        main.turn();
        // As Envoy: no drain, connections end with the process, but what was logged is written.
        self.files.shut_down();
        std::mem::forget(threads);
        Ok(())
    }

    fn http_worker(&self, worker: &Worker) -> Rc<HttpWorker> {
        HttpWorker::new(worker, Rc::new(TcpConnector), Arc::clone(&self.registry), Arc::clone(&self.lifecycle))
    }

    fn subjects(&self) -> Subjects {
        Subjects { store: self.store.clone(), lifecycle: Arc::clone(&self.lifecycle), quit: Arc::clone(&self.quit) }
    }
}

fn serve(http: &Rc<HttpWorker>, socket: TcpListener, manager: Rc<Manager>) {
    let state = Rc::clone(http);
    let accepted = accept(http.worker(), socket, move |transport, local, remote| {
        manager.serve(&state, transport, local, remote);
    });
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
    async fn wait(mut self, quit: &Notify, files: &FileManager) {
        let mut quit = std::pin::pin!(quit.notified());
        std::future::poll_fn(|cx| {
            while let std::task::Poll::Ready(Some(())) = self.reopen.poll_recv(cx) {
                files.reopen();
            }
            let is_over = self.terminate.poll_recv(cx).is_ready()
                || self.interrupt.poll_recv(cx).is_ready()
                || quit.as_mut().poll(cx).is_ready();
            if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

#[expect(clippy::print_stdout, reason = "the answer of --mode validate")]
fn print_validated(options: &Options) {
    println!("configuration '{}' OK", options.config_path.display());
}
