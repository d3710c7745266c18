//! What kind of cluster it is: which hosts it finds, and how it picks one of them; as far as supported.

use nuncio_config::{At, Fields, Invalid, scalar};
use nuncio_proto::envoy::config::cluster::v3 as pb;
use nuncio_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbConfig};

use crate::LbPolicy;

/// How a cluster finds its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discovery {
    /// By the addresses of its endpoints.
    Static,
    /// In a way that was refused: its endpoints may well have names.
    Refused,
}

/// Without a type a cluster is STATIC.
pub(super) fn check_discovery(proto: Option<ClusterDiscoveryType>, f: &mut Fields<'_>) -> Discovery {
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

pub(super) fn parse_lb_policy(number: i32, at: &At<'_>) -> Result<LbPolicy, Invalid> {
    match scalar::enumeration::<pb::cluster::LbPolicy>(number, at)? {
        pb::cluster::LbPolicy::RoundRobin => Ok(LbPolicy::RoundRobin),
        other => Err(at.not_implemented(&format!("the load balancing policy {}", other.as_str_name()))),
    }
}

pub(super) fn refuse_lb_config(proto: Option<LbConfig>, f: &mut Fields<'_>) {
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
