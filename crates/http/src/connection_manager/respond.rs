//! The end of the response direction: the head is made fit for the client, and goes to its codec.

use std::borrow::Cow;
use std::rc::Rc;

use nuncio_codec::Protocol;
use nuncio_message::{Chunk, HeaderId, Headers};
use nuncio_telemetry::Moment;

use super::config::ServerHeader;
use super::drain::Drain;
use super::{Core, Source, Stage};
use crate::chain::Terminal;
use crate::client::CallEvent;
use crate::filter::LocalReply;
use crate::local_reply;
use crate::sanitize_hop_by_hop;
use crate::upgrade;

/// Sends what has passed the response filters downstream.
pub(super) struct ToDownstream;

impl Terminal for ToDownstream {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        match core.response.take() {
            Some(headers) if headers.has(HeaderId::STATUS) => send_head(headers, end_stream, core),
            Some(headers) => without_status(headers, core),
            None => {}
        }
    }

    fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool) {
        if core.is_over() {
            return;
        }
        core.info.bytes_sent += data.len() as u64;
        match &core.source {
            Source::Connection { connection, id } => connection.send_data(*id, data, end_stream),
            Source::Call(exchange) => exchange.push(CallEvent::Data { data, end_stream }),
            Source::None => {}
        }
        if end_stream {
            finish(core);
        }
    }

    fn trailers(&mut self, core: &mut Core) {
        if core.is_over() {
            return;
        }
        let Some(trailers) = core.response_trailers.take() else { return };
        if trailers.is_empty() {
            // Envoy: filters removed them all, so that the body ends by itself.
            self.data(core, Chunk::empty(), true);
            return;
        }
        match &core.source {
            Source::Connection { connection, id } => connection.send_trailers(*id, &trailers),
            Source::Call(exchange) => exchange.push(CallEvent::Trailers(trailers.clone())),
            Source::None => {}
        }
        core.response_trailers = Some(trailers);
        finish(core);
    }
}

/// Filters have taken the status away. The answer to that does not go through them again.
fn without_status(headers: Headers, core: &mut Core) {
    core.response = Some(headers);
    let text = "missing required header: :status";
    let mut reply = LocalReply::new(502, text, "");
    reply.details = Cow::Owned(local_reply::details("filter_removed_required_response_headers", text));
    core.reply(reply);
}

fn send_head(mut headers: Headers, end_stream: bool, core: &mut Core) {
    finish_head(&mut headers, core);
    let end_stream = end_stream || core.is_head_request;
    core.stage = Stage::Started;
    let now = core.now();
    core.info.timing.mark(Moment::DownstreamSendBegin, now);
    match &core.source {
        Source::Connection { connection, id } if core.is_extended_connect => {
            connection.send_head(*id, &upgrade::response_to_http2(&headers), end_stream);
        }
        Source::Connection { connection, id } => connection.send_head(*id, &headers, end_stream),
        Source::Call(exchange) => exchange.push(CallEvent::Head { headers: headers.clone(), end_stream }),
        Source::None => {}
    }
    core.response = Some(headers);
    if end_stream {
        finish(core);
    }
}

fn finish(core: &mut Core) {
    let now = core.now();
    core.info.timing.mark(Moment::DownstreamSendEnd, now);
    core.end();
}

impl Core {
    /// Whether the client speaks HTTP/1.
    pub(super) fn is_http1(&self) -> bool {
        matches!(self.info.protocol, Some(Protocol::Http10 | Protocol::Http11))
    }

    /// `100 Continue`, from us.
    pub(super) fn send_continue(&mut self) {
        let mut headers = Headers::new();
        headers.push(HeaderId::STATUS, b"100");
        self.send_informational(&headers);
    }

    pub(super) fn send_informational(&mut self, headers: &Headers) {
        self.manager.counts.response(headers.status().unwrap_or(100));
        if let Source::Connection { connection, id } = &self.source {
            connection.codec(|codec| codec.send_informational(*id, headers));
        }
    }
}

/// Hop-by-hop headers out, `date` and `server` in, `connection: close` when it is the last response.
fn finish_head(headers: &mut Headers, core: &mut Core) {
    let status = headers.status().unwrap_or(0);
    core.info.response_code = Some(status);
    let manager = Rc::clone(&core.manager);
    manager.counts.response(status);
    let Source::Connection { connection, .. } = &core.source else { return };
    // Nobody is told to switch who has not asked for it.
    let is_tunnel = core.upgrade.is_some() && upgrade::is_granted(&core.request, headers);
    let is_upgrade = is_tunnel && headers.has(HeaderId::UPGRADE);
    if is_upgrade && status >= 200 && !upgrade::has_body(headers) {
        headers.push(HeaderId::CONTENT_LENGTH, b"0");
    }
    sanitize_hop_by_hop::response(headers, is_upgrade);
    if !headers.has(HeaderId::DATE) {
        let wall = core.http.worker().clock().wall_micros();
        core.http.dates().with(wall, |date| headers.push(HeaderId::DATE, date));
    }
    match manager.config.server_header {
        ServerHeader::Overwrite => headers.set(HeaderId::SERVER, manager.config.server_name.as_bytes()),
        ServerHeader::AppendIfAbsent if !headers.has(HeaderId::SERVER) => {
            headers.push(HeaderId::SERVER, manager.config.server_name.as_bytes());
        }
        ServerHeader::AppendIfAbsent | ServerHeader::PassThrough => {}
    }
    if (manager.config.always_set_request_id || core.request.has(HeaderId::X_ENVOY_FORCE_TRACE))
        && let Some(id) = core.request.get(HeaderId::X_REQUEST_ID)
    {
        headers.set(HeaderId::X_REQUEST_ID, id);
    }
    if !manager.config.via.is_empty() {
        headers.append(HeaderId::VIA, b", ", manager.config.via.as_bytes());
    }
    if !core.is_request_complete {
        manager.stats.downstream_rq_response_before_rq_complete.inc();
    }
    if core.http.is_draining() && connection.drain.get() == Drain::No {
        connection.begin_drain();
        manager.stats.downstream_cx_drain_close.inc();
    }
    let (protocol, asked) = connection.peek(|codec| (codec.protocol(), codec.close_requested()));
    if protocol == Protocol::Http2 {
        return;
    }
    // HTTP/1.0 knows no chunks: without a length the end of the connection ends the body.
    let is_unframed = protocol == Protocol::Http10 && !headers.has(HeaderId::CONTENT_LENGTH);
    if asked || is_unframed || !core.is_request_complete || core.is_request_broken {
        connection.promise_close();
    }
    if connection.is_last_response() {
        if !is_tunnel {
            headers.set(HeaderId::CONNECTION, b"close");
        }
    } else if protocol == Protocol::Http10 {
        headers.set(HeaderId::CONNECTION, b"keep-alive");
    }
}
