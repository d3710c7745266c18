//! One codec for the owner of a connection, whatever the version.

use std::rc::Rc;

use nuncio_message::{Chunk, Headers, Tick};

use crate::{ConnectionError, ErrorCode, Event, Outbox, Protocol, Role, StreamId, http1, http2};

/// The first bytes of an HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection's codec. See the crate's documentation for how it is used, and the methods of the same names in
/// [`http1::Codec`] and [`http2::Http2`] for what they do in each version.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most connections are HTTP/1; a box would cost each an allocation")]
pub enum Codec {
    /// HTTP/1.0 and 1.1.
    Http1(http1::Codec),
    /// HTTP/2.
    Http2(Box<http2::Http2>),
    /// A server that waits for enough bytes to tell which it is.
    Undecided(Box<Undecided>),
}

/// What a server knows before the client's first bytes tell the version.
#[derive(Debug)]
pub struct Undecided {
    http1: Rc<http1::Options>,
    http2: Rc<http2::Options>,
    seen: Vec<u8>,
    out: Outbox,
}

macro_rules! both {
    ($self:expr, $codec:ident => $call:expr, $undecided:expr) => {
        match $self {
            Codec::Http1($codec) => $call,
            Codec::Http2($codec) => $call,
            Codec::Undecided(_) => $undecided,
        }
    };
}

impl Codec {
    /// Speaks HTTP/1.
    pub fn http1(role: Role, options: Rc<http1::Options>, now: Tick) -> Self {
        Self::Http1(http1::Codec::new(role, options, now))
    }

    /// Speaks HTTP/2.
    pub fn http2(role: Role, options: Rc<http2::Options>, now: Tick) -> Self {
        Self::Http2(Box::new(http2::Http2::new(role, &options, now)))
    }

    /// A server that speaks what the client does: HTTP/2 after its preface, otherwise HTTP/1.
    pub fn detect(http1: Rc<http1::Options>, http2: Rc<http2::Options>) -> Self {
        Self::Undecided(Box::new(Undecided { http1, http2, seen: Vec::new(), out: Outbox::new() }))
    }

