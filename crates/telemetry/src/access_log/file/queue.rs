//! What waits to be written to one file.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use super::stats::Tallies;

/// Beyond this lines are dropped: the disk hangs, or is slower than the traffic.
pub(super) const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Shared by workers, the file's thread and main. Locked for moments only (invariant 1).
pub(super) struct Queue {
    state: Mutex<State>,
    /// Told when the thread has something to do.
    wanted: Condvar,
    /// Told when a round of writing is over.
    written: Condvar,
    flush_interval: Duration,
    min_flush_bytes: usize,
    tallies: Arc<Tallies>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// All bytes that ever waited.
    pushed: u64,
    /// Those of them that were written, or could not be.
    done: u64,
    is_flush_wanted: bool,
    is_reopen_wanted: bool,
    is_closing: bool,
    has_ended: bool,
}

/// What the thread has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Round {
    /// The file is to be opened anew before writing.
    pub(super) reopens: bool,
    /// Nothing will come after this round.
    pub(super) is_last: bool,
}

impl Queue {
    pub(super) fn new(flush_interval: Duration, min_flush_bytes: usize, tallies: Arc<Tallies>) -> Self {
        Self {
            state: Mutex::default(),
            wanted: Condvar::new(),
            written: Condvar::new(),
            flush_interval,
            min_flush_bytes,
            tallies,
        }
    }

    /// Takes over whole lines; drops them when too much waits already (invariant 2).
    pub(super) fn push(&self, bytes: &[u8], lines: u64) {
        let mut state = self.lock();
        if state.has_ended || state.waiting.len() + bytes.len() > MAX_WAITING_BYTES {
            drop(state);
            self.tallies.dropped(lines);
            return;
        }
        state.waiting.extend_from_slice(bytes);
        state.pushed += bytes.len() as u64;
        // Under the lock, so that the thread cannot count the bytes as written before.
        self.tallies.buffered(lines, bytes.len());
        let is_much = state.waiting.len() >= self.min_flush_bytes;
        drop(state);
        if is_much {
            self.wanted.notify_one();
        }
    }

    /// Asks for the file to be opened anew.
    pub(super) fn reopen(&self) {
        self.lock().is_reopen_wanted = true;
        self.wanted.notify_one();
    }

    /// Asks for the end, after everything is written.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.wanted.notify_one();
    }

    /// Waits until everything that was pushed before, and a wanted reopening, is done.
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        let wanted = state.pushed;
        while !state.has_ended && (state.is_reopen_wanted || state.done < wanted) {
            state.is_flush_wanted = true;
            self.wanted.notify_one();
            state = self.written.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the thread: waits until there is a reason to write, and moves what waits into the empty `chunk`.
    pub(super) fn next_round(&self, chunk: &mut Vec<u8>) -> Round {
        let mut state = self.lock();
        while !state.has_work(self.min_flush_bytes) {
            let (woken, timeout) =
                self.wanted.wait_timeout(state, self.flush_interval).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() {
                self.tallies.flushed_by_timer();
                break;
            }
        }
        std::mem::swap(&mut state.waiting, chunk);
        state.is_flush_wanted = false;
        Round { reopens: state.is_reopen_wanted, is_last: state.is_closing }
    }

    /// For the thread: the round is over, and so many bytes are dealt with.
    pub(super) fn end_round(&self, round: Round, bytes: usize) {
        let mut state = self.lock();
        state.done += bytes as u64;
        state.is_reopen_wanted &= !round.reopens;
        // Lines may have come since; then there is another last round.
        state.has_ended = round.is_last && state.waiting.is_empty();
        drop(state);
        self.written.notify_all();
    }

    /// For the thread: whether it is done.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_work(&self, min_flush_bytes: usize) -> bool {
        self.is_flush_wanted || self.is_reopen_wanted || self.is_closing || self.waiting.len() >= min_flush_bytes
    }
}
