use nuncio_config::Diagnostics;
use nuncio_proto::envoy::config::cluster::v3::circuit_breakers as breakers_pb;
use nuncio_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbConfig};
use nuncio_proto::envoy::config::endpoint::v3 as endpoint_pb;
use nuncio_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;

use super::*;
use crate::Thresholds;

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
    let group =
        |(priority, lb_endpoints)| endpoint_pb::LocalityLbEndpoints { priority, lb_endpoints, ..Default::default() };
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
    let seen: Vec<_> = config.hosts.hosts().iter().map(|h| (h.address.socket().port(), h.weight, h.priority)).collect();
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
fn only_connections_can_be_limited_per_host() {
    let check = |thresholds, expected: Option<Option<u32>>| {
        let breakers = pb::CircuitBreakers { per_host_thresholds: vec![thresholds], ..Default::default() };
        let config = parse(pb::Cluster { circuit_breakers: Some(breakers), ..cluster() });
        assert_eq!(config.ok().map(|config| config.thresholds[0].max_connections_per_host), expected);
    };
    let none = breakers_pb::Thresholds::default;
    check(breakers_pb::Thresholds { max_connections: Some(3), ..none() }, Some(Some(3)));
    check(breakers_pb::Thresholds { track_remaining: true, ..none() }, Some(None));
    check(breakers_pb::Thresholds { max_requests: Some(1), ..none() }, None);
    check(breakers_pb::Thresholds { max_retries: Some(1), ..none() }, None);
}

#[test]
fn http_options_reach_their_layer() {
    let proto = pb::Cluster { max_requests_per_connection: Some(3), ..cluster() };
    let config = parse(proto).expect("valid");
    let options = config.http.downcast_ref::<HttpOptionsProto>().expect("what the parser made");
    assert_eq!(options, &HttpOptionsProto { max_requests_per_connection: Some(3), ..Default::default() });
}
