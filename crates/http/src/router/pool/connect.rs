//! New connections of a pool: how many are made, and what becomes of those who wait for them.

use std::borrow::Cow;
use std::rc::Rc;

use nuncio_codec::{Codec, Protocol, Role};
use nuncio_message::Tick;
use nuncio_telemetry::{Address, Connection as ConnectionInfo};
use nuncio_upstream::{BreakerSlot, Resource};

use super::{HostPool, Upstream, UpstreamEnd};
use crate::connection_manager::{Connection, Event, Side, run};
use crate::http_worker::HttpWorker;

impl HostPool {
    /// Makes a connection if more requests wait than those being made can take.
    pub(crate) fn connect_if_wanted(self: &Rc<Self>) {
        let (connecting, waiting, connections) = {
            let pool = self.pool.borrow();
            (pool.connecting() as usize, pool.waiting(), pool.connections())
        };
        // As Envoy, which does not know the peer's limit yet, it counts on its own.
        let room = if self.is_http2() { self.options.http2.max_concurrent_streams.max(1) as usize } else { 1 };
        let wanted = waiting.div_ceil(room);
        if connecting >= wanted {
            return;
        }
        // One connection is always allowed, whatever the limit.
        if self.allows_connection() || connections == 0 {
            self.connect();
        } else {
            self.stats.upstream_cx_overflow.inc();
        }
    }

    fn allows_connection(&self) -> bool {
        let breakers = self.cluster.breakers(self.priority);
        let has_room = |limit: u32| self.host().stats().cx_active < i64::from(limit);
        breakers.allows(Resource::Connections) && breakers.thresholds().max_connections_per_host.is_none_or(has_room)
    }

    fn connect(self: &Rc<Self>) {
        self.pool.borrow_mut().begin_connect();
        if self.pool.borrow().connections() == 1 {
            self.in_use.set(Some(self.take(Resource::ConnectionPools)));
        }
        self.stats.upstream_cx_total.inc();
        self.stats.upstream_cx_active.inc();
        // As Envoy, whose codec is made before the connection stands.
        if self.is_http2() {
            self.stats.upstream_cx_http2_total.inc();
            self.codecs.begin(Protocol::Http2, Role::Client);
        } else if !self.is_tunnel {
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
        let codec = if self.is_http2() {
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
        let side = Side::Upstream(Upstream::new(self, began, slot));
        let connection = Connection::new(http, side, info, codec, transport);
        http.worker().spawn(run(Rc::clone(&connection)));
        self.offer(&connection);
    }

    /// The codec's options: what may be held back of responses is the cluster's to say.
    fn http1_options(&self) -> nuncio_codec::http1::Options {
        let mut options = self.options.http1.clone();
        options.is_tunnel = self.is_tunnel;
        if self.cluster.config.buffer_limit_bytes > 0 {
            options.read_limit = self.cluster.config.buffer_limit_bytes as usize;
        }
        options
    }

    fn connect_failed(self: &Rc<Self>, end: UpstreamEnd) {
        self.stats.upstream_cx_connect_fail.inc();
        self.host.cx_connect_fail(1);
        self.closed();
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
