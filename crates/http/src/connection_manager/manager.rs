//! One worker's half of a connection manager's configuration.

use std::rc::Rc;
use std::sync::Arc;

use nuncio_message::{HeaderId, Headers};
use nuncio_stats::{Local, Scope};
use nuncio_telemetry::AccessLogs;

use super::config::ConnectionManager;
use super::stats::{Counts, ManagerStats};
use super::upgrades::UpgradeLocal;
use crate::chain::Plan;
use crate::filter::FactoryContext;
use crate::http_worker::HttpWorker;
use crate::route::RouteRef;

/// What one worker uses of a connection manager. Owner: the worker; streams pin it.
pub struct Manager {
    pub(crate) config: Arc<ConnectionManager>,
    pub(crate) stats: Local<ManagerStats>,
    pub(crate) counts: Counts,
    pub(crate) plan: Rc<Plan>,
    pub(super) upgrades: Vec<UpgradeLocal>,
    pub(crate) access_logs: Arc<AccessLogs>,
    pub(super) listener: ListenerInfo,
    /// The router's filters for attempts on clusters that have none.
    pub(crate) upstream_plan: Option<Rc<Plan>>,
    pub(super) http1: Rc<nuncio_codec::http1::Options>,
    pub(super) http2: Rc<nuncio_codec::http2::Options>,
}

/// What a connection manager is told of the listener that it serves.
pub struct ListenerInfo {
    /// `Listener.name`
    pub name: Option<Arc<str>>,
    /// `FilterChain.name`
    pub filter_chain_name: Option<Arc<str>>,
    /// `listener.<stat_prefix>.`
    pub scope: Scope,
}

impl Manager {
    /// Builds the worker's half; `root` is the scope that `http.<stat_prefix>.` stands in. `access_logs` is what
    /// `config.access_log` became when it was opened, once in the process.
    pub fn build(
        http: &HttpWorker,
        config: &Arc<ConnectionManager>,
        access_logs: &Arc<AccessLogs>,
        root: &Scope,
        listener: ListenerInfo,
    ) -> Rc<Self> {
        let worker = http.worker().index();
        let scope = root.scope(&format!("http.{}.", config.stat_prefix));
        let counts = Counts::new(&config.stat_prefix, config.is_internal, root, &listener.scope, worker);
        let cx = FactoryContext { worker: http.worker(), scope: &scope };
        let plan = Plan::build(&config.filters, &cx);
        let upstream_plan = Plan::build_upstream(config.upstream_filters.as_deref(), &cx);
        Rc::new(Self {
            stats: (*counts.manager).clone(),
            counts,
            listener,
            plan: Rc::new(plan),
            upgrades: config.upgrades.iter().map(|upgrade| UpgradeLocal::build(upgrade, &cx)).collect(),
            access_logs: Arc::clone(access_logs),
            upstream_plan,
            http1: Rc::new(config.http1.clone()),
            http2: Rc::new(config.http2.clone()),
            config: Arc::clone(config),
        })
    }

    /// The route of a request. As in Envoy there is none for a request whose `x-forwarded-proto` is empty.
    pub(crate) fn find_route(&self, request: &Headers, random: u64) -> Option<RouteRef> {
        if request.get(HeaderId::X_FORWARDED_PROTO).is_some_and(<[u8]>::is_empty) {
            return None;
        }
        RouteRef::find(&self.config.routes, request, random).ok()
    }
}
