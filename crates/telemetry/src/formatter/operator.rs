//! The operators: which there are, which arguments they take, what each compiles to.

use std::time::Duration;

use super::error::FormatError;
use super::grpc::GrpcForm;
use super::header::HeaderQuery;
use super::metadata::MetadataQuery;
use super::not_yet;
use super::path::PathQuery;
use super::path::QueryParameter;
use super::scan::Command;
use super::time::TimeFormat;
use crate::stream_info::Moment;

/// A compiled operator.
#[derive(Debug)]
pub(crate) enum Operator {
    RequestHeader(HeaderQuery),
    ResponseHeader(HeaderQuery),
    ResponseTrailer(HeaderQuery),
    Path(PathQuery),
    QueryParameter(QueryParameter),
    DynamicMetadata(MetadataQuery),
    /// Known when the configuration is built.
    Constant(Box<str>),
    StartTime(TimeFormat),
    /// The time between two moments; never when Envoy has no such moment.
    Span(Option<(Moment, Moment)>, Precision),
    GrpcStatus(GrpcForm),
    Number(Number),
    Text(Text),
    Address(Endpoint, AddressForm),
}

/// The unit that a span is printed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precision {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// Operators whose value is a number that is always there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Number {
    ResponseCode,
    BytesReceived,
    BytesSent,
    RequestHeadersBytes,
    ResponseHeadersBytes,
    ResponseTrailersBytes,
    DownstreamWireBytesReceived,
    DownstreamWireBytesSent,
    DownstreamHeaderBytesReceived,
    DownstreamHeaderBytesSent,
    DownstreamDecompressedHeaderBytesReceived,
    DownstreamDecompressedHeaderBytesSent,
    UpstreamWireBytesReceived,
    UpstreamWireBytesSent,
    UpstreamHeaderBytesReceived,
    UpstreamHeaderBytesSent,
    UpstreamDecompressedHeaderBytesReceived,
    UpstreamDecompressedHeaderBytesSent,
    ConnectionId,
    UpstreamConnectionId,
    UpstreamRequestAttemptCount,
}

/// Operators whose value is a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    Protocol,
    UpstreamProtocol,
    ResponseFlags,
    ResponseFlagsLong,
    /// Details with white space, which nothing but an upstream's text has, kept or replaced.
    ResponseCodeDetails {
        keeps_whitespace: bool,
    },
    ConnectionTerminationDetails,
    UpstreamTransportFailureReason,
    DownstreamTransportFailureReason,
    UpstreamHost,
    UpstreamHostName,
    UpstreamHostNameWithoutPort,
    UpstreamCluster,
    UpstreamClusterRaw,
    RouteName,
    VirtualClusterName,
    FilterChainName,
    ListenerName,
    RequestedServerName,
    StreamId,
    AccessLogType,
    LocalReplyBody,
}

/// The addresses that can be printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Endpoint {
    DownstreamLocal,
    DownstreamRemote,
    DownstreamDirectRemote,
    UpstreamLocal,
    UpstreamRemote,
}

/// How much of an address is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddressForm {
    Whole,
    WithoutPort,
    Port,
}

/// What an operator may be followed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Syntax {
    /// Neither arguments nor a length.
    Bare,
    /// Arguments, but no length.
    Arguments,
    /// Arguments there must be, but no length.
    RequiredArguments,
    /// Arguments and a length.
    Length,
    /// Arguments there must be, and a length.
    RequiredLength,
}

