//! HEADERS and CONTINUATION: from frames to heads, trailers and 1xx responses.

use super::Http2;
use crate::http2::frame::{self, FrameHead, flag};
use crate::http2::head::{Fault, Head, INVALID_FIELD, INVALID_MESSAGE, Kind, Refusal};
use crate::http2::streams::{Method, Receiving, Slot};
use crate::{ConnectionError, ErrorCode, Event, ResetCause, Role, StreamId};

const PRIORITY_BYTES: usize = 5;

/// Whether padding and priority, with which the payload of a HEADERS frame begins, have come and are valid.
pub(super) fn has_good_prefix(head: FrameHead, payload: &[u8]) -> bool {
    let padding_bytes = usize::from(head.has(flag::PADDED));
    let priority_bytes = if head.has(flag::PRIORITY) { PRIORITY_BYTES } else { 0 };
    let prefix = padding_bytes + priority_bytes;
    let Some(bytes) = payload.get(..prefix) else { return false };
    let (padding, priority) = bytes.split_at(padding_bytes);
    let padding = padding.first().map_or(0, |&length| usize::from(length));
    let is_on_itself = priority_bytes > 0 && frame::number(priority) & 0x7fff_ffff == head.stream;
    !is_on_itself && head.len as usize >= prefix + padding
}

/// Whose header block it is.
enum Target {
    Stream(Kind, Slot),
    /// The stream is gone; its block is decoded for the sake of the table.
    Gone,
    /// More streams than we allow: decoded, then refused.
    Refused,
}

impl Http2 {
    pub(super) fn headers(&mut self, head: FrameHead, payload: &[u8]) -> Result<Option<Event>, ConnectionError> {
        let fragment = self.strip(head, payload)?;
        if self.head.is_none() {
            self.begin_block(head)?;
        }
        self.count_content(head.stream, payload.is_empty() && !head.has(flag::END_STREAM))?;
        self.fragment(fragment, head.has(flag::END_HEADERS))
    }

    /// Finds or makes the stream of a HEADERS frame. As in Envoy the stream begins with the frame's head, whether the
    /// rest has come or not, so that a request that is never completed is noticed.
    pub(super) fn begin_block(&mut self, head: FrameHead) -> Result<(), ConnectionError> {
        let end_stream = head.has(flag::END_STREAM);
        let (kind, slot) = match self.target(head.stream)? {
            Target::Stream(kind, slot) => (kind, slot),
            Target::Gone => (Kind::Ignored, 0),
            Target::Refused => {
                self.tally.mark().stream_refused_errors += 1;
                self.put_reset(head.stream, ErrorCode::REFUSED_STREAM);
                (Kind::Ignored, 0)
            }
        };
        if matches!(kind, Kind::RequestTrailers) {
            self.tally.mark().trailers += 1;
        }
        let method = self.streams.get(slot).map_or(Method::Other, |stream| stream.method);
        self.head = Some(Head::begin(kind, head.stream, slot, end_stream, method));
        Ok(())
    }