    /// Whether nothing has told the version yet.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided(_))
    }

    /// Takes bytes that were read.
    pub fn receive(&mut self, input: Chunk) {
        let Self::Undecided(undecided) = self else {
            both!(self, codec => codec.receive(input), {});
            return;
        };
        if undecided.seen.is_empty() && !PREFACE.starts_with(&input[..input.len().min(PREFACE.len())]) {
            self.decide_http1(input);
            return;
        }
        undecided.seen.extend_from_slice(&input);
        let seen = std::mem::take(&mut undecided.seen);
        let common = seen.len().min(PREFACE.len());
        if seen[..common] != PREFACE[..common] {
            self.decide_http1(Chunk::copy_from(&seen));
        } else if common == PREFACE.len() {
            // Time matters to keepalive only, which starts with the first event.
            *self = Self::http2(Role::Server, Rc::clone(&undecided.http2), Tick(0));
            self.receive(Chunk::copy_from(&seen));
        } else {
            undecided.seen = seen;
        }
    }

    /// The peer has ended its direction.
    pub fn receive_eof(&mut self) {
        if let Self::Undecided(undecided) = self {
            let seen = std::mem::take(&mut undecided.seen);
            self.decide_http1(Chunk::copy_from(&seen));
        }
        both!(self, codec => codec.receive_eof(), {});
    }

    fn decide_http1(&mut self, input: Chunk) {
        let Self::Undecided(undecided) = self else { return };
        *self = Self::http1(Role::Server, Rc::clone(&undecided.http1), Tick(0));
        if !input.is_empty() {
            self.receive(input);
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn next(&mut self, now: Tick) -> Result<Option<Event>, ConnectionError> {
        both!(self, codec => codec.next(now), Ok(None))
    }

    /// Whether reading should go on.
    pub fn wants_input(&self) -> bool {
        both!(self, codec => codec.wants_input(), true)
    }

    /// Whether there are more events once bytes have left: see [`http2::Http2::is_pausing`].
    pub fn is_pausing(&self) -> bool {
        match self {
            Self::Http2(codec) => codec.is_pausing(),
            Self::Http1(_) | Self::Undecided(_) => false,
        }
    }

    /// Reserves a stream (client).
    pub fn open(&mut self) -> Option<StreamId> {
        both!(self, codec => codec.open(), None)
    }

    /// Sends a head.
    pub fn send_head(&mut self, stream: StreamId, headers: &Headers, end_stream: bool) {
        both!(self, codec => codec.send_head(stream, headers, end_stream), {});
    }

    /// Sends a 1xx head (server).
    pub fn send_informational(&mut self, stream: StreamId, headers: &Headers) {
        both!(self, codec => codec.send_informational(stream, headers), {});
    }

    /// Sends a piece of body.
    pub fn send_data(&mut self, stream: StreamId, data: Chunk, end_stream: bool) {
        both!(self, codec => codec.send_data(stream, data, end_stream), {});
    }

    /// Sends trailers and ends the stream.
    pub fn send_trailers(&mut self, stream: StreamId, trailers: &Headers) {
        both!(self, codec => codec.send_trailers(stream, trailers), {});
    }

    /// Ends a stream early.
    pub fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        both!(self, codec => codec.reset(stream, code), {});
    }

    /// Gives credit for body bytes back.
    pub fn release(&mut self, stream: StreamId, bytes: u32) {
        both!(self, codec => codec.release(stream, bytes), {});
    }

    /// What waits to be written.
    pub fn out(&self) -> &Outbox {
        match self {
            Self::Http1(codec) => codec.out(),
            Self::Http2(codec) => codec.out(),
            Self::Undecided(undecided) => &undecided.out,
        }
    }

    /// What waits to be written, to be taken out or dropped.
    pub fn out_mut(&mut self) -> &mut Outbox {
        match self {
            Self::Http1(codec) => codec.out_mut(),
            Self::Http2(codec) => codec.out_mut(),
            Self::Undecided(undecided) => &mut undecided.out,
        }
    }

    /// `n` bytes were written; `left` is told of body bytes among them.
    pub fn wrote(&mut self, n: usize, left: impl FnMut(StreamId, u32)) {
        both!(self, codec => codec.wrote(n, left), {});
    }

    /// Whether the write direction ends with what waits: see [`http1::Codec::ends_writing`].
    pub fn ends_writing(&self) -> bool {
        match self {
            Self::Http1(codec) => codec.ends_writing(),
            Self::Http2(_) | Self::Undecided(_) => false,
        }
    }

    /// Body bytes of a stream that were accepted and have not left.
    pub fn queued(&self, stream: StreamId) -> usize {
        both!(self, codec => codec.queued(stream), 0)
    }

    /// Whether no further message can follow.
    pub fn is_closing(&self) -> bool {
        both!(self, codec => codec.is_closing(), false)
    }

    /// Announces that no new streams are wanted.
    pub fn begin_drain(&mut self) {
        both!(self, codec => codec.begin_drain(), {});
    }

    /// Names the last stream that will be served.
    pub fn finish_drain(&mut self) {
        both!(self, codec => codec.finish_drain(), {});
    }

    /// Whether the client asked for a close after this response (HTTP/1).
    pub fn close_requested(&self) -> bool {
        both!(self, codec => codec.close_requested(), false)
    }

    /// The version of the current message.
    pub fn protocol(&self) -> Protocol {
        both!(self, codec => codec.protocol(), Protocol::Http11)
    }

    /// Streams that the codec knows.
    pub fn active_streams(&self) -> usize {
        both!(self, codec => codec.active_streams(), 0)
    }

    /// When [`Codec::expire`] must be called.
    pub fn deadline(&self) -> Option<Tick> {
        both!(self, codec => codec.deadline(), None)
    }

    /// A deadline has passed.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn expire(&mut self, now: Tick) -> Result<(), ConnectionError> {
        both!(self, codec => codec.expire(now), Ok(()))
    }
}
