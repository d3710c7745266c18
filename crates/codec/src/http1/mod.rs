//! HTTP/1.0 and HTTP/1.1 (RFC 9112), both roles, with the verdicts of Envoy's parser.
//!
//! A connection carries one message pair at a time, so a stream is a running number. What is read and what is written
//! are two small state machines (`Reading` in receive.rs, `Sending` in send.rs) that meet here: when both have
//! completed, the next message may begin.
//!
//! Invariants:
//! 1. A server hands out nothing of a pipelined request before the one in front is read and answered completely.
//! 2. `partial` holds bytes only inside a head or a trailer block, and never more than the limit for one and one byte.
//! 3. Once `is_closing`, no message begins; the one at hand is still served.

mod chunked;
mod encode;
mod options;
mod parse;
mod reason;
mod receive;
mod send;

use std::rc::Rc;

use nuncio_message::{Chunk, Tick};

pub use options::{IgnoredUpgrades, KeepSpelling, NameCase, Options, Tally, Underscores};

use crate::{ConnectionError, ErrorCode, Outbox, Protocol, Role, StreamId};
use parse::{Fault, Place, RequestKind};
use receive::Reading;
use send::Sending;

/// Responses that may wait to be written when the next request begins; Envoy's limit.
const MAX_UNWRITTEN_RESPONSES: usize = 2;

/// One HTTP/1 connection, without I/O. Owner: its connection's driver.
#[derive(Debug)]
pub struct Codec {
    options: Rc<Options>,
    out: Outbox,
    /// Read but not parsed.
    input: Chunk,
    /// The beginning of a head or trailer block (invariant 2).
    partial: Vec<u8>,
    /// Where in `partial` the search for its end goes on.
    scanned: u32,
    /// The current stream, or the last one.
    stream: StreamId,
    reading: Reading,
    sending: Sending,
    request: RequestKind,
    protocol: Protocol,
    role: Role,
    /// Where its heads are remembered.
    place: Place,
    tally: Tally,
    /// For each of the last responses, how many bytes must be written until it has left.
    unwritten: [usize; MAX_UNWRITTEN_RESPONSES],
    /// Body bytes handed out and not released.
    outstanding: usize,
    /// Body bytes taken and not written, as after HEAD: reported as left with the next write.
    swallowed: u32,
    /// Whether the owner knows the current stream and has not seen its end.
    is_active: bool,
    /// Whether the current server stream has been announced.
    has_begun: bool,
    /// Whether the first line of `partial` has been checked.
    is_line_checked: bool,
    /// Whether reading pauses until outstanding bytes fall below half the limit.
    is_paused: bool,
    /// Whether the rest of the input is known to be well-formed chunks, to the end of the body.
    is_looked_ahead: bool,
    is_closing: bool,
    is_close_requested: bool,
    has_eof: bool,
}

const _: () = assert!(size_of::<Codec>() <= 256, "an idle connection is small");

impl Codec {
    /// A new connection. Holds no buffers until there is something to hold.
    pub fn new(role: Role, options: Rc<Options>, _now: Tick) -> Self {
        Self {
            options,
            out: Outbox::new(),
            input: Chunk::empty(),
            partial: Vec::new(),
            scanned: 0,
            stream: 0,
            reading: Reading::Idle,
            sending: Sending::Idle,
            request: RequestKind::Plain,
            protocol: Protocol::Http11,
            role,
            place: Place::next(role),
            tally: Tally::default(),
            unwritten: [0; MAX_UNWRITTEN_RESPONSES],
            outstanding: 0,
            swallowed: 0,
            is_active: false,
            has_begun: false,
            is_line_checked: false,
            is_paused: false,
            is_looked_ahead: false,
            is_closing: false,
            is_close_requested: false,
            has_eof: false,
        }
    }

    /// Hands over bytes that were read.
    pub fn receive(&mut self, input: Chunk) {
        self.is_looked_ahead = false;
        if self.input.is_empty() {
            self.input = input;
            return;
        }
        let mut both = self.input.to_vec();
        both.extend_from_slice(&input);
        self.input = Chunk::copy_from(&both);
    }

    /// The peer will send nothing more.
    pub fn receive_eof(&mut self) {
        self.has_eof = true;
    }

