//! From `envoy.config.cluster.v3.Cluster` to [`ClusterConfig`].

mod breakers;
mod hosts;
mod supported;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::config::cluster::v3 as pb;
use nuncio_proto::envoy::config::core::v3 as core_pb;

use crate::{ClusterConfig, HostSet};
use breakers::parse_breakers;
use hosts::{Endpoints, parse_assignment};
use supported::{check_discovery, parse_lb_policy, refuse_lb_config};

/// The proto: "If not set, a default value of 5s will be used."
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The proto: "soft limit on size of the cluster's connections read and write buffers", 1 MiB if unspecified.
const BUFFER_LIMIT_BYTES: u32 = 1024 * 1024;

/// The fields of a cluster that the HTTP layer parses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpOptionsProto {
    /// common_http_protocol_options
    pub common: Option<core_pb::HttpProtocolOptions>,
    /// http_protocol_options
    pub http1: Option<core_pb::Http1ProtocolOptions>,
    /// http2_protocol_options
    pub http2: Option<core_pb::Http2ProtocolOptions>,
    /// upstream_http_protocol_options
    pub upstream: Option<core_pb::UpstreamHttpProtocolOptions>,
    /// max_requests_per_connection
    pub max_requests_per_connection: Option<u32>,
    /// typed_extension_protocol_options
    pub typed: BTreeMap<String, prost_types::Any>,
}

/// Parses a cluster's HTTP options to the HTTP layer's own type; the place it is given is the cluster's.
pub type ParseHttp<'a> = dyn Fn(HttpOptionsProto, &At<'_>) -> Result<Arc<dyn Any + Send + Sync>, Invalid> + 'a;

/// What a cluster needs of its surroundings to be parsed.
pub struct ParseContext<'a> {
    /// The threads that count: main and the workers.
    pub threads: u16,
    /// The HTTP layer's parser.
    pub http: &'a ParseHttp<'a>,
}

