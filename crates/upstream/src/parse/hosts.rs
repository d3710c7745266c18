//! From `envoy.config.endpoint.v3.ClusterLoadAssignment` to the hosts of a cluster.

use std::sync::Arc;

use nuncio_config::{At, Invalid, scalar};
use nuncio_network::Address;
use nuncio_proto::envoy::config::core::v3 as core_pb;
use nuncio_proto::envoy::config::endpoint::v3 as endpoint_pb;
use nuncio_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use nuncio_proto::envoy::config::endpoint::v3::locality_lb_endpoints::LbConfig as LocalityConfig;

use super::supported::Discovery;
use crate::{Host, Locality};

/// What endpoints are parsed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    pub(super) threads: u16,
    pub(super) discovery: Discovery,
}

/// `ClusterLoadAssignment`: all hosts, in configured order.
pub(super) fn parse_assignment(
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
