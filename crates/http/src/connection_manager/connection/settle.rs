//! What a connection does once events have been handled, a stream has ended, or its timer has fired: it reads on, waits,
//! or closes.

use std::rc::Rc;

use nuncio_codec::{Codec, Protocol};
use nuncio_message::Tick;

use super::{Connection, Parting, Phase};
use crate::connection_manager::Side;
use crate::connection_manager::drain::Drain;

impl Connection {
    /// After events or a stream's end: closes when nothing more can come, and keeps timers armed.
    pub(crate) fn settle(self: &Rc<Self>) {
        if self.phase() != Phase::Open {
            return;
        }
        self.close_if_done();
        if self.phase() != Phase::Open {
            return;
        }
        let codec = self.peek(Codec::deadline).unwrap_or(Tick::NEVER);
        self.http.arm_connection(self, codec.min(self.idle_deadline()).min(self.drain_deadline()));
    }

    /// A stream of this connection has ended; `is_broken`: before its request was complete.
    pub(crate) fn after_stream(self: &Rc<Self>, is_broken: bool) {
        self.active.set(self.http.worker().now());
        let is_http1 = self.peek(|codec| codec.protocol()) != Protocol::Http2;
        if is_http1 && is_broken && matches!(self.side, Side::Downstream(_)) {
            // The rest of the request cannot be told from the next one.
            self.close_after_flush(Parting::FlushAndWait);
            return;
        }
        // While events are handled it is settled at their end; but for one that is going to close, which takes no more.
        if !self.is_running.get() || self.drain.get() != Drain::No || self.peek(Codec::is_closing) {
            self.settle();
        }
        if is_http1 && self.is_open() && self.is_read_paused() {
            // A pipelined request may be waiting.
            self.http.resume(self);
        }
    }

    /// The stream in front is over: what is in the input may go on.
    pub(crate) fn resume(self: &Rc<Self>) {
        self.run_events();
        self.wake_if_paused();
    }

    /// A timer entry of the connection has fired.
    pub(crate) fn expire(self: &Rc<Self>) {
        let now = self.http.worker().now();
        if self.phase() != Phase::Open {
            if self.close_by.get() <= now {
                self.side.note_delayed_close();
                self.close_locally();
            } else {
                self.http.arm_connection(self, self.close_by.get());
            }
            return;
        }
        let expired = self.codec(|codec| match codec.deadline() {
            Some(at) if at <= now => codec.expire(now),
            _ => Ok(()),
        });
        if let Err(error) = expired {
            self.side.protocol_error(self, error);
            return;
        }
        self.drain_counts();
        // Streams that it gave up are told of with the next poll.
        self.has_events.set(true);
        self.grow_old(now);
        self.settle();
    }
}
