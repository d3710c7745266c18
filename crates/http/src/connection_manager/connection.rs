//! One connection, downstream or upstream: codec, transport and whose streams are on it. Owner: the worker.
//!
//! Everything here is a leaf: it borrows for a moment and calls no foreign code but the codec and the transport.
//!
//! ```text
//!  Open ──close_after_flush──► Flushing ──out is empty──► (Lingering: waits for the peer's FIN) ──► Closed
//!    │                             └── no progress for delayed_close_timeout ───┴──────────────────────▲
//!    └───────────────────────────── close ────────────────────────────────────────────────────────────┘
//! ```

use std::cell::{Cell, RefCell};
use std::io;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nuncio_codec::{Codec, ConnectionError, ErrorCode, Event as CodecEvent, Outbox, Protocol, StreamId};
use nuncio_message::{Chunk, Headers, MAX_IO_SLICES, ReadBlock, Tick};
use nuncio_network::Transport;
use nuncio_stats::Gauge;
use nuncio_telemetry::Connection as ConnectionInfo;
use nuncio_worker::Flush;

use super::drain::Drain;
use super::driver::Downstream;
use crate::codec_stats::CodecGauges;
use crate::http_worker::HttpWorker;
use crate::plant::{Plant, is_planted};
use crate::router::pool::Upstream;
use crate::streams::StreamKey;

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

/// What a connection waits for before it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parting {
    /// Until everything is written.
    Flush,
    /// And then for the peer's FIN, but not for ever: the peer may still be sending, and would lose what it has not
    /// read if the rest came upon a closed socket.
    FlushAndWait,
}

/// What this side of the connection is for.
pub(crate) enum Side {
    Downstream(Downstream),
    Upstream(Upstream),
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

/// What came of a read.
pub(crate) enum Read {
    Pending,
    Bytes(usize),
    Eof,
    Broken,
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

    /// Has the driver polled if it has stopped reading.
    pub(crate) fn wake_if_paused(&self) {
        if self.is_read_paused.get() {
            self.wake();
        }
    }

    pub(crate) fn send_head(self: &Rc<Self>, id: StreamId, headers: &Headers, end_stream: bool) {
        self.codec(|codec| codec.send_head(id, headers, end_stream));
    }

    pub(crate) fn send_data(self: &Rc<Self>, id: StreamId, data: Chunk, end_stream: bool) {
        self.codec(|codec| codec.send_data(id, data, end_stream));
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
        if matches!(self.side, Side::Upstream(_)) && self.peek(Codec::protocol) != Protocol::Http2 {
            // It ends the connection as well.
            self.had_streams.set(true);
        }
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

    /// Has the driver polled, and look at the codec's events.
    pub(crate) fn wake(&self) {
        self.has_events.set(true);
        // Cloned, so that nothing is borrowed while the executor is called.
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        match &*slot {
            Some(known) if known.will_wake(waker) => {}
            _ => *slot = Some(waker.clone()),
        }
    }

    pub(crate) fn is_read_paused(&self) -> bool {
        self.is_read_paused.get()
    }

    pub(crate) fn set_read_paused(&self, is_paused: bool) {
        self.is_read_paused.set(is_paused);
    }

    pub(crate) fn attach(&self, id: StreamId, key: StreamKey) {
        self.streams.borrow_mut().push((id, key));
    }

    pub(crate) fn stream(&self, id: StreamId) -> Option<StreamKey> {
        // Ids grow, so that the list is sorted by them.
        let streams = self.streams.borrow();
        match streams.as_slice() {
            [(only, key)] => (*only == id).then_some(*key),
            list => list.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| list[at].1),
        }
    }

    pub(crate) fn detach(&self, id: StreamId) {
        let mut streams = self.streams.borrow_mut();
        if let Ok(at) = streams.binary_search_by_key(&id, |(id, _)| *id) {
            streams.remove(at);
        }
    }

    /// Takes all streams off.
    pub(crate) fn take_streams(&self) -> Vec<(StreamId, StreamKey)> {
        self.streams.take()
    }

    pub(crate) fn stream_count(&self) -> usize {
        self.streams.borrow().len()
    }

    /// Reads once and hands the bytes to the codec.
    pub(crate) fn read(&self, task: &mut Context<'_>) -> Read {
        let mut transport = self.transport.borrow_mut();
        let Some(transport) = &mut *transport else { return Read::Broken };
        let mut block = ReadBlock::take();
        match transport.poll_read(task, block.bytes_mut()) {
            Poll::Pending => Read::Pending,
            Poll::Ready(Ok(0)) => Read::Eof,
            Poll::Ready(Ok(n)) => {
                if self.phase.get() == Phase::Open {
                    self.codec.borrow_mut().receive(block.freeze(n));
                }
                Read::Bytes(n)
            }
            Poll::Ready(Err(_)) => Read::Broken,
        }
    }

