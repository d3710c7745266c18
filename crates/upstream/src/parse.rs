//! From `envoy.config.cluster.v3.Cluster` to [`ClusterConfig`].

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nuncio_config::{At, Fields, Invalid, scalar};
use nuncio_network::Address;
use nuncio_proto::envoy::config::cluster::v3 as pb;
use nuncio_proto::envoy::config::cluster::v3::circuit_breakers as breakers_pb;
use nuncio_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbConfig};
use nuncio_proto::envoy::config::core::v3 as core_pb;
use nuncio_proto::envoy::config::endpoint::v3 as endpoint_pb;
use nuncio_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use nuncio_proto::envoy::config::endpoint::v3::locality_lb_endpoints::LbConfig as LocalityConfig;

use crate::{ClusterConfig, Host, HostSet, LbPolicy, Locality, Thresholds};

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

/// How a cluster finds its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discovery {
    /// By the addresses of its endpoints.
    Static,
    /// In a way that was refused: its endpoints may well have names.
    Refused,
}

/// What endpoints are parsed with.
#[derive(Clone, Copy, Debug)]
struct Endpoints {
    threads: u16,
    discovery: Discovery,
}

/// Without a type a cluster is STATIC.
fn check_discovery(proto: Option<ClusterDiscoveryType>, f: &mut Fields<'_>) -> Discovery {
    match proto {
        None if f.at().field("type").is_settled() => Discovery::Refused,
        None => Discovery::Static,
        Some(ClusterDiscoveryType::Type(number)) => {
            let kind = f.value("type", number, |number, at| match scalar::enumeration::<DiscoveryType>(number, at)? {
                DiscoveryType::Static => Ok(Discovery::Static),
                other => Err(at.not_implemented(&format!("the cluster type {}", other.as_str_name()))),
            });
            kind.as_ref().copied().unwrap_or(Discovery::Refused)
        }
        Some(ClusterDiscoveryType::ClusterType(custom)) => {
            f.unsupported("cluster_type", Some(custom));
            Discovery::Refused
        }
    }
}

fn parse_lb_policy(number: i32, at: &At<'_>) -> Result<LbPolicy, Invalid> {
    match scalar::enumeration::<pb::cluster::LbPolicy>(number, at)? {
        pb::cluster::LbPolicy::RoundRobin => Ok(LbPolicy::RoundRobin),
        other => Err(at.not_implemented(&format!("the load balancing policy {}", other.as_str_name()))),
    }
}

fn refuse_lb_config(proto: Option<LbConfig>, f: &mut Fields<'_>) {
    let name = match &proto {
        None => return,
        Some(LbConfig::RingHashLbConfig(_)) => "ring_hash_lb_config",
        Some(LbConfig::MaglevLbConfig(_)) => "maglev_lb_config",
        Some(LbConfig::OriginalDstLbConfig(_)) => "original_dst_lb_config",
        Some(LbConfig::LeastRequestLbConfig(_)) => "least_request_lb_config",
        Some(LbConfig::RoundRobinLbConfig(_)) => "round_robin_lb_config",
    };
    f.unsupported(name, proto);
}

/// `CircuitBreakers`, default and high priority.
fn parse_breakers(proto: pb::CircuitBreakers, at: &At<'_>) -> Result<[Thresholds; 2], Invalid> {
    let pb::CircuitBreakers { thresholds, per_host_thresholds } = proto;
    let mut f = at.fields();
    f.unsupported("per_host_thresholds", per_host_thresholds);
    let thresholds = f.each("thresholds", thresholds, parse_thresholds);
    f.finish(|| {
        let all = thresholds.take();
        // Of several for one priority the first counts, as in Envoy.
        let of = |priority| all.iter().find(|(of, _)| *of == priority).map(|(_, limits)| *limits).unwrap_or_default();
        [of(core_pb::RoutingPriority::Default), of(core_pb::RoutingPriority::High)]
    })
}

