//! One request and its response: a plain struct driven by events.
//!
//! Before: `driver.rs` found the stream of a frame. Next: `chain/iterate.rs`, then the router (request) or the downstream
//! codec (`respond.rs`). Beside it: `body_end.rs` (how bodies end), `carry_out.rs` (what filters asked
//! for), `answer.rs` (replies of our own), `abandon.rs` (ends before the end).
//!
//! ```text
//!  request:   waiting ─head─► open ─end_stream─► complete            each direction on its own; a response may
//!  response:  waiting ─head─► open ─end_stream─► complete            start, or end, before the request did
//!  The stream is over when the response is complete, or when it was reset; the rest of the request is then refused.
//! ```

use std::rc::Rc;

use nuncio_codec::ErrorCode;
use nuncio_message::Headers;
use nuncio_telemetry::Moment;

use super::respond::ToDownstream;
use super::{Connection, Core, Event, Frame, Stage, sanitize};
use crate::chain::Chain;
use crate::filter::Direction;
use crate::router::{Router, UpstreamEnd};

/// One stream. Owner: the worker's slab; reused after `finish`.
pub(crate) struct Stream {
    pub(crate) core: Core,
    pub(super) chain: Chain,
    pub(super) router: Router,
}

impl Stream {
    /// Everything that happens to a stream happens here.
    pub(crate) fn handle(&mut self, event: Event) {
        if !matches!(event, Event::Deadline) {
            // Time that passes is no activity.
            self.core.touch();
        }
        match event {
            // Both directions at once: a response may start, or end, first.
            Event::Downstream(frame) => self.decode(frame),
            Event::Upstream(frame) => self.encode(frame),
            Event::Resumed(chain, filter) => self.poll(chain, filter),
            Event::PoolReady(attempt, result) => self.pool_ready(attempt, result),
            Event::Deadline => self.time_out(),
            Event::Rejected(rejection) => self.reject(&rejection),
            Event::DownstreamReset(cause) => self.abandon(cause),
            Event::UpstreamReset(end) => self.upstream_gone(end),
        }
        self.carry_out();
    }

    /// A frame of the request goes through the filters to the router.
    fn decode(&mut self, frame: Frame) {
        if self.core.is_over() {
            return;
        }
        if self.core.is_request_refused {
            self.core.discard_request(&frame);
            return;
        }
        match frame {
            Frame::Head { headers, end_stream } => self.decode_head(headers, end_stream),
            Frame::Data { data, end_stream } => self.decode_data(data, end_stream),
            Frame::Trailers(trailers) => {
                self.core.request_trailers = Some(trailers);
                self.core.note_request_end();
                self.chain.trailers(Direction::Request, 0, &mut self.core, &mut self.router);
            }
            Frame::Informational(_) => {}
        }
    }

    fn decode_head(&mut self, headers: Headers, end_stream: bool) {
        let core = &mut self.core;
        core.request = headers;
        core.note_request_head(end_stream);
        core.read_extended_connect();
        // Our own calls are fit as they are.
        if !core.is_call()
            && let Err(reply) = sanitize::request(core)
        {
            core.refuse_head(reply);
            return;
        }
        let begun = self.begin_upgrade();
        self.chain.choose(&mut self.core);
        match begun {
            Ok(()) => self.chain.head(Direction::Request, 0, end_stream, &mut self.core, &mut self.router),
            Err(reply) => self.core.refuse_head(reply),
        }
    }

    /// The attempt that waits for a connection has one, or will have none.
    fn pool_ready(&mut self, attempt: u32, result: Result<Rc<Connection>, UpstreamEnd>) {
        match result {
            Ok(connection) => self.router.pool_ready(attempt, &connection, &mut self.core),
            Err(end) if self.router.is_attempt(attempt) => self.upstream_gone(end),
            Err(_) => {}
        }
    }

    /// A frame of the response goes through the router, and the filters in reverse, to the downstream codec.
    fn encode(&mut self, frame: Frame) {
        match frame {
            Frame::Data { data, end_stream } => self.encode_data(data, end_stream),
            frame => self.pass(frame),
        }
    }

    /// A frame of the response goes through the attempt's filters and the router; what comes of it through the stream's.
    pub(super) fn pass(&mut self, frame: Frame) {
        let mut passed = self.router.response(frame, &mut self.core);
        while let Some(frame) = passed {
            self.pass_response(frame);
            if self.core.is_interrupted() {
                return;
            }
            passed = self.router.passed(&mut self.core);
        }
    }

    pub(super) fn pass_response(&mut self, frame: Frame) {
        match frame {
            Frame::Informational(mut headers) => {
                if self.core.manager.config.proxy_100_continue {
                    self.chain.informational(&mut headers, &mut self.core);
                    self.core.send_informational(&headers);
                }
            }
            Frame::Head { headers, end_stream } => {
                self.core.response = Some(headers);
                self.core.stage = Stage::Filtering;
                self.chain.head(Direction::Response, 0, end_stream, &mut self.core, &mut ToDownstream);
            }
            Frame::Data { data, end_stream } => {
                self.chain.data(Direction::Response, 0, data, end_stream, &mut self.core, &mut ToDownstream);
            }
            Frame::Trailers(trailers) => {
                self.core.response_trailers = Some(trailers);
                self.chain.trailers(Direction::Response, 0, &mut self.core, &mut ToDownstream);
            }
        }
    }

    /// The last callback of the filters, before [`Stream::finish`].
    pub(crate) fn complete(&mut self) {
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        self.core.info.timing.mark(Moment::Complete, self.core.http.worker().now());
        self.chain.complete(&mut self.core);
    }

    /// The end of every stream, exactly once: log, span, stats, and nowhere else.
    pub(crate) fn finish(&mut self) {
        self.core.report();
        self.core.clear();
        self.router.clear();
    }
}
