//! A worker's connections to the hosts of a cluster.
//!
//! Before: the router picked a host. Next: the connection's driver, and its codec.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use nuncio_codec::{Codec, Protocol, Role};
use nuncio_message::Tick;
use nuncio_stats::Local;
use nuncio_telemetry::{Address, ClusterNames, Connection as ConnectionInfo};
use nuncio_upstream::{
    BreakerSlot, Cluster, ClusterCodes, Host, HostLocal, LoadBalancer, PickContext, Pool, Resource, RoundRobin,
    RoutingPriority, TrafficStats, Waiting,
};

use super::UpstreamEnd;
use super::options::UpstreamOptions;
use crate::chain::Plan;
use crate::codec_stats::CodecStats;
use crate::connection_manager::{Connection, Event, Same, Side, run};
use crate::filter::FactoryContext;
use crate::http_worker::HttpWorker;
use crate::plant::{Plant, is_planted};
use crate::streams::StreamKey;

/// One worker's half of a cluster. Owner: the worker.
pub(crate) struct ClusterLocal {
    http: Weak<HttpWorker>,
    cluster: Arc<Cluster>,
    stats: Local<TrafficStats>,
    codes: Rc<ClusterCodes>,
    codecs: Rc<CodecStats>,
    names: Arc<ClusterNames>,
    balancer: RoundRobin,
    /// The filters that each attempt has of its own.
    upstream_plan: Option<Rc<Plan>>,
    /// By host and priority.
    pools: RefCell<Vec<Option<Rc<HostPool>>>>,
}

/// One worker's connections to one host, for one priority.
pub(crate) struct HostPool {
    http: Weak<HttpWorker>,
    cluster: Arc<Cluster>,
    stats: Local<TrafficStats>,
    codecs: Rc<CodecStats>,
    host: HostLocal,
    priority: RoutingPriority,
    options: Arc<UpstreamOptions>,
    pool: RefCell<Pool<Same, (StreamKey, u32, BreakerSlot)>>,
}

/// The upstream side of a connection.
pub(crate) struct Upstream {
    pub(crate) pool: Rc<HostPool>,
    pub(crate) is_remote_close: Cell<bool>,
    is_ready: Cell<bool>,
    /// When connecting began.
    connect_began: Tick,
    /// It has served long enough, or enough.
    is_retired: Cell<bool>,
    streams_served: Cell<u64>,
    _slot: BreakerSlot,
}

/// A place in the queue of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(Option<Waiting>);

/// What a pool has for a request.
pub(crate) enum Acquired {
    Ready(Rc<Connection>),
    Waiting(Ticket),
    Overflow,
}

impl ClusterLocal {
    pub(crate) fn new(http: Weak<HttpWorker>, cluster: Arc<Cluster>) -> Self {
        let worker = http.upgrade().map_or(nuncio_worker::WorkerIndex::MAIN, |http| http.worker().index());
        let upstream_plan = http.upgrade().and_then(|http| {
            let options = cluster.config.http.downcast_ref::<UpstreamOptions>()?;
            Plan::build_upstream(
                options.filters.as_deref(),
                &FactoryContext { worker: http.worker(), scope: &cluster.scope },
            )
        });
        Self {
            http,
            upstream_plan,
            stats: cluster.stats.local(worker),
            codes: Rc::new(ClusterCodes::new(&cluster.scope, worker)),
            codecs: Rc::new(CodecStats::new(&cluster.scope, worker)),
            names: super::names(&cluster.config),
            cluster,
            balancer: RoundRobin::default(),
            pools: RefCell::default(),
        }
    }

    pub(crate) fn stats(&self) -> &Local<TrafficStats> {
        &self.stats
    }

    pub(crate) fn codes(&self) -> &Rc<ClusterCodes> {
        &self.codes
    }

    /// The cluster's own filters for each attempt; `None` when it has none, so that those of the router count.
    pub(crate) fn upstream_plan(&self) -> Option<&Rc<Plan>> {
        self.upstream_plan.as_ref()
    }

    pub(crate) fn names(&self) -> &Arc<ClusterNames> {
        &self.names
    }

    pub(crate) fn allows(&self, priority: RoutingPriority, resource: Resource) -> bool {
        self.cluster.breakers(priority).allows(resource)
    }

    pub(crate) fn take(&self, priority: RoutingPriority, resource: Resource) -> BreakerSlot {
        let worker = self.http.upgrade().map_or(nuncio_worker::WorkerIndex::MAIN, |http| http.worker().index());
        self.cluster.breakers(priority).take(resource, worker)
    }

