//! The upstream side of a connection: whose pool it is of, and how it leaves it.

use std::cell::Cell;
use std::rc::Rc;

use nuncio_codec::Codec;
use nuncio_message::Tick;
use nuncio_telemetry::Moment;
use nuncio_upstream::BreakerSlot;

use super::HostPool;
use crate::connection_manager::{Connection, Core, Side};

/// The upstream side of a connection.
pub(crate) struct Upstream {
    pub(crate) pool: Rc<HostPool>,
    pub(crate) is_remote_close: Cell<bool>,
    pub(super) is_ready: Cell<bool>,
    /// When connecting began.
    connect_began: Tick,
    /// It has served long enough, or enough.
    pub(super) is_retired: Cell<bool>,
    streams_served: Cell<u64>,
    _slot: BreakerSlot,
}

impl Upstream {
    /// `slot` is its place under the limit of connections.
    pub(super) fn new(pool: &Rc<HostPool>, connect_began: Tick, slot: BreakerSlot) -> Self {
        Self {
            pool: Rc::clone(pool),
            is_remote_close: Cell::new(false),
            is_ready: Cell::new(false),
            connect_began,
            is_retired: Cell::new(false),
            streams_served: Cell::new(0),
            _slot: slot,
        }
    }

    pub(super) fn of(connection: &Connection) -> &Self {
        match &connection.side {
            Side::Upstream(side) => side,
            Side::Downstream(_) => unreachable!("pools hold upstream connections only"),
        }
    }

    /// Notes in the record of the stream which connection it is on.
    pub(crate) fn describe(connection: &Connection, core: &mut Core) {
        let is_noted = core.info.timing.at(Moment::UpstreamConnectBegin).is_some();
        if is_noted && core.info.upstream.connection_id == connection.info.id {
            return;
        }
        core.info.upstream.protocol = (!Self::of(connection).pool.is_tunnel).then(|| connection.peek(Codec::protocol));
        core.info.timing.mark(Moment::UpstreamConnectBegin, Self::of(connection).connect_began);
        core.info.timing.mark(Moment::UpstreamConnectEnd, connection.opened);
        core.info.upstream.local_address = Some(connection.info.local_address.clone());
        core.info.upstream.remote_address = Some(connection.info.remote_address.clone());
        core.info.upstream.connection_id = connection.info.id;
    }

    /// Takes no more streams on it, and closes it when it has none.
    pub(crate) fn retire(&self, connection: &Rc<Connection>) {
        self.pool.leave(connection);
        self.is_retired.set(true);
        connection.promise_close();
        connection.settle();
    }

    /// A stream has been opened on it: the last one, if the limit says so.
    pub(crate) fn begin(connection: &Connection) {
        let side = Self::of(connection);
        let served = side.streams_served.get() + 1;
        side.streams_served.set(served);
        let limit = u64::from(side.pool.options.max_requests_per_connection);
        if limit > 0 && served == limit {
            side.pool.stats.upstream_cx_max_requests.inc();
            side.is_retired.set(true);
            connection.promise_close();
        }
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, connection: &Rc<Connection>, had_streams: bool) {
        let (pool, stats) = (&self.pool, &self.pool.stats);
        pool.leave(connection);
        pool.closed();
        pool.host.cx_active(-1);
        stats.upstream_cx_active.dec();
        stats.upstream_cx_destroy.inc();
        let is_remote = self.is_remote_close.get();
        if is_remote {
            stats.upstream_cx_destroy_remote.inc();
        } else {
            stats.upstream_cx_destroy_local.inc();
        }
        if had_streams {
            stats.upstream_cx_destroy_with_active_rq.inc();
            if is_remote {
                stats.upstream_cx_destroy_remote_with_active_rq.inc();
            } else {
                stats.upstream_cx_destroy_local_with_active_rq.inc();
            }
        }
        let lived = connection.http.worker().now() - connection.opened;
        stats.upstream_cx_length_ms.record(lived.as_millis() as u64);
        stats.upstream_rq_per_cx.record(self.streams_served.get());
        // Who waited for this connection to get free, or for room under the limit, needs another now.
        pool.connect_if_wanted();
    }
}