    /// Whether the peer has ended its direction; wakes the driver's task when it does.
    pub(crate) fn peer_has_gone(&self, task: &mut Context<'_>) -> bool {
        match &mut *self.transport.borrow_mut() {
            Some(transport) => transport.poll_peer_gone(task).is_ready(),
            None => true,
        }
    }

    fn mark_dirty(self: &Rc<Self>) {
        if !self.is_dirty.replace(true) {
            let flush: Rc<dyn Flush> = Rc::clone(self) as Rc<dyn Flush>;
            self.http.worker().mark_dirty(flush);
        }
    }

    /// Writes until nothing is left or the socket is full. `None` when the connection is broken.
    fn write(&self) -> Option<Written> {
        let mut transport = self.transport.borrow_mut();
        let transport = transport.as_mut()?;
        let mut codec = self.codec.borrow_mut();
        let before = codec.out().len();
        let mut left = before;
        let mut bytes = 0;
        let waker = self.waker.borrow();
        let mut task = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        while left > 0 {
            match poll_write(codec.out(), &mut **transport, &mut task) {
                Poll::Pending => break,
                // Nothing taken of something given: it never will be.
                Poll::Ready(Ok(0)) => return None,
                Poll::Ready(Ok(n)) => {
                    bytes += n;
                    codec.wrote(n, |id, bytes| self.http.note_left(self.stream(id), bytes, &self.side));
                    // There may be room for more now.
                    left = codec.out().len();
                }
                Poll::Ready(Err(_)) => return None,
            }
        }
        Some(Written { before, bytes, left })
    }

    /// Writes what waits, and closes if that was all.
    pub(crate) fn flush_now(self: &Rc<Self>) {
        self.is_dirty.set(false);
        let Some(Written { before, bytes, left }) = self.write() else {
            if self.phase.get() != Phase::Closed {
                self.http.connection_lost(self);
            }
            return;
        };
        self.count_written(bytes, left);
        self.http.note_written();
        if self.phase.get() == Phase::Flushing {
            self.go_on_closing(before);
            return;
        }
        let half = self.limits.buffer / 2;
        if before > half && left <= half {
            // Reading may have stopped because too much waited here.
            self.wake_if_paused();
        }
    }

    /// After a write: closes, or waits on.
    fn go_on_closing(self: &Rc<Self>, before: usize) {
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

    /// Bytes that wait to be written.
    pub(crate) fn queued(&self) -> usize {
        self.codec.borrow().out().len()
    }
}

/// Bytes that waited, that were written, and that wait afterwards.
struct Written {
    before: usize,
    bytes: usize,
    left: usize,
}

/// Writes once. Most often little waits: then there is no need for a long list of slices.
fn poll_write(out: &Outbox, transport: &mut dyn Transport, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut few = [IoSlice::new(&[]); 4];
    let count = out.io_slices(&mut few);
    if count < few.len() {
        return transport.poll_write(task, &few[..count]);
    }
    let mut many = [IoSlice::new(&[]); MAX_IO_SLICES];
    let count = out.io_slices(&mut many);
    transport.poll_write(task, &many[..count])
}

/// What is counted for a connection, of whichever side.
impl Connection {
    /// Counts the version as soon as it is known.
    pub(super) fn count_protocol(&self) {
        if self.counted.get().is_none() {
            let codec = self.codec.borrow();
            if !matches!(*codec, Codec::Undecided(_)) {
                let protocol = codec.protocol();
                self.counted.set(Some(protocol));
                self.side.count_protocol(protocol);
            }
        }
    }

    /// The version that was counted for this connection, once it is known.
    pub(super) fn protocol_counted(&self) -> Option<Protocol> {
        self.counted.get()
    }

    pub(super) fn count_read(&self, bytes: usize) {
        let (total, buffered) = self.side.received();
        total.add(bytes as u64);
        // As Envoy sets it: what the last read brought, until the next.
        self.set_buffered(0, buffered, bytes);
    }

    fn count_written(&self, bytes: usize, left: usize) {
        let (total, buffered) = self.side.sent();
        if bytes > 0 {
            total.add(bytes as u64);
        }
        self.set_buffered(1, buffered, left);
        // What has been written is not outbound any more.
        self.drain_counts();
    }

    /// Adds what the codec has counted. After the end nothing may get into gauges any more.
    pub(super) fn drain_counts(&self) {
        if self.phase() == Phase::Closed {
            return;
        }
        self.side.codecs().drain(&mut self.codec.borrow_mut(), &self.gauges);
    }

    /// The connection is closed: nothing of it stays in gauges.
    pub(super) fn end_counts(&self) {
        self.side.codecs().end(&mut self.codec.borrow_mut(), &self.gauges);
        self.set_buffered(0, self.side.received().1, 0);
        self.set_buffered(1, self.side.sent().1, 0);
    }

    fn set_buffered(&self, which: usize, gauge: &Gauge, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = self.buffered[which].replace(bytes);
        if before != bytes {
            gauge.add(i64::from(bytes) - i64::from(before));
        }
    }
}

impl Flush for Connection {
    fn flush(self: Rc<Self>) {
        self.flush_now();
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
