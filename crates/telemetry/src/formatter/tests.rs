//! Expectations are what Envoy 1.40 printed for the same request, or its texts.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_codec::Protocol;
use nuncio_message::HeaderMapKind;
use nuncio_message::Tick;

use super::*;
use crate::Address;
use crate::ClusterNames;
use crate::Connection;
use crate::HostDescription;
use crate::Moment;
use crate::ResponseFlag;

struct Host {
    address: Address,
    text: String,
    hostname: &'static str,
}

impl HostDescription for Host {
    fn address(&self) -> &Address {
        &self.address
    }

    fn address_text(&self) -> &str {
        &self.text
    }

    fn hostname(&self) -> &str {
        self.hostname
    }
}

fn ip(text: &str) -> Address {
    Address::from(text.parse::<SocketAddr>().unwrap())
}

fn host(address: &str, hostname: &'static str) -> Arc<dyn HostDescription> {
    Arc::new(Host { address: ip(address), text: address.to_owned(), hostname })
}

fn headers(list: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in list {
        headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
    }
    headers
}

/// A request that was proxied, as the stream and its heads tell.
struct Exchange {
    info: StreamInfo,
    request: Headers,
    response: Headers,
    trailers: Headers,
}

fn proxied() -> Exchange {
    let mut info = StreamInfo {
        start_micros: 1_795_507_481_728_506,
        bytes_sent: 2,
        protocol: Some(Protocol::Http11),
        response_code: Some(200),
        response_code_details: Some(Cow::Borrowed("via_upstream")),
        route_name: Some("named".into()),
        connection: Some(Rc::new(Connection {
            id: 1,
            local_address: ip("127.0.0.1:21800"),
            remote_address: ip("127.0.0.1:45144"),
            direct_remote_address: ip("127.0.0.1:45144"),
            requested_server_name: None,
            transport_failure_reason: None,
            filter_chain_name: None,
            listener_name: Some("l".into()),
        })),
        ..StreamInfo::default()
    };
    info.upstream.host = Some(host("127.0.0.1:21810", ""));
    info.upstream.cluster = Some(Arc::new(ClusterNames { name: "a".into(), observability_name: "alt_a".into() }));
    info.upstream.local_address = Some(ip("127.0.0.1:54508"));
    info.upstream.remote_address = Some(ip("127.0.0.1:21810"));
    info.upstream.connection_id = 2;
    info.upstream.protocol = Some(Protocol::Http11);
    info.upstream.attempt_count = 1;
    for (moment, at) in [
        (Moment::DownstreamConnectBegin, 999),
        (Moment::DownstreamReceiveBegin, 1_000),
        (Moment::DownstreamReceiveEnd, 1_000),
        (Moment::UpstreamSendBegin, 1_001),
        (Moment::UpstreamSendEnd, 1_001),
        (Moment::UpstreamReceiveBegin, 1_002),
        (Moment::DownstreamSendEnd, 1_002),
        (Moment::Complete, 1_002),
    ] {
        info.timing.mark(moment, Tick(at));
    }
    let request = headers(&[
        (":authority", "h.test"),
        (":path", "/rw/trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q"),
        (":method", "GET"),
        ("x-a", "abcdefgh"),
        ("x-empty", ""),
        ("x-multi", "one"),
        ("x-multi", "two"),
        ("accept", "a"),
        ("accept", "b"),
        ("content-type", "application/grpc"),
        ("x-request-id", "c06ef374-1be7-442a-a4c5-6f0232e251df"),
        ("x-envoy-original-path", "/trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q"),
    ]);
    let response = headers(&[(":status", "200"), ("x-r", "rrrr"), ("host", "resp-host")]);
    Exchange { info, request, response, trailers: headers(&[("x-t", "tv")]) }
}

