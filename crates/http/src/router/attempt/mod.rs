//! One try of one host: the cluster's filters, then the upstream codec.
//!
//! Before: `pool/pick.rs` picked a host. Next: `pool/acquire.rs` has a connection, or makes one; then `to_codec.rs`. The
//! attempt's filters run at once, whether or not there is a connection; only the codec waits for one, as in Envoy.
//!
//! ```text
//!            acquire                 pool ready, head is there              response complete
//!  Idle ──────────────────► Waiting ───────────────────────────► Sending ───────────────────► Done
//!    ▲                         │ pool ready, head held by a filter (the connection goes to somebody else)
//!    └─────────────────────────┘
//! ```

mod credit;
mod end;
mod filters;
mod required_headers;
mod to_codec;
mod tunnel;

use std::rc::Rc;

use nuncio_codec::Codec;
use nuncio_message::Chunk;
use nuncio_telemetry::Moment;
use nuncio_upstream::BreakerSlot;

use super::pool::{Acquired, HostPool, Upstream};
use crate::chain::{Chain, Plan, Terminal};
use crate::connection_manager::{Connection, Core};
use crate::filter::Direction;
use filters::renewed;
pub(super) use to_codec::Handshake;
use to_codec::{Head, State, ToCodec};

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

impl Attempt {
    /// A try that has asked for nothing yet; `plan` are the filters that it has of its own.
    pub(super) fn new(number: u32, pool: Rc<HostPool>, plan: Option<&Rc<Plan>>, core: &mut Core) -> Self {
        Self {
            number,
            pool,
            chain: plan.map(|plan| renewed(core.spare_chain.take(), plan)),
            codec: ToCodec::new(),
            unreleased: 0,
            request_slot: None,
        }
    }

    /// Whether its request is on a connection, whole or in part.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self.codec.state, State::Sending { .. })
    }

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

    /// Asks the pool. `Some` is a connection that can be used now; the addresses are known with it.
    pub(super) fn acquire(&mut self, core: &mut Core) -> Result<Option<Rc<Connection>>, Overflow> {
        match self.pool.acquire(core.key, self.number) {
            Acquired::Ready(connection) => {
                Upstream::describe(&connection, core);
                Ok(Some(connection))
            }
            Acquired::Waiting(ticket) => {
                self.codec.state = State::Waiting(ticket);
                Ok(None)
            }
            Acquired::Overflow => Err(Overflow),
        }
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
        Upstream::begin(connection);
        self.request_slot = Some(self.pool.begin_request());
        Upstream::describe(connection, core);
        let now = core.now();
        core.info.timing.mark(Moment::UpstreamPoolReady, now);
        core.info.timing.mark(Moment::UpstreamSendBegin, now);
        if core.is_request_changed
            && let Some(objection) = required_headers::objection(&core.request)
        {
            self.codec.state = State::Sending { connection: Rc::clone(connection), id };
            return Err(objection);
        }
        self.send(connection, id, core);
        HostPool::settle(connection);
        Ok(())
    }
}

/// A circuit breaker is open.
pub(super) struct Overflow;
