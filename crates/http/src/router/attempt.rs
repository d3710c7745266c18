//! One try of one host: the cluster's filters, then the upstream codec.
//!
//! Before: the router picked a host. Next: the connection's codec. The attempt's filters run at once, whether or not
//! there is a connection; only the codec waits for one, as in Envoy.
//!
//! ```text
//!            acquire                 pool ready, head is there              response complete
//!  Idle ──────────────────► Waiting ───────────────────────────► Sending ───────────────────► Done
//!    ▲                         │ pool ready, head held by a filter (the connection goes to somebody else)
//!    └─────────────────────────┘
//! ```

use std::rc::Rc;

use nuncio_codec::{Codec, ErrorCode, ResetCause, StreamId};
use nuncio_message::{Buffer, Chunk};
use nuncio_telemetry::Moment;
use nuncio_upstream::BreakerSlot;

use super::end::UpstreamEnd;
use super::pool::{Acquired, HostPool, Ticket};
use super::required_headers;
use crate::chain::{Chain, ChainId, Plan, Terminal};
use crate::connection_manager::{Connection, Core};
use crate::filter::Direction;

/// One try. Owner: the router of its stream.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) pool: Rc<HostPool>,
    chain: Option<Box<Chain>>,
    codec: ToCodec,
    /// Response bytes received whose credit has not been given back.
    unreleased: u32,
    request_slot: Option<BreakerSlot>,
}

/// The end of the request direction: what has passed all filters is sent, or waits for a connection.
struct ToCodec {
    state: State,
    head: Head,
    /// The head ended the request. Otherwise an end without a body is an empty piece, as in Envoy.
    is_head_only: bool,
    /// Waits for the connection.
    body: Buffer,
    end: End,
}

enum State {
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
enum Head {
    /// A filter has it.
    Filtered,
    /// It waits for the connection.
    Ready,
    Sent,
}

/// The request's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Ended,
    Trailers,
}

impl Attempt {
    /// A try that has asked for nothing yet; `plan` are the filters that it has of its own.
    pub(super) fn new(number: u32, pool: Rc<HostPool>, plan: Option<&Rc<Plan>>, core: &mut Core) -> Self {
        Self {
            number,
            pool,
            chain: plan.map(|plan| renewed(core.spare_chain.take(), plan)),
            codec: ToCodec {
                state: State::Idle,
                head: Head::Filtered,
                is_head_only: false,
                body: Buffer::new(),
                end: End::Open,
            },
            unreleased: 0,
            request_slot: None,
        }
    }

    pub(super) fn has_filters(&self) -> bool {
        self.chain.is_some()
    }

