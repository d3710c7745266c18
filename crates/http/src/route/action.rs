//! What becomes of a request that a route matched.

use std::sync::Arc;
use std::time::Duration;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::context::ParseContext;
use super::direct_response::DirectResponse;
use super::redirect::Redirect;
use super::retry_policy::RetryPolicy;
use super::rewrite::HostRewrite;
use super::rewrite::PathRewrite;
use super::upgrades::Upgrade;
use super::upgrades::parse_upgrades;
use super::weighted::WeightedClusters;

pub use nuncio_upstream::ClusterRef;
pub use nuncio_upstream::RoutingPriority as Priority;

/// The action of an `envoy.config.route.v3.Route`.
pub enum Action {
    /// Send it upstream.
    Forward(Box<Forward>),
    /// Answer with a redirect.
    Redirect(Box<Redirect>),
    /// Answer with a fixed response.
    DirectResponse(DirectResponse),
}

/// `envoy.config.route.v3.RouteAction`.
pub struct Forward {
    /// Where to.
    pub cluster: ClusterSpecifier,
    /// The status when there is no such cluster: 503, 404 or 500.
    pub cluster_not_found_status: u16,
    /// From the end of the request to the end of the response, all attempts included; absent: no limit.
    pub timeout: Option<Duration>,
    /// How long the stream may be silent. `Some(ZERO)` switches off the limit of the connection manager.
    pub idle_timeout: Option<Duration>,
    /// How long the stream may last.
    pub max_stream_duration: MaxStreamDuration,
    /// When to try again; that of the virtual host unless the route has its own.
    pub retry: Option<Arc<RetryPolicy>>,
    /// Which of the cluster's circuit breakers count.
    pub priority: Priority,
    /// What becomes of the path.
    pub path_rewrite: Option<PathRewrite>,
    /// What becomes of the authority.
    pub host_rewrite: Option<HostRewrite>,
    /// Whether a rewritten authority is appended to `x-forwarded-host`.
    pub append_x_forwarded_host: bool,
    /// `upgrade_configs`
    pub(super) upgrades: Box<[Upgrade]>,
    /// `connect_config`: what follows a CONNECT goes to the host without HTTP.
    pub(crate) terminates_connect: bool,
}

/// The cluster of a [`Forward`].
pub enum ClusterSpecifier {
    /// This one.
    Cluster(ClusterRef),
    /// The one that a request header names. Its lower-case name.
    Header(Box<[u8]>),
    /// One of several.
    Weighted(WeightedClusters),
}

/// `envoy.config.route.v3.RouteAction.MaxStreamDuration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxStreamDuration {
    /// The limit; absent: that of the connection manager. Zero: none.
    pub max_stream_duration: Option<Duration>,
    /// With it, the limit is what the request's `grpc-timeout` asks for, up to this. Zero: whatever it asks for.
    pub grpc_timeout_header_max: Option<Duration>,
    /// What is subtracted from the `grpc-timeout` of the request.
    pub grpc_timeout_header_offset: Option<Duration>,
}

impl MaxStreamDuration {
    /// How long a request with this `grpc-timeout` may take; `None` leaves it to the connection manager, zero is no limit.
    pub fn limit(&self, grpc_timeout: Option<&[u8]>) -> Option<Duration> {
        let (Some(max), Some(asked)) = (self.grpc_timeout_header_max, grpc_timeout.and_then(grpc_timeout_of)) else {
            return self.max_stream_duration;
        };
        let limit = if max.is_zero() || (!asked.is_zero() && asked < max) { asked } else { max };
        let offset = self.grpc_timeout_header_offset.unwrap_or_default();
        Some(if limit > offset { limit - offset } else { limit })
    }
}

/// A `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn grpc_timeout_of(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// "If not specified, the default is 15s." (`RouteAction.timeout`)
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

