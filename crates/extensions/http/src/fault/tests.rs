//! Expected values are answers of Envoy 1.40 to the same configuration and requests.

use std::time::Duration;

use common::fault_delay::FaultDelaySecifier;
use nuncio_config::{At, Diagnostics};
use nuncio_message::Headers;
use nuncio_proto::envoy::extensions::filters::common::fault::v3 as common;
use nuncio_proto::envoy::extensions::filters::http::fault::v3 as pb;
use nuncio_proto::envoy::r#type::v3::FractionalPercent;
use pb::fault_abort::ErrorType;

use super::config::{Abort, Delay, Settings, Status};
use super::request::downstream_cluster;

fn parse(proto: pb::HttpFault) -> Result<Settings, Vec<String>> {
    let found = Diagnostics::new();
    Settings::parse(proto, &At::root(&found)).map_err(|_| {
        let lines = found.sorted();
        lines.iter().map(|found| format!("{}: {}", found.path, found.message)).collect()
    })
}

fn percent(numerator: u32) -> Option<FractionalPercent> {
    Some(FractionalPercent { numerator, denominator: 0 })
}

fn abort(error_type: ErrorType, percentage: Option<FractionalPercent>) -> Abort {
    let abort = pb::FaultAbort { percentage, response_body: String::new(), error_type: Some(error_type) };
    parse(pb::HttpFault { abort: Some(abort), ..Default::default() }).expect("valid").abort.expect("it was set")
}

fn delay(specifier: FaultDelaySecifier, percentage: Option<FractionalPercent>) -> Delay {
    let delay = common::FaultDelay { percentage, fault_delay_secifier: Some(specifier) };
    parse(pb::HttpFault { delay: Some(delay), ..Default::default() }).expect("valid").delay.expect("it was set")
}

fn request(headers: &[(&str, &str)]) -> Headers {
    let mut request = Headers::new();
    for (name, value) in headers {
        request.push_name(name.as_bytes(), value.as_bytes());
    }
    request
}

#[test]
fn errors_stand_at_their_place() {
    let check = |proto: pb::HttpFault, expected: &[&str]| {
        assert_eq!(parse(proto).err().unwrap_or_default(), expected);
    };
    check(pb::HttpFault::default(), &[]);
    let with_status = |status| {
        let abort = pb::FaultAbort { error_type: Some(ErrorType::HttpStatus(status)), ..Default::default() };
        pb::HttpFault { abort: Some(abort), ..Default::default() }
    };
    check(with_status(199), &["abort.http_status: must be from 200 to 599, is 199"]);
    check(with_status(600), &["abort.http_status: must be from 200 to 599, is 600"]);
    check(with_status(599), &[]);
    let empty = pb::HttpFault {
        abort: Some(pb::FaultAbort::default()),
        delay: Some(common::FaultDelay::default()),
        ..Default::default()
    };
    check(
        empty,
        &[
            "abort: one of 'http_status', 'grpc_status' and 'header_abort' must be set",
            "delay: one of 'fixed_delay' and 'header_delay' must be set",
        ],
    );
    let zero = FaultDelaySecifier::FixedDelay(prost_types::Duration::default());
    let zero = common::FaultDelay { fault_delay_secifier: Some(zero), ..Default::default() };
    check(
        pb::HttpFault { delay: Some(zero), ..Default::default() },
        &["delay.fixed_delay: a duration must be above 0s here"],
    );
    // Without a runtime the keys mean nothing.
    check(pb::HttpFault { abort_percent_runtime: "key".into(), ..Default::default() }, &[]);
}

#[test]
fn a_share_of_requests_is_aborted() {
    let fixed = |numerator, random| abort(ErrorType::HttpStatus(503), percent(numerator)).draw(&request(&[]), random);
    assert_eq!(fixed(30, 29), Some(Status::Http(503)));
    assert_eq!(fixed(30, 30), None);
    assert_eq!(fixed(200, 99), Some(Status::Http(503)));
    assert_eq!(fixed(0, 0), None);
    assert_eq!(abort(ErrorType::HttpStatus(503), None).draw(&request(&[]), 0), None);
    assert_eq!(abort(ErrorType::GrpcStatus(99), percent(100)).draw(&request(&[]), 99), Some(Status::Grpc(99)));
    // The headers have no say in what is fixed.
    let lowered = request(&[("x-envoy-fault-abort-request-percentage", "0")]);
    assert!(abort(ErrorType::HttpStatus(503), percent(100)).draw(&lowered, 99).is_some());
}

