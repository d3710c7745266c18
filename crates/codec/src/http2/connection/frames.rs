//! What each frame but HEADERS and DATA does.

use super::Http2;
use super::end::UNKNOWN_ERROR;
use super::receive::Step;
use crate::http2::flood::Flood;
use crate::http2::flow::SendWindow;
use crate::http2::frame::{self, FrameHead, flag, kind};
use crate::http2::head::Kind;
use crate::http2::settings::{self, PARAMETER_BYTES, Setting};
use crate::http2::streams::Receiving;
use crate::{ConnectionError, ErrorCode, Event, ResetCause, Role, StreamId};

const PRIORITY_BYTES: usize = 5;
const PING_BYTES: usize = 8;
const GOAWAY_BYTES: usize = 8;
/// More parameters than this in one frame are an attack (nghttp2's limit).
const MAX_SETTINGS: usize = 32;

impl Http2 {
    /// Acts on a frame that is completely there.
    pub(super) fn frame(&mut self, head: FrameHead, payload: &[u8]) -> Result<Step, ConnectionError> {
        match head.kind {
            kind::HEADERS => {
                let event = self.headers(head, payload)?;
                return Ok(self.in_turn(event));
            }
            kind::CONTINUATION => {
                let event = self.continuation(head, payload)?;
                return Ok(self.in_turn(event));
            }
            kind::PRIORITY => self.priority(payload)?,
            kind::RST_STREAM => self.rst_stream(head, payload)?,
            kind::SETTINGS => self.settings(head, payload)?,
            kind::PING => self.ping(head, payload)?,
            kind::GOAWAY => self.goaway(head, payload)?,
            kind::WINDOW_UPDATE => self.window_update(head, payload)?,
            kind::PUSH_PROMISE if payload.len() < 4 => return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, "")),
            // PUSH_PROMISE: a server must not receive it, and a client forbade it.
            _ => return Err(self.invalid(head.stream)),
        }
        Ok(Step::Onward)
    }

    /// Hands an event out at once, unless others come before it.
    fn in_turn(&mut self, event: Option<Event>) -> Step {
        match event {
            Some(event) if self.events.is_empty() => Step::Event(event),
            Some(event) => {
                self.events.push_back(event);
                Step::Onward
            }
            None => Step::Onward,
        }
    }

    /// Checks the stream of a DATA frame; one that is gone is fine, as the peer may not know yet.
    pub(super) fn check_data_stream(&mut self, head: FrameHead) -> Result<(), ConnectionError> {
        if head.stream == 0 {
            return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "DATA: stream_id == 0"));
        }
        match self.streams.by_id(head.stream).map(|stream| stream.receiving) {
            Some(Receiving::Closed) => Err(self.fail(ErrorCode::STREAM_CLOSED, "DATA: stream in half-closed(remote)")),
            Some(Receiving::Head) => Err(self.fail(ErrorCode::PROTOCOL_ERROR, "DATA: stream not opened")),
            None if self.is_idle(head.stream) => Err(self.fail(ErrorCode::PROTOCOL_ERROR, "DATA: stream in idle")),
            Some(Receiving::FinalHead | Receiving::Body) | None => Ok(()),
        }
    }

    /// Counts a DATA frame against the windows. Returns whether the stream may have it.
    pub(super) fn receive_data(&mut self, head: FrameHead) -> Result<bool, ConnectionError> {
        if self.receive_window.receive(head.len).is_err() {
            return Err(self.fail(ErrorCode::FLOW_CONTROL_ERROR, ""));
        }
        let Some(slot) = self.streams.find(head.stream) else { return Ok(false) };
        let Some(stream) = self.streams.get_mut(slot) else { return Ok(false) };
        if stream.receive_window.receive(head.len).is_err() {
            self.reset_by_protocol(slot, ErrorCode::FLOW_CONTROL_ERROR, super::end::REMOTE_RESET);
            return Ok(false);
        }
        if stream.receiving == Receiving::FinalHead {
            // A body behind a 1xx response.
            self.reset_by_protocol(slot, ErrorCode::PROTOCOL_ERROR, super::end::REMOTE_RESET);
            return Ok(false);
        }
        self.pause.is_due = stream.receive_window.is_low() || self.receive_window.is_low();
        Ok(true)
    }

    /// Counts empty frames.
    pub(super) fn count_content(&mut self, stream: StreamId, is_empty: bool) -> Result<(), ConnectionError> {
        match self.inbound.content(is_empty, &self.options) {
            Ok(()) => Ok(()),
            Err(flood) => Err(self.flooded(Some(stream), flood)),
        }
    }

    /// Priorities are ignored (RFC 9113 section 5.3.2), but counted.
    fn priority(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() != PRIORITY_BYTES {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        match self.inbound.priority(self.streams.len(), &self.options) {
            Ok(()) => Ok(()),
            Err(flood) => Err(self.flooded(None, flood)),
        }
    }

    fn rst_stream(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() != 4 {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        if head.stream == 0 || self.is_idle(head.stream) {
            return Err(self.invalid(head.stream));
        }
        if self.role == Role::Server && !self.inbound.reset(&self.options, self.now) {
            return Err(self.fail(ErrorCode::INTERNAL_ERROR, ""));
        }
        let Some(slot) = self.streams.find(head.stream) else { return Ok(()) };
        self.tally.mark().rx_reset += 1;
        let code = ErrorCode(frame::number(payload));
        let cause =
            if code == ErrorCode::REFUSED_STREAM { ResetCause::RemoteRefused } else { ResetCause::Remote(code) };
        self.forget(slot);
        self.events.push_back(Event::Reset { stream: head.stream, cause });
        Ok(())
    }

    fn settings(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), ConnectionError> {
        let is_ack = head.has(flag::ACK);
        if !payload.len().is_multiple_of(PARAMETER_BYTES) || (is_ack && !payload.is_empty()) {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        if head.stream != 0 {
            return Err(self.invalid(0));
        }
        if is_ack {
            return self.settings_ack();
        }
        if payload.len() / PARAMETER_BYTES > MAX_SETTINGS {
            return Err(self.fail(ErrorCode::ENHANCE_YOUR_CALM, "SETTINGS: too many setting entries"));
        }
        for setting in settings::parse(self.role, payload) {
            match setting {
                Ok(setting) => self.apply(setting)?,
                Err(settings::InvalidSetting) => return Err(self.invalid(0)),
            }
        }
        self.put_control(FrameHead::new(kind::SETTINGS, flag::ACK, 0, 0), &[]);
        // The acknowledgement goes before what it allows.
        self.pump();
        if !self.peer.has_sent_settings {
            self.peer.has_sent_settings = true;
            if self.role == Role::Server {
                self.widen_connection();
            }
        }
        Ok(())
    }

    fn settings_ack(&mut self) -> Result<(), ConnectionError> {
        if self.unacknowledged_settings == 0 {
            return Err(self.invalid(0));
        }
        self.unacknowledged_settings -= 1;
        self.decoder.acknowledged(self.options.hpack_table_size);
        Ok(())
    }

    fn apply(&mut self, setting: Setting) -> Result<(), ConnectionError> {
        match setting {
            Setting::HeaderTableSize(bytes) => self.encoder.set_max_table(bytes),
            Setting::InitialWindowSize(bytes) => self.resize_windows(bytes),
            Setting::EnableConnectProtocol(is_allowed) => {
                if self.role == Role::Client {
                    // RFC 8441 section 3: what was allowed cannot be taken back.
                    if self.peer.allows_connect && !is_allowed {
                        return Err(self.invalid(0));
                    }
                    self.peer.allows_connect = is_allowed;
                }
            }
            Setting::MaxConcurrentStreams(streams) => {
                self.peer.max_concurrent_streams = streams;
                if self.role == Role::Client {
                    self.events.push_back(Event::MaxConcurrentStreams(streams));
                }
            }
            Setting::Other => {}
        }
        Ok(())
    }

    /// RFC 9113 section 6.9.2: a new initial size moves the window of every stream by the difference.
    fn resize_windows(&mut self, bytes: u32) {
        let by = i64::from(bytes) - i64::from(self.peer.initial_window);
        self.peer.initial_window = bytes;
        for slot in self.streams.slots() {
            let Some(stream) = self.streams.get_mut(slot) else { continue };
            if stream.send_window.shift(by).is_err() {
                let id = stream.id;
                self.put_reset(id, ErrorCode::FLOW_CONTROL_ERROR);
                self.forget(slot);
                // For Envoy it is the peer who ended the stream.
                let cause = ResetCause::Remote(ErrorCode::FLOW_CONTROL_ERROR);
                self.events.push_back(Event::Reset { stream: id, cause });
            } else {
                self.note_window(slot);
            }
        }
    }

    fn ping(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() != PING_BYTES {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        if head.stream != 0 {
            return Err(self.invalid(0));
        }
        if head.has(flag::ACK) {
            self.pings.answered(payload);
        } else {
            self.put_control(FrameHead::new(kind::PING, flag::ACK, 0, PING_BYTES), payload);
        }
        Ok(())
    }

    fn goaway(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() < GOAWAY_BYTES {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        if head.stream != 0 {
            return Err(self.invalid(0));
        }
        let last = frame::number(payload) & 0x7fff_ffff;
        let code = ErrorCode(frame::number(&payload[4..]));
        // It names a stream of ours, and may only be lowered (RFC 9113 section 6.8).
        let is_ours = last == 0 || (last % 2 == 1) == (self.role == Role::Client);
        if !is_ours || self.going.last_processed.is_some_and(|before| last > before) {
            return Err(self.invalid(0));
        }
        self.going.last_processed = Some(last);
        self.going.is_away = true;
        // First of all: with its last stream the connection ends.
        self.events.push_back(Event::GoAway { code });
        if self.role == Role::Client {
            self.refuse_above(last);
        }
        Ok(())
    }

    /// Streams that the peer will not process.
    fn refuse_above(&mut self, last: StreamId) {
        for slot in self.streams.slots() {
            let Some(stream) = self.streams.get(slot).map(|stream| stream.id).filter(|&id| id > last) else { continue };
            self.forget(slot);
            self.events.push_back(Event::Reset { stream, cause: ResetCause::RemoteRefused });
        }
    }

    fn window_update(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), ConnectionError> {
        if payload.len() != 4 {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
        }
        if let Err(flood) = self.inbound.window_update(self.streams.len(), &self.options) {
            return Err(self.flooded(None, flood));
        }
        let increment = i64::from(frame::number(payload) & 0x7fff_ffff);
        let is_idle = head.stream != 0 && self.is_idle(head.stream);
        if increment == 0 || is_idle {
            return Err(self.invalid(head.stream));
        }
        let window: &mut SendWindow = if head.stream == 0 {
            &mut self.send_window
        } else {
            match self.streams.by_id(head.stream) {
                Some(stream) => &mut stream.send_window,
                None => return Ok(()),
            }
        };
        if window.shift(increment).is_err() {
            return Err(self.invalid(head.stream));
        }
        if let Some(slot) = self.streams.find(head.stream) {
            self.note_window(slot);
        }
        self.pump();
        Ok(())
    }

    /// Whether nobody has opened the stream yet.
    pub(super) fn is_idle(&self, stream: StreamId) -> bool {
        let is_clients = stream % 2 == 1;
        match self.role {
            Role::Server => !is_clients || stream > self.last_peer_stream,
            Role::Client => !is_clients || stream >= self.next_stream,
        }
    }

    /// A violation for which Envoy closes without a word.
    pub(super) fn invalid(&mut self, stream: StreamId) -> ConnectionError {
        let known = self.streams.find(stream).map(|_| stream);
        let details = if known.is_some() { UNKNOWN_ERROR } else { super::end::CODEC_ERROR };
        self.fail_silently(known, details)
    }

    pub(super) fn flooded(&mut self, stream: Option<StreamId>, flood: Flood) -> ConnectionError {
        let tally = self.tally.mark();
        match flood {
            Flood::Empty => tally.inbound_empty_frames_flood += 1,
            Flood::Priority => tally.inbound_priority_frames_flood += 1,
            Flood::WindowUpdate => tally.inbound_window_update_frames_flood += 1,
            Flood::Outbound => tally.outbound_flood += 1,
            Flood::OutboundControl => tally.outbound_control_flood += 1,
        }
        let known = stream.filter(|&stream| self.streams.find(stream).is_some());
        let error = self.fail_silently(known, flood.details());
        ConnectionError { is_flood: true, ..error }
    }

    /// Whether the block at hand belongs to a stream that the owner does not know yet: tells it.
    pub(super) fn announce(&mut self, stream: StreamId) {
        if let Some(head) = &mut self.head
            && head.stream == stream
            && head.kind == Kind::Request
            && !std::mem::replace(&mut head.is_announced, true)
        {
            self.events.push_back(Event::Begin { stream });
        }
    }
}
