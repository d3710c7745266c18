//! One request and its response: a plain struct driven by events.
//!
//! Before: the driver found the stream of a frame. Next: the filter chain, then the router (request) or the downstream
//! codec (response).
//!
//! ```text
//!  request:   waiting ─head─► open ─end_stream─► complete            each direction on its own; a response may
//!  response:  waiting ─head─► open ─end_stream─► complete            start, or end, before the request did
//!  The stream is over when the response is complete, or when it was reset; the rest of the request is then refused.
//! ```

use std::rc::Rc;

use nuncio_codec::{ErrorCode, Rejection, ResetCause};
use nuncio_message::{Chunk, Headers, Tick};
use nuncio_telemetry::{Moment, ResponseFlag};

use super::respond::ToDownstream;
use super::{Connection, Core, Deadline, Manager, Source, sanitize};
use crate::chain::{Chain, ChainId, Response};
use crate::filter::{Direction, LocalReply};
use crate::http_worker::HttpWorker;
use crate::local_reply;
use crate::router::{Router, UpstreamEnd};
use crate::streams::StreamKey;

/// A part of a message.
pub(crate) enum Frame {
    Head { headers: Headers, end_stream: bool },
    Informational(Headers),
    Data { data: Chunk, end_stream: bool },
    Trailers(Headers),
}

/// What can happen to a stream.
pub(crate) enum Event {
    /// A frame of the request.
    Downstream(Frame),
    /// A frame of the response.
    Upstream(Frame),
    /// A filter's asynchronous work wants to be polled.
    Resumed(ChainId, u8),
    /// The pool has a connection for the attempt with this number, or could not make one.
    PoolReady(u32, Result<Rc<Connection>, UpstreamEnd>),
    /// A deadline may have passed.
    Deadline,
    /// The codec could not understand the request.
    Rejected(Rejection),
    /// The downstream side is gone.
    DownstreamReset(ResetCause),
    /// The upstream side is gone.
    UpstreamReset(UpstreamEnd),
}

/// One stream. Owner: the worker's slab; reused after `finish`.
pub(crate) struct Stream {
    pub(crate) core: Core,
    chain: Chain,
    router: Router,
}