#[test]
fn headers_say_how_to_abort() {
    const HTTP: &str = "x-envoy-fault-abort-request";
    const GRPC: &str = "x-envoy-fault-abort-grpc-request";
    const SHARE: &str = "x-envoy-fault-abort-request-percentage";
    let check = |headers: &[(&str, &str)], expected: Option<Status>| {
        let abort = abort(ErrorType::HeaderAbort(pb::fault_abort::HeaderAbort {}), percent(100));
        assert_eq!(abort.draw(&request(headers), 50), expected, "{headers:?}");
    };
    check(&[], None);
    for (value, expected) in [
        ("503", Some(503)),
        (" 503 ", Some(503)),
        ("+503", Some(503)),
        ("599", Some(599)),
        ("199", None),
        ("600", None),
    ] {
        check(&[(HTTP, value)], expected.map(Status::Http));
    }
    for value in ["503.0", "abc", "", "-503", "65739"] {
        check(&[(HTTP, value)], None);
    }
    check(&[(HTTP, "503"), (HTTP, "504")], Some(Status::Http(503)));
    check(&[(HTTP, "503"), (GRPC, "5")], Some(Status::Http(503)));
    check(&[(HTTP, "x"), (GRPC, "5")], Some(Status::Grpc(5)));
    check(&[(GRPC, "99")], Some(Status::Grpc(99)));
    check(&[(GRPC, "-1")], None);
    check(&[(HTTP, "503"), (SHARE, "0")], None);
    check(&[(HTTP, "503"), (SHARE, "51")], Some(Status::Http(503)));
    for value in ["x", "200", "-5"] {
        check(&[(HTTP, "503"), (SHARE, value)], Some(Status::Http(503)));
    }
}

#[test]
fn delays_are_whole_milliseconds() {
    let fixed = |seconds, nanos| {
        let delay = delay(FaultDelaySecifier::FixedDelay(prost_types::Duration { seconds, nanos }), percent(100));
        delay.draw(&request(&[]), 0)
    };
    assert_eq!(fixed(1, 1_999_999), Some(Duration::from_millis(1_001)));
    assert_eq!(fixed(0, 100_000), None);
    let check = |headers: &[(&str, &str)], expected: Option<u64>| {
        let delay = delay(FaultDelaySecifier::HeaderDelay(common::fault_delay::HeaderDelay {}), percent(100));
        assert_eq!(delay.draw(&request(headers), 50), expected.map(Duration::from_millis), "{headers:?}");
    };
    const DELAY: &str = "x-envoy-fault-delay-request";
    check(&[], None);
    check(&[(DELAY, "50")], Some(50));
    for value in ["0", "abc", "-5"] {
        check(&[(DELAY, value)], None);
    }
    check(&[(DELAY, "50"), ("x-envoy-fault-delay-request-percentage", "0")], None);
    check(&[(DELAY, "50"), ("x-envoy-fault-delay-request-percentage", "100")], Some(50));
}

#[test]
fn faults_are_for_nodes_and_headers_that_match() {
    use nuncio_proto::envoy::config::route::v3::HeaderMatcher;
    let header = |name: &str| HeaderMatcher { name: name.into(), ..Default::default() };
    let settings = parse(pb::HttpFault {
        downstream_nodes: vec!["n1".into(), "n2".into()],
        headers: vec![header("x-a"), header("x-b")],
        ..Default::default()
    })
    .expect("valid");
    const NODE: &str = "x-envoy-downstream-service-node";
    let check = |headers: &[(&str, &str)], expected| {
        assert_eq!(settings.matches(&request(headers)), expected, "{headers:?}");
    };
    check(&[(NODE, "n2"), ("x-a", ""), ("x-b", "1")], true);
    check(&[(NODE, "n2"), ("x-a", "")], false);
    check(&[(NODE, "n3"), ("x-a", ""), ("x-b", "1")], false);
    check(&[("x-a", ""), ("x-b", "1")], false);
    assert!(parse(pb::HttpFault::default()).is_ok_and(|settings| settings.matches(&request(&[]))));
    assert_eq!(downstream_cluster(&request(&[("x-envoy-downstream-service-cluster", "a:b.c")])), b"a:b.c");
}
