//! One connection: its bytes go to the codec, and the codec's events to the streams that they are for.
//!
//! Before: the listener accepted a connection and `serve.rs` took it over (downstream), or a pool made one (upstream);
//! `task.rs` polls it. Next: `stream.rs`. Beside it: `connection/` (what a connection is), `drain.rs` (how it grows old).
//! Drivers run outside tokio's cooperative budget with one of their own, so that no connection starves the others.

use std::rc::Rc;
use std::task::{Context, Poll};

use nuncio_codec::{Event as CodecEvent, StreamId};

use super::connection::Read;
use super::{Connection, Event, Frame, Phase, Side, Source, Stream};
use crate::streams::StreamKey;

/// Reads of one connection in a row before others get their turn.
const MAX_READS: usize = 4;

impl Connection {
    /// Reads until there is nothing to read, or too much is under way already.
    pub(super) fn poll(self: &Rc<Self>, task: &mut Context<'_>) -> Poll<()> {
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
            if self.is_pausing() {
                // Woken already; what was handed out leaves at the end of this tick.
                return Poll::Pending;
            }
            if self.is_read_blocked() {
                if !std::mem::replace(&mut has_looked, true) {
                    // What keeps it from reading may be an event, or an error, that no read has brought.
                    self.run_events();
                    continue;
                }
                return self.pause_reading(task);
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

    /// Takes events from the codec until there are none.
    pub(super) fn run_events(self: &Rc<Self>) {
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
        if self.is_pausing() {
            self.wake();
        }
    }

    /// What the codec has understood.
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

    /// Hands a frame to its stream.
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
    pub(super) fn find_or_begin(self: &Rc<Self>, id: StreamId) -> Option<StreamKey> {
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
}
