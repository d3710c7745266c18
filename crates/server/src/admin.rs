//! The admin listener: `envoy.config.bootstrap.v3.Admin`, and its pages.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_admin::pages::{
    About, Active, Clusters as ClustersPage, HealthCheckFail, HealthCheckOk, Listeners, Loggers, Logging, LookupAction,
    Memory, Plain, Prometheus, Quit, Ready, RecentLookups, Refresh, ReopenLogs, ResetCounters, Runtime, RuntimeModify,
    ServerInfo, Stats,
};
use nuncio_admin::{Page, PathMatcher, Site, SiteFilter};
use nuncio_config::{At, Invalid};
use nuncio_http::{ConnectionManager, HttpWorker, ListenerInfo, LocalInfo, Manager};
use nuncio_listener::{ListenerCounts, accept};
use nuncio_matching::StringMatcher;
use nuncio_network::Address;
use nuncio_proto::envoy::config::accesslog::v3::{AccessLog, access_log};
use nuncio_proto::envoy::config::bootstrap::v3 as pb;
use nuncio_proto::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use nuncio_stats::Store;
use nuncio_telemetry::access_log::Config as LogConfig;
use nuncio_telemetry::access_log::file::FileManager;
use nuncio_upstream::Clusters;
use nuncio_worker::{Lifecycle, Stopwatch};
use prost::{Message, Name};

use crate::extensions::Extensions;
use crate::memory;

/// `envoy.config.bootstrap.v3.Admin`
pub(crate) struct AdminConfig {
    /// Where it listens; nowhere by default.
    pub(crate) address: Option<Address>,
    /// What is asked is logged here.
    access_log: LogConfig,
    /// Paths that may be asked for, queries included; all without any.
    allow_paths: Vec<StringMatcher>,
}

impl AdminConfig {
    /// Parses the message.
    pub(crate) fn parse(proto: pb::Admin, extensions: &Extensions, at: &At<'_>) -> Result<Self, Invalid> {
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
        let allowed = f.keep(extensions.check_logs(&access_log, at));
        let access_log = f.value("access_log", logs(access_log, access_log_path), LogConfig::parse);
        f.without_effect("profile_path", profile_path, "there is no profiler");
        let address = f.optional("address", address, Address::parse);
        f.unsupported("socket_options", socket_options);
        f.without_effect("ignore_global_conn_limit", ignore_global_conn_limit, "there is no global connection limit");
        let allow_paths = f.each("allow_paths", allow_paths, StringMatcher::parse);
        f.finish(|| {
            allowed.take();
            Self { address: address.take(), access_log: access_log.take(), allow_paths: allow_paths.take() }
        })
    }
}

/// The deprecated path is one more log, with the default format.
fn logs(mut logs: Vec<AccessLog>, path: String) -> Vec<AccessLog> {
    if !path.is_empty() {
        let file = FileAccessLog { path, ..FileAccessLog::default() };
        let config = prost_types::Any { type_url: FileAccessLog::type_url(), value: file.encode_to_vec() };
        let config_type = Some(access_log::ConfigType::TypedConfig(config));
        logs.push(AccessLog { name: "envoy.access_loggers.file".to_owned(), config_type, ..AccessLog::default() });
    }
    logs
}

/// What the pages show and change.
pub(crate) struct Subjects {
    pub(crate) about: Arc<About>,
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) listeners: Active,
    pub(crate) loggers: Loggers,
    pub(crate) quit: Arc<tokio::sync::Notify>,
    pub(crate) refresh: Refresh,
    pub(crate) reopen_logs: Box<dyn Fn() + Send + Sync>,
    pub(crate) store: Store,
    pub(crate) uptime: Stopwatch,
}

/// All pages.
fn site(subjects: Subjects) -> Site {
    let Subjects { about, clusters, lifecycle, listeners, loggers, quit, refresh, reopen_logs, store, uptime } =
        subjects;
    let mut pages: Vec<Box<dyn Page>> = vec![
        Box::new(ClustersPage(clusters)),
        Box::new(HealthCheckFail(Arc::clone(&lifecycle))),
        Box::new(HealthCheckOk(Arc::clone(&lifecycle))),
        Box::new(Listeners(listeners)),
        Box::new(Logging(loggers)),
        Box::new(Memory(memory::usage)),
        Box::new(Plain::certs()),
        Box::new(Plain::contention()),
        Box::new(Plain::hot_restart_version()),
        Box::new(Plain::init_dump()),
        Box::new(Prometheus { store: store.clone(), refresh: Arc::clone(&refresh) }),
        Box::new(Quit(Box::new(move || quit.notify_one()))),
        Box::new(Ready(Arc::clone(&lifecycle))),
        Box::new(ReopenLogs(reopen_logs)),
        Box::new(ResetCounters(store.clone())),
        Box::new(Runtime),
        Box::new(RuntimeModify),
        Box::new(ServerInfo { about, lifecycle, uptime }),
        Box::new(Stats { store: store.clone(), refresh }),
    ];
    let lookups = [LookupAction::Show, LookupAction::Enable, LookupAction::Disable, LookupAction::Clear];
    pages.extend(lookups.map(|action| Box::new(RecentLookups { store: store.clone(), action }) as Box<dyn Page>));
    Site::new(pages)
}

/// Writes the address that the admin listener has to the file of `--admin-address-path`, and tells it.
pub(crate) fn tell_address(address: SocketAddr, path: Option<&Path>) {
    if let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) {
        // Envoy, too, starts all the same.
        if let Err(error) = std::fs::write(path, address.to_string()) {
            tracing::error!(%error, "cannot open admin address output file {} for writing.", path.display());
        }
    }
    tracing::info!("admin address: {address}");
}

/// Serves the pages on `socket`, on main.
pub(crate) fn serve(
    http: &Rc<HttpWorker>,
    socket: TcpListener,
    config: AdminConfig,
    files: &FileManager,
    subjects: Subjects,
    address: Option<IpAddr>,
) -> anyhow::Result<()> {
    let logs = Arc::new(config.access_log.open(files)?);
    let root = subjects.store.scope("");
    let mut site = site(subjects);
    let allowed = config.allow_paths;
    if !allowed.is_empty() {
        let matcher: PathMatcher = Box::new(move |path| allowed.iter().any(|pattern| pattern.matches(path.as_bytes())));
        site = site.with_allowed_paths(matcher);
    }
    let filter = SiteFilter::new(site);
    let local = LocalInfo { address, ..LocalInfo::default() };
    let config = Arc::new(ConnectionManager::internal_edge("admin", vec![Arc::new(filter)], &local));
    let counts = ListenerCounts::internal(&root, "admin", http.worker().index());
    let listener = ListenerInfo { name: None, filter_chain_name: None, scope: counts.scope().clone() };
    let manager = Manager::build(http, &config, &logs, &root, listener);
    let state = Rc::clone(http);
    accept(http.worker(), socket, counts, move |accepted| manager.serve(&state, accepted))?;
    Ok(())
}
