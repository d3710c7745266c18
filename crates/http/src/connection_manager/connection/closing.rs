//! How a connection is closed, by whichever side, and what becomes of the streams that are left.
//!
//! ```text
//!  Open ──close_after_flush──► Flushing ──out is empty──► (Lingering: waits for the peer's FIN) ──► Closed
//!    │                             └── no progress for delayed_close_timeout ───┴──────────────────────▲
//!    └───────────────────────────── close ────────────────────────────────────────────────────────────┘
//! ```

use std::rc::Rc;

use nuncio_codec::{ResetCause, StreamId};

use super::{Connection, Phase};
use crate::connection_manager::Side;

/// What a connection waits for before it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parting {
    /// Until everything is written.
    Flush,
    /// And then for the peer's FIN, but not for ever: the peer may still be sending, and would lose what it has not
    /// read if the rest came upon a closed socket.
    FlushAndWait,
}

impl Connection {
    /// Takes no more input, and closes when `parting` allows.
    pub(crate) fn close_after_flush(self: &Rc<Self>, parting: Parting) {
        if self.phase.get() != Phase::Open {
            return;
        }
        self.phase.set(Phase::Flushing);
        self.parting.set(parting);
        self.put_off_close();
        self.mark_dirty();
    }

    /// The peer has so much time from now on to make progress.
    fn put_off_close(&self) {
        let patience = self.side.delayed_close_timeout();
        if !patience.is_zero() {
            self.close_by.set(self.http.worker().now() + patience);
            self.http.arm_connection(self, self.close_by.get());
        }
    }

    /// Marks it closed and drops the transport; the caller tells the streams. False when it was closed already.
    pub(crate) fn shut(&self) -> bool {
        if self.phase.replace(Phase::Closed) == Phase::Closed {
            return false;
        }
        self.transport.borrow_mut().take();
        self.codec.borrow_mut().out_mut().clear();
        self.wake();
        true
    }

    /// After a write: closes, or waits on.
    pub(super) fn go_on_closing(self: &Rc<Self>, before: usize) {
        let left = self.queued();
        if left > 0 && self.side.waits_for_flush() {
            if left < before {
                self.put_off_close();
            }
            return;
        }
        let waits = self.parting.get() == Parting::FlushAndWait && !self.side.delayed_close_timeout().is_zero();
        if !waits {
            self.http.close(self);
            return;
        }
        self.phase.set(Phase::Lingering);
        if before > 0 {
            self.put_off_close();
        }
    }

    pub(in crate::connection_manager) fn stream_reset(self: &Rc<Self>, id: StreamId, cause: ResetCause) {
        if cause == ResetCause::ConnectionTermination {
            self.had_streams.set(true);
        }
        let key = match cause {
            // A stream that was refused for what its head says was never announced, but is counted and logged.
            ResetCause::Protocol(_) => self.find_or_begin(id),
            _ => self.stream(id),
        };
        let Some(key) = key else { return };
        self.http.dispatch(key, self.side.reset_event(cause));
    }

    /// The peer has sent FIN.
    pub(in crate::connection_manager) fn ended(self: &Rc<Self>) {
        if self.phase() == Phase::Open {
            self.codec(|codec| codec.receive_eof());
            self.run_events();
            self.side.note_remote_close();
        } else if matches!(self.side, Side::Downstream(_)) {
            // It was first, although we were about to close.
            self.side.note_remote_close();
        }
        self.terminate();
    }

    /// The transport is broken. For an upstream that is as good as a FIN, which may end a response.
    pub(crate) fn lost(self: &Rc<Self>) {
        if matches!(self.side, Side::Upstream(_)) {
            self.ended();
            return;
        }
        self.side.note_remote_close();
        self.terminate();
    }

    /// Closes from our side, whatever is still under way.
    pub(crate) fn close_locally(self: &Rc<Self>) {
        self.side.note_local_close();
        self.terminate();
    }

    /// Shuts the transport and tells the streams that are left.
    pub(in crate::connection_manager) fn terminate(self: &Rc<Self>) {
        if !self.shut() {
            return;
        }
        self.http.remove_connection(self);
        let streams = self.take_streams();
        self.end_counts();
        self.side.closed(self, !streams.is_empty() || self.had_streams.get());
        for (_, key) in streams {
            // Queued, because one of them may be at work right now.
            self.http.post(key, self.side.reset_event(ResetCause::ConnectionTermination));
        }
    }
}
