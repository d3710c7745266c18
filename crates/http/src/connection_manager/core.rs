//! What a stream knows: the part of it that filters see and every step works on.

use std::borrow::Cow;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use nuncio_codec::{ErrorCode, Protocol, ResetCause, StreamId};
use nuncio_message::{HeaderMapKind, Headers, Tick};
use nuncio_telemetry::formatter::{Inputs, LogType};
use nuncio_telemetry::{AccessLogs, Moment, ResponseFlag, StreamInfo};

use super::flow::Flow;
use super::timeouts::Deadlines;
use super::{Connection, Deadline, Frame, Manager};
use crate::chain::{Actions, Chain, ChainId, Held};
use crate::client::Exchange;
use crate::filter::{Direction, LocalReply, PerRoute};
use crate::header_mutation::Subject;
use crate::http_worker::HttpWorker;
use crate::route::{Route, RouteRef};
use crate::streams::StreamKey;
use crate::wake::FilterKey;

/// Where a request comes from and its response goes to.
pub(crate) enum Source {
    /// A downstream connection.
    Connection { connection: Rc<Connection>, id: StreamId },
    /// A call of our own.
    Call(Rc<Exchange>),
    /// Nowhere: the stream is between two uses.
    None,
}

/// How far the response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Nothing of it has met the filters.
    Waiting,
    /// Its head is with the filters: a local reply must not run through them once more.
    Filtering,
    /// Its head has gone to the downstream codec: it can only be cut off.
    Started,
}

enum RouteState {
    NotAsked,
    NoMatch,
    Found(RouteRef),
}

pub(crate) struct Core {
    pub(crate) key: StreamKey,
    pub(crate) http: Rc<HttpWorker>,
    pub(crate) manager: Rc<Manager>,
    pub(crate) source: Source,
    pub(crate) info: StreamInfo,
    pub(crate) request: Headers,
    pub(crate) request_trailers: Option<Headers>,
    pub(crate) response: Option<Headers>,
    pub(crate) response_trailers: Option<Headers>,
    /// The bodies that the filter which is being called holds; empty between callbacks.
    pub(crate) held: Held,
    pub(crate) actions: Actions,
    /// An attempt's chain between two attempts, for its memory; it has no filters.
    pub(crate) spare_chain: Option<Box<Chain>>,
    pub(crate) deadlines: Deadlines,
    route: RouteState,
    /// Request body bytes that were received and whose credit has not been given back.
    unreleased: u32,
    /// The whole request has been received.
    pub(crate) is_request_complete: bool,
    /// The request's framing is lost: the connection cannot be used on.
    pub(crate) is_request_broken: bool,
    pub(crate) is_head_request: bool,
    /// Filters or the route have had the request's head in their hands: it may not be fit to be sent any more.
    pub(crate) is_request_changed: bool,
    /// A local reply has ended the request direction: what still comes of the request goes nowhere.
    pub(crate) is_request_refused: bool,
    pub(crate) stage: Stage,
    is_over: bool,
    flows: [Flow; 2],
    /// Filters that are to be polled when a direction is below its watermark again.
    drained: Vec<(Direction, ChainId, u8)>,
    /// Credit for response bytes that filters took, to be given back at the end of this event.
    response_credit: u32,
    /// Bytes of body that filters may hold back; zero is no limit.
    buffer_limit: usize,
}

impl Core {
    pub(crate) fn new(key: StreamKey, http: &Rc<HttpWorker>, manager: &Rc<Manager>, source: Source) -> Self {
        Self {
            key,
            http: Rc::clone(http),
            manager: Rc::clone(manager),
            source,
            info: StreamInfo::default(),
            request: Headers::new(),
            request_trailers: None,
            response: None,
            response_trailers: None,
            held: Held::default(),
            actions: Actions::default(),
            spare_chain: None,
            deadlines: Deadlines::default(),
            route: RouteState::NotAsked,
            unreleased: 0,
            is_request_complete: false,
            is_request_broken: false,
            is_head_request: false,
            is_request_changed: false,
            is_request_refused: false,
            stage: Stage::Waiting,
            is_over: false,
            flows: Default::default(),
            drained: Vec::new(),
            response_credit: 0,
            buffer_limit: 0,
        }
    }

