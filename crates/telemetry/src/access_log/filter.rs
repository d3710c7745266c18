//! `envoy.config.accesslog.v3.AccessLogFilter`: which streams are logged.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar::enumeration;
use nuncio_matching::HeaderMatcher;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::accesslog::v3 as pb;
use nuncio_proto::envoy::config::accesslog::v3::access_log_filter::FilterSpecifier;
use nuncio_proto::envoy::config::accesslog::v3::comparison_filter::Op;
use nuncio_proto::envoy::config::accesslog::v3::grpc_status_filter::Status;
use nuncio_proto::envoy::config::core::v3::RuntimeUInt32;
use nuncio_proto::envoy::data::accesslog::v3::AccessLogType;

use crate::formatter::Inputs;
use crate::formatter::LogType;
use crate::formatter::grpc;
use crate::stream_info::Moment;
use crate::stream_info::ResponseFlag;

/// Which streams are logged.
#[derive(Debug)]
pub(super) enum Filter {
    StatusCode(Comparison),
    /// In milliseconds.
    Duration(Comparison),
    NotHealthCheck,
    Traceable,
    All(Vec<Self>),
    Any(Vec<Self>),
    Header(HeaderMatcher),
    /// Any of these flags, as [`crate::ResponseFlags::bits`].
    ResponseFlags(u32),
    GrpcStatus {
        statuses: Vec<i64>,
        is_excluding: bool,
    },
    LogType {
        types: Vec<LogType>,
        is_excluding: bool,
    },
}

/// `envoy.config.accesslog.v3.ComparisonFilter`.
#[derive(Debug)]
pub(super) struct Comparison {
    op: Op,
    /// The value when the runtime says nothing.
    value: u64,
}

/// `grpc-status` where there is none.
const UNKNOWN: i64 = Status::Unknown as i64;

impl Filter {
    pub(super) fn parse(proto: pb::AccessLogFilter, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::AccessLogFilter { filter_specifier } = proto;
        let mut f = at.fields();
        let filter = match filter_specifier {
            Some(FilterSpecifier::StatusCodeFilter(filter)) => f.value("status_code_filter", filter, status_code),
            Some(FilterSpecifier::DurationFilter(filter)) => f.value("duration_filter", filter, duration),
            Some(FilterSpecifier::NotHealthCheckFilter(pb::NotHealthCheckFilter {})) => {
                f.keep(Ok(Self::NotHealthCheck))
            }
            Some(FilterSpecifier::TraceableFilter(pb::TraceableFilter {})) => f.keep(Ok(Self::Traceable)),
            Some(FilterSpecifier::AndFilter(pb::AndFilter { filters })) => {
                f.value("and_filter", filters, |filters, at| several(filters, at).map(Self::All))
            }
            Some(FilterSpecifier::OrFilter(pb::OrFilter { filters })) => {
                f.value("or_filter", filters, |filters, at| several(filters, at).map(Self::Any))
            }
            Some(FilterSpecifier::HeaderFilter(pb::HeaderFilter { header })) => {
                f.value("header_filter", header, |header, at| {
                    let mut f = at.fields();
                    let header = f.required("header", header, HeaderMatcher::parse);
                    f.finish(|| Self::Header(header.take()))
                })
            }
            Some(FilterSpecifier::ResponseFlagFilter(filter)) => {
                f.value("response_flag_filter", filter, response_flags)
            }
            Some(FilterSpecifier::GrpcStatusFilter(filter)) => f.value("grpc_status_filter", filter, grpc_status),
            Some(FilterSpecifier::LogTypeFilter(filter)) => f.value("log_type_filter", filter, log_type),
            Some(FilterSpecifier::RuntimeFilter(_)) => f.value("runtime_filter", (), unsupported("runtime_filter")),
            Some(FilterSpecifier::ExtensionFilter(_)) => {
                f.value("extension_filter", (), unsupported("extension_filter"))
            }
            Some(FilterSpecifier::MetadataFilter(_)) => f.value("metadata_filter", (), unsupported("metadata_filter")),
            None => f.absent("a filter must be set"),
        };
        f.finish(|| filter.take())
    }

    /// Whether the stream is logged.
    pub(super) fn passes(&self, inputs: &Inputs<'_>) -> bool {
        let info = inputs.info;
        match self {
            Self::StatusCode(comparison) => comparison.holds(info.response_code.unwrap_or(0).into()),
            Self::Duration(comparison) => {
                let span = info.timing.between(Moment::DownstreamReceiveBegin, Moment::Complete).unwrap_or_default();
                comparison.holds(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
            }
            Self::NotHealthCheck => !info.is_health_check,
            Self::Traceable => info.is_traced,
            Self::All(filters) => filters.iter().all(|filter| filter.passes(inputs)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(inputs)),
            Self::Header(matcher) => match inputs.request {
                Some(request) => matcher.matches(request),
                None => matcher.matches(&Headers::new()),
            },
            Self::ResponseFlags(wanted) => info.flags.bits() & wanted != 0,
            Self::GrpcStatus { statuses, is_excluding } => {
                statuses.contains(&grpc::status(inputs).unwrap_or(UNKNOWN)) != *is_excluding
            }
            Self::LogType { types, is_excluding } => types.contains(&inputs.log_type) != *is_excluding,
        }
    }
}

impl Comparison {
    fn parse(proto: pb::ComparisonFilter, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::ComparisonFilter { op, value } = proto;
        let mut f = at.fields();
        let op = f.value("op", op, enumeration);
        // There is no runtime yet that could know the key.
        let value = f.required("value", value, |RuntimeUInt32 { default_value, runtime_key: _ }, _| Ok(default_value));
        f.finish(|| Self { op: op.take(), value: value.take().into() })
    }

