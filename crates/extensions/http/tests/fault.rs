//! The fault filter in a worker whose time the test moves.

use std::sync::Arc;
use std::time::Duration;

use nuncio_config::{AnyConfig, At, Diagnostics};
use nuncio_http::FilterFactory;
use nuncio_proto::envoy::extensions::filters::common::fault::v3 as common;
use nuncio_proto::envoy::extensions::filters::http::fault::v3 as pb;
use nuncio_proto::envoy::r#type::v3::FractionalPercent;
use nuncio_testkit::rig::{A, Message, Rig, Setup};
use prost::{Message as _, Name};

const GET: &str = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
const ALL: Option<FractionalPercent> = Some(FractionalPercent { numerator: 100, denominator: 0 });

fn rig(proto: &pb::HttpFault) -> Rig {
    let any = prost_types::Any { type_url: pb::HttpFault::type_url(), value: proto.encode_to_vec() };
    let found = Diagnostics::new();
    let at = At::root(&found);
    let config = AnyConfig::parse(any, &at).expect("it has a type");
    let filter: Arc<dyn FilterFactory> = nuncio_extensions_http::filter("f0", &config, &at).expect("it is valid");
    Rig::new(&Setup { filters: vec![filter], ..Setup::default() })
}

fn delayed(millis: i32, max_active_faults: Option<u32>) -> pb::HttpFault {
    let span = prost_types::Duration { seconds: 0, nanos: millis * 1_000_000 };
    let fault_delay_secifier = Some(common::fault_delay::FaultDelaySecifier::FixedDelay(span));
    let delay = Some(common::FaultDelay { percentage: ALL, fault_delay_secifier });
    pb::HttpFault { delay, max_active_faults, ..Default::default() }
}

fn limited(limit_kbps: u64) -> pb::HttpFault {
    use common::fault_rate_limit::{FixedLimit, LimitType};
    let limit_type = Some(LimitType::FixedLimit(FixedLimit { limit_kbps }));
    let response_rate_limit = Some(common::FaultRateLimit { percentage: ALL, limit_type });
    pb::HttpFault { response_rate_limit, ..Default::default() }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_delay_holds_the_whole_request() {
    let rig = rig(&delayed(50, None));
    let client = rig.client();
    rig.send(&client, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc");
    rig.advance(ms(30));
    rig.send(&client, "def");
    rig.advance(ms(19));
    assert!(rig.try_origin(A).is_none());
    rig.advance(ms(1));
    let message = Message::parse(&rig.origin(A).take());
    assert_eq!((message.body.as_str(), message.is_complete), ("abcdef", true));
    assert_eq!(rig.counter("http.in.fault.delays_injected"), 1);
}

#[test]
fn faults_that_are_over_make_room_however_they_ended() {
    let rig = rig(&delayed(50, Some(1)));
    let (first, second) = (rig.client(), rig.client());
    rig.send(&first, GET);
    rig.send(&second, GET);
    // One is delayed, the other one too many, and passes.
    let origin = rig.origin(A);
    assert!(rig.try_origin(A).is_none());
    let counts = || (rig.counter("http.in.fault.delays_injected"), rig.counter("http.in.fault.faults_overflow"));
    assert_eq!(counts(), (1, 1));
    // The delayed client gives up.
    first.reset();
    rig.run();
    rig.send(&origin, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    rig.send(&second, GET);
    assert_eq!(counts(), (2, 1));
    rig.advance(ms(50));
    rig.send(&origin, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    // So did the next, by being answered.
    rig.send(&second, GET);
    assert_eq!(counts(), (3, 1));
}

#[test]
fn a_limited_body_goes_in_steps_and_its_end_with_the_last() {
    let rig = rig(&limited(10));
    let client = rig.client();
    rig.send(&client, GET);
    let origin = rig.origin(A);
    rig.send(&origin, format!("HTTP/1.1 200 OK\r\ncontent-length: 1500\r\n\r\n{}", "x".repeat(1500)));
    let mut answer = client.take();
    let length = |answer: &[u8]| Message::parse(answer).body.len();
    assert_eq!(length(&answer), 512);
    for (wait, expected) in [(49, 512), (1, 1024), (25, 1024), (25, 1500), (50, 1500)] {
        rig.advance(ms(wait));
        answer.extend(client.take());
        assert_eq!(length(&answer), expected);
    }
    // The connection is free again.
    rig.send(&client, GET);
    assert!(origin.text().contains("GET / HTTP/1.1"));
    assert_eq!(rig.counter("http.in.fault.response_rl_injected"), 2);
}

#[test]
fn trailers_wait_for_a_limited_body() {
    let rig = rig(&limited(1));
    let client = rig.client();
    rig.send(&client, GET);
    let origin = rig.origin(A);
    let body = "y".repeat(60);
    rig.send(
        &origin,
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3c\r\n{body}\r\n0\r\nx-t: 1\r\n\r\n"),
    );
    let mut answer = client.take();
    let seen = |answer: &[u8]| {
        let message = Message::parse(answer);
        (message.body.len(), message.trailers.len(), message.is_complete)
    };
    assert_eq!(seen(&answer), (51, 0, false));
    rig.advance(ms(50));
    answer.extend(client.take());
    assert_eq!(seen(&answer), (60, 1, true));
}
