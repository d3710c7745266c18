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
use super::{Connection, Core, Deadline, Manager, Source, Stage, sanitize};
use crate::chain::{Action, Chain, ChainId, Injected, Response, Terminal};
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

impl Frame {
    /// Whether nothing of the message follows it.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Head { end_stream, .. } | Self::Data { end_stream, .. } => *end_stream,
            Self::Informational(_) => false,
            Self::Trailers(_) => true,
        }
    }
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
    ///
    /// HTTP/1 messages end with an empty piece of their own, as in Envoy, so that filters and HTTP/2 peers see it. From
    /// HTTP/1 to HTTP/1 past all filters nobody can tell.
    fn decode(&mut self, frame: Frame) {
        if self.core.is_over() {
            return;
        }
        if self.core.is_request_refused {
            self.core.discard_request(&frame);
            return;
        }
        match frame {
            Frame::Head { headers, end_stream } => {
                self.core.request = headers;
                self.core.note_request_head(end_stream);
                // Our own calls are fit as they are.
                if !self.core.is_call()
                    && let Err(reply) = sanitize::request(&mut self.core)
                {
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
                let is_plain = self.router.is_http1()
                    && !self.router.has_filters()
                    && self.chain.is_transparent(Direction::Request);
                let ends_apart = end_stream && !data.is_empty() && self.core.is_http1() && !is_plain;
                self.decode_data(data, end_stream && !ends_apart);
                // A reply to the piece comes before the end: to HTTP/1 that is the end of the connection, as in Envoy.
                if ends_apart && !self.core.is_interrupted() {
                    self.decode_data(Chunk::empty(), true);
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

    fn decode_data(&mut self, data: Chunk, end_stream: bool) {
        let (chain, core) = (&mut self.chain, &mut self.core);
        core.note_request_data(data.len(), end_stream);
        chain.data(Direction::Request, 0, data, end_stream, core, &mut self.router);
    }

    /// A frame of the response goes through the router, and the filters in reverse, to the downstream codec.
    fn encode(&mut self, frame: Frame) {
        if let Frame::Data { data, end_stream: true } = &frame
            && !data.is_empty()
            && self.router.is_http1()
            && !(self.core.is_http1() && !self.router.has_filters() && self.chain.is_transparent(Direction::Response))
        {
            let Frame::Data { data, .. } = frame else { return };
            self.pass(Frame::Data { data, end_stream: false });
            if !self.core.is_interrupted() {
                self.pass(Frame::Data { data: Chunk::empty(), end_stream: true });
            }
            return;
        }
        self.pass(frame);
    }

    /// A frame of the response goes through the attempt's filters and the router; what comes of it through the stream's.
    fn pass(&mut self, frame: Frame) {
        let mut passed = self.router.response(frame, &mut self.core);
        while let Some(frame) = passed {
            self.pass_response(frame);
            if self.core.is_interrupted() {
                return;
            }
            passed = self.router.passed(&mut self.core);
        }
    }

    fn pass_response(&mut self, frame: Frame) {
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

    /// A filter's asynchronous work is polled, and lets go of a direction if it is done.
    fn poll(&mut self, chain: ChainId, filter: u8) {
        let resumed = match chain {
            ChainId::Downstream => self.chain.poll(filter, &mut self.core),
            ChainId::Upstream => self.router.poll(filter, &mut self.core),
        };
        if let Some(direction) = resumed {
            // What it injected in the same call goes first.
            self.core.actions.resume(chain, filter, direction);
        }
    }

    fn resume(&mut self, chain: ChainId, filter: u8, direction: Direction) {
        let core = &mut self.core;
        match (chain, direction) {
            (ChainId::Downstream, Direction::Request) => self.chain.resume(direction, filter, core, &mut self.router),
            (ChainId::Downstream, Direction::Response) => {
                self.chain.resume(direction, filter, core, &mut ToDownstream);
            }
            (ChainId::Upstream, _) => {
                self.router.resume(direction, filter, core);
                self.pass_filtered();
            }
        }
    }

    fn inject(&mut self, injected: Injected) {
        let Injected { chain, filter, direction, data, end_stream } = injected;
        let core = &mut self.core;
        match (chain, direction) {
            (ChainId::Downstream, Direction::Request) => {
                self.chain.inject(direction, filter, data, end_stream, core, &mut self.router);
            }
            (ChainId::Downstream, Direction::Response) => {
                self.chain.inject(direction, filter, data, end_stream, core, &mut ToDownstream);
            }
            (ChainId::Upstream, _) => {
                self.router.inject(direction, filter, data, end_stream, core);
                self.pass_filtered();
            }
        }
    }

    /// What has passed the attempt's filters goes on.
    fn pass_filtered(&mut self) {
        while !self.core.is_interrupted()
            && let Some(frame) = self.router.passed(&mut self.core)
        {
            self.pass_response(frame);
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
        if let Source::Connection { connection, .. } = &self.core.source {
            self.core.info.protocol = Some(connection.peek(nuncio_codec::Codec::protocol));
        }
        self.core.reply(LocalReply::new(rejection.status, rejection.body, rejection.details));
    }

    /// The client has gone, or has given the stream up.
    fn abandon(&mut self, cause: ResetCause) {
        self.core.note_downstream_reset(cause);
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
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

    /// Carries out what callbacks asked for, until nothing is left to be done.
    fn carry_out(&mut self) {
        while !self.core.is_over()
            && let Some(action) = self.core.actions.next()
        {
            match action {
                Action::Reply(reply) => self.send_local_reply(reply),
                Action::Respond(response) => self.respond(*response),
                Action::Piece(piece, end_stream) => {
                    let (chain, core) = (&mut self.chain, &mut self.core);
                    chain.data(Direction::Response, 0, piece, end_stream, core, &mut ToDownstream);
                }
                Action::Reset => {
                    self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
                    self.core.reset_downstream();
                }
                Action::Inject(injected) => self.inject(injected),
                Action::Resume(chain, filter, direction) => self.resume(chain, filter, direction),
                Action::Poll(chain, filter) => self.poll(chain, filter),
            }
        }
        let credit = self.core.take_response_credit();
        self.router.release(credit);
    }

    /// Sends a reply of our own. It runs through the response callbacks of all filters, unless another response has met
    /// them already: then it goes to the codec directly, as in Envoy.
    fn send_local_reply(&mut self, reply: LocalReply) {
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
    fn respond(&mut self, response: Response) {
        if self.core.stage != Stage::Waiting {
            return;
        }
        self.refuse_request();
        let Response { head, mut body, is_whole } = response;
        self.core.response = Some(head);
        self.core.stage = Stage::Filtering;
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

    /// Ends the request direction: nothing of it goes on any more.
    fn refuse_request(&mut self) {
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        self.chain.abandon(Direction::Request);
        self.core.refuse_request();
    }

    /// Body bytes have reached the socket of the side they go to: gives credit to the side they came from.
    pub(crate) fn left(&mut self, direction: Direction, bytes: u32) {
        let due = self.core.credit_for_left(direction, bytes);
        match direction {
            Direction::Request => self.core.release_request(due),
            Direction::Response => self.router.release(due),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.core.is_over()
    }

    pub(crate) fn next_deadline(&self) -> Tick {
        self.core.next_deadline()
    }

    /// A bug was met while an event was handled: what is left of the stream ends.
    pub(crate) fn break_off(&mut self) {
        self.core.actions.clear();
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        if !self.core.is_over() {
            self.core.reset_downstream();
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