    pub(super) fn continuation(&mut self, head: FrameHead, payload: &[u8]) -> Result<Option<Event>, ConnectionError> {
        if self.head.is_none() {
            return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "CONTINUATION: unexpected"));
        }
        self.count_content(head.stream, payload.is_empty())?;
        self.fragment(payload, head.has(flag::END_HEADERS))
    }

    /// Removes padding and priority.
    fn strip<'a>(&mut self, head: FrameHead, payload: &'a [u8]) -> Result<&'a [u8], ConnectionError> {
        let mut rest = payload;
        let mut padding = 0;
        if head.has(flag::PADDED) {
            let Some((&length, behind)) = rest.split_first() else {
                return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "HEADERS: insufficient padding space"));
            };
            (padding, rest) = (length.into(), behind);
        }
        if head.has(flag::PRIORITY) {
            let Some((priority, behind)) = rest.split_at_checked(PRIORITY_BYTES) else {
                return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, ""));
            };
            if frame::number(priority) & 0x7fff_ffff == head.stream {
                return Err(self.invalid(head.stream));
            }
            rest = behind;
        }
        match rest.len().checked_sub(padding) {
            Some(len) => Ok(&rest[..len]),
            None => Err(self.fail(ErrorCode::PROTOCOL_ERROR, "HEADERS: invalid padding")),
        }
    }

    fn target(&mut self, stream: StreamId) -> Result<Target, ConnectionError> {
        if let Some(slot) = self.streams.find(stream)
            && let Some(known) = self.streams.get(slot)
        {
            return match (self.role, known.receiving) {
                (_, Receiving::Closed) => Err(self.invalid(stream)),
                (Role::Server, Receiving::Head | Receiving::FinalHead | Receiving::Body) => {
                    Ok(Target::Stream(Kind::RequestTrailers, slot))
                }
                (Role::Client, Receiving::Head | Receiving::FinalHead) => Ok(Target::Stream(Kind::Response, slot)),
                (Role::Client, Receiving::Body) => Ok(Target::Stream(Kind::ResponseTrailers, slot)),
            };
        }
        if !self.is_idle(stream) {
            return Ok(Target::Gone);
        }
        if self.role == Role::Client || stream.is_multiple_of(2) {
            return Err(self.invalid(0));
        }
        if self.going.is_final {
            return Ok(Target::Gone);
        }
        self.last_peer_stream = stream;
        if self.streams.len() >= self.options.max_concurrent_streams as usize {
            // Before it has acknowledged the limit the peer could not know.
            return if self.unacknowledged_settings > 0 { Ok(Target::Refused) } else { Err(self.invalid(0)) };
        }
        let slot = self.streams.insert(stream, self.options.initial_stream_window_size, self.peer.initial_window);
        Ok(Target::Stream(Kind::Request, slot))
    }

    fn fragment(&mut self, fragment: &[u8], is_last: bool) -> Result<Option<Event>, ConnectionError> {
        let Some(head) = &mut self.head else { return Ok(None) };
        let options = &self.options;
        let mut rest = fragment;
        let indices = self.decoder.leading_indices(fragment);
        let is_usual = matches!(head.kind, Kind::Request | Kind::Response) && head.headers.is_empty();
        if indices > 0 && is_usual && head.fault.is_none() {
            let version = self.decoder.version();
            let (known, others) = fragment.split_at(indices);
            if self.memory.receive(known, version, head) {
                self.decoder.pass();
                rest = others;
            } else if self.decoder.decode(known, false, |field| head.add(field, options)).is_ok() {
                self.memory.received(known, version, head);
                rest = others;
            } else {
                return Err(self.fail(ErrorCode::COMPRESSION_ERROR, ""));
            }
        }
        if self.decoder.decode(rest, is_last, |field| head.add(field, options)).is_err() {
            return Err(self.fail(ErrorCode::COMPRESSION_ERROR, ""));
        }
        if head.fault.is_some() && head.kind != Kind::Ignored {
            self.reject()?;
        }
        if is_last { self.finish_head() } else { Ok(None) }
    }

    fn finish_head(&mut self) -> Result<Option<Event>, ConnectionError> {
        let Some(head) = &mut self.head else { return Ok(None) };
        if head.kind != Kind::Ignored {
            self.tally_dropped();
            self.check_head();
            if self.head.as_ref().is_some_and(|head| head.fault.is_some()) {
                self.reject()?;
            }
        }
        let Some(mut head) = self.head.take() else { return Ok(None) };
        let event = self.deliver(&mut head);
        head.put_away();
        Ok(event)
    }

    fn tally_dropped(&mut self) {
        if let Some(head) = &self.head
            && head.dropped > 0
        {
            self.tally.mark().dropped_headers_with_underscores += head.dropped;
        }
    }

    /// The checks that need the whole list or the stream.
    fn check_head(&mut self) {
        let Some(head) = &mut self.head else { return };
        head.finish();
        let Some(stream) = self.streams.get_mut(head.slot) else { return };
        if head.fault.is_some() {
            return;
        }
        let is_trailers = matches!(head.kind, Kind::RequestTrailers | Kind::ResponseTrailers);
        if is_trailers && head.content_length.is_some() && stream.content_length.is_some() {
            head.fault = Some(Fault::Malformed(INVALID_FIELD));
            return;
        }
        if is_trailers && !head.end_stream {
            head.fault = Some(Fault::Malformed(INVALID_MESSAGE));
            return;
        }
        let status = if head.kind == Kind::Response { head.headers.status().unwrap_or(0) } else { 0 };
        if (100..200).contains(&status) {
            // 101 has no meaning here (RFC 9113 section 8.6), and a 1xx is never the last.
            if status == 101 || head.end_stream {
                head.fault = Some(Fault::Malformed(INVALID_MESSAGE));
            }
            return;
        }
        let is_without_body = stream.method == Method::Head || matches!(status, 204 | 304);
        if head.kind == Kind::Response && is_without_body {
            stream.content_length = Some(0);
        } else if head.content_length.is_some() {
            stream.content_length = head.content_length;
        }
        if head.end_stream && stream.content_length.is_some_and(|length| length != stream.received) {
            head.fault = Some(Fault::Malformed(INVALID_MESSAGE));
        }
    }

    /// Acts on the fault of the block at hand. If only its stream is lost, the rest of the block is ignored.
    fn reject(&mut self) -> Result<(), ConnectionError> {
        let Some(head) = &self.head else { return Ok(()) };
        let (stream, slot, fault) = (head.stream, head.slot, head.fault);
        self.tally_dropped();
        self.announce(stream);
        match fault {
            None => Ok(()),
            Some(Fault::Malformed(details)) => {
                self.tally.mark().rx_messaging_error += 1;
                if !self.options.override_stream_error_on_invalid_http_message {
                    return Err(self.fail_silently(Some(stream), details));
                }
                self.reset_by_protocol(slot, ErrorCode::PROTOCOL_ERROR, details);
                Ok(())
            }
            Some(Fault::Refused(refusal)) => {
                let tally = self.tally.mark();
                match refusal {
                    Refusal::TooMany => tally.header_overflow += 1,
                    Refusal::TooLarge => tally.header_list_size_too_large += 1,
                    Refusal::Underscore => tally.requests_rejected_with_underscores_in_headers += 1,
                }
                self.refuse(stream, slot, refusal.details());
                Ok(())
            }
        }
    }

    /// Ends a stream whose list exceeds a limit. In Envoy a response like that counts as reset by the upstream.
    fn refuse(&mut self, stream: StreamId, slot: Slot, details: &'static str) {
        self.put_reset(stream, ErrorCode::INTERNAL_ERROR);
        self.forget(slot);
        let cause = match self.role {
            Role::Server => ResetCause::Protocol(details),
            Role::Client => ResetCause::Remote(ErrorCode::INTERNAL_ERROR),
        };
        self.events.push_back(Event::Reset { stream, cause });
    }

    /// The finished list, for the owner.
    fn deliver(&mut self, head: &mut Head) -> Option<Event> {
        if head.kind == Kind::Ignored {
            return None;
        }
        let stream = self.streams.get_mut(head.slot)?;
        let headers = std::mem::take(&mut head.headers);
        let (id, end_stream) = (head.stream, head.end_stream);
        if head.kind == Kind::Response && headers.status().is_some_and(|status| (100..200).contains(&status)) {
            stream.receiving = Receiving::FinalHead;
            return Some(Event::Informational { stream: id, headers });
        }
        stream.receiving = if end_stream { Receiving::Closed } else { Receiving::Body };
        if end_stream {
            self.retire(head.slot);
        }
        Some(match head.kind {
            Kind::Request | Kind::Response => Event::Head { stream: id, headers, end_stream },
            Kind::RequestTrailers | Kind::ResponseTrailers | Kind::Ignored => Event::Trailers { stream: id, headers },
        })
    }

    /// The input ran out inside a request's head: the owner learns of its stream.
    pub(super) fn begin_unfinished_head(&mut self) -> Option<Event> {
        let stream = self.head.as_ref()?.stream;
        self.announce(stream);
        self.events.pop_front()
    }

    /// Ends a stream because the peer broke the rules on it.
    pub(super) fn reset_by_protocol(&mut self, slot: Slot, code: ErrorCode, details: &'static str) {
        let Some(stream) = self.streams.get(slot).map(|stream| stream.id) else { return };
        self.put_reset(stream, code);
        self.forget(slot);
        self.events.push_back(Event::Reset { stream, cause: ResetCause::Protocol(details) });
    }
}