    fn holds(&self, found: u64) -> bool {
        match self.op {
            Op::Eq => found == self.value,
            Op::Ge => found >= self.value,
            Op::Le => found <= self.value,
            Op::Ne => found != self.value,
        }
    }
}

fn status_code(proto: pb::StatusCodeFilter, at: &At<'_>) -> Result<Filter, Invalid> {
    let pb::StatusCodeFilter { comparison } = proto;
    let mut f = at.fields();
    let comparison = f.required("comparison", comparison, Comparison::parse);
    f.finish(|| Filter::StatusCode(comparison.take()))
}

fn duration(proto: pb::DurationFilter, at: &At<'_>) -> Result<Filter, Invalid> {
    let pb::DurationFilter { comparison } = proto;
    let mut f = at.fields();
    let comparison = f.required("comparison", comparison, Comparison::parse);
    f.finish(|| Filter::Duration(comparison.take()))
}

fn several(filters: Vec<pb::AccessLogFilter>, at: &At<'_>) -> Result<Vec<Filter>, Invalid> {
    let mut f = at.fields();
    if filters.len() < 2 {
        f.reject("filters", format!("must have at least 2 filters, has {}", filters.len()));
    }
    let filters = f.each("filters", filters, Filter::parse);
    f.finish(|| filters.take())
}

fn response_flags(proto: pb::ResponseFlagFilter, at: &At<'_>) -> Result<Filter, Invalid> {
    let pb::ResponseFlagFilter { flags } = proto;
    let mut f = at.fields();
    // An empty list stands for any flag.
    let any = if flags.is_empty() { u32::MAX } else { 0 };
    let bits = f.each("flags", flags, |name, at| {
        let known = || ResponseFlag::ALL.iter().map(|flag| flag.short()).collect::<Vec<_>>().join(", ");
        let flag = ResponseFlag::from_short(&name)
            .ok_or_else(|| at.invalid(format!("'{name}' is not a response flag; there are {}", known())))?;
        Ok(1 << flag as u32)
    });
    f.finish(|| Filter::ResponseFlags(bits.take().into_iter().fold(any, |all, bit: u32| all | bit)))
}

fn grpc_status(proto: pb::GrpcStatusFilter, at: &At<'_>) -> Result<Filter, Invalid> {
    let pb::GrpcStatusFilter { statuses, exclude } = proto;
    let mut f = at.fields();
    let statuses =
        f.each("statuses", statuses, |status, at| enumeration::<Status>(status, at).map(|status| status as i64));
    f.finish(|| Filter::GrpcStatus { statuses: statuses.take(), is_excluding: exclude })
}

fn log_type(proto: pb::LogTypeFilter, at: &At<'_>) -> Result<Filter, Invalid> {
    let pb::LogTypeFilter { types, exclude } = proto;
    let mut f = at.fields();
    let types = f.each("types", types, |number, at| Ok(of_proto(enumeration(number, at)?)));
    // Types that nothing here is logged on can be left out of the list without a change.
    f.finish(|| Filter::LogType { types: types.take().into_iter().flatten().collect(), is_excluding: exclude })
}

fn of_proto(proto: AccessLogType) -> Option<LogType> {
    match proto {
        AccessLogType::NotSet => Some(LogType::NotSet),
        AccessLogType::TcpConnectionStart => Some(LogType::TcpConnectionStart),
        AccessLogType::TcpUpstreamConnected => Some(LogType::TcpUpstreamConnected),
        AccessLogType::TcpPeriodic => Some(LogType::TcpPeriodic),
        AccessLogType::TcpConnectionEnd => Some(LogType::TcpConnectionEnd),
        AccessLogType::DownstreamStart => Some(LogType::DownstreamStart),
        AccessLogType::DownstreamPeriodic => Some(LogType::DownstreamPeriodic),
        AccessLogType::DownstreamEnd => Some(LogType::DownstreamEnd),
        AccessLogType::UpstreamPoolReady => Some(LogType::UpstreamPoolReady),
        AccessLogType::UpstreamPeriodic => Some(LogType::UpstreamPeriodic),
        AccessLogType::UpstreamEnd => Some(LogType::UpstreamEnd),
        AccessLogType::DownstreamTunnelSuccessfullyEstablished => {
            Some(LogType::DownstreamTunnelSuccessfullyEstablished)
        }
        AccessLogType::UdpTunnelUpstreamConnected | AccessLogType::UdpPeriodic | AccessLogType::UdpSessionEnd => None,
    }
}

/// A parse function for a filter that does not exist yet.
fn unsupported(name: &'static str) -> impl Fn((), &At<'_>) -> Result<Filter, Invalid> {
    move |(), at| Err(at.not_implemented(&format!("'{name}'")))
}