fn direct() -> Exchange {
    let mut info = StreamInfo {
        start_micros: 1_795_507_481_732_681,
        bytes_sent: 6,
        protocol: Some(Protocol::Http11),
        response_code: Some(201),
        response_code_details: Some(Cow::Borrowed("direct_response")),
        ..StreamInfo::default()
    };
    info.timing.mark(Moment::DownstreamReceiveBegin, Tick(5));
    info.timing.mark(Moment::Complete, Tick(5));
    let request = headers(&[
        (":authority", "h.test"),
        (":path", "/none/plain"),
        (":method", "GET"),
        (":scheme", "http"),
        ("x-extra", "x-r: 1|x-r: 2"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "07632120-0c3d-44f4-a2d4-68479bda0c19"),
    ]);
    Exchange { info, request, response: headers(&[(":status", "201")]), trailers: Headers::new() }
}

#[track_caller]
fn check_on(exchange: &Exchange, format: &str, empty: Empty, expected: &str) {
    let mut line = Line::new();
    let inputs = Inputs {
        info: &exchange.info,
        request: Some(&exchange.request),
        response: Some(&exchange.response),
        trailers: Some(&exchange.trailers),
        local_reply_body: b"",
        log_type: LogType::DownstreamEnd,
    };
    Formatter::parse(format, empty).unwrap().append(&inputs, &mut line);
    assert_eq!(str::from_utf8(line.as_bytes()).unwrap(), expected, "{format}");
}

