//! The process: sockets made by main, lent to workers; signals end it.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_http::{HttpWorker, Manager};
use nuncio_listener::accept;
use nuncio_network::{ListenOptions, TcpConnector, bind, raise_descriptor_limit};
use nuncio_stats::Store;
use nuncio_upstream::{Cluster, Clusters};
use nuncio_worker::{Threads, available_parallelism};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Options, bootstrap};

/// Runs until SIGTERM or SIGINT, which end it at once, as in Envoy.
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
    let store = Store::new(workers + 1);
    for cluster in config.clusters {
        let slot = registry.reference(&cluster.name);
        slot.publish(Some(Arc::new(Cluster::build(cluster, &store.scope("")))));
    }
    let http_registry = Arc::clone(&registry);
    let threads = Threads::start(workers, move |worker| {
        HttpWorker::new(worker, Rc::new(TcpConnector), Arc::clone(&http_registry))
    })?;
    for listener in config.listeners {
        let bind_options = ListenOptions { reuse_port: listener.reuse_port, backlog: listener.backlog };
        let sockets = bind(listener.address.socket(), usize::from(workers), bind_options)?;
        let bound = sockets[0].local_addr()?;
        for (mailbox, socket) in threads.mailboxes().iter().zip(sockets) {
            let (filter, scope) = (Arc::clone(&listener.filter), store.scope(""));
            let serve = move |_: &nuncio_worker::Worker, http: &Rc<HttpWorker>| {
                let manager = Manager::build(http, &filter, &scope);
                serve(http, socket, manager);
            };
            if !mailbox.post(serve) {
                anyhow::bail!("a worker has ended before it could serve");
            }
        }
        tracing::info!(listener = %listener.name, address = %bound, "listening");
    }
    wait_for_signal()?;
    tracing::info!("caught a signal, exiting");
    // As Envoy: no drain, connections end with the process.
    std::mem::forget(threads);
    Ok(())
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

fn wait_for_signal() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        std::future::poll_fn(|cx| {
            if terminate.poll_recv(cx).is_ready() || interrupt.poll_recv(cx).is_ready() {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
        Ok(())
    })
}

#[expect(clippy::print_stdout, reason = "the answer of --mode validate")]
fn print_validated(options: &Options) {
    println!("configuration '{}' OK", options.config_path.display());
}