fn parse_thresholds(
    proto: breakers_pb::Thresholds,
    at: &At<'_>,
) -> Result<(core_pb::RoutingPriority, Thresholds), Invalid> {
    let breakers_pb::Thresholds {
        priority,
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
        track_remaining,
        max_connection_pools,
    } = proto;
    let mut f = at.fields();
    let priority = f.value("priority", priority, scalar::enumeration);
    f.unsupported("retry_budget", retry_budget);
    f.unsupported("track_remaining", track_remaining);
    f.unsupported("max_connection_pools", max_connection_pools);
    let default = Thresholds::default();
    let limits = Thresholds {
        max_connections: max_connections.unwrap_or(default.max_connections),
        max_pending_requests: max_pending_requests.unwrap_or(default.max_pending_requests),
        max_requests: max_requests.unwrap_or(default.max_requests),
        max_retries: max_retries.unwrap_or(default.max_retries),
    };
    f.finish(|| (priority.take(), limits))
}

/// `ClusterLoadAssignment`: all hosts, in configured order.
fn parse_assignment(
    proto: endpoint_pb::ClusterLoadAssignment,
    at: &At<'_>,
    cx: &Endpoints,
) -> Result<Vec<Arc<Host>>, Invalid> {
    // The name is for discovery by EDS, which a static cluster does without.
    let endpoint_pb::ClusterLoadAssignment { cluster_name: _, endpoints, named_endpoints, policy } = proto;
    let mut f = at.fields();
    f.unsupported("named_endpoints", named_endpoints);
    f.unsupported("policy", policy);
    let endpoints = f.each("endpoints", endpoints, |group, at| parse_group(group, at, cx));
    f.finish(|| endpoints.take().into_iter().flatten().collect())
}

/// The hosts of one locality and priority.
fn parse_group(
    proto: endpoint_pb::LocalityLbEndpoints,
    at: &At<'_>,
    cx: &Endpoints,
) -> Result<Vec<Arc<Host>>, Invalid> {
    let endpoint_pb::LocalityLbEndpoints {
        locality,
        // For filters and formatters to look up: nothing here reads it.
        metadata: _,
        lb_endpoints,
        load_balancing_weight,
        priority,
        proximity,
        lb_config,
    } = proto;
    let mut f = at.fields();
    let unweighted = "localities are weighted by 'locality_weighted_lb_config' only";
    f.without_effect("load_balancing_weight", load_balancing_weight, unweighted);
    f.without_effect("proximity", proximity, "it is not used to balance load");
    match lb_config {
        None => {}
        Some(LocalityConfig::LoadBalancerEndpoints(list)) => f.unsupported("load_balancer_endpoints", Some(list)),
        Some(LocalityConfig::LedsClusterLocalityConfig(leds)) => {
            f.unsupported("leds_cluster_locality_config", Some(leds));
        }
    }
    let core_pb::Locality { region, zone, sub_zone } = locality.unwrap_or_default();
    let locality = Arc::new(Locality { region, zone, sub_zone });
    let hosts = f.each("lb_endpoints", lb_endpoints, |endpoint, at| {
        let (address, hostname, weight) = parse_lb_endpoint(endpoint, at, cx.discovery)?;
        Ok(Arc::new(Host::new(address, hostname, weight, priority, Arc::clone(&locality), cx.threads)))
    });
    f.finish(|| hosts.take())
}

/// Address, hostname and weight.
fn parse_lb_endpoint(
    proto: endpoint_pb::LbEndpoint,
    at: &At<'_>,
    discovery: Discovery,
) -> Result<(Address, String, u32), Invalid> {
    // Metadata is for subsets and matched transport sockets, which are refused.
    let endpoint_pb::LbEndpoint { health_status, metadata: _, load_balancing_weight, host_identifier } = proto;
    let mut f = at.fields();
    let health = f.value("health_status", health_status, check_health);
    let endpoint = match host_identifier {
        Some(HostIdentifier::Endpoint(endpoint)) => {
            f.value("endpoint", endpoint, |endpoint, at| parse_endpoint(endpoint, at, discovery))
        }
        Some(HostIdentifier::EndpointName(name)) => {
            f.value("endpoint_name", name, |_, at| Err(at.not_implemented("'endpoint_name'")))
        }
        None => f.absent("an endpoint is required"),
    };
    f.finish(|| {
        health.take();
        let (address, hostname) = endpoint.take();
        (address, hostname, load_balancing_weight.unwrap_or(1))
    })
}