    /// Picks a host and gives its pool; `None` when there is no host.
    pub(crate) fn pick(&self, priority: RoutingPriority, cx: &PickContext<'_>) -> Option<Rc<HostPool>> {
        let hosts = self.cluster.hosts();
        let Some(host) = self.balancer.pick(hosts, cx) else {
            // No host at all is the worst panic.
            self.stats.lb_healthy_panic.inc();
            return None;
        };
        let at = host * 2 + priority as usize;
        let mut pools = self.pools.borrow_mut();
        if pools.len() <= at {
            pools.resize_with(hosts.hosts().len() * 2, || None);
        }
        let pool = pools[at].get_or_insert_with(|| {
            let http = self.http.upgrade();
            let worker = http.map_or(nuncio_worker::WorkerIndex::MAIN, |http| http.worker().index());
            Rc::new(HostPool {
                http: self.http.clone(),
                stats: self.cluster.stats.local(worker),
                codecs: Rc::clone(&self.codecs),
                host: hosts.hosts()[host].local(worker),
                priority,
                options: Arc::clone(&self.cluster.config.http).downcast().unwrap_or_default(),
                cluster: Arc::clone(&self.cluster),
                pool: RefCell::default(),
            })
        });
        Some(Rc::clone(pool))
    }
}

impl HostPool {
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

    fn http(&self) -> Rc<HttpWorker> {
        self.http.upgrade().expect("pools are dropped before their worker's state")
    }

    fn take(&self, resource: Resource) -> BreakerSlot {
        self.cluster.breakers(self.priority).take(resource, self.http().worker().index())
    }

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
            self.stats.upstream_rq_pending_overflow.inc();
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