    /// Whether its request is on a connection, whole or in part.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self.codec.state, State::Sending { .. })
    }

    /// Switches its filters on and off as the route says.
    pub(super) fn choose_filters(&mut self, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.choose(core);
        }
    }

    // The request.

    pub(super) fn head(&mut self, core: &mut Core, end_stream: bool) {
        match &mut self.chain {
            Some(chain) => chain.head(Direction::Request, 0, end_stream, core, &mut self.codec),
            None => self.codec.head(core, end_stream),
        }
    }

    pub(super) fn data(&mut self, core: &mut Core, data: Chunk, end_stream: bool) {
        match &mut self.chain {
            Some(chain) => chain.data(Direction::Request, 0, data, end_stream, core, &mut self.codec),
            None => self.codec.data(core, data, end_stream),
        }
    }

    pub(super) fn trailers(&mut self, core: &mut Core) {
        match &mut self.chain {
            Some(chain) => chain.trailers(Direction::Request, 0, core, &mut self.codec),
            None => self.codec.trailers(core),
        }
    }

    pub(super) fn chain(&mut self) -> Option<&mut Chain> {
        self.chain.as_deref_mut()
    }

    pub(super) fn resume_request(&mut self, filter: u8, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.resume(Direction::Request, filter, core, &mut self.codec);
        }
    }

    pub(super) fn inject_request(&mut self, filter: u8, data: Chunk, end_stream: bool, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.inject(Direction::Request, filter, data, end_stream, core, &mut self.codec);
        }
    }

    // The connection.

    /// Asks the pool. `Some` is a connection that can be used now; the addresses are known with it.
    pub(super) fn acquire(&mut self, core: &mut Core) -> Result<Option<Rc<Connection>>, Overflow> {
        match self.pool.acquire(core.key, self.number) {
            Acquired::Ready(connection) => {
                note_connection(&connection, core);
                Ok(Some(connection))
            }
            Acquired::Waiting(ticket) => {
                self.codec.state = State::Waiting(ticket);
                Ok(None)
            }
            Acquired::Overflow => Err(Overflow),
        }
    }

    /// Whether the head has passed the filters after the connection was given away, or was never asked for.
    pub(super) fn wants_connection(&self) -> bool {
        matches!((&self.codec.state, self.codec.head), (State::Idle, Head::Ready))
    }

    /// The pool has a connection: everything that has passed the filters goes out.
    ///
    /// # Errors
    /// What keeps the request's head from being sent, in Envoy's words.
    pub(super) fn connected(&mut self, connection: &Rc<Connection>, core: &mut Core) -> Result<(), String> {
        if self.codec.head != Head::Ready {
            // Streams begin in the order of their ids, so that none is reserved for a head that a filter holds.
            self.codec.state = State::Idle;
            HostPool::give_back(connection);
            return Ok(());
        }
        // It may have closed, or filled up, since it was promised.
        let opened = if connection.is_open() { connection.codec(Codec::open) } else { None };
        let Some(id) = opened else {
            self.codec.state = State::Waiting(self.pool.wait_again(core.key, self.number));
            return Ok(());
        };
        connection.attach(id, core.key);
        HostPool::note_begun(connection);
        self.request_slot = Some(self.pool.begin_request());
        note_connection(connection, core);
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamPoolReady, now);
        core.info.timing.mark(Moment::UpstreamSendBegin, now);
        if core.is_request_changed
            && let Some(objection) = required_headers::objection(&core.request)
        {
            self.codec.state = State::Sending { connection: Rc::clone(connection), id };
            return Err(objection);
        }
        self.codec.send(connection, id, core);
        HostPool::settle(connection);
        Ok(())
    }

    // The response.

    pub(super) fn received(&mut self, bytes: usize) {
        self.unreleased += bytes as u32;
    }

    /// Body bytes of the response have left: credit goes back to the host.
    pub(super) fn release(&mut self, bytes: u32) {
        let bytes = bytes.min(self.unreleased);
        self.unreleased -= bytes;
        if let (State::Sending { connection, id }, true) = (&self.codec.state, bytes > 0) {
            connection.release(*id, bytes);
        }
    }

    /// The response is received: the connection is free for others, or is of no use any more.
    pub(super) fn leave_connection(&mut self, is_request_complete: bool) {
        let State::Sending { connection, id } = std::mem::replace(&mut self.codec.state, State::Done) else { return };
        self.pool.end_request(self.request_slot.take().is_some());
        if self.unreleased > 0 {
            connection.release(id, std::mem::take(&mut self.unreleased));
        }
        let counts_streams = self.pool.options().is_http2;
        if is_request_complete {
            connection.detach(id);
        } else {
            if counts_streams {
                self.pool.stats().upstream_rq_tx_reset.inc();
            }
            connection.reset(id, ErrorCode::NO_ERROR);
        }
        let was_open = connection.is_open();
        HostPool::settle(&connection);
        connection.after_stream(!is_request_complete);
        if counts_streams && was_open && !connection.is_open() {
            // Envoy closes within a callback of its codec, and takes that for the peer's error.
            self.pool.stats().upstream_cx_protocol_error.inc();
        }
    }

    // Its end.

    /// The response has passed the attempt's filters.
    pub(super) fn finish(&mut self, core: &mut Core) {
        self.complete_filters(core);
    }

    /// Gives the attempt up, which counts as a reset by us.
    pub(super) fn abandon(self, code: ErrorCode, core: &mut Core) {
        // On HTTP/1 the connection ends instead, and is counted.
        if self.is_sending() && self.pool.options().is_http2 {
            self.pool.stats().upstream_rq_tx_reset.inc();
        }
        self.give_up(code, core);
    }

    /// Gives the attempt up.
    pub(super) fn give_up(mut self, code: ErrorCode, core: &mut Core) {
        self.complete_filters(core);
        self.pool.end_request(self.request_slot.is_some());
        match self.codec.state {
            State::Idle | State::Done => {}
            State::Waiting(ticket) => self.pool.cancel(ticket),
            State::Sending { connection, id } => {
                if self.unreleased > 0 {
                    connection.release(id, self.unreleased);
                }
                connection.reset(id, code);
                HostPool::settle(&connection);
                connection.after_stream(true);
            }
        }
    }

    /// The connection or the stream ended by itself.
    pub(super) fn lost(mut self, end: &UpstreamEnd, core: &mut Core) {
        self.complete_filters(core);
        self.pool.end_request(self.request_slot.is_some());
        if let State::Sending { connection, id } = &self.codec.state {
            connection.detach(*id);
            if self.unreleased > 0 {
                connection.release(*id, self.unreleased);
            }
            let stats = self.pool.stats();
            match end {
                UpstreamEnd::Reset(ResetCause::Remote(_)) => stats.upstream_rq_rx_reset.inc(),
                // As Envoy's pools of HTTP/2 connections count it.
                UpstreamEnd::Reset(ResetCause::ConnectionTermination) if self.pool.options().is_http2 => {
                    stats.upstream_rq_pending_failure_eject.inc();
                }
                UpstreamEnd::Reset(ResetCause::Protocol(_)) if self.pool.options().is_http2 => {
                    stats.upstream_rq_tx_reset.inc();
                }
                UpstreamEnd::Reset(_) | UpstreamEnd::ConnectFailed(_) | UpstreamEnd::ConnectTimeout => {}
            }
            HostPool::settle(connection);
            connection.after_stream(false);
        }
    }

    fn complete_filters(&mut self, core: &mut Core) {
        if let Some(mut chain) = self.chain.take() {
            chain.complete(core);
            core.actions.drop_upstream();
            core.spare_chain = Some(chain);
        }
    }
}