impl Precision {
    pub(super) fn count(self, span: Duration) -> u64 {
        let count = match self {
            Self::Milliseconds => span.as_millis(),
            Self::Microseconds => span.as_micros(),
            Self::Nanoseconds => span.as_nanos(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

impl Operator {
    /// Compiles a command.
    ///
    /// # Errors
    /// Names the operator and its position.
    pub(super) fn parse(command: &Command<'_>) -> Result<Self, FormatError> {
        let Command { name, position, .. } = *command;
        // Also what could be printed, but is not measured yet.
        if not_yet::NOT_YET.binary_search(&name).is_ok() {
            return Err(FormatError::Unsupported { what: name.to_owned(), position });
        }
        if let Some(operator) = bare(name) {
            syntax(command, Syntax::Bare)?;
            return Ok(operator);
        }
        if let Some(operator) = with_arguments(command) {
            return operator;
        }
        Err(FormatError::Unknown { name: name.to_owned(), position })
    }

    /// Whether the value is a number, which JSON logs write as one.
    pub(crate) fn is_number(&self) -> bool {
        match self {
            Self::Span(..)
            | Self::Number(_)
            | Self::GrpcStatus(GrpcForm::Number)
            | Self::Address(_, AddressForm::Port) => true,
            Self::RequestHeader(_)
            | Self::ResponseHeader(_)
            | Self::ResponseTrailer(_)
            | Self::Path(_)
            | Self::QueryParameter(_)
            | Self::DynamicMetadata(_)
            | Self::Constant(_)
            | Self::StartTime(_)
            | Self::GrpcStatus(_)
            | Self::Text(_)
            | Self::Address(..) => false,
        }
    }
}

/// Checks what follows an operator's name.
fn syntax(command: &Command<'_>, syntax: Syntax) -> Result<(), FormatError> {
    let Command { name, arguments, max_length, .. } = *command;
    let is_missing = arguments.is_empty() && matches!(syntax, Syntax::RequiredArguments | Syntax::RequiredLength);
    let is_bare = arguments.is_empty() && max_length.is_none();
    let has_length = max_length.is_some() && matches!(syntax, Syntax::Arguments | Syntax::RequiredArguments);
    if syntax == Syntax::Bare && !is_bare {
        Err(wrong(command, format!("{name} does not take any parameters or length")))
    } else if is_missing {
        Err(wrong(command, format!("{name} requires parameters")))
    } else if has_length {
        Err(wrong(command, format!("{name} does not allow length to be specified.")))
    } else {
        Ok(())
    }
}

fn wrong(command: &Command<'_>, reason: String) -> FormatError {
    FormatError::Arguments { name: command.name.to_owned(), reason, position: command.position }
}

fn unsupported(command: &Command<'_>) -> FormatError {
    let what = format!("{}({})", command.name, command.arguments);
    FormatError::Unsupported { what, position: command.position }
}

/// Operators that take arguments.
fn with_arguments(command: &Command<'_>) -> Option<Result<Operator, FormatError>> {
    let form = match command.name {
        "REQ" | "REQUEST_HEADER" | "RESP" | "RESPONSE_HEADER" | "TRAILER" | "RESPONSE_TRAILER" | "QUERY_PARAM"
        | "DYNAMIC_METADATA" | "ENVIRONMENT" => Syntax::RequiredLength,
        "PATH" => Syntax::Length,
        "COMMON_DURATION" => Syntax::RequiredArguments,
        "START_TIME" | "RESPONSE_CODE_DETAILS" | "GRPC_STATUS" | "REQUESTED_SERVER_NAME" => Syntax::Arguments,
        _ => return None,
    };
    Some(syntax(command, form).and_then(|()| compile(command)))
}

fn compile(command: &Command<'_>) -> Result<Operator, FormatError> {
    let Command { name, arguments, max_length, .. } = *command;
    let max_bytes = max_length.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let operator = match name {
        "REQ" | "REQUEST_HEADER" => {
            HeaderQuery::parse(arguments, max_length).map(|query| Operator::RequestHeader(query.of_request()))
        }
        "RESP" | "RESPONSE_HEADER" => HeaderQuery::parse(arguments, max_length).map(Operator::ResponseHeader),
        "TRAILER" | "RESPONSE_TRAILER" => HeaderQuery::parse(arguments, max_length).map(Operator::ResponseTrailer),
        "PATH" => PathQuery::parse(arguments, max_length).map(Operator::Path),
        "QUERY_PARAM" => {
            Ok(Operator::QueryParameter(QueryParameter { name: arguments.as_bytes().into(), max_length: max_bytes }))
        }
        "DYNAMIC_METADATA" => Ok(Operator::DynamicMetadata(MetadataQuery::parse(arguments, max_bytes))),
        "COMMON_DURATION" => common_duration(arguments),
        "START_TIME" => TimeFormat::parse(arguments).map(Operator::StartTime),
        "GRPC_STATUS" => GrpcForm::parse(arguments).map(Operator::GrpcStatus),
        "RESPONSE_CODE_DETAILS" => {
            let keeps_whitespace = arguments == "ALLOW_WHITESPACES";
            Ok(Operator::Text(Text::ResponseCodeDetails { keeps_whitespace }))
        }
        "REQUESTED_SERVER_NAME" if arguments.is_empty() => Ok(Operator::Text(Text::RequestedServerName)),
        "ENVIRONMENT" => Ok(Operator::Constant(environment(arguments, max_bytes))),
        _ => return Err(unsupported(command)),
    };
    operator.map_err(|reason| wrong(command, reason))
}

fn common_duration(arguments: &str) -> Result<Operator, String> {
    let parts: Vec<_> = arguments.split(':').collect();
    let (begin, end, precision) = match parts[..] {
        [begin, end] => (begin, end, "ms"),
        [begin, end, precision] => (begin, end, precision),
        _ => return Err(format!("Invalid common duration configuration: {arguments}.")),
    };
    let precision = match precision {
        "ms" => Precision::Milliseconds,
        "us" => Precision::Microseconds,
        "ns" => Precision::Nanoseconds,
        other => return Err(format!("Invalid common duration precision: {other}.")),
    };
    // Other names are moments that an extension might note; none does, so there is never a value.
    Ok(Operator::Span(Moment::named(begin).zip(Moment::named(end)), precision))
}

/// The value of an environment variable, or `-`, which Envoy prints even where empty values are omitted. The
/// environment does not change, so it is read when configuration is built.
fn environment(name: &str, max_bytes: usize) -> Box<str> {
    let mut value = std::env::var(name).unwrap_or_else(|_| "-".to_owned());
    let end = (0..=max_bytes.min(value.len())).rev().find(|&end| value.is_char_boundary(end)).unwrap_or(0);
    value.truncate(end);
    value.into()
}

/// The name of this machine, or `-`.
fn hostname() -> Box<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim_end() {
        "" => "-".into(),
        name => name.into(),
    }
}

/// Operators that take nothing.
fn bare(name: &str) -> Option<Operator> {
    let span = |begin, end| Operator::Span(Some((begin, end)), Precision::Milliseconds);
    let start = Moment::DownstreamReceiveBegin;
    Some(match name {
        "DURATION" => span(start, Moment::Complete),
        "REQUEST_DURATION" => span(start, Moment::DownstreamReceiveEnd),
        "REQUEST_TX_DURATION" => span(start, Moment::UpstreamSendEnd),
        "RESPONSE_DURATION" => span(start, Moment::UpstreamReceiveBegin),
        "RESPONSE_TX_DURATION" => span(Moment::UpstreamReceiveBegin, Moment::DownstreamSendEnd),
        "UPSTREAM_CONNECTION_POOL_READY_DURATION" => span(start, Moment::UpstreamPoolReady),
        "GRPC_STATUS_NUMBER" => Operator::GrpcStatus(GrpcForm::Number),
        "HOSTNAME" => Operator::Constant(hostname()),
        // Flags that an extension might add; none does.
        "CUSTOM_FLAGS" => Operator::Constant("".into()),
        _ => {
            let found = number(name).map(Operator::Number).or_else(|| text(name).map(Operator::Text));
            return found.or_else(|| address(name).map(|(endpoint, form)| Operator::Address(endpoint, form)));
        }
    })
}

fn number(name: &str) -> Option<Number> {
    Some(match name {
        "RESPONSE_CODE" => Number::ResponseCode,
        "BYTES_RECEIVED" => Number::BytesReceived,
        "BYTES_SENT" => Number::BytesSent,
        "REQUEST_HEADERS_BYTES" => Number::RequestHeadersBytes,
        "RESPONSE_HEADERS_BYTES" => Number::ResponseHeadersBytes,
        "RESPONSE_TRAILERS_BYTES" => Number::ResponseTrailersBytes,
        "DOWNSTREAM_WIRE_BYTES_RECEIVED" => Number::DownstreamWireBytesReceived,
        "DOWNSTREAM_WIRE_BYTES_SENT" => Number::DownstreamWireBytesSent,
        "DOWNSTREAM_HEADER_BYTES_RECEIVED" => Number::DownstreamHeaderBytesReceived,
        "DOWNSTREAM_HEADER_BYTES_SENT" => Number::DownstreamHeaderBytesSent,
        "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => Number::DownstreamDecompressedHeaderBytesReceived,
        "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => Number::DownstreamDecompressedHeaderBytesSent,
        "UPSTREAM_WIRE_BYTES_RECEIVED" => Number::UpstreamWireBytesReceived,
        "UPSTREAM_WIRE_BYTES_SENT" => Number::UpstreamWireBytesSent,
        "UPSTREAM_HEADER_BYTES_RECEIVED" => Number::UpstreamHeaderBytesReceived,
        "UPSTREAM_HEADER_BYTES_SENT" => Number::UpstreamHeaderBytesSent,
        "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => Number::UpstreamDecompressedHeaderBytesReceived,
        "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => Number::UpstreamDecompressedHeaderBytesSent,
        "CONNECTION_ID" => Number::ConnectionId,
        "UPSTREAM_CONNECTION_ID" => Number::UpstreamConnectionId,
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Number::UpstreamRequestAttemptCount,
        _ => return None,
    })
}

fn text(name: &str) -> Option<Text> {
    Some(match name {
        "PROTOCOL" => Text::Protocol,
        "UPSTREAM_PROTOCOL" => Text::UpstreamProtocol,
        "RESPONSE_FLAGS" => Text::ResponseFlags,
        "RESPONSE_FLAGS_LONG" => Text::ResponseFlagsLong,
        "CONNECTION_TERMINATION_DETAILS" => Text::ConnectionTerminationDetails,
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => Text::UpstreamTransportFailureReason,
        "DOWNSTREAM_TRANSPORT_FAILURE_REASON" => Text::DownstreamTransportFailureReason,
        "UPSTREAM_HOST" => Text::UpstreamHost,
        "UPSTREAM_HOST_NAME" => Text::UpstreamHostName,
        "UPSTREAM_HOST_NAME_WITHOUT_PORT" => Text::UpstreamHostNameWithoutPort,
        "UPSTREAM_CLUSTER" => Text::UpstreamCluster,
        "UPSTREAM_CLUSTER_RAW" => Text::UpstreamClusterRaw,
        "ROUTE_NAME" => Text::RouteName,
        "VIRTUAL_CLUSTER_NAME" => Text::VirtualClusterName,
        "FILTER_CHAIN_NAME" => Text::FilterChainName,
        "LISTENER_NAME" => Text::ListenerName,
        "STREAM_ID" => Text::StreamId,
        "ACCESS_LOG_TYPE" => Text::AccessLogType,
        "LOCAL_REPLY_BODY" => Text::LocalReplyBody,
        _ => return None,
    })
}

/// `<endpoint>_ADDRESS`, `<endpoint>_ADDRESS_WITHOUT_PORT` and `<endpoint>_PORT`.
fn address(name: &str) -> Option<(Endpoint, AddressForm)> {
    let forms = [
        ("_ADDRESS", AddressForm::Whole),
        ("_ADDRESS_WITHOUT_PORT", AddressForm::WithoutPort),
        ("_PORT", AddressForm::Port),
    ];
    let endpoints = [
        ("DOWNSTREAM_LOCAL", Endpoint::DownstreamLocal),
        ("DOWNSTREAM_REMOTE", Endpoint::DownstreamRemote),
        ("DOWNSTREAM_DIRECT_REMOTE", Endpoint::DownstreamDirectRemote),
        ("UPSTREAM_LOCAL", Endpoint::UpstreamLocal),
        ("UPSTREAM_REMOTE", Endpoint::UpstreamRemote),
    ];
    endpoints.into_iter().find_map(|(prefix, endpoint)| {
        let rest = name.strip_prefix(prefix)?;
        forms.into_iter().find(|&(suffix, _)| suffix == rest).map(|(_, form)| (endpoint, form))
    })
}