impl Action {
    pub(super) fn parse(
        proto: Option<pb::route::Action>,
        defaults: &Defaults,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        use pb::route::Action as A;
        match proto {
            Some(A::Route(route)) => {
                let forward = Forward::parse(route, defaults.retry.clone(), cx, &at.field("route"))?;
                Ok(Self::Forward(Box::new(forward)))
            }
            Some(A::Redirect(redirect)) => {
                Ok(Self::Redirect(Box::new(Redirect::parse(redirect, &at.field("redirect"))?)))
            }
            Some(A::DirectResponse(response)) => {
                let at = at.field("direct_response");
                DirectResponse::parse(response, defaults.max_direct_response_body_bytes, cx, &at)
                    .map(Self::DirectResponse)
            }
            Some(A::FilterAction(_)) => Err(at.field("filter_action").not_implemented("'filter_action'")),
            Some(A::NonForwardingAction(_)) => {
                Err(at.field("non_forwarding_action").not_implemented("'non_forwarding_action'"))
            }
            None => Err(at.missing("one of route, redirect or direct_response must be set")),
        }
    }
}

/// What a route takes from the levels above when it says nothing itself.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) retry: Option<Arc<RetryPolicy>>,
    pub(super) max_direct_response_body_bytes: u32,
}

impl Forward {
    fn parse(
        proto: pb::RouteAction,
        default_retry: Option<Arc<RetryPolicy>>,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        use pb::route_action::ClusterNotFoundResponseCode as NotFound;
        let pb::RouteAction {
            cluster_not_found_response_code,
            metadata_match,
            prefix_rewrite,
            regex_rewrite,
            path_rewrite_policy,
            path_rewrite,
            append_x_forwarded_host,
            timeout,
            idle_timeout,
            flush_timeout,
            early_data_policy,
            retry_policy,
            retry_policy_typed_config,
            request_mirror_policies,
            priority,
            rate_limits,
            include_vh_rate_limits,
            hash_policy,
            cors,
            max_grpc_timeout,
            grpc_timeout_offset,
            upgrade_configs,
            internal_redirect_policy,
            internal_redirect_action,
            max_internal_redirects,
            hedge_policy,
            max_stream_duration,
            cluster_specifier,
            host_rewrite_specifier,
        } = proto;
        let mut f = at.fields();
        let cluster = ClusterSpecifier::parse(cluster_specifier, cx, at);
        let cluster = f.keep(cluster);
        let not_found = f.value(
            "cluster_not_found_response_code",
            cluster_not_found_response_code,
            scalar::enumeration::<NotFound>,
        );
        let timeout = f.optional_or("timeout", timeout, DEFAULT_TIMEOUT, scalar::duration);
        let idle_timeout = f.optional("idle_timeout", idle_timeout, scalar::duration);
        let has_max_duration = max_stream_duration.is_some();
        let max_stream_duration = f.optional_or(
            "max_stream_duration",
            max_stream_duration,
            MaxStreamDuration::default(),
            MaxStreamDuration::parse,
        );
        let retry = f.optional("retry_policy", retry_policy, RetryPolicy::parse);
        let priority = f.value("priority", priority, parse_priority);
        let rewrite = PathRewrite::parse(&mut f, prefix_rewrite, regex_rewrite);
        let host_rewrite = HostRewrite::parse(host_rewrite_specifier, at);
        let host_rewrite = f.keep(host_rewrite);
        f.unsupported("metadata_match", metadata_match);
        f.unsupported("path_rewrite_policy", path_rewrite_policy);
        f.unsupported("path_rewrite", path_rewrite);
        f.unsupported("flush_timeout", flush_timeout);
        f.unsupported("early_data_policy", early_data_policy);
        f.unsupported("retry_policy_typed_config", retry_policy_typed_config);
        f.unsupported("request_mirror_policies", request_mirror_policies);
        f.unsupported("rate_limits", rate_limits);
        f.unsupported("include_vh_rate_limits", include_vh_rate_limits);
        f.unsupported("hash_policy", hash_policy);
        f.unsupported("cors", cors);
        f.unsupported("max_grpc_timeout", max_grpc_timeout);
        f.unsupported("grpc_timeout_offset", grpc_timeout_offset);
        let upgrades = f.value("upgrade_configs", upgrade_configs, parse_upgrades);
        f.unsupported("internal_redirect_policy", internal_redirect_policy);
        f.unsupported("internal_redirect_action", internal_redirect_action);
        f.unsupported("max_internal_redirects", max_internal_redirects);
        f.unsupported("hedge_policy", hedge_policy);
        f.finish(|| Self {
            cluster: cluster.take(),
            cluster_not_found_status: match not_found.take() {
                NotFound::ServiceUnavailable => 503,
                NotFound::NotFound => 404,
                NotFound::InternalServerError => 500,
            },
            // "A value of 0 will disable the route's timeout." As in Envoy there is none beside 'max_stream_duration'.
            timeout: Some(timeout.take()).filter(|timeout| !timeout.is_zero() && !has_max_duration),
            idle_timeout: idle_timeout.take(),
            max_stream_duration: max_stream_duration.take(),
            // The policy of the virtual host is not merged: the route's own replaces it.
            retry: retry.take().map(Arc::new).or(default_retry),
            priority: priority.take(),
            path_rewrite: rewrite.take(),
            host_rewrite: host_rewrite.take(),
            append_x_forwarded_host,
            terminates_connect: upgrades.as_ref().is_some_and(|all| all.iter().any(|upgrade| upgrade.is_terminated)),
            upgrades: upgrades.take(),
        })
    }
}

