//! From `envoy.config.cluster.v3.CircuitBreakers` to the thresholds of a cluster.

use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::config::cluster::v3 as pb;
use nuncio_proto::envoy::config::cluster::v3::circuit_breakers as breakers_pb;
use nuncio_proto::envoy::config::core::v3 as core_pb;

use crate::Thresholds;

/// `CircuitBreakers`, default and high priority.
pub(super) fn parse_breakers(proto: pb::CircuitBreakers, at: &At<'_>) -> Result<[Thresholds; 2], Invalid> {
    let pb::CircuitBreakers { thresholds, per_host_thresholds } = proto;
    let mut f = at.fields();
    let thresholds = f.each("thresholds", thresholds, parse_thresholds);
    let per_host = f.each("per_host_thresholds", per_host_thresholds, parse_per_host);
    f.finish(|| {
        let all = thresholds.take();
        // Of several for one priority the first counts, as in Envoy.
        let per_host = per_host.take();
        let of = |priority| {
            let limits = all.iter().find(|(of, _)| *of == priority).map(|(_, limits)| *limits).unwrap_or_default();
            let of_host = per_host.iter().find(|(of, _)| *of == priority).and_then(|(_, limit)| *limit);
            Thresholds { max_connections_per_host: of_host, ..limits }
        };
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
    f.unsupported("max_connection_pools", max_connection_pools);
    let default = Thresholds::default();
    let limits = Thresholds {
        max_connections: max_connections.unwrap_or(default.max_connections),
        max_pending_requests: max_pending_requests.unwrap_or(default.max_pending_requests),
        max_requests: max_requests.unwrap_or(default.max_requests),
        max_retries: max_retries.unwrap_or(default.max_retries),
        tracks_remaining: track_remaining,
        ..default
    };
    f.finish(|| (priority.take(), limits))
}

/// `CircuitBreakers.per_host_thresholds`, of which Envoy takes `max_connections` only.
fn parse_per_host(
    proto: breakers_pb::Thresholds,
    at: &At<'_>,
) -> Result<(core_pb::RoutingPriority, Option<u32>), Invalid> {
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
    f.without_effect("track_remaining", track_remaining, "there are no gauges per host");
    let others = [
        ("max_pending_requests", max_pending_requests.is_some()),
        ("max_requests", max_requests.is_some()),
        ("max_retries", max_retries.is_some()),
        ("retry_budget", retry_budget.is_some()),
        ("max_connection_pools", max_connection_pools.is_some()),
    ];
    for (name, is_set) in others {
        if is_set {
            f.reject(name, "only 'max_connections' can be limited per host");
        }
    }
    f.finish(|| (priority.take(), max_connections))
}