    /// Makes it the core of another stream; `clear` was called before.
    pub(crate) fn renew(&mut self, key: StreamKey, manager: &Rc<Manager>, source: Source) {
        self.key = key;
        if !Rc::ptr_eq(&self.manager, manager) {
            self.manager = Rc::clone(manager);
        }
        self.source = source;
    }

    /// The stream begins now.
    pub(crate) fn start(&mut self) {
        let clock = self.http.worker().clock();
        let now = clock.now();
        self.buffer_limit = self.manager.config.buffer_limit_bytes;
        self.info.start_micros = clock.wall_micros();
        self.info.timing.mark(Moment::DownstreamReceiveBegin, now);
        if let Source::Connection { connection, .. } = &self.source {
            self.info.connection = Some(Rc::clone(&connection.info));
            self.info.timing.mark(Moment::DownstreamConnectBegin, connection.opened);
            // Known better with the head, which may never come.
            let is_http2 = connection.peek(nuncio_codec::Codec::protocol) == Protocol::Http2;
            let (protocol, total) = match is_http2 {
                true => (Protocol::Http2, &self.manager.stats.downstream_rq_http2_total),
                false => (Protocol::Http11, &self.manager.stats.downstream_rq_http1_total),
            };
            self.info.protocol = Some(protocol);
            total.inc();
        }
        self.deadlines.set_idle(self.manager.config.stream_idle_timeout, now);
        for (deadline, span) in [
            (Deadline::RequestHeaders, self.manager.config.request_headers_timeout),
            (Deadline::Request, self.manager.config.request_timeout),
            (Deadline::Duration, self.manager.config.max_stream_duration),
        ] {
            if !span.is_zero() {
                self.deadlines.set(deadline, now + span);
            }
        }
        self.manager.stats.downstream_rq_total.inc();
        self.manager.stats.downstream_rq_active.inc();
    }

    pub(crate) fn now(&self) -> Tick {
        self.http.worker().now()
    }

    pub(crate) fn touch(&mut self) {
        let now = self.now();
        self.deadlines.touch(now);
    }

    // The request as it comes in.

    pub(crate) fn note_request_head(&mut self, end_stream: bool) {
        use nuncio_message::HeaderId;
        self.is_head_request = self.request.get(HeaderId::METHOD) == Some(b"HEAD");
        self.deadlines.clear(Deadline::RequestHeaders);
        if let Source::Connection { connection, .. } = &self.source {
            let protocol = connection.peek(nuncio_codec::Codec::protocol);
            self.info.protocol = Some(protocol);
            if protocol == Protocol::Http2 {
                // As in Envoy, an HTTP/2 stream may hold what its window lets in.
                self.buffer_limit = self.manager.config.http2.initial_stream_window_size as usize;
            }
        }
        if end_stream {
            self.note_request_end();
        }
    }

    pub(crate) fn note_request_data(&mut self, bytes: usize, end_stream: bool) {
        self.info.bytes_received += bytes as u64;
        self.unreleased += bytes as u32;
        if end_stream {
            self.note_request_end();
        }
    }

    pub(crate) fn note_request_end(&mut self) {
        self.is_request_complete = true;
        self.deadlines.clear(Deadline::Request);
        let now = self.now();
        self.info.timing.mark(Moment::DownstreamReceiveEnd, now);
    }

    pub(crate) fn note_downstream_reset(&mut self, cause: ResetCause) {
        let (flag, details): (_, &'static str) = match cause {
            ResetCause::ConnectionTermination => {
                (ResponseFlag::DownstreamConnectionTermination, "downstream_remote_disconnect")
            }
            ResetCause::Remote(_) | ResetCause::RemoteRefused => {
                (ResponseFlag::DownstreamRemoteReset, "http2.remote_reset")
            }
            // Envoy refuses what is too much with a reset of the stream, and logs it as the client's reset.
            ResetCause::Protocol(
                details @ ("http2.too_many_headers"
                | "http2.header_list_size_too_large"
                | "http2.unexpected_underscore"),
            ) => (ResponseFlag::DownstreamRemoteReset, details),
            ResetCause::Protocol(details) => (ResponseFlag::DownstreamProtocolError, details),
            ResetCause::FlushTimeout => (ResponseFlag::StreamIdleTimeout, "stream_idle_timeout"),
        };
        self.manager.stats.downstream_rq_rx_reset.inc();
        self.info.flags.set(flag);
        self.info.response_code_details = Some(Cow::Borrowed(details));
        self.source = match std::mem::replace(&mut self.source, Source::None) {
            // The codec has forgotten the stream; only the connection's share of the credit is left.
            Source::Connection { connection, id } => {
                connection.detach(id);
                connection.release(id, std::mem::take(&mut self.unreleased));
                Source::None
            }
            Source::Call(_) | Source::None => Source::None,
        };
    }

