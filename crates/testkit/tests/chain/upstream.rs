//! The filters that each attempt has of its own.

use nuncio_http::Direction::{Request, Response};
use nuncio_testkit::filters::{Act, On, Say, Step, new_log, script, step};
use nuncio_testkit::rig::{A, Message, Setup};

use crate::exchange::{Exchange, GET, OK, POST, chunk, chunked};

/// A and then U in the connection manager and the cluster.
fn exchange(setup: Setup, a: &[Step], u: &[Step]) -> Exchange {
    let log = new_log();
    let (filters, cluster_filters) = (vec![script("A", &log, a)], vec![script("U", &log, u)]);
    Exchange::of(Setup { filters, cluster_filters, ..setup }, log)
}

const RETRY: &str = "retry_policy: {retry_on: connect-failure, num_retries: 2}";

#[test]
fn they_stand_between_the_router_and_the_codec() {
    let mut it = exchange(Setup::default(), &[], &[]);
    it.ask(POST).answer(OK);
    assert_eq!(it.calls(), "A>head U>head A>abc U>abc A>. U>. U<head A<head U<ok A<ok U<. U$ A<. A$");
    assert_eq!(it.seen(), ("POST abc".to_owned(), "200 ok".to_owned()));
}

#[test]
fn what_they_change_comes_behind_the_routers_own_headers() {
    let steps = [
        step(On::RequestHead, 0, &[Act::Header(Request, "x-up", "1")], Say::Continue),
        step(On::ResponseHead, 0, &[Act::Header(Response, "x-down", "1")], Say::Continue),
    ];
    let mut it = exchange(Setup::default(), &[], &steps);
    it.ask(GET).answer(OK);
    let names = |message: Message| message.headers.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(it.up()), ["host", "x-forwarded-proto", "x-envoy-expected-rq-timeout-ms", "x-up"]);
    assert_eq!(names(it.down()), ["content-length", "x-down", "x-envoy-upstream-service-time", "date", "server"]);
}

#[test]
fn a_clusters_filters_replace_the_routers() {
    let log = new_log();
    let cluster_filters = vec![script("U", &log, &[])];
    let router_filters = vec![script("R", &log, &[])];
    let mut it = Exchange::of(Setup { cluster_filters, router_filters, ..Setup::default() }, log);
    it.ask(GET);
    assert_eq!(it.calls(), "U>head.");
    let log = new_log();
    let router_filters = vec![script("R", &log, &[])];
    let mut it = Exchange::of(Setup { router_filters, ..Setup::default() }, log);
    it.ask(GET).answer(OK);
    assert_eq!(it.calls(), "R>head. R<head R<ok R<. R$");
}

#[test]
fn each_attempt_has_them_anew_and_what_they_changed_stays() {
    let steps = [
        step(On::RequestHead, 0, &[Act::Header(Request, "x-up", "1")], Say::Continue),
        step(On::RequestData, 0, &[Act::Replace("XYZ")], Say::Continue),
    ];
    let mut it = exchange(Setup { route: RETRY, ..Setup::default() }, &[], &steps);
    it.rig.refuse(A);
    it.ask(POST);
    it.rig.accept(A);
    it.wait(30);
    assert_eq!(it.calls(), "A>head U>head A>abc U>abc A>. U>. U$ U>head U>abc U>.");
    let up = it.up();
    assert_eq!((up.to_string().as_str(), up.all("x-up").as_str()), ("POST XYZ", "1,1"));
    it.answer(OK);
    assert_eq!(it.down().to_string(), "200 ok");
}

#[test]
fn a_body_with_trailers_is_played_to_the_next_attempt_too() {
    let mut it = exchange(Setup { route: RETRY, ..Setup::default() }, &[], &[]);
    it.rig.refuse(A);
    it.ask(&chunked("POST / HTTP/1.1")).ask(&chunk("abc"));
    it.rig.accept(A);
    it.ask(&format!("{}0\r\nx-t: 1\r\n\r\n", chunk("def"))).wait(30);
    assert_eq!(it.up().to_string(), "POST abcdef +x-t=1");
}

#[test]
fn a_held_head_takes_no_connection_from_others() {
    for say in [Say::Stop, Say::StopAllBuffer, Say::StopAllWatermark] {
        let steps = [step(On::RequestHead, 0, &[Act::Later(10, vec![Act::Resume(Request)])], say)];
        for is_http2_upstream in [false, true] {
            let setup = Setup { is_http2_upstream, ..Setup::default() };
            let mut it = exchange(setup, &[], &steps);
            it.ask(GET).wait(9);
            // The connection is there, and empty but for HTTP/2's preface.
            let origin = it.rig.origin(A);
            assert!(!origin.text().contains("host"));
            it.wait(1);
            let bytes = origin.take();
            assert!(!bytes.is_empty(), "{say:?}");
            assert!(is_http2_upstream || Message::parse(&bytes).to_string() == "GET");
        }
    }
}

#[test]
fn a_held_response_waits_and_its_connection_is_free() {
    let steps = [step(On::ResponseHead, 0, &[Act::Later(10, vec![Act::Resume(Response)])], Say::StopAllBuffer)];
    let mut it = exchange(Setup::default(), &[], &steps);
    it.ask(GET).answer(OK);
    assert_eq!(it.down().to_string(), "nothing");
    let other = it.rig.client();
    it.rig.send(&other, GET);
    assert_eq!(it.origin.as_ref().map(|origin| Message::parse(&origin.take()).to_string()), Some("GET".to_owned()));
    it.wait(10);
    assert_eq!(it.down().to_string(), "200 ok");
}

#[test]
fn their_local_replies_run_through_the_managers_filters_only() {
    for on in [On::RequestHead, On::RequestData] {
        let mut it = exchange(Setup::default(), &[], &[step(on, 0, &[Act::Reply(418, "up")], Say::Stop)]);
        it.ask(POST);
        assert_eq!(it.down().to_string(), "418 up");
        let calls = it.calls();
        assert!(calls.ends_with("U$ A!418 A<head A<up. A$") && !calls.contains("U<"), "{calls}");
    }
}

#[test]
fn what_is_too_large_for_them_is_counted_nowhere() {
    let setup = Setup { buffer_limit: 32 * 1024, ..Setup::default() };
    let mut it = exchange(setup, &[], &[step(On::RequestHead, 0, &[], Say::StopAllBuffer)]);
    it.ask(&format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 40000\r\n\r\n{}", "x".repeat(40_000)));
    assert_eq!(it.down().to_string(), "413 Payload Too Large");
    assert_eq!(it.rig.counter("http.in.downstream_rq_too_large"), 0);
}

#[test]
fn what_they_may_not_remove_is_missed() {
    let mut it =
        exchange(Setup::default(), &[], &[step(On::RequestHead, 0, &[Act::Remove(Request, ":path")], Say::Continue)]);
    it.ask(GET);
    assert_eq!(it.down().to_string(), "503 missing required header: :path");
}

#[test]
fn a_host_that_goes_while_they_hold_the_response_has_broken_the_protocol() {
    let steps = [step(On::ResponseHead, 0, &[], Say::StopAllBuffer)];
    let mut it = exchange(Setup::default(), &[], &steps);
    it.ask(GET).answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel");
    it.origin.as_ref().expect("the proxy has connected").reset();
    it.wait(0);
    // As Envoy, which misses the rest of the body, and has sent nothing yet.
    assert_eq!(it.down().status(), 502);
}
