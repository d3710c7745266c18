//! From a bootstrap file to typed configuration; every error at once, each at its place.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nuncio_config::diagnostic::code;
use nuncio_config::{
    AnyConfig, At, Counts, Diagnostic, Invalid, Policy, Schema, Source, Unknown, Use, load_bootstrap, review, scalar,
};
use nuncio_http::{ConnectionManager, LocalInfo, ParseContext, UpstreamOptions};
use nuncio_listener::ListenerConfig;
use nuncio_proto::envoy::config::bootstrap::v3 as pb;
use nuncio_proto::envoy::config::core::v3::DataSource;
use nuncio_proto::envoy::config::core::v3::data_source::Specifier;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use nuncio_stats::Settings;
use nuncio_upstream::{ClusterConfig, Clusters, HttpOptionsProto};

use crate::about::{Node, override_node};
use crate::admin::AdminConfig;
use crate::extensions::{Extensions, NETWORK_FILTERS, UPSTREAM_HTTP_FILTERS};
use crate::logging::LogFormat;
use crate::options::{Mode, Options};
use crate::stats_config;
use crate::validate::plain;

/// A bootstrap that can be run.
pub(crate) struct Config {
    pub(crate) process: ProcessConfig,
    pub(crate) listeners: Vec<ListenerConfig<Arc<ConnectionManager>>>,
    pub(crate) clusters: Vec<ClusterConfig>,
}

/// The proto: "If not specified the default is 5000ms (5 seconds)."
const STATS_FLUSH_INTERVAL: Duration = Duration::from_secs(5);

const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// What is configured of the process itself.
#[derive(Default)]
pub(crate) struct ProcessConfig {
    pub(crate) admin: Option<AdminConfig>,
    pub(crate) node: Node,
    /// stats_config
    pub(crate) stats: Settings,
    /// stats_flush_interval
    pub(crate) stats_flush_interval: Duration,
    /// What was let pass.
    pub(crate) counts: Counts,
    /// application_log_config
    pub(crate) log_format: Option<LogFormat>,
}

/// What came of a configuration that was checked. It may be run if there are no errors.
pub(crate) struct Checked {
    pub(crate) config: Config,
    /// In the order of the text, without the warnings that were switched off.
    pub(crate) findings: Vec<Diagnostic>,
    /// How many errors there are; the list of findings may have been cut off.
    pub(crate) errors: usize,
    /// How many findings are not in the list.
    pub(crate) dropped: usize,
    /// The typed configurations in it, unless it is run.
    pub(crate) uses: Vec<Use>,
}

/// Reads and checks a configuration to run it.
///
/// # Errors
/// The rendered list of what is wrong in it.
pub(crate) fn load(
    source: &Source,
    options: &Options,
    threads: u16,
    registry: &Clusters,
    extensions: &Extensions,
) -> anyhow::Result<Config> {
    let checked = check(source, options, threads, registry, extensions);
    if checked.errors > 0 {
        anyhow::bail!("{}", options.checks.render(&checked, source));
    }
    if !checked.findings.is_empty() {
        // The log may be a file.
        tracing::warn!("{}\n{}", source.name(), plain(&checked, source).trim_end());
    }
    Ok(checked.config)
}

/// Reads and checks a configuration.
pub(crate) fn check(
    source: &Source,
    options: &Options,
    threads: u16,
    registry: &Clusters,
    extensions: &Extensions,
) -> Checked {
    let schema = Schema::with_policy(policy(options));
    let mut loaded = load_bootstrap(source, &schema);
    loaded.diagnostics.settle();
    override_node(&mut loaded.bootstrap.node, options);
    let found = &loaded.diagnostics;
    let process = check_bootstrap(loaded.bootstrap.clone(), options, extensions, &At::root(found)).unwrap_or_default();
    let mut config = Config { process, listeners: Vec::new(), clusters: Vec::new() };
    let local = local_info(&loaded.bootstrap, options);
    let http = |proto: HttpOptionsProto, at: &At<'_>| upstream_options(proto, at, extensions);
    let mut names = BTreeSet::new();
    for resource in &loaded.clusters {
        let at = At::path(found, resource.path());
        let cx = nuncio_upstream::ParseContext { threads, http: &http };
        let Ok(proto) = resource.message(&at) else { continue };
        // Also of a cluster with mistakes: that it is referred to is not another.
        if !proto.name.is_empty() && !names.insert(proto.name.clone()) {
            at.field("name").invalid(format!("cluster manager: duplicate cluster '{}'", proto.name));
        }
        config.clusters.extend(ClusterConfig::parse(proto, &at, &cx));
    }
    for resource in &loaded.listeners {
        let at = At::path(found, resource.path());
        let world = World { registry, names: &names, local: &local, extensions };
        let filter = |any: AnyConfig, buffer_limit: u32, at: &At<'_>| manager(&any, buffer_limit, at, &world);
        if let Ok(listener) = resource.message(&at).and_then(|proto| ListenerConfig::parse(proto, &at, filter)) {
            check_address(&listener, &config.listeners, &at);
            config.listeners.push(listener);
        }
    }
    config.process.counts = schema.counts();
    for resource in &loaded.secrets {
        At::path(found, resource.path()).warning(code::NO_EFFECT, "nothing that uses secrets exists yet");
    }
    found.settle();
    let mut uses = Vec::new();
    if options.mode == Mode::Validate || found.has_errors() {
        // What can be run needs no second look: what is missing for that was reported by what is built.
        uses = review(&loaded, &schema);
    }
    schema.release();
    let mut findings = loaded.findings();
    findings.retain(|finding| {
        let is_skipped = options.skip_deprecated_logs && finding.code == code::DEPRECATED;
        !is_skipped && !options.checks.is_off(finding)
    });
    Checked { config, findings, errors: found.errors(), dropped: found.dropped(), uses }
}

