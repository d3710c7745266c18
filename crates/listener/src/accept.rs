//! Accepting: the first step of every request. Next: the filter chain's network filter takes the connection over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use nuncio_network::{TcpTransport, Transport};
use nuncio_worker::Worker;
use tokio::net::TcpListener;

/// Pause after the process ran out of descriptors, instead of spinning on a socket that stays ready.
const BACK_OFF: std::time::Duration = std::time::Duration::from_millis(50);

/// Accepts connections on `socket` for ever and hands each to `serve` with its own and its peer's address.
///
/// # Errors
/// When the socket cannot be registered with the worker's reactor.
pub fn accept(
    worker: &Worker,
    socket: std::net::TcpListener,
    serve: impl Fn(Box<dyn Transport>, SocketAddr, SocketAddr) + 'static,
) -> io::Result<()> {
    let listener = TcpListener::from_std(socket)?;
    let clock = worker.clone();
    worker.spawn(async move {
        loop {
            match poll_fn(|task| listener.poll_accept(task)).await {
                Ok((stream, remote)) => {
                    clock.clock().refresh();
                    let Ok(local) = stream.local_addr() else { continue };
                    serve(Box::new(TcpTransport::new(stream)), local, remote);
                }
                Err(error) if is_exhausted(&error) => {
                    tracing::warn!(%error, "cannot accept: out of descriptors");
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
