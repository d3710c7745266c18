//! Local replies, resets, and bodies that are too large.

use nuncio_http::Direction::{Request, Response};
use nuncio_testkit::filters::{Act, On, Say, Step, step};
use nuncio_testkit::rig::Setup;

use crate::exchange::{Exchange, GET, NAMES, OK, POST, at};

/// Longer than a connection that ends waits for its peer.
const LINGER: u64 = 1001;

/// Each filter marks the response head that it sees, and B does something besides.
fn marked(b: &[Step]) -> [Vec<Step>; 3] {
    NAMES.map(|name| {
        let mut steps = vec![step(On::ResponseHead, 0, &[Act::Header(Response, "x-seen", name)], Say::Continue)];
        if name == "B" {
            steps.splice(0..0, b.iter().cloned());
        }
        steps
    })
}

fn exchange(setup: Setup, steps: &[Vec<Step>; 3]) -> Exchange {
    Exchange::with(setup, [&steps[0], &steps[1], &steps[2]])
}

#[test]
fn a_local_reply_runs_through_all_filters_in_reverse() {
    for (on, ask) in [(On::RequestHead, GET), (On::RequestHead, POST), (On::RequestData, POST)] {
        let steps = marked(&[step(on, 0, &[Act::Reply(418, "tea")], Say::StopAllBuffer)]);
        let mut it = exchange(Setup::default(), &steps);
        it.ask(ask);
        let down = it.down();
        assert_eq!((down.to_string().as_str(), down.all("x-seen").as_str()), ("418 tea", "C,B,A"));
        let calls = it.calls();
        assert!(calls.ends_with("A!418 B!418 C!418 C<head B<head A<head C<tea. B<tea. A<tea. A$ B$ C$"), "{calls}");
        // B replied before C was asked.
        assert!(on == On::RequestData || !calls.contains("C>"), "{calls}");
    }
}

#[test]
fn a_request_that_the_codec_rejects_is_answered_through_all_filters() {
    let mut it = exchange(Setup::default(), &marked(&[]));
    it.ask("GARBAGE\r\n\r\n");
    let down = it.down();
    assert_eq!((down.to_string().as_str(), down.all("x-seen").as_str()), ("400 Bad Request", "C,B,A"));
    assert!(!it.calls().contains('>'));
}

#[test]
fn so_is_one_that_the_manager_refuses() {
    let mut it = exchange(Setup::default(), &marked(&[]));
    it.ask("GET / HTTP/1.1\r\n\r\n");
    let down = it.down();
    assert_eq!((down.status(), down.all("x-seen").as_str()), (400, "C,B,A"));
}

#[test]
fn after_a_local_reply_no_request_callback_follows() {
    // C holds the reply, so that the stream lives on while the rest of the request comes.
    let hold = step(On::ResponseHead, 0, &[Act::Later(10, vec![Act::Resume(Response)])], Say::StopAllBuffer);
    let reply = step(On::RequestHead, 0, &[Act::Reply(403, "no")], Say::Stop);
    let mut it = Exchange::new([&[reply], &[], &[hold]]);
    it.ask("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc").calls();
    it.ask("def");
    assert_eq!(it.calls(), "");
    it.wait(10);
    assert_eq!(it.down().to_string(), "403 no");
}

#[test]
fn a_local_reply_while_the_response_is_held_bypasses_the_filters() {
    let late = Act::Later(10, vec![Act::Reply(503, "late")]);
    let steps = marked(&[step(On::ResponseHead, 0, &[late], Say::StopAllBuffer)]);
    let mut it = exchange(Setup::default(), &steps);
    it.ask(GET).answer(OK);
    it.calls();
    it.wait(10);
    let down = it.down();
    assert_eq!((down.to_string().as_str(), down.all("x-seen").as_str()), ("503 late", ""));
    assert_eq!(it.calls(), "A!503 B!503 C!503 A$ B$ C$");
}

#[test]
fn so_does_a_reply_from_a_response_callback() {
    for place in 0..3 {
        let reply = [step(On::ResponseHead, 0, &[Act::Reply(503, "no")], Say::Continue)];
        let mut it = Exchange::new(at(place, &reply));
        it.ask(GET).answer(OK);
        assert_eq!(it.down().to_string(), "503 no");
    }
}

