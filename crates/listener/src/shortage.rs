//! Out of descriptors: accepting pauses, instead of spinning on a socket that stays ready.

use std::io;
use std::time::Duration;

use nuncio_worker::Worker;

const PAUSE: Duration = Duration::from_millis(50);

/// Whether the process is short of descriptors. Owner: the task that accepts.
#[derive(Default)]
pub(crate) struct Shortage {
    is_known: bool,
}

impl Shortage {
    /// A connection could be accepted.
    pub(crate) fn end(&mut self) {
        self.is_known = false;
    }

    /// Accepting failed with `error`: waits a moment if descriptors were short. Otherwise the peer has gone again before
    /// it was accepted.
    pub(crate) async fn wait(&mut self, error: &io::Error, worker: &Worker) {
        if !is_exhausted(error) {
            return;
        }
        // Once a shortage, not once a try.
        if !std::mem::replace(&mut self.is_known, true) {
            tracing::warn!(%error, "cannot accept: out of descriptors");
        }
        // Counted from now: the time as last read may lie further back than the pause is long.
        worker.clock().refresh();
        tokio::time::sleep_until(tokio::time::Instant::from_std(worker.clock().instant_after(PAUSE))).await;
    }
}

/// EMFILE or ENFILE.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