    /// Whether reading makes sense now: not while too many body bytes are outstanding, not while a pipelined request
    /// waits for its turn, not after the last message.
    pub fn wants_input(&self) -> bool {
        let can_go_on = match self.reading {
            Reading::Closed | Reading::Rejecting(_) | Reading::Flooded => false,
            Reading::Idle | Reading::Complete => !self.is_closing || self.is_active,
            Reading::Head
            | Reading::Length(_)
            | Reading::Chunked(_)
            | Reading::Trailers
            | Reading::UntilClose
            | Reading::Granted
            | Reading::Tunnel => true,
        };
        can_go_on && self.input.is_empty() && !self.is_paused && !self.has_eof
    }

    /// Reserves a stream for a request (client); `None` while there is one, and once the connection is closing.
    pub fn open(&mut self) -> Option<StreamId> {
        if self.role == Role::Server || self.is_active || self.is_closing || self.has_eof {
            return None;
        }
        self.stream += 1;
        self.is_active = true;
        self.sending = Sending::Head;
        Some(self.stream)
    }

    /// Forgets the stream: no more events for it. The connection can only be closed.
    pub fn reset(&mut self, stream: StreamId, _code: ErrorCode) {
        if self.is_current(stream) {
            self.is_closing = true;
            self.end_stream();
        }
    }

    /// Credit for body bytes that were handed out has come back.
    pub fn release(&mut self, _stream: StreamId, bytes: u32) {
        self.outstanding = self.outstanding.saturating_sub(bytes as usize);
        if self.outstanding < self.options.read_limit.div_ceil(2) {
            self.is_paused = false;
        }
    }

    /// What waits to be written.
    pub fn out(&self) -> &Outbox {
        &self.out
    }

    /// What waits to be written, to be cleared when the connection is cut.
    pub fn out_mut(&mut self) -> &mut Outbox {
        &mut self.out
    }

    /// `n` bytes of [`Codec::out`] were written; `left` hears of body bytes that left with them, and of those that
    /// were dropped because the message has no body.
    ///
    /// # Panics
    /// With more bytes than wait.
    pub fn wrote(&mut self, n: usize, mut left: impl FnMut(StreamId, u32)) {
        let swallowed = std::mem::take(&mut self.swallowed);
        if swallowed > 0 {
            left(self.stream, swallowed);
        }
        for bytes in &mut self.unwritten {
            *bytes = bytes.saturating_sub(n);
        }
        self.out.wrote(n, left);
    }

    /// Whether the write direction ends with what waits to be written: a tunnel's client is done, and what it talks to
    /// has to learn of that.
    pub fn ends_writing(&self) -> bool {
        self.sending == Sending::Complete && self.options.is_tunnel
    }

    /// Bytes that wait to be written: on HTTP/1 they are all of one stream.
    pub fn queued(&self, _stream: StreamId) -> usize {
        self.out.len()
    }

    /// Whether no further message can follow: close when [`Codec::out`] is empty and no stream is left.
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Nothing to do: the owner says `connection: close` in the next response.
    pub fn begin_drain(&mut self) {}

    /// Nothing to do on HTTP/1.
    pub fn finish_drain(&mut self) {}

    /// Whether the client of the current request wants the connection closed after it, by a header or its version:
    /// the owner adds `connection: close` to the response.
    pub fn close_requested(&self) -> bool {
        self.is_close_requested
    }

    /// The version of the current message.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// One while a message pair is under way, else zero.
    pub fn active_streams(&self) -> usize {
        usize::from(self.is_active)
    }

    /// HTTP/1 has no timers of its own.
    pub fn deadline(&self) -> Option<Tick> {
        None
    }

    /// Nothing to do: there is no deadline.
    ///
    /// # Errors
    /// None on HTTP/1.
    pub fn expire(&mut self, _now: Tick) -> Result<(), ConnectionError> {
        Ok(())
    }

    /// The counters, for the owner to drain.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn is_current(&self, stream: StreamId) -> bool {
        self.is_active && stream == self.stream
    }

    /// The current stream is over; nothing is read any more unless both directions completed in order.
    fn end_stream(&mut self) {
        let is_in_order = self.reading == Reading::Complete && self.sending == Sending::Complete;
        let can_follow = is_in_order && !self.is_closing;
        self.is_active = false;
        self.has_begun = false;
        self.sending = Sending::Idle;
        self.reading = if can_follow { Reading::Idle } else { Reading::Closed };
        self.is_closing |= !can_follow;
        self.partial = Vec::new();
    }

    fn fault(&self, fault: Fault) -> ConnectionError {
        let stream = self.is_active.then_some(self.stream);
        ConnectionError { stream, details: fault.details(), is_flood: false }
    }
}

#[cfg(test)]
mod tests;
