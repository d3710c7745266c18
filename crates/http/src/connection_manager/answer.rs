//! Answers of our own: local replies, and responses that a filter made.
//!
//! Before: a filter, the router or a timeout asked for one. Next: the response direction of the chain, as for any other
//! response.

use nuncio_codec::{ErrorCode, Protocol, Rejection};
use nuncio_message::Chunk;
use nuncio_telemetry::ResponseFlag;

use super::respond::ToDownstream;
use super::{Core, Source, Stage, Stream};
use crate::chain::{Response, Rest, Terminal};
use crate::filter::{Direction, LocalReply};
use crate::local_reply;

impl Stream {
    /// Sends a reply of our own. It runs through the response callbacks of all filters, unless another response has met
    /// them already: then it goes to the codec directly, as in Envoy.
    pub(super) fn send_local_reply(&mut self, reply: LocalReply) {
        self.refuse_request();
        self.chain.announce(&reply, &mut self.core);
        if self.core.actions.is_reset {
            return;
        }
        // Filters are told, not asked: another reply of theirs is none.
        self.core.actions.reply = None;
        if self.core.stage == Stage::Started {
            self.core.info.response_code_details = Some(reply.details);
            self.core.reset_downstream();
            return;
        }
        let is_direct = self.core.stage == Stage::Filtering;
        let body = local_reply::prepare(reply, &mut self.core);
        let end_stream = body.is_empty();
        self.core.stage = Stage::Filtering;
        let (chain, core) = (&mut self.chain, &mut self.core);
        if is_direct {
            chain.abandon(Direction::Response);
            ToDownstream.head(core, end_stream);
            if !end_stream {
                ToDownstream.data(core, body, true);
            }
            return;
        }
        chain.head(Direction::Response, 0, end_stream, core, &mut ToDownstream);
        if !end_stream && !core.is_interrupted() {
            chain.data(Direction::Response, 0, body, true, core, &mut ToDownstream);
        }
    }

    /// Sends a response that a filter made through the response callbacks of all filters.
    pub(super) fn respond(&mut self, response: Response) {
        if self.core.stage != Stage::Waiting {
            return;
        }
        self.refuse_request();
        let Response { head, rest } = response;
        self.core.response = Some(head);
        self.core.stage = Stage::Filtering;
        let (chain, core) = (&mut self.chain, &mut self.core);
        let end_stream = matches!(rest, Rest::Nothing);
        chain.head(Direction::Response, 0, end_stream, core, &mut ToDownstream);
        let Rest::Body(mut body) = rest else { return };
        // The end comes with data even when there is none, as in Envoy's admin: chunked, not `content-length: 0`.
        let mut piece = body.pop().unwrap_or_else(Chunk::empty);
        while !core.is_interrupted() {
            chain.data(Direction::Response, 0, piece, body.is_empty(), core, &mut ToDownstream);
            let Some(next) = body.pop() else { return };
            piece = next;
        }
    }

    /// The request cannot be understood: Envoy answers it through the filters all the same.
    pub(super) fn reject(&mut self, rejection: &Rejection) {
        self.core.is_request_broken = true;
        self.core.manager.stats.downstream_cx_protocol_error.inc();
        self.core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        if let Source::Connection { connection, .. } = &self.core.source {
            self.core.info.protocol = Some(connection.peek(nuncio_codec::Codec::protocol));
        }
        self.core.reply(LocalReply::new(rejection.status, rejection.body, rejection.details));
    }

    /// Ends the request direction: nothing of it goes on any more.
    fn refuse_request(&mut self) {
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        self.chain.abandon(Direction::Request);
        self.core.refuse_request();
    }
}

impl Core {
    /// The request's head cannot be passed on.
    pub(super) fn refuse_head(&mut self, reply: LocalReply) {
        if reply.status == 400 {
            // Envoy takes it for a messaging error, after which HTTP/1 is not to be trusted.
            self.distrust_connection();
        }
        self.reply(reply);
    }

    /// An HTTP/1 connection ends with this stream.
    fn distrust_connection(&self) {
        if let Source::Connection { connection, .. } = &self.source
            && connection.peek(nuncio_codec::Codec::protocol) != Protocol::Http2
        {
            connection.promise_slow_close();
        }
    }
}