#[test]
fn operators_print_a_proxied_request_as_envoy_does() {
    let exchange = proxied();
    for line in [
        "%REQ(x-a)% => abcdefgh",
        "%REQ(HOST)% %REQ(x-none?host)% => h.test h.test",
        "%RESP(host)% %RESP(:authority)% => resp-host -",
        "%REQ(X-A):2% => ab",
        "%REQ(x-a):0% => ",
        "%REQ(x-none)% => -",
        "%REQ(x-none):0% => -",
        "%REQ(x-empty)% => ",
        "%REQ(x-empty?x-a)% => ",
        "%REQ(x-none?x-a)% => abcdefgh",
        "%REQ(x-none?x-none2)% => -",
        "%REQ(x-multi)% => one",
        "%REQ(accept)% => a,b",
        "%REQ(?x-a)% => abcdefgh",
        "%REQ(x-a?)% => abcdefgh",
        "%REQUEST_HEADER(x-a)% => abcdefgh",
        "%PATH% => /trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q",
        "%PATH()% => /trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q",
        "%PATH(NQ)% => /trail",
        "%PATH(WQ:ORIG)% => /trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q",
        "%PATH(NQ:PATH)% => /rw/trail",
        "%PATH(:PATH)% => /rw/trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q",
        "%PATH(NQ:ORIG_OR_PATH)% => /trail",
        "%PATH(WQ):3% => /tr",
        "%PATH(WQ:PATH:z):3% => /rw",
        "%QUERY_PARAM(a)% => 1",
        "%QUERY_PARAM(b)% => ",
        "%QUERY_PARAM(c)% => ",
        "%QUERY_PARAM(zz)% => -",
        "%QUERY_PARAM(enc)% => a b+c",
        "%QUERY_PARAM(enc):2% => a ",
        "%QUERY_PARAM(A)% => -",
        "%QUERY_PARAM(d%20e)% => -",
        "%QUERY_PARAM(d e)% => q",
        "%START_TIME% => 2026-11-24T08:04:41.728Z",
        "%START_TIME(%s)% => 1795507481",
        "%DURATION% => 2",
        "%REQUEST_DURATION% => 0",
        "%REQUEST_TX_DURATION% => 1",
        "%RESPONSE_DURATION% => 2",
        "%RESPONSE_TX_DURATION% => 0",
        "%COMMON_DURATION(DS_RX_BEG:DS_TX_END)% => 2",
        "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)% => 2000000",
        "%COMMON_DURATION(DS_CX_BEG:DS_RX_BEG:us)% => 1000",
        "%COMMON_DURATION(DS_TX_END:DS_RX_BEG:ns)% => -",
        "%COMMON_DURATION(DS_RX_BEG:FOO:ms)% => -",
        "%COMMON_DURATION(DS_RX_BEG:DS_CX_END:us)% => -",
        "%TRAILER(x-t)% => tv",
        "%RESPONSE_TRAILER(x-none?x-t):1% => t",
        "%RESP(:status)% => 200",
        "%RESP(x-r):2% => rr",
        "%GRPC_STATUS% => Unknown",
        "%GRPC_STATUS()% => Unknown",
        "%GRPC_STATUS(SNAKE_STRING)% => UNKNOWN",
        "%GRPC_STATUS(NUMBER)% => 2",
        "%GRPC_STATUS_NUMBER% => 2",
        "%RESPONSE_CODE_DETAILS(x)% => via_upstream",
        "%CONNECTION_TERMINATION_DETAILS% => -",
        "%RESPONSE_FLAGS% => -",
        "%RESPONSE_FLAGS_LONG% => -",
        "%BYTES_RECEIVED% %BYTES_SENT% => 0 2",
        "%PROTOCOL% %RESPONSE_CODE% => HTTP/1.1 200",
        "%CONNECTION_ID% %UPSTREAM_CONNECTION_ID% => 1 2",
        "%STREAM_ID% => c06ef374-1be7-442a-a4c5-6f0232e251df",
        "%ROUTE_NAME% %VIRTUAL_CLUSTER_NAME% => named -",
        "%ACCESS_LOG_TYPE% => DownstreamEnd",
        "%FILTER_CHAIN_NAME% %LISTENER_NAME% => - l",
        "%LOCAL_REPLY_BODY%%CUSTOM_FLAGS% => ",
        "%UPSTREAM_HOST% => 127.0.0.1:21810",
        "%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW% => alt_a a",
        "%UPSTREAM_LOCAL_ADDRESS% => 127.0.0.1:54508",
        "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% => 127.0.0.1",
        "%UPSTREAM_LOCAL_PORT% => 54508",
        "%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_REMOTE_PORT% => 127.0.0.1:21810 21810",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON% => -",
        "%UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_PROTOCOL% => 1 HTTP/1.1",
        "%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT% => 127.0.0.1:21810 127.0.0.1",
        "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_PORT% => 127.0.0.1:21800 21800",
        "%DOWNSTREAM_REMOTE_ADDRESS% => 127.0.0.1:45144",
        "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% => 127.0.0.1",
        "%DOWNSTREAM_DIRECT_REMOTE_PORT% => 45144",
        "%REQUESTED_SERVER_NAME% => -",
        "%%%REQ(x-a)%%% => %abcdefgh%",
    ] {
        let (format, expected) = line.split_once(" => ").unwrap();
        check_on(&exchange, format, Empty::Dash, expected);
    }
}

#[test]
fn operators_print_a_direct_response_as_envoy_does() {
    let exchange = direct();
    for line in [
        "%PATH(WQ:ORIG)% %PATH(WQ:ORIG):3% %PATH(NQ:ORIG_OR_PATH)% => - - /none/plain",
        "%QUERY_PARAM(a)% => -",
        "%REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %DURATION% => - - - 0",
        "%GRPC_STATUS% %GRPC_STATUS_NUMBER% => - -",
        "%REQUEST_HEADERS_BYTES% => 142",
        "%UPSTREAM_CONNECTION_ID% %UPSTREAM_REQUEST_ATTEMPT_COUNT% => 0 0",
        "%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_PORT% %UPSTREAM_PROTOCOL% => - - - -",
        "%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT% => - -",
        "%ROUTE_NAME% => -",
        "%ENVIRONMENT(NUNCIO_NO_SUCH_VARIABLE)% => -",
    ] {
        let (format, expected) = line.split_once(" => ").unwrap();
        check_on(&exchange, format, Empty::Dash, expected);
    }
}

