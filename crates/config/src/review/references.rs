//! Fields that hold the name of something else.

use prost_reflect::DynamicMessage;

use super::names::{Names, Secret};
use super::walk::Via;
use crate::at::At;
use crate::diagnostic::{Diagnostic, code};
use crate::suggest::instead_of;

/// What Envoy does about a cluster that does not exist.
#[derive(Clone, Copy)]
enum Rule {
    /// Refuses it where routes are validated: `route: unknown … 'name'`.
    Route(&'static str),
    /// Refuses it, in its words around the name.
    Refused(&'static str, &'static str),
    /// Lets it pass: it may come later, or requests fail.
    Lenient,
}

/// Fields that name clusters: message, field, rule.
const CLUSTERS: &[(&str, &str, Rule)] = &[
    (
        "envoy.config.bootstrap.v3.ClusterManager",
        "local_cluster_name",
        Rule::Refused("local cluster", "must be defined"),
    ),
    ("envoy.config.core.v3.HttpUri", "cluster", Rule::Lenient),
    ("envoy.config.metrics.v3.StatsdSink", "tcp_cluster_name", Rule::Refused("tcp statsd: unknown cluster", "")),
    ("envoy.config.route.v3.RouteAction", "cluster", Rule::Route("cluster")),
    ("envoy.config.route.v3.WeightedCluster.ClusterWeight", "name", Rule::Route("weighted cluster")),
    (
        "envoy.config.trace.v3.DatadogConfig",
        "collector_cluster",
        Rule::Refused("envoy.tracers.datadog: unknown cluster", ""),
    ),
    (
        "envoy.config.trace.v3.ZipkinConfig",
        "collector_cluster",
        Rule::Refused("envoy.tracers.zipkin: unknown cluster", ""),
    ),
    (
        "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig",
        "cluster",
        Rule::Refused("cluster", "was not found"),
    ),
    ("envoy.extensions.clusters.aggregate.v3.ClusterConfig", "clusters", Rule::Lenient),
    ("envoy.extensions.filters.network.dubbo_proxy.v3.RouteAction", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route", "cluster", Rule::Lenient),
    (
        "envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.RequestMirrorPolicy",
        "cluster",
        Rule::Lenient,
    ),
    ("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight", "name", Rule::Lenient),
    ("envoy.extensions.filters.network.thrift_proxy.v3.RouteAction", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.RequestMirrorPolicy", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster.ClusterWeight", "name", Rule::Lenient),
    ("envoy.extensions.filters.udp.udp_proxy.v3.Route", "cluster", Rule::Lenient),
    ("envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig", "cluster", Rule::Lenient),
];

const API_CONFIG_SOURCE: &str = "envoy.config.core.v3.ApiConfigSource";
const METRICS_SERVICE: &str = "envoy.config.metrics.v3.MetricsServiceConfig";

const GRPC_CLIENT: Rule = Rule::Refused("Unknown gRPC client cluster", "");
const CONFIG_SOURCE: Rule = Rule::Refused(
    "envoy.config.core.v3.ApiConfigSource must have a statically defined non-EDS cluster:",
    "does not exist",
);

/// Judges the references of one message. `validates` says whether routes must name clusters that exist.
pub(super) fn review(name: &str, message: &DynamicMessage, names: &Names, validates: bool, at: &At<'_>, via: &Via<'_>) {
    let clusters = Clusters { names, validates };
    match name {
        API_CONFIG_SOURCE => clusters.judge(message, "cluster_names", CONFIG_SOURCE, at),
        "envoy.config.core.v3.GrpcService.EnvoyGrpc" => clusters.judge(message, "cluster_name", grpc_rule(via), at),
        // Those of route configurations and virtual hosts count for routes without their own.
        "envoy.config.route.v3.RouteAction.RequestMirrorPolicy"
            if via.message == "envoy.config.route.v3.RouteAction" =>
        {
            clusters.judge(message, "cluster", Rule::Route("shadow cluster"), at);
        }
        "envoy.config.core.v3.EnvoyInternalAddress" => review_internal_address(message, names, at, via),
        "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig" => review_secret(message, names, at, via),
        _ => {
            for (_, field, rule) in CLUSTERS.iter().filter(|(of, _, _)| *of == name) {
                clusters.judge(message, field, *rule, at);
            }
        }
    }
}

/// An xDS stream cannot do without its cluster, other calls are made later.
fn grpc_rule(via: &Via<'_>) -> Rule {
    if via.is_within(API_CONFIG_SOURCE) {
        // The stream of ADS is opened at once, the others are checked first.
        if via.is_ads() { GRPC_CLIENT } else { CONFIG_SOURCE }
    } else if via.is_within(METRICS_SERVICE) {
        GRPC_CLIENT
    } else {
        Rule::Lenient
    }
}

struct Clusters<'n> {
    names: &'n Names,
    validates: bool,
}

impl Clusters<'_> {
    /// Judges a field that holds a name, or several.
    fn judge(&self, message: &DynamicMessage, field: &str, rule: Rule, at: &At<'_>) {
        let Some(value) = message.get_field_by_name(field) else { return };
        let at = at.field(field);
        if let Some(list) = value.as_list() {
            for (index, name) in list.iter().enumerate() {
                self.judge_name(name.as_str().unwrap_or_default(), rule, &at.index(index));
            }
        } else {
            self.judge_name(value.as_str().unwrap_or_default(), rule, &at);
        }
    }