/// A chain for an attempt, in `spare` memory if there is any.
fn renewed(spare: Option<Box<Chain>>, plan: &Rc<Plan>) -> Box<Chain> {
    match spare {
        Some(mut chain) => {
            chain.renew(plan);
            chain
        }
        None => Box::new(Chain::new(ChainId::Upstream, plan)),
    }
}

/// A circuit breaker is open.
pub(super) struct Overflow;

fn note_connection(connection: &Connection, core: &mut Core) {
    let is_noted = core.info.timing.at(Moment::UpstreamConnectBegin).is_some();
    if is_noted && core.info.upstream.connection_id == connection.info.id {
        return;
    }
    core.info.upstream.protocol = Some(connection.peek(Codec::protocol));
    core.info.timing.mark(Moment::UpstreamConnectBegin, HostPool::connect_began(connection));
    core.info.timing.mark(Moment::UpstreamConnectEnd, connection.opened);
    core.info.upstream.local_address = Some(connection.info.local_address.clone());
    core.info.upstream.remote_address = Some(connection.info.remote_address.clone());
    core.info.upstream.connection_id = connection.info.id;
}

impl ToCodec {
    /// Sends what waits.
    fn send(&mut self, connection: &Rc<Connection>, id: StreamId, core: &mut Core) {
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
