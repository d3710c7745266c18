//! Prints one operator's value.

use std::borrow::Cow;

use nuncio_codec::Protocol;
use nuncio_message::HeaderId;
use nuncio_message::Headers;

use super::Inputs;
use super::grpc;
use super::grpc::GrpcForm;
use super::operator::AddressForm;
use super::operator::Endpoint;
use super::operator::Number;
use super::operator::Operator;
use super::operator::Precision;
use super::operator::Text;
use super::time::TimeFormat;
use crate::address::Address;
use crate::line::Line;
use crate::stream_info::Connection;
use crate::stream_info::Moment;
use crate::stream_info::ResponseFlag;
use crate::stream_info::ResponseFlags;

/// Appends the operator's value to the line; returns whether there is one. Empty is a value.
///
/// Inlined once, into the loop over a format's pieces: calling it would cost more than most operators do.
#[inline(always)]
pub(super) fn append(operator: &Operator, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    match operator {
        Operator::RequestHeader(query) => append_value(query.find(inputs.request), line),
        Operator::ResponseHeader(query) => append_value(query.find(inputs.response), line),
        Operator::ResponseTrailer(query) => append_value(query.find(inputs.trailers), line),
        Operator::Number(number) => append_number(*number, inputs, line),
        Operator::Text(text) => append_text(*text, inputs, line),
        Operator::StartTime(format) => append_start_time(format, inputs, line),
        Operator::Span(ends, precision) => append_span(*ends, *precision, inputs, line),
        Operator::Path(query) => append_value(query.find(inputs.request), line),
        Operator::QueryParameter(parameter) => parameter.append(inputs.request, line),
        Operator::DynamicMetadata(query) => query.append(inputs, line),
        Operator::Constant(text) => append_value(Some(text.as_bytes()), line),
        Operator::GrpcStatus(form) => append_grpc_status(*form, inputs, line),
        Operator::Address(endpoint, form) => append_address(*endpoint, *form, inputs, line),
    }
}

#[inline]
fn append_value(value: Option<&[u8]>, line: &mut Line) -> bool {
    match value {
        Some(value) => {
            line.append(value);
            true
        }
        None => false,
    }
}

#[inline]
fn append_start_time(format: &TimeFormat, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    format.append(inputs.info.start_micros, line);
    true
}

#[inline]
fn append_span(ends: Option<(Moment, Moment)>, precision: Precision, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    match ends.and_then(|(begin, end)| inputs.info.timing.between(begin, end)) {
        Some(span) => {
            line.append_decimal(precision.count(span));
            true
        }
        None => false,
    }
}

#[inline]
fn append_number(number: Number, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    line.append_decimal(value_of(number, inputs));
    true
}

#[inline]
fn append_grpc_status(form: GrpcForm, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    let Some(status) = grpc::status_of_call(inputs) else { return false };
    match form.name(status) {
        Some(name) => line.append(name.as_bytes()),
        None => append_signed(status, line),
    }
    true
}

fn append_signed(value: i64, line: &mut Line) {
    if value < 0 {
        line.push(b'-');
    }
    line.append_decimal(value.unsigned_abs());
}

fn value_of(number: Number, inputs: &Inputs<'_>) -> u64 {
    let info = inputs.info;
    let size = |headers: Option<&Headers>| headers.map_or(0, |headers| headers.byte_size() as u64);
    let (down, up) = (&info.downstream_bytes, &info.upstream.bytes);
    match number {
        Number::ResponseCode => info.response_code.unwrap_or(0).into(),
        Number::BytesReceived => info.bytes_received,
        Number::BytesSent => info.bytes_sent,
        Number::RequestHeadersBytes => size(inputs.request),
        Number::ResponseHeadersBytes => size(inputs.response),
        Number::ResponseTrailersBytes => size(inputs.trailers),
        Number::DownstreamWireBytesReceived => down.wire_bytes_received,
        Number::DownstreamWireBytesSent => down.wire_bytes_sent,
        Number::DownstreamHeaderBytesReceived => down.header_bytes_received,
        Number::DownstreamHeaderBytesSent => down.header_bytes_sent,
        Number::DownstreamDecompressedHeaderBytesReceived => down.decompressed_header_bytes_received,
        Number::DownstreamDecompressedHeaderBytesSent => down.decompressed_header_bytes_sent,
        Number::UpstreamWireBytesReceived => up.wire_bytes_received,
        Number::UpstreamWireBytesSent => up.wire_bytes_sent,
        Number::UpstreamHeaderBytesReceived => up.header_bytes_received,
        Number::UpstreamHeaderBytesSent => up.header_bytes_sent,
        Number::UpstreamDecompressedHeaderBytesReceived => up.decompressed_header_bytes_received,
        Number::UpstreamDecompressedHeaderBytesSent => up.decompressed_header_bytes_sent,
        Number::ConnectionId => info.connection.as_ref().map_or(0, |connection| connection.id),
        Number::UpstreamConnectionId => info.upstream.connection_id,
        Number::UpstreamRequestAttemptCount => info.upstream.attempt_count.into(),
    }
}

