//! What a connection is driven over: a socket, a TLS session over one, or the simulation's pipe.

use std::io;
use std::io::IoSlice;
use std::task::{Context, Poll};

/// A byte stream in both directions. Dropping it closes it.
///
/// Read and write interest are separate: a pending read does not disturb a pending write's waker.
pub trait Transport {
    /// Reads into `target`; zero bytes means that the peer has ended its direction.
    ///
    /// # Errors
    /// When the connection is broken.
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Ready when the peer has ended its direction, or the connection is broken, though bytes before it may be unread:
    /// for connections that must not read on. A transport that cannot tell says nothing.
    fn poll_peer_gone(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let _ = task;
        Poll::Pending
    }

    /// Writes as much as goes without blocking.
    ///
    /// # Errors
    /// When the connection is broken.
    fn poll_write(&mut self, task: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Ends the write direction (FIN).
    fn shut_down_write(&mut self);

    /// Makes the coming close a reset (RST) instead of a FIN.
    fn reset_on_close(&mut self);
}