impl Forward {
    /// Whether the route allows an upgrade; `None` when it says nothing.
    pub(crate) fn allows_upgrade(&self, kind: &[u8]) -> Option<bool> {
        let upgrade = self.upgrades.iter().find(|upgrade| upgrade.kind.as_bytes().eq_ignore_ascii_case(kind))?;
        Some(upgrade.is_enabled)
    }
}

impl ClusterSpecifier {
    fn parse(
        proto: Option<pb::route_action::ClusterSpecifier>,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        use pb::route_action::ClusterSpecifier as C;
        match proto {
            Some(C::Cluster(name)) => {
                let at = at.field("cluster");
                let name = scalar::non_empty(name, &at)?;
                Ok(Self::Cluster(cx.cluster(name, false, &at)))
            }
            Some(C::ClusterHeader(name)) => {
                let name = scalar::non_empty(name, &at.field("cluster_header"))?;
                Ok(Self::Header(name.to_ascii_lowercase().into_bytes().into()))
            }
            Some(C::WeightedClusters(clusters)) => {
                WeightedClusters::parse(clusters, cx, &at.field("weighted_clusters")).map(Self::Weighted)
            }
            Some(C::ClusterSpecifierPlugin(_)) => {
                Err(at.field("cluster_specifier_plugin").not_implemented("'cluster_specifier_plugin'"))
            }
            Some(C::InlineClusterSpecifierPlugin(_)) => {
                Err(at.field("inline_cluster_specifier_plugin").not_implemented("'inline_cluster_specifier_plugin'"))
            }
            None => Err(at.missing("one of cluster, cluster_header or weighted_clusters must be set")),
        }
    }
}

impl MaxStreamDuration {
    fn parse(proto: pb::route_action::MaxStreamDuration, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::route_action::MaxStreamDuration {
            max_stream_duration,
            grpc_timeout_header_max,
            grpc_timeout_header_offset,
        } = proto;
        let mut f = at.fields();
        let max = f.optional("max_stream_duration", max_stream_duration, scalar::duration);
        let header_max = f.optional("grpc_timeout_header_max", grpc_timeout_header_max, scalar::duration);
        let offset = f.optional("grpc_timeout_header_offset", grpc_timeout_header_offset, scalar::duration);
        f.finish(|| Self {
            max_stream_duration: max.take(),
            grpc_timeout_header_max: header_max.take(),
            grpc_timeout_header_offset: offset.take(),
        })
    }
}

fn parse_priority(number: i32, at: &At<'_>) -> Result<Priority, Invalid> {
    Ok(match scalar::enumeration(number, at)? {
        core::RoutingPriority::Default => Priority::Default,
        core::RoutingPriority::High => Priority::High,
    })
}