/// Two listeners of different names may not listen at the same address, unless the system is to choose its port.
fn check_address<F>(listener: &ListenerConfig<F>, others: &[ListenerConfig<F>], at: &At<'_>) {
    let socket = listener.address.socket();
    // Without a name they are called by their address.
    let is_unnamed = listener.name == socket.to_string();
    let is_other = |other: &ListenerConfig<F>| is_unnamed || other.name != listener.name;
    let is_same = |other: &ListenerConfig<F>| other.address.socket() == socket && is_other(other);
    if socket.port() != 0 && others.iter().any(is_same) {
        let name = &listener.name;
        at.field("address")
            .invalid(format!("error adding listener: '{name}' has duplicate address '{socket}' as existing listener"));
    }
}

/// How strict the command line says to be about fields that do not exist.
fn policy(options: &Options) -> Policy {
    let static_unknown = if options.allow_unknown_static_fields { Unknown::Warn } else { Unknown::Reject };
    let dynamic_unknown = match (options.reject_unknown_dynamic_fields, options.ignore_unknown_dynamic_fields) {
        (true, _) => Unknown::Reject,
        (false, true) => Unknown::Ignore,
        (false, false) => Unknown::Warn,
    };
    Policy { static_unknown, dynamic_unknown }
}

/// The bytes of a file or environment variable, read once.
fn read_data_source(source: DataSource, at: &At<'_>) -> Result<Vec<u8>, Invalid> {
    let DataSource { watched_directory, specifier } = source;
    let mut f = at.fields();
    f.unsupported("watched_directory", watched_directory);
    let bytes = match specifier {
        Some(Specifier::Filename(name)) => f.value("filename", name, |name, at| {
            std::fs::read(&name).map_err(|error| at.invalid(format!("unable to read file {name}: {error}")))
        }),
        Some(Specifier::EnvironmentVariable(name)) => f.value("environment_variable", name, |name, at| {
            std::env::var(&name)
                .map(String::into_bytes)
                .map_err(|_| at.invalid(format!("the environment has no variable '{name}'")))
        }),
        Some(Specifier::InlineString(text)) => f.value("inline_string", text, |text, _| Ok(text.into_bytes())),
        Some(Specifier::InlineBytes(bytes)) => f.value("inline_bytes", bytes, |bytes, _| Ok(bytes)),
        None => f.absent("a source must be set"),
    };
    f.finish(|| bytes.take())
}

/// Who we are, as the node of the bootstrap says.
fn local_info(proto: &pb::Bootstrap, options: &Options) -> LocalInfo {
    let node = proto.node.as_ref();
    LocalInfo {
        cluster: node.map(|node| node.cluster.clone()).unwrap_or_default(),
        node: node.map(|node| node.id.clone()).unwrap_or_default(),
        address: nuncio_network::own_address(options.local_address_ip_version),
    }
}

/// What a connection manager refers to.
struct World<'a> {
    registry: &'a Clusters,
    names: &'a BTreeSet<String>,
    local: &'a LocalInfo,
    extensions: &'a Extensions,
}

fn manager(
    any: &AnyConfig,
    buffer_limit: u32,
    at: &At<'_>,
    world: &World<'_>,
) -> Result<Arc<ConnectionManager>, Invalid> {
    if any.type_name() != MANAGER {
        return Err(any.unknown(at, "network filter", std::iter::once(MANAGER)));
    }
    world.extensions.check(NETWORK_FILTERS, any.type_name(), at)?;
    let cx = ParseContext {
        cluster: &|name| world.registry.reference(name),
        clusters: world.names,
        filter: &nuncio_extensions_http::filter,
        per_route: &nuncio_extensions_http::per_route,
        data_source: &read_data_source,
        buffer_limit_bytes: buffer_limit as usize,
        local: world.local,
    };
    let proto: hcm::HttpConnectionManager = any.decode(at)?;
    world.extensions.check_manager(&proto, at)?;
    ConnectionManager::parse(proto, at, &cx).map(Arc::new)
}

