//! What a stream knows: the part of it that filters see and every step works on.

use std::borrow::Cow;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use nuncio_codec::{ErrorCode, Protocol, ResetCause, StreamId};
use nuncio_message::{Buffer, HeaderMapKind, Headers, Tick};
use nuncio_telemetry::formatter::{Inputs, LogType};
use nuncio_telemetry::{AccessLogs, Moment, ResponseFlag, StreamInfo};

use super::timeouts::Deadlines;
use super::{Connection, Deadline, Manager};
use crate::chain::{Actions, ChainId};
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
    /// Nowhere: the stream is between two uses.
    None,
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
    /// The body that the filter which is being called holds; empty between callbacks.
    pub(crate) held: Buffer,
    pub(crate) actions: Actions,
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
    /// The response's head has gone to the downstream codec.
    is_response_started: bool,
    is_over: bool,
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
            held: Buffer::new(),
            actions: Actions::default(),
            deadlines: Deadlines::default(),
            route: RouteState::NotAsked,
            unreleased: 0,
            is_request_complete: false,
            is_request_broken: false,
            is_head_request: false,
            is_request_changed: false,
            is_response_started: false,
            is_over: false,
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
        self.info.start_micros = clock.wall_micros();
        self.info.timing.mark(Moment::DownstreamReceiveBegin, now);
        if let Source::Connection { connection, .. } = &self.source {
            self.info.connection = Some(Rc::clone(&connection.info));
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
            match protocol {
                Protocol::Http2 => self.manager.stats.downstream_rq_http2_total.inc(),
                Protocol::Http10 | Protocol::Http11 => self.manager.stats.downstream_rq_http1_total.inc(),
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
        match cause {
            ResetCause::ConnectionTermination => {}
            _ => self.manager.stats.downstream_rq_rx_reset.inc(),
        }
        self.info.flags.set(flag);
        if self.info.response_code_details.is_none() || !self.is_response_started {
            self.info.response_code_details = Some(Cow::Borrowed(details));
        }
        self.source = match std::mem::replace(&mut self.source, Source::None) {
            // The codec has forgotten the stream; only the connection's share of the credit is left.
            Source::Connection { connection, id } => {
                connection.detach(id);
                connection.release(id, std::mem::take(&mut self.unreleased));
                Source::None
            }
            Source::None => Source::None,
        };
    }

    // Credit.

    /// Gives credit for request body bytes back to the client.
    pub(crate) fn release_request(&mut self, bytes: u32) {
        let bytes = bytes.min(self.unreleased);
        if bytes == 0 {
            return;
        }
        self.unreleased -= bytes;
        if let Source::Connection { connection, id } = &self.source {
            connection.release(*id, bytes);
        }
    }

    /// Bytes were taken by a filter and will not reach the other side.
    pub(crate) fn release_later(&mut self, direction: Direction, bytes: usize) {
        match direction {
            Direction::Request => self.release_request(bytes as u32),
            Direction::Response => self.http.post_left(self.key, direction, bytes as u32),
        }
    }

    /// A filter made a piece smaller.
    pub(crate) fn note_shrunk(&mut self, direction: Direction, before: usize, after: usize) {
        if after < before {
            self.release_later(direction, before - after);
        }
    }

    /// Bytes that may be held back in a direction.
    pub(crate) fn buffer_limit(&self) -> usize {
        self.manager.config.buffer_limit_bytes
    }

    /// A filter held back more than it may.
    pub(crate) fn overflow(&mut self, direction: Direction) {
        match direction {
            Direction::Request => {
                self.manager.stats.downstream_rq_too_large.inc();
                self.reply(LocalReply::new(413, "Payload Too Large", "request_payload_too_large"));
            }
            Direction::Response => {
                self.manager.stats.rs_too_large.inc();
                self.reply(LocalReply::new(500, "Internal Server Error", "response_payload_too_large"));
            }
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

    // The route.

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
                LocalReply::new(504, "downstream duration timeout", "max_duration_timeout")
            }
        };
        self.reply(reply);
    }

    pub(crate) fn set_timeout(&mut self, deadline: Deadline, span: Duration) {
        let now = self.now();
        self.deadlines.set(deadline, now + span);
    }

    // The response.

    pub(crate) fn note_response_data(&mut self, bytes: usize) {
        let _ = bytes;
    }

    pub(crate) fn is_response_started(&self) -> bool {
        self.is_response_started
    }

    pub(crate) fn mark_response_started(&mut self) {
        self.is_response_started = true;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The response is complete, or will never be.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Cuts the response off.
    pub(crate) fn reset_downstream(&mut self) {
        self.manager.stats.downstream_rq_tx_reset.inc();
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection { connection, id } => {
                connection.reset(id, ErrorCode::INTERNAL_ERROR);
                connection.after_stream(true);
            }
            Source::None => {}
        }
        self.end();
    }

    /// Access log and stats: called once, by `finish`.
    pub(crate) fn report(&mut self) {
        let manager = Rc::clone(&self.manager);
        manager.stats.downstream_rq_active.dec();
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
        if let Source::Connection { connection, id } = std::mem::replace(&mut self.source, Source::None) {
            if unreleased > 0 {
                connection.release(id, unreleased);
            }
            connection.detach(id);
            let is_broken = !self.is_request_complete || self.is_request_broken;
            connection.after_stream(is_broken);
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
        self.is_response_started = false;
        self.is_over = false;
    }
}
