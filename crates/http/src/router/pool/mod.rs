//! A worker's connections to the hosts of a cluster.
//!
//! `cluster.rs` is a worker's half of a cluster, `pick.rs` picks a host of it, `acquire.rs` finds a connection to that
//! host, `connect.rs` makes one, `upstream.rs` is what the connection knows of its pool.

mod acquire;
mod cluster;
mod connect;
mod counts;
mod pick;
mod upstream;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use nuncio_stats::Local;
use nuncio_upstream::{BreakerSlot, Cluster, Host, HostLocal, Pool, Resource, RoutingPriority, TrafficStats, Waiting};
use nuncio_worker::WorkerIndex;

pub(crate) use acquire::Acquired;
pub(crate) use cluster::ClusterLocal;
pub(crate) use upstream::Upstream;

use super::UpstreamEnd;
use super::options::UpstreamOptions;
use crate::codec_stats::CodecStats;
use crate::connection_manager::{Connection, Same};
use crate::http_worker::HttpWorker;
use crate::plant::{Plant, is_planted};
use crate::streams::StreamKey;

/// Which of the pools of a host.
#[derive(Clone, Copy)]
pub(crate) struct PoolKey {
    pub(crate) priority: RoutingPriority,
    /// For tunnels without HTTP.
    pub(crate) is_tunnel: bool,
}

impl PoolKey {
    /// Pools of a host.
    const COUNT: usize = 4;

    fn index(self) -> usize {
        self.priority as usize * 2 + usize::from(self.is_tunnel)
    }
}

/// One worker's connections to one host, for one priority.
pub(crate) struct HostPool {
    http: Weak<HttpWorker>,
    cluster: Arc<Cluster>,
    stats: Local<TrafficStats>,
    codecs: Rc<CodecStats>,
    host: HostLocal,
    priority: RoutingPriority,
    /// Its connections are tunnels without HTTP.
    is_tunnel: bool,
    options: Arc<UpstreamOptions>,
    pool: RefCell<Pool<Same, (StreamKey, u32, BreakerSlot)>>,
    /// Held while there are connections.
    in_use: Cell<Option<BreakerSlot>>,
}

/// A place in the queue of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(Option<Waiting>);

impl HostPool {
    fn new(
        http: Weak<HttpWorker>,
        cluster: &Arc<Cluster>,
        codecs: &Rc<CodecStats>,
        host: HostLocal,
        key: PoolKey,
    ) -> Self {
        let worker = http.upgrade().map_or(WorkerIndex::MAIN, |http| http.worker().index());
        Self {
            http,
            stats: cluster.stats.local(worker),
            codecs: Rc::clone(codecs),
            host,
            priority: key.priority,
            is_tunnel: key.is_tunnel,
            options: Arc::clone(&cluster.config.http).downcast().unwrap_or_default(),
            cluster: Arc::clone(cluster),
            pool: RefCell::default(),
            in_use: Cell::default(),
        }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn host(&self) -> &Arc<Host> {
        self.host.host()
    }

    pub(crate) fn stats(&self) -> &Local<TrafficStats> {
        &self.stats
    }

    pub(crate) fn codecs(&self) -> &CodecStats {
        &self.codecs
    }

    pub(crate) fn options(&self) -> &UpstreamOptions {
        &self.options
    }

    /// Whether its connections speak HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.options.is_http2 && !self.is_tunnel
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }

    fn http(&self) -> Rc<HttpWorker> {
        self.http.upgrade().expect("pools are dropped before their worker's state")
    }

    fn take(&self, resource: Resource) -> BreakerSlot {
        self.cluster.breakers(self.priority).take(resource, self.http().worker().index())
    }

    pub(crate) fn cancel(&self, ticket: Ticket) {
        let cancelled = ticket.0.and_then(|place| self.pool.borrow_mut().cancel(place));
        if cancelled.is_some() {
            self.stats.upstream_rq_pending_active.dec();
            self.stats.upstream_rq_cancelled.inc();
        }
        if is_planted(Plant::LeakedBreakerSlot) {
            std::mem::forget(cancelled);
        }
    }

    /// A connection has gone, or could not be made.
    fn closed(&self) {
        self.pool.borrow_mut().closed();
        if self.pool.borrow().connections() == 0 {
            self.in_use.set(None);
        }
    }

    /// The connection takes no new streams.
    pub(crate) fn leave(&self, connection: &Rc<Connection>) {
        Upstream::of(connection).is_ready.set(false);
        self.pool.borrow_mut().remove_ready(&Same(Rc::clone(connection)));
    }
}
