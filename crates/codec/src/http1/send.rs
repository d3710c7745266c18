//! The writing half: from commands to bytes.

use nuncio_message::{Chunk, HeaderId, Headers};

use super::chunked::size_line;
use super::encode::{self, Framing};
use super::parse::{RequestKind, has_list_token};
use super::receive::Reading;
use super::{Codec, Role};
use crate::StreamId;

/// What is being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sending {
    /// Nothing: there is no stream.
    Idle,
    /// The head is owed.
    Head,
    /// A body framed so.
    Body(Framing),
    /// The message is over, the other direction is not.
    Complete,
}

impl Codec {
    /// Writes the head of a response (server) or of a request (client).
    pub fn send_head(&mut self, stream: StreamId, headers: &Headers, end_stream: bool) {
        if !self.is_current(stream) || self.sending != Sending::Head {
            return;
        }
        let framing = match self.role {
            Role::Server => {
                encode::response(&mut self.out, headers, self.request, self.protocol, &self.options, end_stream)
            }
            Role::Client if self.options.is_tunnel => {
                self.request = RequestKind::Connect;
                self.reading = Reading::Granted;
                self.is_closing = true;
                Framing::Raw
            }
            Role::Client => {
                self.request = RequestKind::of(headers);
                encode::request(&mut self.out, headers, self.request, &self.options, end_stream)
            }
        };
        // A server may say so long before it closes, as Envoy does while it drains, unless its client asked for it.
        let is_last = says_close(headers) && (self.role == Role::Client || self.is_close_requested);
        self.is_closing |= is_last || framing == Framing::UntilClose;
        self.sending = Sending::Body(framing);
        if end_stream {
            self.complete_sending();
        }
    }

    /// Writes a 1xx response (server).
    pub fn send_informational(&mut self, stream: StreamId, headers: &Headers) {
        if self.is_current(stream) && self.sending == Sending::Head && self.role == Role::Server {
            encode::informational(&mut self.out, headers, self.protocol, &self.options);
        }
    }

    /// Writes a piece of the body. In a message without one, such as the response to HEAD, it is dropped.
    pub fn send_data(&mut self, stream: StreamId, data: Chunk, end_stream: bool) {
        let Sending::Body(framing) = self.sending else { return };
        if !self.is_current(stream) {
            return;
        }
        match framing {
            Framing::Raw | Framing::UntilClose => self.out.put_body(stream, data),
            Framing::Swallowed => self.swallowed += data.len() as u32,
            Framing::Chunked => self.put_chunk(stream, data),
        }
        if end_stream {
            if framing == Framing::Chunked {
                self.out.put(b"0\r\n\r\n");
            }
            self.complete_sending();
        }
    }

    /// Ends the message with trailers; they are written only where they are enabled and the body is chunked.
    pub fn send_trailers(&mut self, stream: StreamId, trailers: &Headers) {
        let Sending::Body(framing) = self.sending else { return };
        if !self.is_current(stream) {
            return;
        }
        if framing == Framing::Chunked {
            if self.options.enable_trailers {
                self.out.put(b"0\r\n");
                encode::trailers(&mut self.out, trailers);
            } else {
                self.out.put(b"0\r\n\r\n");
            }
        }
        self.complete_sending();
    }

    fn put_chunk(&mut self, stream: StreamId, data: Chunk) {
        // An empty chunk would be the last one.
        if !data.is_empty() {
            self.out.put(size_line(data.len(), &mut [0; 18]));
            self.out.put_body(stream, data);
            self.out.put(b"\r\n");
        }
    }

    /// The message is written. A response that ends before its request is read leaves bytes of the request behind, so
    /// that nothing can follow.
    fn complete_sending(&mut self) {
        self.sending = Sending::Complete;
        if let Some(bytes) = self.unwritten.iter_mut().find(|bytes| **bytes == 0) {
            *bytes = self.out.len();
        }
        match (self.role, self.reading) {
            (_, Reading::Complete) | (Role::Server, _) => self.end_stream(),
            (Role::Client, _) => {}
        }
    }
}

fn says_close(headers: &Headers) -> bool {
    headers.get(HeaderId::CONNECTION).is_some_and(|list| has_list_token(list, b"close"))
}
