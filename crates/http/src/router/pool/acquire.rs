//! A connection for an attempt: one that is ready, or a place in the queue until one is.
//!
//! Before: the attempt asked for it. Next: the codec, if there is one; else `connect.rs` makes one, which comes back as
//! [`Event::PoolReady`]. A connection is ready whenever it can take one more stream.

use std::rc::Rc;

use nuncio_codec::Codec;
use nuncio_upstream::Resource;

use super::{HostPool, Ticket, Upstream};
use crate::connection_manager::{Connection, Event, Same};
use crate::streams::StreamKey;

/// What a pool has for a request.
pub(crate) enum Acquired {
    Ready(Rc<Connection>),
    Waiting(Ticket),
    Overflow,
}

impl HostPool {
    /// A connection that can take the request now, or a place in the queue.
    pub(crate) fn acquire(self: &Rc<Self>, key: StreamKey, attempt: u32) -> Acquired {
        let breakers = self.cluster.breakers(self.priority);
        let ready = self.pool.borrow_mut().take_ready();
        if let Some(Same(connection)) = ready {
            if breakers.allows(Resource::Requests) {
                Upstream::of(&connection).is_ready.set(false);
                return Acquired::Ready(connection);
            }
            self.pool.borrow_mut().put_ready(Same(connection));
            self.stats.upstream_rq_active_overflow.inc();
            return Acquired::Overflow;
        }
        if !breakers.allows(Resource::PendingRequests) {
            self.stats.upstream_rq_pending_overflow.inc();
            return Acquired::Overflow;
        }
        self.stats.upstream_rq_pending_total.inc();
        Acquired::Waiting(self.wait_again(key, attempt))
    }

    /// Queues a request, and makes a connection for it if one may be made.
    pub(crate) fn wait_again(self: &Rc<Self>, key: StreamKey, attempt: u32) -> Ticket {
        self.stats.upstream_rq_pending_active.inc();
        let slot = self.take(Resource::PendingRequests);
        let place = self.pool.borrow_mut().wait((key, attempt, slot));
        self.connect_if_wanted();
        Ticket(Some(place))
    }

    /// Gives the connection to who waits, or keeps it ready.
    pub(super) fn offer(self: &Rc<Self>, connection: &Rc<Connection>) {
        let next = self.pool.borrow_mut().next_waiting();
        match next {
            Some((key, attempt, _slot)) => {
                self.stats.upstream_rq_pending_active.dec();
                self.http().post(key, Event::PoolReady(attempt, Ok(Rc::clone(connection))));
            }
            None => {
                Upstream::of(connection).is_ready.set(true);
                self.pool.borrow_mut().put_ready(Same(Rc::clone(connection)));
            }
        }
    }

    /// A request that was given this connection does not want it any more.
    pub(crate) fn give_back(connection: &Rc<Connection>) {
        Self::settle(connection);
    }

    /// After a stream began or ended: ready again if one more fits.
    pub(crate) fn settle(connection: &Rc<Connection>) {
        let side = Upstream::of(connection);
        if side.is_ready.get() || side.is_retired.get() || !connection.is_open() {
            return;
        }
        let can_take = connection.codec(|codec| match codec {
            Codec::Http1(codec) => codec.active_streams() == 0 && !codec.is_closing(),
            Codec::Http2(codec) => !codec.is_closing() && codec.has_capacity(),
            Codec::Undecided(_) => false,
        });
        if can_take {
            side.pool.offer(connection);
        }
    }
}
