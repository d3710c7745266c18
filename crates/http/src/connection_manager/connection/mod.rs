//! One connection, downstream or upstream: codec, transport and whose streams are on it. Owner: the worker.
//!
//! Everything here is a leaf: it borrows for a moment and calls no foreign code but the codec and the transport.
//! `io.rs` moves its bytes, `closing.rs` ends it, `settle.rs` keeps it going between events, `counts.rs` counts it.

mod closing;
mod counts;
mod io;
mod settle;
mod streams;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use nuncio_codec::{Codec, ConnectionError, ErrorCode, Event as CodecEvent, Protocol, StreamId};
use nuncio_message::{Chunk, Headers, Tick};
use nuncio_network::Transport;
use nuncio_telemetry::Connection as ConnectionInfo;

use super::Side;
use super::drain::Drain;
use crate::codec_stats::CodecGauges;
use crate::http_worker::HttpWorker;
use crate::plant::{Plant, is_planted};
use crate::streams::StreamKey;
pub(crate) use closing::Parting;
pub(crate) use io::Read;

/// How far a connection is from its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd)]
pub(crate) enum Phase {
    Open,
    /// Closes when everything is written.
    Flushing,
    /// Everything is written; the peer may still be sending, and a close now could reset what it has not read.
    Lingering,
    Closed,
}

pub(crate) struct Connection {
    pub(crate) http: Rc<HttpWorker>,
    pub(crate) side: Side,
    pub(crate) info: Rc<ConnectionInfo>,
    /// Its place among the worker's connections, for timers.
    pub(crate) slot: Cell<u32>,
    pub(crate) opened: Tick,
    /// When it was last used, for idle timeouts.
    pub(crate) active: Cell<Tick>,
    /// While it is being closed: when the peer must have made progress.
    pub(crate) close_by: Cell<Tick>,
    pub(crate) drain: Cell<Drain>,
    /// Streams that have begun on it.
    pub(crate) begun: Cell<u32>,
    /// The last of them.
    pub(crate) last_begun: Cell<StreamId>,
    /// Whether it ended, or will, under streams that were not complete.
    pub(crate) had_streams: Cell<bool>,
    /// Whether its age has been acted on.
    pub(crate) is_old: Cell<bool>,
    pub(super) limits: Limits,
    /// Events may be waiting in the codec that no read brings.
    pub(super) has_events: Cell<bool>,
    /// Events are being handled; what has to be done once afterwards is.
    pub(super) is_running: Cell<bool>,
    codec: RefCell<Codec>,
    transport: RefCell<Option<Box<dyn Transport>>>,
    waker: RefCell<Option<Waker>>,
    streams: RefCell<Vec<(StreamId, StreamKey)>>,
    phase: Cell<Phase>,
    parting: Cell<Parting>,
    is_dirty: Cell<bool>,
    is_read_paused: Cell<bool>,
    counted: Cell<Option<Protocol>>,
    gauges: CodecGauges,
    /// What stands in the gauges of buffered bytes.
    buffered: [Cell<u32>; 2],
}

/// What the configuration says of a connection, in the form in which it is asked for all the time.
pub(super) struct Limits {
    /// Bytes that may wait to be written.
    pub(super) buffer: usize,
    /// Milliseconds without a stream; zero is no limit.
    pub(super) idle_ms: u64,
    /// When it has grown too old.
    pub(super) old_at: Tick,
}

impl Limits {
    fn new(side: &Side, opened: Tick) -> Self {
        let max_duration = side.max_duration();
        Self {
            buffer: side.buffer_limit(),
            idle_ms: (Tick(0) + side.idle_timeout()).0,
            old_at: if max_duration.is_zero() { Tick::NEVER } else { opened + max_duration },
        }
    }
}

