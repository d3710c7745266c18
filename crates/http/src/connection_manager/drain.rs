//! How a connection comes to its end in an orderly way: idle, too old, after enough requests, or because health checks
//! fail on purpose.
//!
//! ```text
//!  No ──begin_drain──► Noticed ──drain_timeout──► Closing ──last stream──► (closed)      downstream
//!  └──────────── the last response has been promised ───────▲
//! ```
//! On HTTP/2 the first step is a GOAWAY that still welcomes streams, the second one that names the last. On HTTP/1
//! responses say `connection: close` from the first step on, and the second one closes if the client has not.

use std::rc::Rc;

use nuncio_codec::{Codec, Protocol};
use nuncio_message::Tick;

use super::{Connection, Manager, Parting, Side};

/// How far a connection's drain is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drain {
    No,
    /// HTTP/1 only: too old, so that the next response is the last one; until then nothing happens.
    Soft,
    /// The peer has been told; the drain ends at this time.
    Noticed(Tick),
    /// Ends with its last stream.
    Closing(Parting),
}

impl Connection {
    /// Tells the peer that the connection will end soon.
    pub(crate) fn begin_drain(self: &Rc<Self>) {
        let Side::Downstream(side) = &self.side else { return };
        if matches!(self.drain.get(), Drain::No | Drain::Soft) {
            self.codec(Codec::begin_drain);
            self.drain.set(Drain::Noticed(self.http.worker().now() + side.manager.config.drain_timeout));
            self.http.arm_connection(self, self.drain_deadline());
        }
    }

    /// Takes no more streams.
    fn end_drain(self: &Rc<Self>) {
        self.codec(Codec::finish_drain);
        self.drain.set(Drain::Closing(Parting::FlushAndWait));
    }

    /// Whether a response that is sent now is the last one of an HTTP/1 connection. Called once a response.
    pub(crate) fn is_last_response(self: &Rc<Self>) -> bool {
        if self.drain.get() == Drain::Soft {
            self.drain.set(Drain::Closing(Parting::FlushAndWait));
        }
        self.drain.get() != Drain::No
    }

    /// The connection ends with the stream that is under way. Envoy then closes at once if the request is complete,
    /// because nothing of the client's can be under way.
    pub(crate) fn promise_close(&self) {
        if matches!(self.drain.get(), Drain::No | Drain::Soft) {
            self.drain.set(Drain::Closing(Parting::Flush));
        }
    }

    /// The connection ends with the stream that is under way, but not before the client has had time to read the answer:
    /// Envoy does not look at whether the request of such a stream is complete.
    pub(crate) fn promise_slow_close(&self) {
        if matches!(self.drain.get(), Drain::No | Drain::Soft) {
            self.drain.set(Drain::Closing(Parting::FlushAndWait));
        }
    }

    /// A request has begun: one of so many that a connection serves.
    pub(super) fn count_begun(self: &Rc<Self>, manager: &Manager) {
        let begun = self.begun.get().saturating_add(1);
        self.begun.set(begun);
        let limit = manager.config.max_requests_per_connection;
        if limit == 0 || begun < limit {
            return;
        }
        manager.stats.downstream_cx_max_requests_reached.inc();
        if self.peek(Codec::protocol) == Protocol::Http2 {
            self.begin_drain();
        } else {
            self.promise_close();
        }
    }

    /// Closes if nothing more can come.
    pub(super) fn close_if_done(self: &Rc<Self>) {
        if self.stream_count() > 0 {
            return;
        }
        match self.drain.get() {
            Drain::Closing(parting) => self.close_after_flush(parting),
            Drain::No | Drain::Soft | Drain::Noticed(_) if self.peek(Codec::is_closing) => {
                self.close_after_flush(Parting::FlushAndWait);
            }
            Drain::No | Drain::Soft | Drain::Noticed(_) => {}
        }
    }

    /// Acts on the deadlines that have passed, but for the codec's own.
    pub(super) fn grow_old(self: &Rc<Self>, now: Tick) {
        if self.age_deadline() <= now {
            self.is_old.set(true);
            self.side.note_max_duration();
            self.retire(Aging::TooOld);
        }
        if self.idle_deadline() <= now && self.is_open() {
            self.side.note_idle_timeout();
            self.retire(Aging::Idle);
        }
        if matches!(self.drain.get(), Drain::Noticed(end) if end <= now) {
            self.end_drain();
        }
    }

    fn retire(self: &Rc<Self>, why: Aging) {
        match &self.side {
            // Nothing was received yet: nobody to tell.
            Side::Downstream(_) if self.peek(Codec::is_undecided) => {
                self.close_after_flush(Parting::Flush);
            }
            Side::Downstream(side) => {
                let is_http1 = self.peek(Codec::protocol) != Protocol::Http2;
                if why == Aging::TooOld && is_http1 && side.manager.config.is_http1_duration_safe {
                    if self.drain.get() == Drain::No {
                        side.manager.stats.downstream_cx_http1_soft_drain.inc();
                        self.drain.set(Drain::Soft);
                    }
                } else {
                    self.begin_drain();
                }
            }
            Side::Upstream(side) => side.retire(self),
        }
    }

    /// The earliest time at which `grow_old` has something to do, but for the idle timeout.
    pub(super) fn drain_deadline(&self) -> Tick {
        let drain = match self.drain.get() {
            Drain::Noticed(end) => end,
            Drain::No | Drain::Soft | Drain::Closing(_) => Tick::NEVER,
        };
        drain.min(self.age_deadline())
    }

    fn age_deadline(&self) -> Tick {
        if self.is_old.get() { Tick::NEVER } else { self.limits.old_at }
    }

    pub(super) fn idle_deadline(&self) -> Tick {
        let idle_ms = self.limits.idle_ms;
        let is_counted = idle_ms > 0 && self.drain.get() == Drain::No && self.stream_count() == 0;
        if is_counted { Tick(self.active.get().0.saturating_add(idle_ms)) } else { Tick::NEVER }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Aging {
    Idle,
    TooOld,
}
