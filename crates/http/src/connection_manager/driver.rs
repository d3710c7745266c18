//! One connection's driver: owns the socket's read side for as long as it lives, and hands frames to streams.
//!
//! Before: `listener` accepted a connection (downstream), or a pool made one (upstream). Next: `stream.rs`.
//! Drivers run outside tokio's cooperative budget with one of their own, so that no connection starves the others.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use nuncio_codec::{Codec, Event as CodecEvent, Protocol, ResetCause, StreamId};
use nuncio_listener::CountedConnection;
use nuncio_message::Tick;

use super::connection::{Parting, Read};
use super::drain::Drain;
use super::{Connection, Event, Frame, Manager, Phase, Side, Source, Stream};
use crate::streams::StreamKey;

/// Reads of one connection in a row before others get their turn.
const MAX_READS: usize = 4;

/// The downstream side of a connection. Owner: the worker.
pub(crate) struct Downstream {
    pub(crate) manager: Rc<Manager>,
    pub(crate) is_remote_close: Cell<bool>,
    /// Until it is closed: its place in the listener's counts.
    pub(super) counted: Cell<Option<CountedConnection>>,
}

impl Downstream {
    pub(super) fn new(manager: &Rc<Manager>, counted: CountedConnection) -> Self {
        Self { manager: Rc::clone(manager), is_remote_close: Cell::new(false), counted: Cell::new(Some(counted)) }
    }
}

/// Drives `connection` until it is closed.
pub(crate) fn run(connection: Rc<Connection>) -> impl Future<Output = ()> {
    Driver { connection }
}

struct Driver {
    connection: Rc<Connection>,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let connection = &self.connection;
        connection.http.worker().clock().refresh();
        connection.set_waker(task.waker());
        connection.poll(task)
    }
}

impl Drop for Driver {
    /// The runtime drops its tasks at the end, and a panic unwinds through here: either way nothing is left behind.
    fn drop(&mut self) {
        if self.connection.phase() != Phase::Closed {
            if std::thread::panicking() {
                self.connection.http.note_panic();
            }
            self.connection.close_locally();
        }
    }
}

impl Connection {
    fn poll(self: &Rc<Self>, task: &mut Context<'_>) -> Poll<()> {
        if self.queued() > 0 {
            self.flush_now();
            self.has_events.set(true);
        }
        let mut has_looked = self.has_events.get();
        if has_looked {
            // What had to wait for an earlier response, or for room, may go on now.
            self.run_events();
        }
        for _ in 0..MAX_READS {
            if self.phase() == Phase::Closed {
                return Poll::Ready(());
            }
            if self.is_read_blocked() {
                if !std::mem::replace(&mut has_looked, true) {
                    // What keeps it from reading may be an event, or an error, that no read has brought.
                    self.run_events();
                    continue;
                }
                self.set_read_paused(true);
                // As in Envoy, a client that goes is noticed also while nothing is read of it, and an upstream is not.
                if matches!(self.side, Side::Downstream(_)) && self.peer_has_gone(task) {
                    self.lost();
                    return Poll::Ready(());
                }
                return Poll::Pending;
            }
            self.set_read_paused(false);
            match self.read(task) {
                Read::Pending => return Poll::Pending,
                Read::Bytes(bytes) => {
                    self.active.set(self.http.worker().now());
                    self.count_read(bytes);
                    self.count_protocol();
                    self.run_events();
                }
                Read::Eof => self.ended(),
                Read::Broken => self.lost(),
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_read_blocked(&self) -> bool {
        self.phase() == Phase::Open && (!self.wants_input() || self.queued() >= self.limits.buffer)
    }

    fn wants_input(&self) -> bool {
        self.peek(|codec| codec.wants_input())
    }

    /// Takes events from the codec until there are none.
    fn run_events(self: &Rc<Self>) {
        let now = self.http.worker().now();
        let was_running = self.is_running.replace(true);
        self.has_events.set(false);
        while self.phase() == Phase::Open {
            match self.next_event(now) {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => break,
                Err(error) => {
                    self.side.protocol_error(self, error);
                    break;
                }
            }
        }
        self.is_running.set(was_running);
        self.drain_counts();
        self.settle();
    }

    fn handle(self: &Rc<Self>, event: CodecEvent) {
        match event {
            CodecEvent::Begin { stream } => {
                self.find_or_begin(stream);
            }
            CodecEvent::Head { stream, headers, end_stream } => {
                self.pass(stream, Frame::Head { headers, end_stream });
            }
            CodecEvent::Informational { stream, headers } => self.pass(stream, Frame::Informational(headers)),
            CodecEvent::Data { stream, data, end_stream } => match self.stream(stream) {
                Some(_) => self.pass(stream, Frame::Data { data, end_stream }),
                // The stream is over on the other side; its bytes go nowhere.
                None => self.release(stream, data.len() as u32),
            },
            CodecEvent::Trailers { stream, headers } => self.pass(stream, Frame::Trailers(headers)),
            CodecEvent::Reset { stream, cause } => self.stream_reset(stream, cause),
            CodecEvent::Rejected { stream, rejection } => {
                if let Some(key) = self.find_or_begin(stream) {
                    self.http.dispatch(key, Event::Rejected(rejection));
                }
            }
            CodecEvent::GoAway { .. } => self.side.going_away(self),
            CodecEvent::MaxConcurrentStreams(_) => self.side.capacity_changed(self),
        }
    }

    fn pass(self: &Rc<Self>, id: StreamId, frame: Frame) {
        let key = match frame {
            Frame::Head { .. } => self.find_or_begin(id),
            Frame::Informational(_) | Frame::Data { .. } | Frame::Trailers(_) => self.stream(id),
        };
        let Some(key) = key else { return };
        let event = match &self.side {
            Side::Downstream(_) => Event::Downstream(frame),
            Side::Upstream(_) => Event::Upstream(frame),
        };
        self.http.dispatch(key, event);
    }

    /// The stream with this id; a downstream connection makes a new one, but only once.
    fn find_or_begin(self: &Rc<Self>, id: StreamId) -> Option<StreamKey> {
        if let Some(key) = self.stream(id) {
            return Some(key);
        }
        let Side::Downstream(side) = &self.side else { return None };
        // Ids grow, and may wrap on HTTP/1.
        if self.last_begun.get().wrapping_sub(id) < 1 << 31 {
            return None;
        }
        self.last_begun.set(id);
        self.count_begun(&side.manager);
        let (key, spare) = self.http.streams.reserve();
        self.attach(id, key);
        let source = Source::Connection { connection: Rc::clone(self), id };
        let stream = Stream::begin(spare, key, &self.http, &side.manager, source);
        self.http.settle(key, stream);
        Some(key)
    }

    fn stream_reset(self: &Rc<Self>, id: StreamId, cause: ResetCause) {
        if cause == ResetCause::ConnectionTermination {
            self.had_streams.set(true);
        }
        let key = match cause {
            // A stream that was refused for what its head says was never announced, but is counted and logged.
            ResetCause::Protocol(_) => self.find_or_begin(id),
            _ => self.stream(id),
        };
        let Some(key) = key else { return };
        if matches!(cause, ResetCause::ConnectionTermination) {
            self.had_streams.set(true);
        }
        self.http.dispatch(key, self.side.reset_event(cause));
    }

    /// The peer has sent FIN.
    fn ended(self: &Rc<Self>) {
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
    fn terminate(self: &Rc<Self>) {
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
