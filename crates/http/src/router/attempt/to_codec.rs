//! The end of an attempt's request direction: what has passed all filters waits for a connection, or goes to its codec.
//!
//! Before: `attempt/mod.rs`, and the filters that it has of its own. Next: the connection's codec.

use std::rc::Rc;

use nuncio_codec::StreamId;
use nuncio_message::{Buffer, Chunk, Headers};
use nuncio_telemetry::Moment;

use crate::chain::Terminal;
use crate::connection_manager::{Connection, Core};
use crate::router::pool::Ticket;
use crate::upgrade;

/// The end of the request direction: what has passed all filters is sent, or waits for a connection.
pub(super) struct ToCodec {
    pub(super) state: State,
    pub(super) head: Head,
    /// The head ended the request. Otherwise an end without a body is an empty piece, as in Envoy.
    pub(super) is_head_only: bool,
    /// Waits for the connection.
    pub(super) body: Buffer,
    pub(super) end: End,
    pub(super) handshake: Handshake,
    /// The body waits for the response's head.
    is_held: bool,
}

/// What a request that asks for a tunnel waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::router) enum Handshake {
    /// It asks for none.
    None,
    /// `websocket`: nothing is sent behind the head before the host has switched, as in Envoy.
    WebSocket,
    /// Another protocol, which is not waited for.
    Other,
    /// CONNECT: nothing is sent behind the head before the host has agreed.
    Connect,
}

impl Handshake {
    fn of(request: &Headers) -> Self {
        match upgrade::protocol(request) {
            Some(protocol) if protocol.eq_ignore_ascii_case(b"websocket") => Self::WebSocket,
            Some(_) => Self::Other,
            None if upgrade::is_connect(request) => Self::Connect,
            None => Self::None,
        }
    }
}

pub(super) enum State {
    /// No connection is wanted yet.
    Idle,
    Waiting(Ticket),
    Sending {
        connection: Rc<Connection>,
        id: StreamId,
    },
    /// The connection has done its part.
    Done,
}

/// The request's head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A filter has it.
    Filtered,
    /// It waits for the connection.
    Ready,
    Sent,
}

/// The request's end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Ended,
    Trailers,
}

impl ToCodec {
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle,
            head: Head::Filtered,
            is_head_only: false,
            body: Buffer::new(),
            end: End::Open,
            handshake: Handshake::None,
            is_held: false,
        }
    }

    /// Sends what waits; `other_head` is the head's form where it is not that of the request.
    pub(super) fn send(
        &mut self,
        connection: &Rc<Connection>,
        id: StreamId,
        other_head: Option<&Headers>,
        core: &mut Core,
    ) {
        self.state = State::Sending { connection: Rc::clone(connection), id };
        self.head = Head::Sent;
        if core.upgrade.is_some() {
            self.handshake = Handshake::of(&core.request);
        }
        self.is_held = matches!(self.handshake, Handshake::WebSocket | Handshake::Connect) && !self.is_head_only;
        connection.send_head(id, other_head.unwrap_or(&core.request), self.is_head_only);
        if !self.is_held {
            self.send_body(connection, id, core);
        }
    }

    /// Sends what was held back.
    pub(super) fn open_tunnel(&mut self, core: &mut Core) {
        if let (State::Sending { connection, id }, true) = (&self.state, std::mem::take(&mut self.is_held)) {
            let (connection, id) = (Rc::clone(connection), *id);
            self.send_body(&connection, id, core);
        }
    }

    fn send_body(&mut self, connection: &Rc<Connection>, id: StreamId, core: &mut Core) {
        let ends = self.end == End::Ended;
        if ends && self.body.is_empty() && !self.is_head_only {
            connection.send_data(id, Chunk::empty(), true);
        }
        while let Some(piece) = self.body.pop() {
            let is_last = ends && self.body.is_empty();
            connection.send_data(id, piece, is_last);
        }
        if self.end == End::Trailers {
            send_trailers(connection, id, core);
        }
        if self.end != End::Open {
            note_sent(core);
        }
    }
}

impl Terminal for ToCodec {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        let _ = core;
        self.head = Head::Ready;
        self.is_head_only = end_stream;
        if end_stream {
            self.end = End::Ended;
        }
    }

    fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool) {
        if end_stream {
            self.end = End::Ended;
            if matches!(self.state, State::Sending { .. }) && !self.is_held {
                note_sent(core);
            }
        }
        match &self.state {
            State::Sending { .. } if self.is_held => self.body.push(data),
            State::Sending { connection, id } => connection.send_data(*id, data, end_stream),
            State::Idle | State::Waiting(_) => self.body.push(data),
            State::Done => {}
        }
    }

    fn trailers(&mut self, core: &mut Core) {
        self.end = End::Trailers;
        if let State::Sending { connection, id } = &self.state
            && !self.is_held
        {
            send_trailers(connection, *id, core);
            note_sent(core);
        }
    }
}

/// The whole request has been sent.
fn note_sent(core: &mut Core) {
    let now = core.now();
    core.info.timing.mark(Moment::UpstreamSendEnd, now);
}

fn send_trailers(connection: &Rc<Connection>, id: StreamId, core: &Core) {
    match &core.request_trailers {
        Some(trailers) if !trailers.is_empty() => connection.send_trailers(id, trailers),
        // Filters removed them all, so that the body ends by itself.
        _ => connection.send_data(id, Chunk::empty(), true),
    }
}