fn check_health(number: i32, at: &At<'_>) -> Result<(), Invalid> {
    match scalar::enumeration::<core_pb::HealthStatus>(number, at)? {
        core_pb::HealthStatus::Unknown | core_pb::HealthStatus::Healthy => Ok(()),
        other => Err(at.not_implemented(&format!("the health status {}", other.as_str_name()))),
    }
}

fn parse_endpoint(
    proto: endpoint_pb::Endpoint,
    at: &At<'_>,
    discovery: Discovery,
) -> Result<(Address, String), Invalid> {
    let endpoint_pb::Endpoint { address, health_check_config, hostname, additional_addresses, observability_name } =
        proto;
    let mut f = at.fields();
    f.unsupported("health_check_config", health_check_config);
    f.unsupported("additional_addresses", additional_addresses);
    f.unsupported("observability_name", observability_name);
    let address = match discovery {
        Discovery::Static => f.required("address", address, Address::parse),
        // That a name is no address is no mistake of its own.
        Discovery::Refused => f.keep(Err(at.already_refused())),
    };
    f.finish(|| (address.take(), hostname))
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    /// The configuration, or how many errors there were.
    fn parse(proto: pb::Cluster) -> Result<ClusterConfig, usize> {
        let found = Diagnostics::new();
        let http = |options: HttpOptionsProto, _: &At<'_>| Ok(Arc::new(options) as Arc<dyn Any + Send + Sync>);
        let parsed = ClusterConfig::parse(proto, &At::root(&found), &ParseContext { threads: 2, http: &http });
        assert_eq!(parsed.is_err(), found.has_errors());
        parsed.map_err(|_| found.errors())
    }

    fn cluster() -> pb::Cluster {
        pb::Cluster { name: "c".to_owned(), ..Default::default() }
    }

    fn endpoint(port: u32) -> endpoint_pb::LbEndpoint {
        let socket = core_pb::SocketAddress {
            address: "127.0.0.1".to_owned(),
            port_specifier: Some(core_pb::socket_address::PortSpecifier::PortValue(port)),
            ..Default::default()
        };
        let address = core_pb::Address { address: Some(core_pb::address::Address::SocketAddress(socket)) };
        let endpoint = endpoint_pb::Endpoint { address: Some(address), ..Default::default() };
        let host_identifier = Some(HostIdentifier::Endpoint(endpoint));
        endpoint_pb::LbEndpoint { host_identifier, ..Default::default() }
    }

    fn with_groups(groups: Vec<(u32, Vec<endpoint_pb::LbEndpoint>)>) -> pb::Cluster {
        let group = |(priority, lb_endpoints)| endpoint_pb::LocalityLbEndpoints {
            priority,
            lb_endpoints,
            ..Default::default()
        };
        let endpoints = groups.into_iter().map(group).collect();
        let assignment = endpoint_pb::ClusterLoadAssignment { endpoints, ..Default::default() };
        pb::Cluster { load_assignment: Some(assignment), ..cluster() }
    }

    #[test]
    fn defaults_are_those_of_the_proto() {
        let config = parse(cluster()).expect("valid");
        assert_eq!((&*config.name, &*config.stat_name), ("c", "c"));
        assert_eq!((config.connect_timeout, config.buffer_limit_bytes), (Duration::from_secs(5), 1_048_576));
        assert_eq!(config.thresholds, [Thresholds::default(); 2]);
        assert!(config.hosts.hosts().is_empty());
    }

    #[test]
    fn what_is_invalid_or_not_supported_is_refused() {
        let check = |change: &dyn Fn(&mut pb::Cluster), errors: usize| {
            let mut proto = cluster();
            change(&mut proto);
            assert_eq!(parse(proto.clone()).err().unwrap_or(0), errors, "{proto:?}");
        };
        let kind = |kind: DiscoveryType| Some(ClusterDiscoveryType::Type(kind.into()));
        check(&|c| c.alt_stat_name = "other".to_owned(), 0);
        check(&|c| c.metadata = Some(core_pb::Metadata::default()), 0);
        check(&|c| c.cluster_discovery_type = kind(DiscoveryType::Static), 0);
        check(&|c| c.cluster_discovery_type = kind(DiscoveryType::Eds), 1);
        check(&|c| c.cluster_discovery_type = Some(ClusterDiscoveryType::Type(9)), 1);
        check(&|c| c.cluster_discovery_type = Some(ClusterDiscoveryType::ClusterType(Default::default())), 1);
        check(&|c| c.name.clear(), 1);
        check(&|c| c.connect_timeout = Some(prost_types::Duration::default()), 1);
        check(&|c| c.lb_policy = pb::cluster::LbPolicy::Maglev.into(), 1);
        check(&|c| c.lb_config = Some(LbConfig::RoundRobinLbConfig(Default::default())), 1);
        check(&|c| c.dns_lookup_family = pb::cluster::DnsLookupFamily::V4Only.into(), 1);
        check(&|c| (c.respect_dns_ttl, c.outlier_detection) = (true, Some(Default::default())), 2);
    }

    #[test]
    fn hosts_keep_their_order_and_the_lowest_priority_is_preferred() {
        let mut heavy = endpoint(2);
        (heavy.load_balancing_weight, heavy.health_status) = (Some(7), core_pb::HealthStatus::Healthy.into());
        let config = parse(with_groups(vec![(1, vec![endpoint(1)]), (0, vec![heavy, endpoint(3)])])).expect("valid");
        let seen: Vec<_> =
            config.hosts.hosts().iter().map(|h| (h.address.socket().port(), h.weight, h.priority)).collect();
        assert_eq!(seen, [(1, 1, 1), (2, 7, 0), (3, 1, 0)]);
        assert_eq!(config.hosts.preferred(), [1, 2]);
    }

    #[test]
    fn endpoints_must_be_complete_and_healthy() {
        let check = |change: &dyn Fn(&mut endpoint_pb::LbEndpoint), is_valid: bool| {
            let mut proto = endpoint(1);
            change(&mut proto);
            assert_eq!(parse(with_groups(vec![(0, vec![proto.clone()])])).is_ok(), is_valid, "{proto:?}");
        };
        check(&|_| (), true);
        check(&|e| e.health_status = core_pb::HealthStatus::Draining.into(), false);
        check(&|e| e.host_identifier = None, false);
        check(&|e| e.host_identifier = Some(HostIdentifier::EndpointName("a".to_owned())), false);
        check(&|e| e.host_identifier = Some(HostIdentifier::Endpoint(Default::default())), false);
    }

    #[test]
    fn a_name_is_no_mistake_where_the_type_of_cluster_was_refused() {
        let check = |kind, errors| {
            let mut named = endpoint(1);
            if let Some(HostIdentifier::Endpoint(endpoint)) = &mut named.host_identifier
                && let Some(core_pb::address::Address::SocketAddress(socket)) =
                    endpoint.address.as_mut().and_then(|address| address.address.as_mut())
            {
                socket.address = "service.local".to_owned();
            }
            let assignment = with_groups(vec![(0, vec![named])]).load_assignment;
            let discovery = Some(ClusterDiscoveryType::Type(kind as i32));
            let proto = pb::Cluster { load_assignment: assignment, cluster_discovery_type: discovery, ..cluster() };
            assert_eq!(parse(proto).err(), Some(errors), "{kind:?}");
        };
        check(DiscoveryType::Static, 1); // the name
        check(DiscoveryType::StrictDns, 1); // the type
    }

    #[test]
    fn limits_are_by_priority_and_the_first_counts() {
        let of = |priority: core_pb::RoutingPriority, max_requests| breakers_pb::Thresholds {
            priority: priority.into(),
            max_requests: Some(max_requests),
            ..Default::default()
        };
        use core_pb::RoutingPriority::{Default as Low, High};
        let thresholds = vec![of(High, 7), of(Low, 5), of(High, 9)];
        let breakers = pb::CircuitBreakers { thresholds, ..Default::default() };
        let config = parse(pb::Cluster { circuit_breakers: Some(breakers), ..cluster() }).expect("valid");
        let limit = |max_requests| Thresholds { max_requests, ..Thresholds::default() };
        assert_eq!(config.thresholds, [limit(5), limit(7)]);
    }

    #[test]
    fn http_options_reach_their_layer() {
        let proto = pb::Cluster { max_requests_per_connection: Some(3), ..cluster() };
        let config = parse(proto).expect("valid");
        let options = config.http.downcast_ref::<HttpOptionsProto>().expect("what the parser made");
        assert_eq!(options, &HttpOptionsProto { max_requests_per_connection: Some(3), ..Default::default() });
    }
}
