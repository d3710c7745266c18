//! The reading half: from input to events.

use memchr::memchr;
use nuncio_message::{Chunk, HeaderId, HeaderMapKind, Headers, Tick};

use super::Codec;
use super::chunked::{Decoder, Step};
use super::parse::{self, Fault, Framing, Head, RequestKind, block_end, has_list_token};
use super::send::Sending;
use crate::{ConnectionError, Event, Protocol, ResetCause, Role};

/// What is being read.
///
/// ```text
///            ┌──────────────── 1xx ─────────────┐
/// Idle ──► Head ──► Length | UntilClose | Tunnel | Chunked ──► Trailers ──► Complete ──► Idle
///            └─────────────── (fault) ──► Rejecting ──► Closed        (when answered, too)
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Between messages; a client waits for the response here.
    Idle,
    /// In a head, or in the blank lines before it.
    Head,
    /// In a body with so many bytes left.
    Length(u64),
    /// In a chunked body.
    Chunked(Decoder),
    /// Behind the last chunk.
    Trailers,
    /// In a response body that the end of the connection ends.
    UntilClose,
    /// The answer of a codec for tunnels is owed.
    Granted,
    /// Behind an upgrade or CONNECT: raw bytes.
    Tunnel,
    /// The message is over, the other direction is not.
    Complete,
    /// Begin was handed out, the rejection is next.
    Rejecting(Fault),
    /// Begin was handed out of a request that comes while too many responses wait to be written.
    Flooded,
    /// Nothing is read any more.
    Closed,
}

type Next = Result<Option<Event>, ConnectionError>;