#[test]
fn after_the_head_has_gone_a_local_reply_cuts_the_response_off() {
    for place in 0..3 {
        let reply = [step(On::ResponseData, 0, &[Act::Reply(503, "no")], Say::Continue)];
        let mut it = Exchange::new(at(place, &reply));
        it.ask(GET).answer(OK);
        assert_eq!(it.down().to_string(), "200 ...");
        it.wait(LINGER);
        assert!(it.client.is_closed());
        assert_eq!(it.rig.counter("http.in.downstream_rq_tx_reset"), 1);
    }
}

#[test]
fn a_reset_ends_the_stream_without_an_answer() {
    for on in [On::RequestHead, On::RequestData, On::ResponseHead, On::ResponseData] {
        for place in 0..3 {
            let mut it = Exchange::new(at(place, &[step(on, 0, &[Act::Reset], Say::Stop)]));
            it.ask(POST);
            if matches!(on, On::ResponseHead | On::ResponseData) {
                it.answer(OK);
            }
            assert!(it.calls().ends_with("A$ B$ C$"));
            it.wait(LINGER);
            let seen = if on == On::ResponseData { "200 ..." } else { "nothing" };
            assert_eq!((it.down().to_string().as_str(), it.client.is_closed()), (seen, true), "{on:?} {place}");
        }
    }
}

#[test]
fn a_client_that_goes_while_something_is_held_ends_the_stream() {
    for on in [On::RequestHead, On::ResponseHead] {
        for place in 0..3 {
            let later = Act::Later(10, vec![Act::Resume(Request), Act::Resume(Response)]);
            let mut it = Exchange::new(at(place, &[step(on, 0, &[later], Say::StopAllBuffer)]));
            it.ask(POST);
            if on == On::ResponseHead {
                it.answer(OK);
            }
            it.calls();
            it.client.reset();
            it.wait(0);
            assert_eq!(it.calls(), "A$ B$ C$");
            it.wait(20);
            assert_eq!(it.calls(), "");
        }
    }
}

#[test]
fn a_request_that_is_too_large_to_be_held_is_a_413_through_all_filters() {
    let setup = || Setup { buffer_limit: 32 * 1024, ..Setup::default() };
    let large = format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 40000\r\n\r\n{}", "x".repeat(40_000));
    for steps in [
        marked(&[step(On::RequestHead, 0, &[], Say::StopAllBuffer)]),
        marked(&(0..9).map(|nth| step(On::RequestData, nth, &[], Say::Buffer)).collect::<Vec<_>>()),
    ] {
        let mut it = exchange(setup(), &steps);
        it.ask(&large);
        let down = it.down();
        assert_eq!((down.to_string().as_str(), down.all("x-seen").as_str()), ("413 Payload Too Large", "C,B,A"));
        assert_eq!(down.header("connection"), Some("close"));
        assert_eq!(it.rig.counter("http.in.downstream_rq_too_large"), 1);
    }
}

#[test]
fn a_response_that_is_too_large_to_be_held_is_a_500_past_the_filters() {
    let setup = Setup { buffer_limit: 32 * 1024, ..Setup::default() };
    let steps = marked(&[step(On::ResponseHead, 0, &[], Say::StopAllBuffer)]);
    let mut it = exchange(setup, &steps);
    it.ask(GET).answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n{}", "x".repeat(40_000)));
    let down = it.down();
    assert_eq!((down.to_string().as_str(), down.all("x-seen").as_str()), ("500 Internal Server Error", ""));
    let names: Vec<_> = down.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "content-type", "date", "server"]);
    assert_eq!(it.rig.counter("http.in.rs_too_large"), 1);
}

#[test]
fn what_filters_may_not_remove_is_missed() {
    for place in 0..3 {
        let mut it =
            Exchange::new(at(place, &[step(On::ResponseHead, 0, &[Act::Remove(Response, ":status")], Say::Continue)]));
        it.ask(GET).answer(OK);
        assert_eq!(it.down().to_string(), "502 missing required header: :status");
        let mut it =
            Exchange::new(at(place, &[step(On::RequestHead, 0, &[Act::Remove(Request, ":method")], Say::Continue)]));
        it.ask(GET);
        assert_eq!(it.down().to_string(), "503 missing required header: :method");
        let mut it =
            Exchange::new(at(place, &[step(On::RequestHead, 0, &[Act::Remove(Request, ":path")], Say::Continue)]));
        it.ask(GET);
        assert_eq!(it.down().to_string(), "503 missing required header: :path");
    }
}
