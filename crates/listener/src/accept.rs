//! Accepting: the first step of every request.
//!
//! Before: a client connected. Next: `http/src/connection_manager/serve.rs` takes the connection over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use nuncio_network::{TcpTransport, Transport};
use nuncio_worker::Worker;
use tokio::net::TcpListener;

use crate::shortage::Shortage;
use crate::stats::{CountedConnection, ListenerCounts};

/// A connection that was accepted.
pub struct Accepted {
    /// Its bytes.
    pub transport: Box<dyn Transport>,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Its place in the listener's counts.
    pub counted: CountedConnection,
}

/// Accepts connections on `socket` for ever and hands each to `serve`.
///
/// # Errors
/// When the socket cannot be registered with the worker's reactor.
pub fn accept(
    worker: &Worker,
    socket: std::net::TcpListener,
    counts: ListenerCounts,
    serve: impl Fn(Accepted) + 'static,
) -> io::Result<()> {
    let listener = TcpListener::from_std(socket)?;
    // All connections have it, unless the socket is bound to all of the machine's addresses.
    let local = listener.local_addr().ok().filter(|address| !address.ip().is_unspecified());
    let clock = worker.clone();
    worker.spawn(async move {
        let mut at_once = 0;
        let mut shortage = Shortage::default();
        loop {
            let next = poll_fn(|task| {
                let next = listener.poll_accept(task);
                if next.is_pending() && at_once > 0 {
                    counts.accepted(std::mem::take(&mut at_once));
                }
                next
            });
            match next.await {
                Ok((stream, remote)) => {
                    clock.clock().refresh();
                    at_once += 1;
                    shortage.end();
                    let Some(local) = local.or_else(|| stream.local_addr().ok()) else { continue };
                    let counted = counts.begin(clock.now());
                    serve(Accepted { transport: Box::new(TcpTransport::accepted(stream)), local, remote, counted });
                }
                Err(error) => shortage.wait(&error, &clock).await,
            }
        }
    });
    Ok(())
}
