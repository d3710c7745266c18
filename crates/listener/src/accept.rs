//! Accepting: the first step of every request. Next: the filter chain's network filter takes the connection over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use nuncio_network::{TcpTransport, Transport};
use nuncio_worker::Worker;
use tokio::net::TcpListener;

use crate::stats::{CountedConnection, ListenerCounts};

/// Pause after the process ran out of descriptors, instead of spinning on a socket that stays ready.
const BACK_OFF: std::time::Duration = std::time::Duration::from_millis(50);

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
        let mut is_short = false;
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
                    is_short = false;
                    let Some(local) = local.or_else(|| stream.local_addr().ok()) else { continue };
                    let counted = counts.begin(clock.now());
                    serve(Accepted { transport: Box::new(TcpTransport::accepted(stream)), local, remote, counted });
                }
                Err(error) if is_exhausted(&error) => {
                    // Once a shortage, not once a try.
                    if !std::mem::replace(&mut is_short, true) {
                        tracing::warn!(%error, "cannot accept: out of descriptors");
                    }
                    // Counted from now: the time as last read may lie further back than the pause is long.
                    clock.clock().refresh();
                    tokio::time::sleep_until(tokio::time::Instant::from_std(clock.clock().instant_after(BACK_OFF)))
                        .await;
                }
                // The peer has gone again before it was accepted.
                Err(_) => {}
            }
        }
    });
    Ok(())
}

/// EMFILE or ENFILE.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
