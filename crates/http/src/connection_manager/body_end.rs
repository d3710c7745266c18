//! How bodies end: HTTP/1 messages with an empty piece of its own behind the last of their data, as in Envoy, so that
//! filters and HTTP/2 peers see it. From HTTP/1 to HTTP/1 past all filters nobody can tell.

use nuncio_message::Chunk;

use super::{Frame, Stream};
use crate::filter::Direction;

impl Stream {
    /// A piece of the request's body goes through the filters to the router.
    pub(super) fn decode_data(&mut self, data: Chunk, end_stream: bool) {
        let ends_apart = self.ends_apart(Direction::Request, &data, end_stream);
        self.decode_piece(data, end_stream && !ends_apart);
        // A reply to the piece comes before the end: to HTTP/1 that is the end of the connection, as in Envoy.
        if ends_apart && !self.core.is_interrupted() {
            self.decode_piece(Chunk::empty(), true);
        }
    }

    fn decode_piece(&mut self, data: Chunk, end_stream: bool) {
        let (chain, core) = (&mut self.chain, &mut self.core);
        core.note_request_data(data.len(), end_stream);
        chain.data(Direction::Request, 0, data, end_stream, core, &mut self.router);
    }

    /// A piece of the response's body goes through the router and the filters to the downstream codec.
    pub(super) fn encode_data(&mut self, data: Chunk, end_stream: bool) {
        let ends_apart = self.ends_apart(Direction::Response, &data, end_stream);
        self.pass(Frame::Data { data, end_stream: end_stream && !ends_apart });
        if ends_apart && !self.core.is_interrupted() {
            self.pass(Frame::Data { data: Chunk::empty(), end_stream: true });
        }
    }

    /// Whether the end comes apart from `data`, behind it.
    fn ends_apart(&self, direction: Direction, data: &Chunk, end_stream: bool) -> bool {
        if !end_stream || data.is_empty() {
            return false;
        }
        let (is_sender_http1, is_receiver_http1) = match direction {
            Direction::Request => (self.core.is_http1(), self.router.is_http1()),
            Direction::Response => (self.router.is_http1(), self.core.is_http1()),
        };
        let is_plain = is_receiver_http1 && !self.router.has_filters() && self.chain.is_transparent(direction);
        is_sender_http1 && !is_plain
    }
}
