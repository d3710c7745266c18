//! The admin listener: `envoy.config.bootstrap.v3.Admin`, and its pages.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_admin::pages::{HealthCheckFail, HealthCheckOk, Prometheus, Quit, Ready, ResetCounters, Stats};
use nuncio_admin::{Page, Site, SiteFilter};
use nuncio_config::{At, Invalid};
use nuncio_http::{ConnectionManager, HttpWorker, Manager};
use nuncio_listener::accept;
use nuncio_network::Address;
use nuncio_proto::envoy::config::bootstrap::v3 as pb;
use nuncio_stats::Store;
use nuncio_worker::Lifecycle;

/// `envoy.config.bootstrap.v3.Admin`
pub(crate) struct AdminConfig {
    /// Where it listens; nowhere by default.
    pub(crate) address: Option<Address>,
}

impl AdminConfig {
    /// Parses the message.
    pub(crate) fn parse(proto: pb::Admin, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::Admin {
            access_log,
            access_log_path,
            profile_path,
            address,
            socket_options,
            ignore_global_conn_limit,
            allow_paths,
        } = proto;
        let mut f = at.fields();
        f.unsupported("access_log", access_log);
        f.unsupported("access_log_path", Some(access_log_path).filter(|path| !path.is_empty() && path != "/dev/null"));
        f.without_effect("profile_path", profile_path, "there is no profiler");
        let address = f.optional("address", address, Address::parse);
        f.unsupported("socket_options", socket_options);
        f.without_effect("ignore_global_conn_limit", ignore_global_conn_limit, "there is no global connection limit");
        f.unsupported("allow_paths", allow_paths);
        f.finish(|| Self { address: address.take() })
    }
}

/// What the pages show and change.
pub(crate) struct Subjects {
    pub(crate) store: Store,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) quit: Arc<tokio::sync::Notify>,
}

/// All pages.
fn site(subjects: Subjects) -> Site {
    let Subjects { store, lifecycle, quit } = subjects;
    let latch = store.clone();
    let refresh: Arc<dyn Fn() + Send + Sync> = Arc::new(move || latch.latch_histograms());
    let pages: Vec<Box<dyn Page>> = vec![
        Box::new(Ready(Arc::clone(&lifecycle))),
        Box::new(HealthCheckFail(Arc::clone(&lifecycle))),
        Box::new(HealthCheckOk(lifecycle)),
        Box::new(ResetCounters(store.clone())),
        Box::new(Stats { store: store.clone(), refresh: Arc::clone(&refresh) }),
        Box::new(Prometheus { store, refresh }),
        Box::new(Quit(Box::new(move || quit.notify_one()))),
    ];
    Site::new(pages)
}

/// Serves the pages on `socket`, on main.
pub(crate) fn serve(http: &Rc<HttpWorker>, socket: TcpListener, subjects: Subjects) -> std::io::Result<()> {
    let root = subjects.store.scope("");
    let filter = SiteFilter(Arc::new(site(subjects)));
    let config = Arc::new(ConnectionManager::internal("admin", vec![Arc::new(filter)]));
    let manager = Manager::build(http, &config, &Arc::default(), &root);
    let state = Rc::clone(http);
    accept(http.worker(), socket, move |transport, local, remote| manager.serve(&state, transport, local, remote))
}