#[test]
fn the_default_format_prints_envoys_line() {
    let line = "[2026-11-24T08:04:41.728Z] \"GET /trail?a=1&b=&c&enc=a%20b+c&a=2&d%20e=q HTTP/1.1\" 200 - 0 2 2 - \"-\" \
        \"-\" \"c06ef374-1be7-442a-a4c5-6f0232e251df\" \"h.test\" \"127.0.0.1:21810\"\n";
    check_on(&proxied(), Formatter::DEFAULT, Empty::Dash, line);
}

#[test]
fn omitted_empty_values_leave_nothing_but_flags_keep_their_dash() {
    check_on(&direct(), "[%REQ(x-none)%] [%REQ(:PATH)%]", Empty::Nothing, "[] [/none/plain]");
    check_on(&direct(), "[%RESPONSE_FLAGS%]", Empty::Nothing, "[-]");
}

#[test]
fn flags_are_printed_in_the_order_in_which_they_were_set() {
    let mut exchange = direct();
    for flag in [ResponseFlag::DelayInjected, ResponseFlag::UpstreamRetryLimitExceeded] {
        exchange.info.flags.set(flag);
    }
    exchange.info.flags.set(ResponseFlag::UpstreamConnectionFailure);
    check_on(&exchange, "%RESPONSE_FLAGS%", Empty::Dash, "DI,URX,UF");
    let long = "DelayInjected,UpstreamRetryLimitExceeded,UpstreamConnectionFailure";
    check_on(&exchange, "%RESPONSE_FLAGS_LONG%", Empty::Dash, long);
}

#[test]
fn details_are_one_word_unless_white_space_is_allowed() {
    let mut exchange = direct();
    exchange.info.response_code_details = Some(Cow::Borrowed("a b\tc"));
    exchange.info.upstream.transport_failure_reason = Some(Cow::Borrowed("delayed connect error: Connection refused"));
    check_on(&exchange, "%RESPONSE_CODE_DETAILS%", Empty::Dash, "a_b_c");
    check_on(&exchange, "%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", Empty::Dash, "a b\tc");
    let reason = "delayed_connect_error:_Connection_refused";
    check_on(&exchange, "%UPSTREAM_TRANSPORT_FAILURE_REASON%", Empty::Dash, reason);
}

#[test]
fn a_host_with_a_name_prints_it() {
    let mut exchange = proxied();
    exchange.info.upstream.host = Some(host("127.0.0.1:1", "host-a.test"));
    check_on(
        &exchange,
        "%UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%",
        Empty::Dash,
        "host-a.test host-a.test",
    );
}

#[test]
fn the_grpc_status_comes_from_trailers_then_head_then_http() {
    check("application/grpc", Some("5"), Some("7"), "PermissionDenied PERMISSION_DENIED 7");
    check("application/grpc+proto", Some("5"), None, "NotFound NOT_FOUND 5");
    check("application/grpc", Some("99"), None, "99 99 99");
    check("application/grpc", Some("abc"), None, "-1 -1 -1");
    check("application/grpc", Some("-1"), None, "-1 -1 -1");
    check("application/grpc", Some(""), None, "Unknown UNKNOWN 2");
    check("application/grpc", Some("0"), None, "OK OK 0");
    check("application/grpc", Some("1"), None, "Canceled CANCELLED 1");
    check("application/grpc", Some("17"), None, "17 17 17");
    check("application/grpcx", Some("5"), None, "- - -");
    check("application/grpc;x", Some("5"), None, "- - -");

    #[track_caller]
    fn check(content_type: &str, head: Option<&str>, trailer: Option<&str>, expected: &str) {
        let mut exchange = proxied();
        exchange.request.set_by_name(b"content-type", content_type.as_bytes());
        for (headers, status) in [(&mut exchange.response, head), (&mut exchange.trailers, trailer)] {
            if let Some(status) = status {
                headers.set_by_name(b"grpc-status", status.as_bytes());
            }
        }
        check_on(&exchange, "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%", Empty::Dash, expected);
    }
}