#[inline]
fn append_text(text: Text, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    let info = inputs.info;
    let connection = info.connection.as_deref();
    let value: Option<&str> = match text {
        Text::Protocol => info.protocol.map(protocol_name),
        Text::UpstreamProtocol => info.upstream.protocol.map(protocol_name),
        Text::ResponseFlags => return append_flags(&info.flags, ResponseFlag::short, line),
        Text::ResponseFlagsLong => return append_flags(&info.flags, ResponseFlag::long, line),
        Text::ResponseCodeDetails { keeps_whitespace: true } => info.response_code_details.as_deref(),
        Text::ResponseCodeDetails { keeps_whitespace: false } => {
            return append_without_whitespace(info.response_code_details.as_ref(), line);
        }
        Text::ConnectionTerminationDetails => info.connection_termination_details.as_deref(),
        Text::UpstreamTransportFailureReason => {
            return append_without_whitespace(info.upstream.transport_failure_reason.as_ref(), line);
        }
        Text::DownstreamTransportFailureReason => {
            let reason = connection.and_then(|connection| connection.transport_failure_reason.as_deref());
            return append_without_whitespace(reason.map(Cow::Borrowed).as_ref(), line);
        }
        Text::UpstreamHost => info.upstream.host.as_ref().map(|host| host.address_text()),
        Text::UpstreamHostName => host_name(inputs),
        Text::UpstreamHostNameWithoutPort => host_name(inputs).map(without_port),
        Text::UpstreamCluster => info.upstream.cluster.as_ref().map(|cluster| &*cluster.observability_name),
        Text::UpstreamClusterRaw => info.upstream.cluster.as_ref().map(|cluster| &*cluster.name),
        Text::RouteName => info.route_name.as_deref(),
        Text::VirtualClusterName => info.virtual_cluster_name.as_deref(),
        Text::FilterChainName => connection.and_then(|connection| connection.filter_chain_name.as_deref()),
        Text::ListenerName => connection.and_then(|connection| connection.listener_name.as_deref()),
        Text::RequestedServerName => connection.and_then(|connection| connection.requested_server_name.as_deref()),
        Text::StreamId => return append_stream_id(inputs, line),
        Text::AccessLogType => Some(inputs.log_type.name()),
        Text::LocalReplyBody => return append_value(Some(inputs.local_reply_body), line),
    };
    append_value(value.filter(|value| !value.is_empty()).map(str::as_bytes), line)
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http10 => "HTTP/1.0",
        Protocol::Http11 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    }
}

/// Flags in the order in which they were set. None is printed as `-` even where values may be empty.
fn append_flags(flags: &ResponseFlags, name: impl Fn(ResponseFlag) -> &'static str, line: &mut Line) -> bool {
    if flags.is_empty() {
        line.push(b'-');
        return true;
    }
    for (at, flag) in flags.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        line.append(name(flag).as_bytes());
    }
    true
}

/// Envoy keeps log fields in one word: white space becomes an underscore.
fn append_without_whitespace(text: Option<&Cow<'_, str>>, line: &mut Line) -> bool {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return false };
    let start = line.len();
    line.append(text.as_bytes());
    for byte in line.since(start) {
        if byte.is_ascii_whitespace() || *byte == b'\x0b' {
            *byte = b'_';
        }
    }
    true
}

/// The host's name, or its address where it has none.
fn host_name<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    let host = inputs.info.upstream.host.as_deref()?;
    Some(if host.hostname().is_empty() { host.address_text() } else { host.hostname() })
}

fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

/// What the connection manager chose, else the request's id.
fn append_stream_id(inputs: &Inputs<'_>, line: &mut Line) -> bool {
    let chosen = inputs.info.stream_id.as_deref().map(str::as_bytes);
    append_value(chosen.or_else(|| inputs.request?.get(HeaderId::X_REQUEST_ID)), line)
}

fn address_of<'a>(endpoint: Endpoint, inputs: &Inputs<'a>) -> Option<&'a Address> {
    let info = inputs.info;
    let of_connection = |address: fn(&Connection) -> &Address| info.connection.as_deref().map(address);
    match endpoint {
        Endpoint::DownstreamLocal => of_connection(|connection| &connection.local_address),
        Endpoint::DownstreamRemote => info.downstream_remote_address(),
        Endpoint::DownstreamDirectRemote => of_connection(|connection| &connection.direct_remote_address),
        Endpoint::UpstreamLocal => info.upstream.local_address.as_ref(),
        Endpoint::UpstreamRemote => info.upstream.remote_address.as_ref(),
    }
}

#[inline]
fn append_address(endpoint: Endpoint, form: AddressForm, inputs: &Inputs<'_>, line: &mut Line) -> bool {
    let Some(address) = address_of(endpoint, inputs) else { return false };
    match form {
        AddressForm::Whole => address.append(line),
        AddressForm::WithoutPort => address.append_without_port(line),
        AddressForm::Port => match address.port() {
            Some(port) => line.append_decimal(port.into()),
            None => return false,
        },
    }
    true
}