impl Codec {
    /// The next thing that happened; `None` when the input ran out, or what is left has to wait (invariant 1).
    ///
    /// # Errors
    /// When a response cannot be understood, or bytes come that no request asked for. The connection is finished.
    pub fn next(&mut self, _now: Tick) -> Next {
        loop {
            let event = match self.reading {
                Reading::Closed => return Ok(None),
                Reading::Complete => return Ok(self.end_while_complete()),
                Reading::Rejecting(fault) => Some(self.reject(fault)),
                Reading::Flooded => return Err(self.flooded()),
                Reading::Granted => Some(self.grant()),
                // The peer speaks first: that is for whoever asks for the tunnel.
                Reading::Idle if self.options.is_tunnel => return Ok(None),
                _ if self.input.is_empty() => return self.dry(),
                Reading::Idle => self.begin()?,
                Reading::Head => self.read_head()?,
                Reading::Length(left) => Some(self.read_length(left)),
                Reading::Chunked(decoder) => self.read_chunked(decoder)?,
                Reading::Trailers => self.read_trailers()?,
                Reading::UntilClose | Reading::Tunnel => Some(self.read_rest()),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// No more input: announces a head that has begun, or reports what the end of the connection means.
    fn dry(&mut self) -> Next {
        if self.role == Role::Server && self.reading == Reading::Head && !self.has_begun {
            return Ok(Some(self.announce()));
        }
        if !self.has_eof {
            return Ok(None);
        }
        self.is_closing = true;
        match (self.role, self.reading) {
            (Role::Client, Reading::UntilClose) => {
                self.complete_reading();
                Ok(Some(Event::Data { stream: self.stream, data: Chunk::empty(), end_stream: true }))
            }
            // A response that breaks off is not understood: Envoy tells it from a connection without an answer.
            (Role::Client, Reading::Head | Reading::Length(_) | Reading::Chunked(_) | Reading::Trailers) => {
                self.fail(Fault::Syntax)
            }
            _ => Ok(self.cut()),
        }
    }

    /// The rest of the input waits. Envoy serves nobody who has closed, not even half-way.
    fn end_while_complete(&mut self) -> Option<Event> {
        if self.has_eof {
            self.is_closing = true;
            return self.cut();
        }
        self.input = std::mem::replace(&mut self.input, Chunk::empty()).detach();
        None
    }

    fn cut(&mut self) -> Option<Event> {
        let was_active = self.is_active;
        let stream = self.stream;
        self.end_stream();
        was_active.then_some(Event::Reset { stream, cause: ResetCause::ConnectionTermination })
    }

    fn grant(&mut self) -> Event {
        self.reading = Reading::UntilClose;
        let mut headers = Headers::new();
        headers.push(HeaderId::STATUS, b"200");
        Event::Head { stream: self.stream, headers, end_stream: false }
    }

    fn announce(&mut self) -> Event {
        self.has_begun = true;
        self.is_active = true;
        self.sending = Sending::Head;
        Event::Begin { stream: self.stream }
    }

    /// The first byte of a message has come.
    fn begin(&mut self) -> Result<Option<Event>, ConnectionError> {
        match self.role {
            Role::Client => {
                // Bytes that no request asked for would be taken for the answer to the next one.
                if matches!(self.sending, Sending::Idle | Sending::Head) {
                    self.reading = Reading::Closed;
                    self.is_closing = true;
                    return Err(self.fault(Fault::Syntax));
                }
            }
            Role::Server => {
                self.stream = self.stream.wrapping_add(1);
                self.protocol = Protocol::Http11;
                self.request = RequestKind::Plain;
                self.is_close_requested = false;
                if self.unwritten.iter().all(|&bytes| bytes > 0) {
                    self.reading = Reading::Flooded;
                    return Ok(Some(self.announce()));
                }
            }
        }
        self.is_line_checked = false;
        self.reading = Reading::Head;
        Ok(None)
    }

    /// A client that sends requests and reads no responses would fill our memory with them.
    fn flooded(&mut self) -> ConnectionError {
        self.reading = Reading::Closed;
        self.is_closing = true;
        self.tally.response_flood += 1;
        let details = "codec_error:Too_many_responses_queued.";
        ConnectionError { stream: Some(self.stream), details, is_flood: true }
    }

    fn read_head(&mut self) -> Next {
        if self.partial.is_empty() && !self.has_first_byte() {
            return if self.input.is_empty() { Ok(None) } else { self.fail(Fault::Syntax) };
        }
        match self.parse_head() {
            Ok(Some(head)) => self.accept(head),
            Ok(None) => Ok(None),
            Err(fault) => self.fail(fault),
        }
    }

    /// Whether a head can begin with what comes. Empty lines are skipped before a request (RFC 9112 section 2.2);
    /// Envoy judges the first byte when it comes.
    fn has_first_byte(&mut self) -> bool {
        match self.role {
            Role::Server => {
                let blanks = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.input.advance(blanks);
                self.input.first().is_some_and(|&first| first > b' ')
            }
            Role::Client => self.input.first() == Some(&b'H'),
        }
    }

    /// Parses in place when the whole head is in the input, and collects it otherwise.
    fn parse_head(&mut self) -> Result<Option<Head>, Fault> {
        if self.partial.is_empty() {
            let head = self.parse(&self.input)?;
            match &head {
                Some(head) => self.input.advance(head.consumed),
                None => {
                    self.is_line_checked = memchr(b'\n', &self.input).is_some();
                    self.collect();
                }
            }
            return self.within_limit(head);
        }
        let (whole, before) = (self.input.clone(), self.partial.len());
        self.collect();
        let is_line_new = !self.is_line_checked && memchr(b'\n', &self.partial[before..]).is_some();
        self.is_line_checked |= is_line_new;
        let end = block_end(&self.partial, self.scanned as usize);
        if end.is_none() && !is_line_new {
            self.scanned = self.partial.len().saturating_sub(2) as u32;
            return self.within_limit(None);
        }
        let head = self.parse(&self.partial)?;
        match &head {
            Some(head) => self.give_back(&whole, before, head.consumed),
            None => self.scanned = self.partial.len().saturating_sub(2) as u32,
        }
        self.within_limit(head)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Option<Head>, Fault> {
        match self.role {
            Role::Server => parse::request(bytes, self.place, &self.options),
            Role::Client => parse::response(bytes, self.place, self.request, &self.options),
        }
    }

    /// Moves input to `partial`, but not beyond the limit (invariant 2).
    fn collect(&mut self) {
        let space = (self.options.max_head_bytes + 1).saturating_sub(self.partial.len());
        let n = self.input.len().min(space);
        self.partial.extend_from_slice(&self.input[..n]);
        self.input.advance(n);
    }

    /// What was collected behind the end at `end` is input again: `whole` is what came after `before` bytes.
    fn give_back(&mut self, whole: &Chunk, before: usize, end: usize) {
        self.input = whole.slice(end.saturating_sub(before)..whole.len());
        self.partial = Vec::new();
        self.scanned = 0;
    }

    fn within_limit(&mut self, head: Option<Head>) -> Result<Option<Head>, Fault> {
        let is_too_large = head.is_none() && self.partial.len() > self.options.max_head_bytes;
        if is_too_large { Err(Fault::TooLarge) } else { Ok(head) }
    }

    fn accept(&mut self, head: Head) -> Next {
        let Head { headers, protocol, framing, dropped, consumed: _ } = head;
        self.tally.dropped_headers_with_underscores += dropped;
        self.protocol = protocol;
        let stream = self.stream;
        let is_close = self.wants_close(&headers, protocol);
        match self.role {
            Role::Server => {
                self.request = RequestKind::of(&headers);
                self.is_close_requested = is_close;
                self.is_active = true;
                self.has_begun = true;
                self.sending = Sending::Head;
            }
            Role::Client => {
                let status = headers.status().unwrap_or(0);
                if status < 200 && status != 101 {
                    self.reading = Reading::Idle;
                    return Ok(Some(Event::Informational { stream, headers }));
                }
                self.is_closing |= is_close || framing == Framing::UntilClose || framing == Framing::Tunnel;
            }
        }
        self.is_looked_ahead = false;
        self.reading = match framing {
            Framing::Empty => Reading::Complete,
            Framing::Length(length) => Reading::Length(length),
            Framing::Chunked => Reading::Chunked(Decoder::START),
            Framing::UntilClose => Reading::UntilClose,
            Framing::Tunnel => Reading::Tunnel,
        };
        let end_stream = framing == Framing::Empty;
        if end_stream {
            self.complete_reading();
        }
        Ok(Some(Event::Head { stream, headers, end_stream }))
    }

    fn wants_close(&self, headers: &Headers, protocol: Protocol) -> bool {
        let has = |id, token| headers.get(id).is_some_and(|list| has_list_token(list, token));
        let says_close = has(HeaderId::CONNECTION, b"close") || has(HeaderId::PROXY_CONNECTION, b"close");
        says_close || (protocol == Protocol::Http10 && !has(HeaderId::CONNECTION, b"keep-alive"))
    }

    fn read_length(&mut self, left: u64) -> Event {
        let n = usize::try_from(left).map_or(self.input.len(), |left| left.min(self.input.len()));
        let data = self.input.split_to(n);
        let left = left - n as u64;
        self.reading = Reading::Length(left);
        self.hand_out(data, left == 0)
    }

    fn read_rest(&mut self) -> Event {
        let data = std::mem::replace(&mut self.input, Chunk::empty());
        self.hand_out(data, false)
    }

    fn read_chunked(&mut self, mut decoder: Decoder) -> Next {
        let step = decoder.step(&mut self.input);
        self.reading = Reading::Chunked(decoder);
        match step {
            Err(fault) => self.fail(fault),
            Ok(Step::Dry) => Ok(None),
            Ok(Step::Last) => {
                self.reading = Reading::Trailers;
                Ok(None)
            }
            Ok(Step::Data(data)) => {
                // Envoy reads all that has come before it hands out any of the body.
                if !std::mem::replace(&mut self.is_looked_ahead, true)
                    && let Err(fault) = decoder.look_ahead(&self.input)
                {
                    return self.fail(fault);
                }
                Ok(Some(self.hand_out(data, false)))
            }
        }
    }

    fn read_trailers(&mut self) -> Next {
        let stream = self.stream;
        let (whole, before) = (self.input.clone(), self.partial.len());
        self.collect();
        // Envoy drops one CR here, whatever follows it.
        let block = self.partial.strip_prefix(b"\r").unwrap_or(&self.partial);
        let end = match block {
            [b'\n', ..] => Some(self.partial.len() - block.len() + 1),
            _ => block_end(&self.partial, self.scanned as usize),
        };
        let Some(end) = end else {
            self.scanned = self.partial.len().saturating_sub(2) as u32;
            let is_too_large = self.partial.len() > self.options.max_head_bytes;
            return if is_too_large { self.fail(Fault::TooLarge) } else { Ok(None) };
        };
        if end > self.options.max_head_bytes {
            return self.fail(Fault::TooLarge);
        }
        let block = std::mem::take(&mut self.partial);
        self.give_back(&whole, before, end);
        let kind = match self.role {
            Role::Server => HeaderMapKind::RequestTrailers,
            Role::Client => HeaderMapKind::ResponseTrailers,
        };
        let block = &block[..end];
        let block = block.strip_prefix(b"\r").unwrap_or(block);
        let (headers, dropped) = match parse::trailers(block, kind, &self.options) {
            Ok(trailers) => trailers,
            Err(fault) => return self.fail(fault),
        };
        self.tally.dropped_headers_with_underscores += dropped;
        self.complete_reading();
        Ok(Some(if headers.is_empty() || !self.options.enable_trailers {
            Event::Data { stream, data: Chunk::empty(), end_stream: true }
        } else {
            Event::Trailers { stream, headers }
        }))
    }

    fn hand_out(&mut self, data: Chunk, end_stream: bool) -> Event {
        self.outstanding += data.len();
        self.is_paused |= self.outstanding >= self.options.read_limit;
        if end_stream {
            self.complete_reading();
        }
        Event::Data { stream: self.stream, data, end_stream }
    }

    /// The message is read. On a client, a response that ends before its request cuts the connection short.
    fn complete_reading(&mut self) {
        self.reading = Reading::Complete;
        if self.sending == Sending::Complete {
            self.end_stream();
        } else if self.role == Role::Client {
            self.is_closing = true;
        }
    }

    /// The message is not understood: a server answers, a client gives up.
    fn fail(&mut self, fault: Fault) -> Next {
        self.partial = Vec::new();
        self.is_closing = true;
        if self.role == Role::Client {
            self.reading = Reading::Closed;
            return Err(self.fault(fault));
        }
        self.reading = Reading::Rejecting(fault);
        Ok((!self.has_begun).then(|| self.announce()))
    }

    fn reject(&mut self, fault: Fault) -> Event {
        self.reading = Reading::Closed;
        if fault == Fault::Underscore {
            self.tally.requests_rejected_with_underscores_in_headers += 1;
        }
        Event::Rejected { stream: self.stream, rejection: fault.rejection() }
    }
}