    /// A frame that comes after the request direction has ended: only what it says about the request's end counts.
    pub(crate) fn discard_request(&mut self, frame: &Frame) {
        match frame {
            Frame::Data { data, end_stream } => {
                self.note_request_data(data.len(), *end_stream);
                self.release_request(data.len() as u32);
            }
            Frame::Trailers(_) => self.note_request_end(),
            Frame::Head { .. } | Frame::Informational(_) => {}
        }
    }

    /// A reply of our own ends the request direction.
    pub(crate) fn refuse_request(&mut self) {
        self.is_request_refused = true;
        self.actions.drop_request();
    }

    // Credit.

    /// Gives credit for request body bytes back to the client.
    pub(crate) fn release_request(&mut self, bytes: u32) {
        let bytes = bytes.min(self.unreleased);
        if bytes == 0 {
            return;
        }
        self.unreleased -= bytes;
        match &self.source {
            Source::Connection { connection, id } => connection.release(*id, bytes),
            Source::Call(exchange) => exchange.left(bytes),
            Source::None => {}
        }
    }

    /// A callback changed the number of bytes under way.
    pub(crate) fn note_change(&mut self, direction: Direction, before: usize, after: usize) {
        if before != after {
            self.flow(direction).note(before, after);
        }
    }

    /// The callback is over: bytes that it took earn credit.
    pub(crate) fn account(&mut self) {
        let limit = self.buffer_limit();
        let request = self.flow(Direction::Request).settle(limit);
        self.release_request(request);
        self.response_credit += self.flow(Direction::Response).settle(limit);
    }

    /// Bytes have reached the socket of the other side: the credit that is due.
    pub(crate) fn credit_for_left(&mut self, direction: Direction, bytes: u32) -> u32 {
        let limit = self.buffer_limit();
        let due = self.flow(direction).left(bytes, limit);
        if !self.drained.is_empty() && !self.flow(direction).is_above(limit / 2) {
            self.wake_drained(direction);
        }
        due
    }

    fn wake_drained(&mut self, direction: Direction) {
        for (_, chain, filter) in self.drained.extract_if(.., |(it, _, _)| *it == direction).collect::<Vec<_>>() {
            self.filter_waker(chain, filter).wake();
        }
    }

    pub(crate) fn poll_when_drained(&mut self, direction: Direction, chain: ChainId, filter: u8) {
        if !self.drained.contains(&(direction, chain, filter)) {
            self.drained.push((direction, chain, filter));
        }
    }

    /// Credit for response bytes that filters took since the last call.
    pub(crate) fn take_response_credit(&mut self) -> u32 {
        std::mem::take(&mut self.response_credit)
    }

    pub(crate) fn is_above_watermark(&self, direction: Direction) -> bool {
        self.flows[direction as usize].is_above(self.buffer_limit())
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        &mut self.flows[direction as usize]
    }

    /// Bytes that may be held back in a direction.
    pub(crate) fn buffer_limit(&self) -> usize {
        if self.buffer_limit == 0 { usize::MAX } else { self.buffer_limit }
    }

    pub(crate) fn configured_buffer_limit(&self) -> usize {
        self.buffer_limit
    }

    pub(crate) fn set_buffer_limit(&mut self, bytes: usize) {
        self.buffer_limit = bytes;
    }

    /// A filter of `chain` held back more than it may. Envoy counts this for the connection manager's filters only.
    pub(crate) fn overflow(&mut self, direction: Direction, chain: ChainId) {
        let is_counted = chain == ChainId::Downstream;
        match direction {
            Direction::Request => {
                if is_counted {
                    self.manager.stats.downstream_rq_too_large.inc();
                }
                self.reply(LocalReply::new(413, "Payload Too Large", "request_payload_too_large"));
            }
            Direction::Response => {
                if is_counted {
                    self.manager.stats.rs_too_large.inc();
                }
                self.reply(LocalReply::new(500, "Internal Server Error", "response_payload_too_large"));
            }
        }
    }