impl Stream {
    /// Makes a stream for a request that begins, in `spare` memory if there is any.
    pub(crate) fn begin(
        spare: Option<Box<Self>>,
        key: StreamKey,
        http: &Rc<HttpWorker>,
        manager: &Rc<Manager>,
        source: Source,
    ) -> Box<Self> {
        let mut stream = match spare {
            Some(mut stream) => {
                stream.core.renew(key, manager, source);
                stream.chain.renew(&manager.plan);
                stream
            }
            None => Box::new(Self {
                core: Core::new(key, http, manager, source),
                chain: Chain::new(ChainId::Downstream, &manager.plan),
                router: Router::default(),
            }),
        };
        stream.core.start();
        stream
    }

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
            Event::Resumed(chain, filter) => self.resume(chain, filter),
            Event::PoolReady(attempt, result) => self.pool_ready(attempt, result),
            Event::Deadline => self.time_out(),
            Event::Rejected(rejection) => self.reject(&rejection),
            Event::DownstreamReset(cause) => self.abandon(cause),
            Event::UpstreamReset(end) => self.upstream_gone(end),
        }
        self.carry_out();
    }

    /// A frame of the request goes through the filters to the router.
    ///
    /// HTTP/1 messages end with an empty piece of their own, as in Envoy, so that filters and HTTP/2 peers see it. From
    /// HTTP/1 to HTTP/1 past all filters nobody can tell.
    fn decode(&mut self, frame: Frame) {
        if self.core.is_over() {
            return;
        }
        match frame {
            Frame::Head { headers, end_stream } => {
                self.core.request = headers;
                self.core.note_request_head(end_stream);
                if let Err(reply) = sanitize::request(&mut self.core) {
                    if reply.status == 400 {
                        // Envoy takes it for a messaging error, after which HTTP/1 is not to be trusted.
                        self.core.distrust_connection();
                    }
                    self.core.reply(reply);
                    return;
                }
                self.chain.choose(&mut self.core);
                self.chain.head(Direction::Request, 0, end_stream, &mut self.core, &mut self.router);
            }
            Frame::Data { data, end_stream } => {
                self.core.note_request_data(data.len(), end_stream);
                let is_plain = self.router.is_http1() && self.chain.is_transparent(Direction::Request);
                let ends_apart = end_stream && !data.is_empty() && self.core.is_http1() && !is_plain;
                self.chain.data(
                    Direction::Request,
                    0,
                    data,
                    end_stream && !ends_apart,
                    &mut self.core,
                    &mut self.router,
                );
                if ends_apart && !self.core.is_interrupted() {
                    self.chain.data(Direction::Request, 0, Chunk::empty(), true, &mut self.core, &mut self.router);
                }
            }
            Frame::Trailers(trailers) => {
                self.core.request_trailers = Some(trailers);
                self.core.note_request_end();
                self.chain.trailers(Direction::Request, 0, &mut self.core, &mut self.router);
            }
            Frame::Informational(_) => {}
        }
    }

    /// A frame of the response goes through the router, and the filters in reverse, to the downstream codec.
    fn encode(&mut self, frame: Frame) {
        let is_http1 = self.router.is_http1();
        let Some(frame) = self.router.response(frame, &mut self.core) else { return };
        match frame {
            Frame::Informational(mut headers) => {
                // Envoy passes on 100, 102 and 103, and only when told to; the others end here.
                let is_passed = matches!(headers.status(), Some(100 | 102 | 103));
                if self.core.manager.config.proxy_100_continue && is_passed {
                    self.chain.informational(&mut headers, &mut self.core);
                    self.core.send_informational(&headers);
                }
            }
            Frame::Head { headers, end_stream } => {
                self.core.response = Some(headers);
                self.chain.head(Direction::Response, 0, end_stream, &mut self.core, &mut ToDownstream);
            }
            Frame::Data { data, end_stream } => {
                self.core.note_response_data(data.len());
                let is_plain = self.core.is_http1() && self.chain.is_transparent(Direction::Response);
                let ends_apart = end_stream && !data.is_empty() && is_http1 && !is_plain;
                let (chain, core) = (&mut self.chain, &mut self.core);
                chain.data(Direction::Response, 0, data, end_stream && !ends_apart, core, &mut ToDownstream);
                if ends_apart && !core.is_interrupted() {
                    chain.data(Direction::Response, 0, Chunk::empty(), true, core, &mut ToDownstream);
                }
            }
            Frame::Trailers(trailers) => {
                self.core.response_trailers = Some(trailers);
                self.chain.trailers(Direction::Response, 0, &mut self.core, &mut ToDownstream);
            }
        }
    }

    fn resume(&mut self, chain: ChainId, filter: u8) {
        if chain == ChainId::Upstream {
            self.router.resume(filter, &mut self.core);
            return;
        }
        match self.chain.poll(filter, &mut self.core) {
            Some(direction) if !self.core.is_interrupted() => self.go_on(direction, filter),
            _ => {}
        }
    }

    fn go_on(&mut self, direction: Direction, filter: u8) {
        let (chain, core) = (&mut self.chain, &mut self.core);
        match direction {
            Direction::Request => chain.resume(direction, filter, core, &mut self.router),
            Direction::Response => chain.resume(direction, filter, core, &mut ToDownstream),
        }
    }

    fn pool_ready(&mut self, attempt: u32, result: Result<Rc<Connection>, UpstreamEnd>) {
        match result {
            Ok(connection) => self.router.pool_ready(attempt, &connection, &mut self.core),
            Err(end) if self.router.is_attempt(attempt) => self.upstream_gone(end),
            Err(_) => {}
        }
    }

    /// The upstream side is gone: try again, answer, or cut the response off.
    fn upstream_gone(&mut self, end: UpstreamEnd) {
        self.router.upstream_gone(end, &mut self.core);
    }

    /// The request cannot be understood: Envoy answers it through the filters all the same.
    fn reject(&mut self, rejection: &Rejection) {
        self.core.is_request_broken = true;
        self.core.manager.stats.downstream_cx_protocol_error.inc();
        self.core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        self.core.reply(LocalReply::new(rejection.status, rejection.body, rejection.details));
    }

    /// The client has gone, or has given the stream up.
    fn abandon(&mut self, cause: ResetCause) {
        self.core.note_downstream_reset(cause);
        self.router.abandon(&mut self.core, ErrorCode::CANCEL);
        self.core.end();
    }

    fn time_out(&mut self) {
        let Some(deadline) = self.core.passed_deadline() else { return };
        match deadline {
            Deadline::Route | Deadline::PerTry | Deadline::Retry => self.router.time_out(deadline, &mut self.core),
            Deadline::Idle | Deadline::RequestHeaders | Deadline::Request | Deadline::Duration => {
                self.core.time_out(deadline);
            }
        }
    }

    /// Carries out what callbacks asked for: replies and resets first, then polls.
    fn carry_out(&mut self) {
        loop {
            if let Some(reply) = self.core.actions.reply.take() {
                self.send_local_reply(reply);
            } else if let Some(response) = self.core.actions.response.take() {
                self.respond(*response);
            } else if let Some((piece, end_stream)) = self.core.actions.pieces.pop_front() {
                let (chain, core) = (&mut self.chain, &mut self.core);
                if !core.is_over() {
                    chain.data(Direction::Response, 0, piece, end_stream, core, &mut ToDownstream);
                }
            } else if std::mem::take(&mut self.core.actions.is_reset) {
                self.router.abandon(&mut self.core, ErrorCode::CANCEL);
                self.core.reset_downstream();
            } else if let Some((chain, filter)) = self.core.actions.polls.pop() {
                self.resume(chain, filter);
            } else {
                return;
            }
        }
    }

    /// Sends a reply of our own through the response callbacks of all filters.
    fn send_local_reply(&mut self, reply: LocalReply) {
        if self.core.is_over() {
            return;
        }
        self.router.abandon(&mut self.core, ErrorCode::CANCEL);
        self.chain.abandon_request();
        if self.core.is_response_started() {
            self.core.info.response_code_details = Some(reply.details);
            self.core.reset_downstream();
            return;
        }
        self.chain.announce(&reply, &mut self.core);
        let body = local_reply::prepare(reply, &mut self.core);
        let end_stream = body.is_empty();
        let (chain, core) = (&mut self.chain, &mut self.core);
        chain.head(Direction::Response, 0, end_stream, core, &mut ToDownstream);
        if !end_stream && !core.is_interrupted() {
            chain.data(Direction::Response, 0, body, true, core, &mut ToDownstream);
        }
    }

    /// Sends a response that a filter made through the response callbacks of all filters.
    fn respond(&mut self, response: Response) {
        self.router.abandon(&mut self.core, ErrorCode::CANCEL);
        self.chain.abandon_request();
        if self.core.is_over() || self.core.is_response_started() {
            return;
        }
        let Response { head, mut body, is_whole } = response;
        self.core.response = Some(head);
        let (chain, core) = (&mut self.chain, &mut self.core);
        // The end comes with data even when there is none, as in Envoy's admin: chunked, not `content-length: 0`.
        chain.head(Direction::Response, 0, false, core, &mut ToDownstream);
        let mut piece = body.pop().unwrap_or_else(Chunk::empty);
        while is_whole && !core.is_interrupted() {
            chain.data(Direction::Response, 0, piece, body.is_empty(), core, &mut ToDownstream);
            let Some(next) = body.pop() else { return };
            piece = next;
        }
    }

    /// Body bytes have reached the socket of the side they go to: gives credit to the side they came from.
    pub(crate) fn left(&mut self, direction: Direction, bytes: u32) {
        match direction {
            Direction::Request => self.core.release_request(bytes),
            Direction::Response => self.router.release(bytes),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.core.is_over()
    }

    pub(crate) fn next_deadline(&self) -> Tick {
        self.core.next_deadline()
    }

    /// The end of every stream, exactly once: log, span, stats, and nowhere else.
    pub(crate) fn finish(&mut self) {
        self.router.abandon(&mut self.core, ErrorCode::CANCEL);
        self.core.info.timing.mark(Moment::Complete, self.core.http.worker().now());
        self.chain.complete(&mut self.core);
        self.core.report();
        self.core.clear();
        self.router.clear();
    }
}