    fn judge_name(&self, name: &str, rule: Rule, at: &At<'_>) {
        if name.is_empty() || self.names.clusters.contains(name) {
            return;
        }
        match rule {
            Rule::Route(kind) if self.validates => unknown_route_cluster(kind, name, self.names, at),
            Rule::Refused(before, behind) => {
                let message = format!("{before} '{name}' {behind}");
                let error = Diagnostic::error(code::REFERENCE, at.to_path(), message.trim_end());
                at.report(error.with_help(self.names.cluster_help(name)));
            }
            Rule::Route(_) | Rule::Lenient => {
                if !self.names.has_more_clusters {
                    dangling(&format!("there is no cluster '{name}'"), self.names.cluster_help(name), at);
                }
            }
        }
    }
}

/// Reports a cluster that does not exist where routes are validated.
pub(super) fn unknown_route_cluster(kind: &str, name: &str, names: &Names, at: &At<'_>) {
    let error = Diagnostic::error(code::REFERENCE, at.to_path(), format!("route: unknown {kind} '{name}'"));
    at.report(error.with_help(names.cluster_help(name)));
}

/// Reports a name of nothing that Envoy lets pass.
pub(super) fn dangling(message: &str, help: Option<String>, at: &At<'_>) {
    at.sink().push(Diagnostic::warning(code::DANGLING, at.to_path(), message).with_help(help));
}

/// The address of a listener inside the process, where it is one to connect to.
fn review_internal_address(message: &DynamicMessage, names: &Names, at: &At<'_>, via: &Via<'_>) {
    const FIELD: &str = "server_listener_name";
    let name = message.get_field_by_name(FIELD);
    let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
    let is_known = name.is_empty() || names.internal_listeners.contains(name) || names.has_more_listeners;
    if !is_known && via.is_within("envoy.config.endpoint.v3.Endpoint") {
        let help = instead_of(name, &names.internal_listeners, "internal listener");
        dangling(&format!("there is no internal listener '{name}'"), help, &at.field(FIELD));
    }
}

/// A secret without a source is one of `static_resources`.
fn review_secret(message: &DynamicMessage, names: &Names, at: &At<'_>, via: &Via<'_>) {
    if message.has_field_by_name("sds_config") {
        return;
    }
    let Some(name) = message.get_field_by_name("name") else { return };
    let name = name.as_str().unwrap_or_default();
    let (kind, text) = match via.field {
        "tls_certificate_sds_secret_configs" => (Secret::Certificate, "Unknown static secret"),
        "validation_context_sds_secret_config" => (Secret::Validation, "Unknown static certificate validation context"),
        "session_ticket_keys_sds_secret_config" => (Secret::TicketKeys, "Unknown tls session ticket keys"),
        _ => (Secret::Generic, "unknown static generic secret"),
    };
    if name.is_empty() || names.has_secret(kind, name) {
        return;
    }
    let error = Diagnostic::error(code::REFERENCE, at.field("name").to_path(), format!("{text}: {name}"));
    at.report(error.with_help(names.secret_help(kind, name)));
}