fn upstream_options(
    proto: HttpOptionsProto,
    at: &At<'_>,
    extensions: &Extensions,
) -> Result<Arc<dyn Any + Send + Sync>, Invalid> {
    let filter = |name: &str, any: &AnyConfig, at: &At<'_>| {
        extensions.check(UPSTREAM_HTTP_FILTERS, any.type_name(), at)?;
        nuncio_extensions_http::upstream_filter(name, any, at)
    };
    UpstreamOptions::parse(proto, at, &filter).map(|options| Arc::new(options) as Arc<dyn Any + Send + Sync>)
}

/// Refuses by name what the bootstrap sets and this proxy does not have.
fn check_bootstrap(
    proto: pb::Bootstrap,
    options: &Options,
    extensions: &Extensions,
    at: &At<'_>,
) -> Result<ProcessConfig, Invalid> {
    let pb::Bootstrap {
        node,
        node_context_params,
        static_resources: _,
        dynamic_resources,
        cluster_manager,
        hds_config,
        flags_path,
        stats_sinks,
        deferred_stat_options,
        stats_config,
        stats_flush_interval,
        watchdog,
        watchdogs,
        tracing,
        layered_runtime,
        admin,
        overload_manager,
        enable_dispatcher_stats,
        header_prefix,
        stats_server_version_override,
        use_tcp_for_dns_lookups,
        dns_resolution_config,
        typed_dns_resolver_config,
        bootstrap_extensions,
        fatal_actions,
        config_sources,
        default_config_source,
        default_socket_interface,
        certificate_provider_instances,
        inline_headers,
        perf_tracing_file_path,
        default_regex_engine,
        xds_delegate_extension,
        xds_config_tracker_extension,
        listener_manager,
        application_log_config,
        grpc_async_client_manager_config,
        memory_allocator_manager,
        enable_worker_cpu_affinity,
        stats_flush,
        stats_eviction,
    } = proto;
    let mut f = at.fields();
    let node = f.optional("node", node, Node::parse);
    f.unsupported("node_context_params", node_context_params);
    f.unsupported("dynamic_resources", dynamic_resources);
    f.unsupported("cluster_manager", cluster_manager);
    f.unsupported("hds_config", hds_config);
    f.unsupported("flags_path", flags_path);
    f.unsupported("stats_sinks", stats_sinks);
    f.unsupported("deferred_stat_options", deferred_stat_options);
    let stats = stats_config.unwrap_or_default();
    let stats = f.value("stats_config", stats, |stats, at| stats_config::parse(stats, &options.stats_tag, at));
    let stats_flush_interval = f.optional("stats_flush_interval", stats_flush_interval, scalar::positive_duration);
    f.unsupported("watchdog", watchdog);
    f.unsupported("watchdogs", watchdogs);
    f.unsupported("tracing", tracing);
    f.unsupported("layered_runtime", layered_runtime);
    let admin = f.optional("admin", admin, |proto, at| AdminConfig::parse(proto, extensions, at));
    f.unsupported("overload_manager", overload_manager);
    f.unsupported("enable_dispatcher_stats", enable_dispatcher_stats);
    f.unsupported("header_prefix", header_prefix);
    f.unsupported("stats_server_version_override", stats_server_version_override);
    f.unsupported("use_tcp_for_dns_lookups", use_tcp_for_dns_lookups);
    f.unsupported("dns_resolution_config", dns_resolution_config);
    f.unsupported("typed_dns_resolver_config", typed_dns_resolver_config);
    f.unsupported("bootstrap_extensions", bootstrap_extensions);
    f.unsupported("fatal_actions", fatal_actions);
    f.unsupported("config_sources", config_sources);
    f.unsupported("default_config_source", default_config_source);
    f.unsupported("default_socket_interface", default_socket_interface);
    f.unsupported("certificate_provider_instances", certificate_provider_instances);
    f.unsupported("inline_headers", inline_headers);
    f.unsupported("perf_tracing_file_path", perf_tracing_file_path);
    f.unsupported("default_regex_engine", default_regex_engine);
    f.unsupported("xds_delegate_extension", xds_delegate_extension);
    f.unsupported("xds_config_tracker_extension", xds_config_tracker_extension);
    f.unsupported("listener_manager", listener_manager);
    let log_format = f.optional("application_log_config", application_log_config, |proto, at| {
        LogFormat::parse(proto, options.log_format.is_some(), at)
    });
    f.unsupported("grpc_async_client_manager_config", grpc_async_client_manager_config);
    f.unsupported("memory_allocator_manager", memory_allocator_manager);
    f.unsupported("enable_worker_cpu_affinity", enable_worker_cpu_affinity);
    f.unsupported("stats_flush", stats_flush);
    f.unsupported("stats_eviction", stats_eviction);
    f.finish(|| ProcessConfig {
        admin: admin.take(),
        node: node.take().unwrap_or_default(),
        stats: stats.take(),
        stats_flush_interval: stats_flush_interval.take().unwrap_or(STATS_FLUSH_INTERVAL),
        counts: Counts::default(),
        log_format: log_format.take().flatten(),
    })
}
