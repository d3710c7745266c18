//! The end of an attempt's request direction: what has passed all filters waits for a connection, or goes to its codec.
//!
//! Before: `attempt/mod.rs`, and the filters that it has of its own. Next: the connection's codec.

use std::rc::Rc;

use nuncio_codec::StreamId;
use nuncio_message::{Buffer, Chunk};
use nuncio_telemetry::Moment;

use crate::chain::Terminal;
use crate::connection_manager::{Connection, Core};
use crate::router::pool::Ticket;

/// The end of the request direction: what has passed all filters is sent, or waits for a connection.
pub(super) struct ToCodec {
    pub(super) state: State,
    pub(super) head: Head,
    /// The head ended the request. Otherwise an end without a body is an empty piece, as in Envoy.
    pub(super) is_head_only: bool,
    /// Waits for the connection.
    pub(super) body: Buffer,
    pub(super) end: End,
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
        Self { state: State::Idle, head: Head::Filtered, is_head_only: false, body: Buffer::new(), end: End::Open }
    }

    /// Sends what waits.
    pub(super) fn send(&mut self, connection: &Rc<Connection>, id: StreamId, core: &mut Core) {
        self.state = State::Sending { connection: Rc::clone(connection), id };
        self.head = Head::Sent;
        let ends = self.end == End::Ended;
        connection.send_head(id, &core.request, self.is_head_only);
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
            if matches!(self.state, State::Sending { .. }) {
                note_sent(core);
            }
        }
        match &self.state {
            State::Sending { connection, id } => connection.send_data(*id, data, end_stream),
            State::Idle | State::Waiting(_) => self.body.push(data),
            State::Done => {}
        }
    }

    fn trailers(&mut self, core: &mut Core) {
        self.end = End::Trailers;
        if let State::Sending { connection, id } = &self.state {
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
