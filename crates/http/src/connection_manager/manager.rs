//! One worker's half of a connection manager's configuration.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_codec::{Codec, Role};
use nuncio_network::Transport;
use nuncio_stats::{Group, Local, Scope};
use nuncio_telemetry::{AccessLogs, Address, Connection as ConnectionInfo};

use super::config::{CodecType, ConnectionManager};
use super::{Connection, Downstream, ManagerStats, Side, driver};
use crate::chain::Plan;
use crate::filter::FactoryContext;
use crate::http_worker::HttpWorker;
use crate::route::RouteRef;
use nuncio_message::{HeaderId, Headers};

/// What one worker uses of a connection manager. Owner: the worker; streams pin it.
pub struct Manager {
    pub(crate) config: Arc<ConnectionManager>,
    pub(crate) stats: Local<ManagerStats>,
    /// Keeps the names for as long as the manager is used.
    _group: Group<ManagerStats>,
    pub(crate) plan: Rc<Plan>,
    pub(crate) access_logs: Arc<AccessLogs>,
    http1: Rc<nuncio_codec::http1::Options>,
    http2: Rc<nuncio_codec::http2::Options>,
}

impl Manager {
    /// Builds the worker's half; `root` is the scope that `http.<stat_prefix>.` stands in. `access_logs` is what
    /// `config.access_log` became when it was opened, once in the process.
    pub fn build(
        http: &HttpWorker,
        config: &Arc<ConnectionManager>,
        access_logs: &Arc<AccessLogs>,
        root: &Scope,
    ) -> Rc<Self> {
        let scope = root.scope(&format!("http.{}.", config.stat_prefix));
        let group: Group<ManagerStats> = ManagerStats::new(&scope);
        let plan = Plan::build(&config.filters, &FactoryContext { worker: http.worker(), scope: &scope });
        Rc::new(Self {
            stats: group.local(http.worker().index()),
            _group: group,
            plan: Rc::new(plan),
            access_logs: Arc::clone(access_logs),
            http1: Rc::new(config.http1.clone()),
            http2: Rc::new(config.http2.clone()),
            config: Arc::clone(config),
        })
    }

    /// Takes over an accepted connection.
    pub fn serve(
        self: &Rc<Self>,
        http: &Rc<HttpWorker>,
        transport: Box<dyn Transport>,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let (http1, http2, now) = (Rc::clone(&self.http1), Rc::clone(&self.http2), http.worker().now());
        let codec = match self.config.codec_type {
            CodecType::Auto => Codec::detect(http1, http2),
            CodecType::Http1 => Codec::http1(Role::Server, http1, now),
            CodecType::Http2 => Codec::http2(Role::Server, http2, now),
        };
        let info = Rc::new(ConnectionInfo {
            id: HttpWorker::next_connection_id(),
            local_address: Address::from(local),
            remote_address: Address::from(remote),
            direct_remote_address: Address::from(remote),
            requested_server_name: None,
            transport_failure_reason: None,
            filter_chain_name: None,
            listener_name: None,
        });
        self.stats.downstream_cx_total.inc();
        self.stats.downstream_cx_active.inc();
        let side = Side::Downstream(Downstream { manager: Rc::clone(self), is_remote_close: Cell::new(false) });
        let connection = Connection::new(http, side, info, codec, transport);
        http.worker().spawn(driver::run(connection));
    }

    /// The route of a request. As in Envoy there is none for a request whose `x-forwarded-proto` is empty.
    pub(crate) fn find_route(&self, request: &Headers, random: u64) -> Option<RouteRef> {
        if request.get(HeaderId::X_FORWARDED_PROTO).is_some_and(<[u8]>::is_empty) {
            return None;
        }
        RouteRef::find(&self.config.routes, request, random).ok()
    }

    pub(crate) fn count_response(&self, status: u16) {
        let stats = &self.stats;
        stats.downstream_rq_completed.inc();
        match status / 100 {
            1 => stats.downstream_rq_1xx.inc(),
            2 => stats.downstream_rq_2xx.inc(),
            3 => stats.downstream_rq_3xx.inc(),
            4 => stats.downstream_rq_4xx.inc(),
            5 => stats.downstream_rq_5xx.inc(),
            _ => {}
        }
    }
}
