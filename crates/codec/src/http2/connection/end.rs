//! Beginnings and ends: preface, SETTINGS, drain, errors, keepalive.

use nuncio_message::Tick;

use super::Http2;
use crate::http2::flow::DEFAULT_WINDOW;
use crate::http2::frame::{FrameHead, PREFACE, kind};
use crate::http2::options::Options;
use crate::http2::settings;
use crate::http2::streams::Slot;
use crate::{ConnectionError, ErrorCode, Event, ResetCause, Role, StreamId};

/// Envoy's details of streams that end because their connection broke the rules.
pub(super) const CODEC_ERROR: &str = "codec_error:The_user_callback_function_failed";
/// Envoy's details of the stream whose frame was not valid, when nothing more special is known.
pub(super) const UNKNOWN_ERROR: &str = "http2.unknown.nghttp2.error";
/// Envoy's details of streams that were reset, by the peer or because of it.
pub(super) const REMOTE_RESET: &str = "http2.remote_reset";
const PING_TIMEOUT: &str = "http2.ping_timeout";

/// A stream id above all streams: new ones are still welcome.
const SHUTDOWN_NOTICE: StreamId = 0x7fff_ffff;

/// Keepalive: PINGs and their answers.
#[derive(Debug)]
pub(super) struct Pings {
    /// When the next one goes.
    due: Tick,
    /// When the answer to the last one must have come.
    answer_by: Tick,
    /// Its payload; so that an old answer is not taken for it.
    number: u64,
    /// When a stream was last begun or a frame received.
    active: Tick,
}

impl Pings {
    pub(super) fn new(options: &Options, now: Tick) -> Self {
        let interval = options.connection_keepalive.and_then(|keepalive| Some(keepalive.interval? + keepalive.jitter));
        let due = interval.map_or(Tick::NEVER, |interval| now + interval);
        Self { due, answer_by: Tick::NEVER, number: 0, active: now }
    }

    pub(super) fn answered(&mut self, payload: &[u8]) {
        if payload == self.number.to_be_bytes() {
            self.answer_by = Tick::NEVER;
        }
    }
}

impl Http2 {
    /// Puts out the preface (client) and our SETTINGS.
    pub(super) fn open_connection(&mut self) {
        if self.role == Role::Client {
            self.out.put(PREFACE);
        }
        let mut payload = Vec::new();
        settings::encode(self.role, &self.options, &mut payload);
        self.put_frame(FrameHead::new(kind::SETTINGS, 0, 0, payload.len()), &payload);
        self.unacknowledged_settings += 1;
    }

    /// Opens the connection's window as far as configured.
    pub(super) fn widen_connection(&mut self) {
        let size = self.options.initial_connection_window_size.max(DEFAULT_WINDOW);
        self.receive_window.resize(size);
        if size > DEFAULT_WINDOW {
            self.put_window_update(0, size - DEFAULT_WINDOW);
        }
    }

    /// Says that the connection will be closed soon, while streams that are under way are still accepted (server).
    pub fn begin_drain(&mut self) {
        if self.role == Role::Server && !self.is_closing() {
            self.put_goaway(SHUTDOWN_NOTICE, ErrorCode::NO_ERROR, "");
        }
    }

    /// Takes no more streams, and says which was the last.
    pub fn finish_drain(&mut self) {
        if !self.going.is_final && self.failed.is_none() {
            self.going.is_final = true;
            self.put_goaway(self.last_peer_stream, ErrorCode::NO_ERROR, "");
            // As in Envoy, neither the notice before it nor a goodbye after an error counts.
            self.tally.mark().goaway_sent += 1;
        }
    }

    fn put_goaway(&mut self, last: StreamId, code: ErrorCode, debug: &str) {
        let head = FrameHead::new(kind::GOAWAY, 0, 0, 8 + debug.len());
        self.out.put(&head.bytes());
        self.out.put(&last.to_be_bytes());
        self.out.put(&code.0.to_be_bytes());
        self.out.put(debug.as_bytes());
    }

    fn put_frame(&mut self, head: FrameHead, payload: &[u8]) {
        self.out.put(&head.bytes());
        self.out.put(payload);
    }

    /// The connection cannot go on, and the peer is told why.
    pub(super) fn fail(&mut self, code: ErrorCode, debug: &str) -> ConnectionError {
        self.put_goaway(self.last_peer_stream, code, debug);
        self.fail_silently(None, CODEC_ERROR)
    }

    /// The connection cannot go on; Envoy closes it without a word.
    pub(super) fn fail_silently(&mut self, stream: Option<StreamId>, details: &'static str) -> ConnectionError {
        if let Some(head) = &self.head {
            let id = head.stream;
            self.announce(id);
        }
        ConnectionError { stream, details, is_flood: false }
    }

    /// When [`Http2::expire`] wants to be called.
    pub fn deadline(&self) -> Option<Tick> {
        let earliest = self.pings.due.min(self.pings.answer_by).min(self.flush_by);
        (earliest != Tick::NEVER).then_some(earliest)
    }

    /// Does what is due: sends keepalive PINGs, gives up streams whose last data found no window. Such streams are
    /// told of by [`Http2::next`].
    ///
    /// # Errors
    /// When a PING was not answered in time.
    pub fn expire(&mut self, now: Tick) -> Result<(), ConnectionError> {
        self.now = now;
        if let Some(error) = self.failed {
            return Err(error);
        }
        if now >= self.pings.answer_by {
            self.tally.mark().keepalive_timeout += 1;
            self.pings.answer_by = Tick::NEVER;
            self.pings.due = Tick::NEVER;
            let error = self.fail_silently(None, PING_TIMEOUT);
            self.failed = Some(error);
            return Err(error);
        }
        if now >= self.pings.due {
            self.put_ping();
        }
        if now >= self.flush_by {
            self.give_up_stalled();
        }
        Ok(())
    }

    fn put_ping(&mut self) {
        let Some(keepalive) = self.options.connection_keepalive else { return };
        self.pings.number += 1;
        let payload = self.pings.number.to_be_bytes();
        self.put_frame(FrameHead::new(kind::PING, 0, 0, payload.len()), &payload);
        if self.pings.answer_by == Tick::NEVER {
            self.pings.answer_by = self.now + keepalive.timeout;
        }
        self.pings.due = keepalive.interval.map_or(Tick::NEVER, |interval| self.now + interval + keepalive.jitter);
    }

    /// `connection_idle_interval`: finds out whether an idle connection still works before it is trusted.
    pub(super) fn ping_before_stream(&mut self) {
        let idle = self.options.connection_keepalive.and_then(|keepalive| keepalive.connection_idle_interval);
        if let Some(idle) = idle
            && self.now.since(self.pings.active) >= idle
            && self.pings.answer_by == Tick::NEVER
        {
            self.put_ping();
        }
        self.pings.active = self.now;
    }

    fn give_up_stalled(&mut self) {
        self.flush_by = Tick::NEVER;
        for slot in self.streams.slots() {
            let Some(stream) = self.streams.get(slot) else { continue };
            if stream.flush_by > self.now {
                self.flush_by = self.flush_by.min(stream.flush_by);
            } else {
                self.give_up(slot, stream.id);
            }
        }
    }

    fn give_up(&mut self, slot: Slot, stream: StreamId) {
        self.tally.mark().tx_flush_timeout += 1;
        self.put_reset(stream, ErrorCode::INTERNAL_ERROR);
        self.forget(slot);
        self.events.push_back(Event::Reset { stream, cause: ResetCause::FlushTimeout });
    }
}