#[test]
fn wrong_operators_are_refused_in_envoys_words() {
    for line in [
        "%FOO% => Not supported field in StreamInfo: FOO (at position 0)",
        "abc %REQ(a)% %FOO(b):3% => Not supported field in StreamInfo: FOO (at position 13)",
        "%VIRTUAL_HOST_NAME% => Not supported field in StreamInfo: VIRTUAL_HOST_NAME (at position 0)",
        "a%REQ => Incorrect configuration: a%REQ. Couldn't find valid command at position 1",
        "%REQ% => REQ requires parameters (%REQ% at position 0)",
        "%REQ()% => REQ requires parameters (%REQ% at position 0)",
        "%RESP% => RESP requires parameters (%RESP% at position 0)",
        "%TRAILER% => TRAILER requires parameters (%TRAILER% at position 0)",
        "%QUERY_PARAM()% => QUERY_PARAM requires parameters (%QUERY_PARAM% at position 0)",
        "%ENVIRONMENT% => ENVIRONMENT requires parameters (%ENVIRONMENT% at position 0)",
        "%COMMON_DURATION% => COMMON_DURATION requires parameters (%COMMON_DURATION% at position 0)",
        "%REQ(a?b?c)% => More than 1 alternative header specified in token: a?b?c (%REQ% at position 0)",
        "%REQ(a b)% => Invalid header configuration. Format string contains invalid characters. (%REQ% at position 0)",
        "%RESP(a:b)% => Invalid header configuration. Format string contains invalid characters. (%RESP% at position 0)",
        "%START_TIME:5% => START_TIME does not allow length to be specified. (%START_TIME% at position 0)",
        "%GRPC_STATUS:3% => GRPC_STATUS does not allow length to be specified. (%GRPC_STATUS% at position 0)",
        "%RESPONSE_CODE:2% => RESPONSE_CODE does not take any parameters or length (%RESPONSE_CODE% at position 0)",
        "%PROTOCOL(x)% => PROTOCOL does not take any parameters or length (%PROTOCOL% at position 0)",
        "%UPSTREAM_HOST:3% => UPSTREAM_HOST does not take any parameters or length (%UPSTREAM_HOST% at position 0)",
        "%COMMON_DURATION(a)% => Invalid common duration configuration: a. (%COMMON_DURATION% at position 0)",
        "%COMMON_DURATION(a:b:)% => Invalid common duration precision: . (%COMMON_DURATION% at position 0)",
        "%PATH(X)% => Invalid PATH option: 'X', only 'WQ'/'NQ' are allowed (%PATH% at position 0)",
        "%PATH(WQ:X)% => Invalid PATH option: 'X', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed (%PATH% at position 0)",
        "%GRPC_STATUS(x)% => GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: x (%GRPC_STATUS% at position 0)",
        "a %FILTER_STATE(a:b)% => FILTER_STATE is not supported yet (at position 2)",
        "%REQUESTED_SERVER_NAME(HOST_FIRST)% => REQUESTED_SERVER_NAME(HOST_FIRST) is not supported yet (at position 0)",
    ] {
        let (format, expected) = line.split_once(" => ").unwrap();
        assert_eq!(Formatter::parse(format, Empty::Dash).unwrap_err().to_string(), expected, "{format}");
    }
}

#[test]
fn odd_but_valid_operators_are_accepted() {
    for format in ["%DURATION()%", "%REQ(?)%", "%REQ(a~b|c^d`e'f#g$h&i*j+k!)%", "%COMMON_DURATION(:b:ms)%"] {
        assert!(Formatter::parse(format, Empty::Dash).is_ok(), "{format}");
    }
}