impl ClusterConfig {
    /// Parses `envoy.config.cluster.v3.Cluster`; only STATIC clusters with ROUND_ROBIN are supported.
    ///
    /// # Errors
    /// Reported at the path: fields with invalid values, and those that are not supported.
    pub fn parse(proto: pb::Cluster, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        let pb::Cluster {
            transport_socket_matches,
            transport_socket_matcher,
            name,
            alt_stat_name,
            stats_matcher,
            eds_cluster_config,
            connect_timeout,
            per_connection_buffer_limit_bytes,
            per_connection_buffer_high_watermark_timeout,
            lb_policy,
            load_assignment,
            health_checks,
            max_requests_per_connection,
            circuit_breakers,
            upstream_http_protocol_options,
            common_http_protocol_options,
            http_protocol_options,
            http2_protocol_options,
            typed_extension_protocol_options,
            dns_refresh_rate,
            dns_jitter,
            dns_failure_refresh_rate,
            respect_dns_ttl,
            dns_lookup_family,
            dns_resolvers,
            use_tcp_for_dns_lookups,
            dns_resolution_config,
            typed_dns_resolver_config,
            wait_for_warm_on_init,
            outlier_detection,
            cleanup_interval,
            upstream_bind_config,
            lb_subset_config,
            common_lb_config,
            transport_socket,
            // For filters and formatters to look up: nothing here reads it.
            metadata: _,
            protocol_selection,
            upstream_connection_options,
            close_connections_on_host_health_failure,
            ignore_health_on_host_removal,
            filters,
            load_balancing_policy,
            lrs_server,
            lrs_report_endpoint_metrics,
            track_timeout_budgets,
            upstream_config,
            track_cluster_stats,
            preconnect_policy,
            connection_pool_per_downstream_connection,
            queuing_policies,
            cluster_discovery_type,
            lb_config,
        } = proto;
        let mut f = at.fields();
        let name = f.value("name", name, scalar::non_empty);
        let connect_timeout =
            f.optional_or("connect_timeout", connect_timeout, CONNECT_TIMEOUT, scalar::positive_duration);
        let discovery = check_discovery(cluster_discovery_type, &mut f);
        let lb_policy = f.value("lb_policy", lb_policy, parse_lb_policy);
        let hosts = f.optional_or("load_assignment", load_assignment, Vec::new(), |assignment, at| {
            parse_assignment(assignment, at, &Endpoints { threads: cx.threads, discovery })
        });
        let thresholds = f.optional_or("circuit_breakers", circuit_breakers, Default::default(), parse_breakers);
        let http = HttpOptionsProto {
            common: common_http_protocol_options,
            http1: http_protocol_options,
            http2: http2_protocol_options,
            upstream: upstream_http_protocol_options,
            max_requests_per_connection,
            typed: typed_extension_protocol_options,
        };
        let http = f.keep((cx.http)(http, at));
        refuse_lb_config(lb_config, &mut f);
        f.unsupported("transport_socket_matches", transport_socket_matches);
        f.unsupported("transport_socket_matcher", transport_socket_matcher);
        f.unsupported("stats_matcher", stats_matcher);
        f.unsupported("eds_cluster_config", eds_cluster_config);
        f.unsupported("per_connection_buffer_high_watermark_timeout", per_connection_buffer_high_watermark_timeout);
        f.unsupported("health_checks", health_checks);
        f.unsupported("dns_refresh_rate", dns_refresh_rate);
        f.unsupported("dns_jitter", dns_jitter);
        f.unsupported("dns_failure_refresh_rate", dns_failure_refresh_rate);
        f.unsupported("respect_dns_ttl", respect_dns_ttl);
        f.unsupported("dns_lookup_family", dns_lookup_family);
        f.unsupported("dns_resolvers", dns_resolvers);
        f.unsupported("use_tcp_for_dns_lookups", use_tcp_for_dns_lookups);
        f.unsupported("dns_resolution_config", dns_resolution_config);
        f.unsupported("typed_dns_resolver_config", typed_dns_resolver_config);
        f.unsupported("wait_for_warm_on_init", wait_for_warm_on_init);
        f.unsupported("outlier_detection", outlier_detection);
        f.unsupported("cleanup_interval", cleanup_interval);
        f.unsupported("upstream_bind_config", upstream_bind_config);
        f.unsupported("lb_subset_config", lb_subset_config);
        f.unsupported("common_lb_config", common_lb_config);
        f.unsupported("transport_socket", transport_socket);
        f.unsupported("protocol_selection", protocol_selection);
        f.unsupported("upstream_connection_options", upstream_connection_options);
        f.unsupported("close_connections_on_host_health_failure", close_connections_on_host_health_failure);
        f.unsupported("ignore_health_on_host_removal", ignore_health_on_host_removal);
        f.unsupported("filters", filters);
        f.unsupported("load_balancing_policy", load_balancing_policy);
        f.unsupported("lrs_server", lrs_server);
        f.unsupported("lrs_report_endpoint_metrics", lrs_report_endpoint_metrics);
        f.unsupported("track_timeout_budgets", track_timeout_budgets);
        f.unsupported("upstream_config", upstream_config);
        f.unsupported("track_cluster_stats", track_cluster_stats);
        f.unsupported("preconnect_policy", preconnect_policy);
        f.unsupported("connection_pool_per_downstream_connection", connection_pool_per_downstream_connection);
        f.unsupported("queuing_policies", queuing_policies);
        f.finish(|| {
            let name = name.take();
            Self {
                stat_name: if alt_stat_name.is_empty() { name.clone() } else { alt_stat_name },
                name: name.into(),
                connect_timeout: connect_timeout.take(),
                buffer_limit_bytes: per_connection_buffer_limit_bytes.unwrap_or(BUFFER_LIMIT_BYTES),
                lb_policy: lb_policy.take(),
                thresholds: thresholds.take(),
                hosts: Arc::new(HostSet::new(hosts.take())),
                http: http.take(),
            }
        })
    }
}

#[cfg(test)]
mod tests;
