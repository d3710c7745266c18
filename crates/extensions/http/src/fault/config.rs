//! Which faults there are, and for whom.

use std::time::Duration;

use nuncio_config::scalar::Fraction;
use nuncio_config::{At, Invalid, scalar};
use nuncio_matching::HeaderMatcher;
use nuncio_proto::envoy::extensions::filters::common::fault::v3 as common;
use nuncio_proto::envoy::extensions::filters::http::fault::v3 as pb;
use prost_types::Struct;

/// `envoy.extensions.filters.http.fault.v3.HTTPFault`: of the filter, or of a level of a route. Shared, immutable.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) delay: Option<Delay>,
    pub(super) abort: Option<Abort>,
    pub(super) rate_limit: Option<RateLimit>,
    /// `upstream_cluster`: only requests for it meet faults.
    pub(super) cluster: Option<Box<str>>,
    /// Only requests that all of these match meet faults.
    pub(super) headers: Box<[HeaderMatcher]>,
    /// `downstream_nodes`: only requests from these meet faults; empty for any.
    pub(super) nodes: Box<[Box<[u8]>]>,
    /// `max_active_faults`, without limit by default.
    pub(super) max_active: u64,
    /// `filter_metadata`: said of a stream that is delayed or aborted, under the filter's name.
    pub(super) metadata: Option<Struct>,
    /// Whether faults are counted by the cluster that a request says it comes from.
    pub(super) counts_by_cluster: bool,
}

/// `envoy.extensions.filters.common.fault.v3.FaultDelay`
#[derive(Debug)]
pub(super) struct Delay {
    pub(super) source: Source<Duration>,
    /// None by default.
    pub(super) share: Fraction,
}

/// `envoy.extensions.filters.http.fault.v3.FaultAbort`
#[derive(Debug)]
pub(super) struct Abort {
    pub(super) source: Source<Status>,
    /// None by default.
    pub(super) share: Fraction,
    pub(super) body: Box<str>,
}

/// `envoy.extensions.filters.common.fault.v3.FaultRateLimit`
#[derive(Debug)]
pub(super) struct RateLimit {
    /// KiB per second, at least one.
    pub(super) source: Source<u64>,
    /// None by default.
    pub(super) share: Fraction,
}

/// Where a fault's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source<T> {
    /// It is configured.
    Fixed(T),
    /// The request's headers have it, if there is to be a fault.
    Header,
}

/// What a request is aborted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// An HTTP status from 200 to 599.
    Http(u16),
    /// A gRPC status.
    Grpc(u32),
}

impl Settings {
    pub(super) fn parse(proto: pb::HttpFault, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::HttpFault {
            delay,
            abort,
            upstream_cluster,
            headers,
            downstream_nodes,
            max_active_faults,
            response_rate_limit,
            // No runtime has these keys: see the module's description.
            delay_percent_runtime: _,
            abort_percent_runtime: _,
            delay_duration_runtime: _,
            abort_http_status_runtime: _,
            max_active_faults_runtime: _,
            response_rate_limit_percent_runtime: _,
            abort_grpc_status_runtime: _,
            disable_downstream_cluster_stats,
            filter_metadata,
        } = proto;
        let mut f = at.fields();
        let delay = f.optional("delay", delay, Delay::parse);
        let abort = f.optional("abort", abort, Abort::parse);
        let headers = f.each("headers", headers, HeaderMatcher::parse);
        let rate_limit = f.optional("response_rate_limit", response_rate_limit, RateLimit::parse);
        f.finish(|| Self {
            delay: delay.take(),
            abort: abort.take(),
            rate_limit: rate_limit.take(),
            cluster: Some(upstream_cluster).filter(|name| !name.is_empty()).map(Into::into),
            headers: headers.take().into(),
            nodes: downstream_nodes.into_iter().map(|node| node.into_bytes().into()).collect(),
            max_active: max_active_faults.map_or(u64::MAX, u64::from),
            metadata: filter_metadata,
            counts_by_cluster: !disable_downstream_cluster_stats,
        })
    }
}

impl Delay {
    fn parse(proto: common::FaultDelay, at: &At<'_>) -> Result<Self, Invalid> {
        use common::fault_delay::{FaultDelaySecifier, HeaderDelay};
        let common::FaultDelay { percentage, fault_delay_secifier } = proto;
        let mut f = at.fields();
        let share = f.optional_or("percentage", percentage, Fraction::NONE, Fraction::parse);
        let source = match fault_delay_secifier {
            Some(FaultDelaySecifier::FixedDelay(delay)) => f.value("fixed_delay", delay, |delay, at| {
                let delay = scalar::positive_duration(delay, at)?;
                // Envoy's timers know no less than a millisecond.
                Ok(Source::Fixed(Duration::from_millis(delay.as_millis() as u64)))
            }),
            Some(FaultDelaySecifier::HeaderDelay(HeaderDelay {})) => f.keep(Ok(Source::Header)),
            None => f.absent("one of 'fixed_delay' and 'header_delay' must be set"),
        };
        f.finish(|| Self { source: source.take(), share: share.take() })
    }
}

impl Abort {
    fn parse(proto: pb::FaultAbort, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::fault_abort::{ErrorType, HeaderAbort};
        let pb::FaultAbort { percentage, response_body, error_type } = proto;
        let mut f = at.fields();
        let share = f.optional_or("percentage", percentage, Fraction::NONE, Fraction::parse);
        let source = match error_type {
            Some(ErrorType::HttpStatus(status)) => f.value("http_status", status, |status, at| {
                let valid = http_status(u64::from(status));
                valid.map(Source::Fixed).ok_or_else(|| at.invalid(format!("must be from 200 to 599, is {status}")))
            }),
            Some(ErrorType::GrpcStatus(status)) => f.keep(Ok(Source::Fixed(Status::Grpc(status)))),
            Some(ErrorType::HeaderAbort(HeaderAbort {})) => f.keep(Ok(Source::Header)),
            None => f.absent("one of 'http_status', 'grpc_status' and 'header_abort' must be set"),
        };
        let body = if response_body.is_empty() { "fault filter abort".into() } else { response_body.into() };
        f.finish(|| Self { source: source.take(), share: share.take(), body })
    }
}

impl RateLimit {
    fn parse(proto: common::FaultRateLimit, at: &At<'_>) -> Result<Self, Invalid> {
        use common::fault_rate_limit::{FixedLimit, HeaderLimit, LimitType};
        let common::FaultRateLimit { percentage, limit_type } = proto;
        let mut f = at.fields();
        let share = f.optional_or("percentage", percentage, Fraction::NONE, Fraction::parse);
        let source = match limit_type {
            Some(LimitType::FixedLimit(FixedLimit { limit_kbps: 0 })) => {
                f.keep(Err(at.field("fixed_limit").field("limit_kbps").invalid("must be at least 1, is 0")))
            }
            Some(LimitType::FixedLimit(FixedLimit { limit_kbps })) => f.keep(Ok(Source::Fixed(limit_kbps))),
            Some(LimitType::HeaderLimit(HeaderLimit {})) => f.keep(Ok(Source::Header)),
            None => f.absent("one of 'fixed_limit' and 'header_limit' must be set"),
        };
        f.finish(|| Self { source: source.take(), share: share.take() })
    }
}

/// An HTTP status that a request may be aborted with.
pub(super) fn http_status(status: u64) -> Option<Status> {
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status))?;
    Some(Status::Http(status))
}