impl Connection {
    pub(crate) fn new(
        http: &Rc<HttpWorker>,
        side: Side,
        info: Rc<ConnectionInfo>,
        codec: Codec,
        transport: Box<dyn Transport>,
    ) -> Rc<Self> {
        let now = http.worker().now();
        let limits = Limits::new(&side, now);
        let connection = Rc::new(Self {
            limits,
            has_events: Cell::new(true),
            is_running: Cell::new(false),
            http: Rc::clone(http),
            side,
            info,
            slot: Cell::new(0),
            opened: now,
            active: Cell::new(now),
            close_by: Cell::new(Tick::NEVER),
            drain: Cell::new(Drain::No),
            begun: Cell::new(0),
            last_begun: Cell::new(0),
            had_streams: Cell::new(false),
            is_old: Cell::new(false),
            codec: RefCell::new(codec),
            transport: RefCell::new(Some(transport)),
            waker: RefCell::new(None),
            streams: RefCell::new(Vec::new()),
            phase: Cell::new(Phase::Open),
            parting: Cell::new(Parting::Flush),
            is_dirty: Cell::new(false),
            is_read_paused: Cell::new(false),
            counted: Cell::new(None),
            gauges: CodecGauges::default(),
            buffered: Default::default(),
        });
        http.add_connection(&connection);
        connection
    }

    /// Runs `f` on the codec; what it left in the out buffer is flushed at the end of the tick.
    pub(crate) fn codec<R>(self: &Rc<Self>, f: impl FnOnce(&mut Codec) -> R) -> R {
        let mut codec = self.codec.borrow_mut();
        let result = f(&mut codec);
        let has_output = !codec.out().is_empty();
        drop(codec);
        if has_output {
            self.mark_dirty();
        }
        result
    }

    /// Looks at the codec.
    pub(crate) fn peek<R>(&self, f: impl FnOnce(&Codec) -> R) -> R {
        f(&self.codec.borrow())
    }

    pub(crate) fn send_head(self: &Rc<Self>, id: StreamId, headers: &Headers, end_stream: bool) {
        self.codec(|codec| codec.send_head(id, headers, end_stream));
    }

    pub(crate) fn send_data(self: &Rc<Self>, id: StreamId, data: Chunk, end_stream: bool) {
        self.codec(|codec| codec.send_data(id, data, end_stream));
        if end_stream && self.peek(Codec::ends_writing) {
            // A FIN is something to be written, too.
            self.mark_dirty();
        }
    }

    pub(crate) fn send_trailers(self: &Rc<Self>, id: StreamId, trailers: &Headers) {
        self.codec(|codec| codec.send_trailers(id, trailers));
    }

    /// Ends a stream early. Its events end too.
    pub(crate) fn reset(self: &Rc<Self>, id: StreamId, code: ErrorCode) {
        // On HTTP/1 the connection goes with its stream.
        if matches!(self.side, Side::Upstream(_)) && self.peek(Codec::protocol) != Protocol::Http2 {
            self.had_streams.set(true);
        }
        // Envoy gives every attempt up as if something had failed here.
        let code = match (&self.side, code) {
            (Side::Upstream(_), ErrorCode::CANCEL) => ErrorCode::INTERNAL_ERROR,
            (_, code) => code,
        };
        self.detach(id);
        self.codec(|codec| codec.reset(id, code));
    }

    /// Gives credit for body bytes of `id` back to the peer.
    pub(crate) fn release(self: &Rc<Self>, id: StreamId, bytes: u32) {
        let wants_input = self.codec(|codec| {
            codec.release(id, bytes);
            if is_planted(Plant::DoubleCredit) {
                codec.release(id, bytes);
            }
            codec.wants_input()
        });
        if wants_input && self.is_read_paused.get() && !is_planted(Plant::LostWakeup) {
            self.wake();
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase.get() == Phase::Open
    }

    /// The next event, as [`Self::codec`] gives it; none while too much waits to be written.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub(super) fn next_event(self: &Rc<Self>, now: Tick) -> Result<Option<CodecEvent>, ConnectionError> {
        let mut codec = self.codec.borrow_mut();
        if codec.out().len() >= self.limits.buffer {
            self.has_events.set(true);
            return Ok(None);
        }
        let event = codec.next(now);
        let has_output = !codec.out().is_empty();
        drop(codec);
        if has_output {
            self.mark_dirty();
        }
        event
    }
}

/// Equal when it is the same connection.
#[derive(Clone)]
pub(crate) struct Same(pub(crate) Rc<Connection>);

impl PartialEq for Same {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}