    /// Whether there are trailers in a direction, received or added.
    pub(crate) fn has_trailers(&self, direction: Direction) -> bool {
        match direction {
            Direction::Request => self.request_trailers.is_some(),
            Direction::Response => self.response_trailers.is_some(),
        }
    }

    // What callbacks ask for.

    pub(crate) fn reply(&mut self, reply: LocalReply) {
        if self.actions.reply.is_none() {
            self.actions.reply = Some(reply);
        }
    }

    /// Whether a walk through the filters must stop, because something else has to be done first.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.actions.reply.is_some() || self.actions.response.is_some() || self.actions.is_reset || self.is_over
    }

    pub(crate) fn filter_waker(&self, chain: ChainId, index: u8) -> Waker {
        self.http.woken().waker(FilterKey { key: self.key, chain, index })
    }

    /// The message of `kind`, to be changed.
    pub(crate) fn subject(&mut self, kind: HeaderMapKind) -> Subject<'_> {
        self.is_request_changed |= kind == HeaderMapKind::Request;
        Subject {
            info: &self.info,
            request: &mut self.request,
            request_trailers: self.request_trailers.as_mut(),
            response: self.response.as_mut(),
            response_trailers: self.response_trailers.as_mut(),
            kind,
            scratch: self.http.scratch(),
        }
    }

    /// Whether the request is a call of our own.
    pub(crate) fn is_call(&self) -> bool {
        matches!(self.source, Source::Call(_))
    }

    // The route.

    /// A call brings its route with it.
    pub(crate) fn set_route(&mut self, route: RouteRef) {
        self.route = RouteState::Found(route);
    }

    pub(crate) fn clear_route(&mut self) {
        self.route = RouteState::NotAsked;
    }

    /// The route of the request, chosen when it is first asked for.
    pub(crate) fn route_ref(&mut self) -> Option<&RouteRef> {
        if matches!(self.route, RouteState::NotAsked) {
            let random = self.http.worker().random().next_u64();
            self.route = match self.manager.find_route(&self.request, random) {
                Some(route) => RouteState::Found(route),
                None => RouteState::NoMatch,
            };
            self.note_route();
        }
        match &self.route {
            RouteState::Found(route) => Some(route),
            RouteState::NotAsked | RouteState::NoMatch => None,
        }
    }

    /// The route, if it was asked for before.
    pub(crate) fn known_route(&self) -> Option<&RouteRef> {
        match &self.route {
            RouteState::Found(route) => Some(route),
            RouteState::NotAsked | RouteState::NoMatch => None,
        }
    }

    pub(crate) fn route(&mut self) -> Option<&Route> {
        self.route_ref().map(RouteRef::route)
    }

    fn note_route(&mut self) {
        let RouteState::Found(route) = &self.route else { return };
        let idle = route.route().idle_timeout();
        let duration = route.route().forward().and_then(|forward| {
            let grpc_timeout = self.request.get(nuncio_message::HeaderId::GRPC_TIMEOUT);
            forward.max_stream_duration.limit(grpc_timeout)
        });
        self.info.route_name = route.route_name();
        self.info.virtual_host_name = route.virtual_host_name();
        if let Some(idle) = idle {
            let now = self.now();
            self.deadlines.set_idle(idle, now);
        }
        if let Some(duration) = duration {
            let start = self.info.timing.at(Moment::DownstreamReceiveBegin).unwrap_or_else(|| self.now());
            let at = if duration.is_zero() { Tick::NEVER } else { start + duration };
            self.deadlines.set(Deadline::Duration, at);
        }
    }

    pub(crate) fn per_route(&mut self, filter: &str) -> Option<PerRoute> {
        self.route_ref()?.per_filter(filter).next_back().cloned()
    }

    pub(crate) fn per_route_all(&mut self, filter: &str) -> Vec<PerRoute> {
        self.route_ref().map(|route| route.per_filter(filter).cloned().collect()).unwrap_or_default()
    }

    // Deadlines.

    pub(crate) fn next_deadline(&self) -> Tick {
        self.deadlines.next()
    }

    pub(crate) fn passed_deadline(&mut self) -> Option<Deadline> {
        let now = self.now();
        self.deadlines.passed(now)
    }

    /// One of the connection manager's deadlines has passed.
    pub(crate) fn time_out(&mut self, deadline: Deadline) {
        let stats = &self.manager.stats;
        let reply = match deadline {
            Deadline::Idle => {
                stats.downstream_rq_idle_timeout.inc();
                self.info.flags.set(ResponseFlag::StreamIdleTimeout);
                // Envoy: 408 blames the client while its request is incomplete, 504 the upstream afterwards.
                let status = if self.is_request_complete { 504 } else { 408 };
                LocalReply::new(status, "stream timeout", "stream_idle_timeout")
            }
            Deadline::RequestHeaders => {
                stats.downstream_rq_header_timeout.inc();
                LocalReply::new(408, "request header timeout", "request_header_timeout")
            }
            Deadline::Request => {
                stats.downstream_rq_timeout.inc();
                LocalReply::new(408, "request timeout", "request_overall_timeout")
            }
            Deadline::Duration | Deadline::Route | Deadline::PerTry | Deadline::Retry => {
                stats.downstream_rq_max_duration_reached.inc();
                let mut reply = LocalReply::new(504, "downstream duration timeout", "max_duration_timeout");
                // DEADLINE_EXCEEDED, not what the status would be told as.
                reply.grpc_status = Some(4);
                reply
            }
        };
        self.reply(reply);
    }

    pub(crate) fn set_timeout(&mut self, deadline: Deadline, span: Duration) {
        let now = self.now();
        self.deadlines.set(deadline, now + span);
    }

    // The response.

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The response is complete, or will never be.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Cuts the response off.
    pub(crate) fn reset_downstream(&mut self) {
        // Envoy counts its own resets as received ones as well.
        self.manager.stats.downstream_rq_rx_reset.inc();
        self.manager.stats.downstream_rq_tx_reset.inc();
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection { connection, id } => {
                connection.reset(id, ErrorCode::INTERNAL_ERROR);
                // What was received counts against the connection's window still.
                connection.release(id, std::mem::take(&mut self.unreleased));
                connection.after_stream(true);
            }
            Source::Call(exchange) => exchange.end(&self.info.response_code_details),
            Source::None => {}
        }
        self.end();
    }

    /// Access log and stats: called once, by `finish`.
    pub(crate) fn report(&mut self) {
        let manager = Rc::clone(&self.manager);
        manager.stats.downstream_rq_active.dec();
        if matches!(self.source, Source::Connection { .. }) && !self.is_request_complete {
            // Answered before the request was complete: Envoy resets the stream, and counts that as received.
            manager.stats.downstream_rq_rx_reset.inc();
        }
        if let Some(total) = self.info.timing.between(Moment::DownstreamReceiveBegin, Moment::Complete) {
            manager.stats.downstream_rq_time.record(total.as_millis() as u64);
        }
        if !manager.access_logs.is_empty() {
            self.log(&manager.access_logs);
        }
    }

    fn log(&self, logs: &AccessLogs) {
        let inputs = Inputs {
            info: &self.info,
            request: Some(&self.request),
            response: self.response.as_ref(),
            trailers: self.response_trailers.as_ref(),
            local_reply_body: &[],
            log_type: LogType::DownstreamEnd,
        };
        logs.log(&inputs, self.http.log_batches());
        // The tick hands the line over.
        self.http.worker().request_tick();
    }

    /// Forgets everything of this stream; memory is kept for the next.
    pub(crate) fn clear(&mut self) {
        let unreleased = std::mem::take(&mut self.unreleased);
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection { connection, id } => {
                if unreleased > 0 {
                    connection.release(id, unreleased);
                }
                connection.detach(id);
                let is_broken = !self.is_request_complete || self.is_request_broken;
                connection.after_stream(is_broken);
            }
            Source::Call(exchange) => exchange.end(&self.info.response_code_details),
            Source::None => {}
        }
        self.info.reset();
        self.request = Headers::new();
        self.request_trailers = None;
        self.response = None;
        self.response_trailers = None;
        self.held.clear();
        self.actions.clear();
        self.deadlines = Deadlines::default();
        self.route = RouteState::NotAsked;
        self.is_request_complete = false;
        self.is_request_broken = false;
        self.is_head_request = false;
        self.is_request_changed = false;
        self.is_request_refused = false;
        self.stage = Stage::Waiting;
        self.is_over = false;
        self.flows = Default::default();
        self.drained.clear();
        self.response_credit = 0;
    }
}