    /// Makes a connection if more requests wait than those being made can take.
    pub(crate) fn connect_if_wanted(self: &Rc<Self>) {
        let (connecting, waiting, connections) = {
            let pool = self.pool.borrow();
            (pool.connecting() as usize, pool.waiting(), pool.connections())
        };
        // As Envoy, which does not know the peer's limit yet, it counts on its own.
        let room = if self.options.is_http2 { self.options.http2.max_concurrent_streams.max(1) as usize } else { 1 };
        let wanted = waiting.div_ceil(room);
        if connecting >= wanted {
            return;
        }
        // One connection is always allowed, whatever the limit.
        if self.cluster.breakers(self.priority).allows(Resource::Connections) || connections == 0 {
            self.connect();
        } else {
            self.stats.upstream_cx_overflow.inc();
        }
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

    /// A request has a connection.
    pub(crate) fn begin_request(&self) -> BreakerSlot {
        self.stats.upstream_rq_total.inc();
        self.stats.upstream_rq_active.inc();
        self.host.rq_total(1);
        self.host.rq_active(1);
        self.take(Resource::Requests)
    }

    pub(crate) fn end_request(&self, had_connection: bool) {
        if had_connection {
            self.stats.upstream_rq_active.dec();
            self.host.rq_active(-1);
        }
    }

    pub(crate) fn count_response(&self, status: u16) {
        if status >= 500 { self.host.rq_error(1) } else { self.host.rq_success(1) }
    }

    pub(crate) fn note_timeout(&self) {
        self.stats.upstream_rq_timeout.inc();
        self.host.rq_timeout(1);
    }

    /// A response was not good enough: it is not counted as one.
    pub(crate) fn note_retried(&self) {
        self.host.rq_error(1);
    }

    /// One try has taken too long.
    pub(crate) fn note_try_timeout(&self) {
        self.stats.upstream_rq_per_try_timeout.inc();
        self.host.rq_timeout(1);
    }

    fn connect(self: &Rc<Self>) {
        self.pool.borrow_mut().begin_connect();
        self.stats.upstream_cx_total.inc();
        self.stats.upstream_cx_active.inc();
        // As Envoy, whose codec is made before the connection stands.
        if self.options.is_http2 {
            self.stats.upstream_cx_http2_total.inc();
            self.codecs.begin(Protocol::Http2, Role::Client);
        } else {
            self.stats.upstream_cx_http1_total.inc();
            self.codecs.begin(Protocol::Http11, Role::Client);
        }
        self.host.cx_total(1);
        self.host.cx_active(1);
        let slot = self.take(Resource::Connections);
        let http = self.http();
        let connecting = http.connector().connect(self.host().address.socket());
        let pool = Rc::clone(self);
        let started = http.worker().now();
        let limit = http.sleep(self.cluster.config.connect_timeout);
        http.worker().spawn(async move {
            let result = first(connecting, limit).await;
            let http = pool.http();
            http.worker().clock().refresh();
            pool.pool.borrow_mut().end_connect();
            match result {
                Some(Ok((transport, local))) => {
                    let took = http.worker().now() - started;
                    pool.stats.upstream_cx_connect_ms.record(took.as_millis() as u64);
                    pool.connected(&http, transport, local, slot, started);
                }
                Some(Err(error)) => {
                    pool.stats.upstream_cx_destroy_remote.inc();
                    let reason = format!("delayed connect error: {}", errno_text(&error));
                    pool.connect_failed(UpstreamEnd::ConnectFailed(Cow::Owned(reason)));
                }
                None => {
                    pool.stats.upstream_cx_connect_timeout.inc();
                    pool.stats.upstream_cx_destroy_local.inc();
                    pool.connect_failed(UpstreamEnd::ConnectTimeout);
                }
            }
        });
    }

    fn connected(
        self: &Rc<Self>,
        http: &Rc<HttpWorker>,
        transport: Box<dyn nuncio_network::Transport>,
        local: std::net::SocketAddr,
        slot: BreakerSlot,
        began: Tick,
    ) {
        let now = http.worker().now();
        let codec = if self.options.is_http2 {
            Codec::http2(Role::Client, Rc::new(self.options.http2.clone()), now)
        } else {
            Codec::http1(Role::Client, Rc::new(self.http1_options()), now)
        };
        let remote = Address::from(self.host().address.socket());
        let info = Rc::new(ConnectionInfo {
            id: HttpWorker::next_connection_id(),
            local_address: Address::from(local),
            remote_address: remote.clone(),
            direct_remote_address: remote,
            requested_server_name: None,
            transport_failure_reason: None,
            filter_chain_name: None,
            listener_name: None,
        });
        let side = Side::Upstream(Upstream {
            pool: Rc::clone(self),
            is_remote_close: Cell::new(false),
            is_ready: Cell::new(false),
            connect_began: began,
            is_retired: Cell::new(false),
            streams_served: Cell::new(0),
            _slot: slot,
        });
        let connection = Connection::new(http, side, info, codec, transport);
        http.worker().spawn(run(Rc::clone(&connection)));
        self.offer(&connection);
    }

    /// The codec's options: what may be held back of responses is the cluster's to say.
    fn http1_options(&self) -> nuncio_codec::http1::Options {
        let mut options = self.options.http1.clone();
        if self.cluster.config.buffer_limit_bytes > 0 {
            options.read_limit = self.cluster.config.buffer_limit_bytes as usize;
        }
        options
    }

    fn connect_failed(self: &Rc<Self>, end: UpstreamEnd) {
        self.stats.upstream_cx_connect_fail.inc();
        self.host.cx_connect_fail(1);
        self.pool.borrow_mut().closed();
        self.stats.upstream_cx_active.dec();
        self.stats.upstream_cx_destroy.inc();
        self.host.cx_active(-1);
        // All who wait for this host fail with it, as in Envoy.
        let http = self.http();
        while let Some((key, attempt, _slot)) = { self.pool.borrow_mut().next_waiting() } {
            self.stats.upstream_rq_pending_active.dec();
            self.stats.upstream_rq_pending_failure_eject.inc();
            http.post(key, Event::PoolReady(attempt, Err(end.clone())));
        }
    }

    /// Gives the connection to who waits, or keeps it ready.
    fn offer(self: &Rc<Self>, connection: &Rc<Connection>) {
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

    /// When connecting to the host began.
    pub(crate) fn connect_began(connection: &Connection) -> Tick {
        Upstream::of(connection).connect_began
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

    /// A stream has been opened on it.
    pub(crate) fn note_begun(connection: &Rc<Connection>) {
        Upstream::of(connection).begin(connection);
    }

    /// The connection takes no new streams.
    pub(crate) fn leave(&self, connection: &Rc<Connection>) {
        Upstream::of(connection).is_ready.set(false);
        self.pool.borrow_mut().remove_ready(&Same(Rc::clone(connection)));
    }

    pub(crate) fn capacity_changed(&self, connection: &Rc<Connection>) {
        Self::settle(connection);
    }
}

impl Upstream {
    fn of(connection: &Connection) -> &Self {
        match &connection.side {
            Side::Upstream(side) => side,
            Side::Downstream(_) => unreachable!("pools hold upstream connections only"),
        }
    }

    /// Takes no more streams on it, and closes it when it has none.
    pub(crate) fn retire(&self, connection: &Rc<Connection>) {
        self.pool.leave(connection);
        self.is_retired.set(true);
        connection.promise_close();
        connection.settle();
    }

    /// A request takes it: the last one, if the limit says so.
    fn begin(&self, connection: &Rc<Connection>) {
        let served = self.streams_served.get() + 1;
        self.streams_served.set(served);
        let limit = u64::from(self.pool.options.max_requests_per_connection);
        if limit > 0 && served == limit {
            self.pool.stats.upstream_cx_max_requests.inc();
            self.is_retired.set(true);
            connection.promise_close();
        }
    }

    /// The connection is closed.
    pub(crate) fn closed(&self, connection: &Rc<Connection>, had_streams: bool) {
        let (pool, stats) = (&self.pool, &self.pool.stats);
        pool.leave(connection);
        pool.pool.borrow_mut().closed();
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

/// The result of `work`, or `None` when `limit` is over first.
async fn first<T>(mut work: std::pin::Pin<Box<dyn Future<Output = T>>>, mut limit: crate::sleep::Sleep) -> Option<T> {
    std::future::poll_fn(move |cx| {
        if let std::task::Poll::Ready(result) = work.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(result));
        }
        std::pin::Pin::new(&mut limit).poll(cx).map(|()| None)
    })
    .await
}

/// The system's words for an error, as strerror has them.
fn errno_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
