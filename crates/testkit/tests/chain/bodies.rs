//! What becomes of bodies.

use nuncio_http::Direction::{Request, Response};
use nuncio_testkit::filters::{Act, On, Say, step};
use nuncio_testkit::rig::Setup;

use crate::exchange::{Exchange, GET, OK, POST, at, chunk, chunked, join, request};

const SIX: &str = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc";

#[test]
fn buffered_pieces_go_on_in_order_behind_the_head() {
    for say in [Say::Buffer, Say::Watermark] {
        for place in 0..3 {
            let steps = [step(On::RequestHead, 0, &[], Say::Stop), step(On::RequestData, 0, &[], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(SIX);
            assert_eq!(it.calls(), join(&[request(0, place + 1, "head"), request(0, place + 1, "abc")]));
            assert_eq!(it.up().to_string(), "nothing");
            it.ask("def");
            assert_eq!(it.up().to_string(), "POST abcdef", "{say:?} {place}");
        }
        for place in 0..3 {
            let steps = [step(On::ResponseHead, 0, &[], Say::Stop), step(On::ResponseData, 0, &[], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(GET).answer("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
            assert_eq!(it.down().to_string(), "nothing");
            it.answer("def");
            assert_eq!(it.down().to_string(), "200 abcdef", "{say:?} {place}");
        }
    }
}

#[test]
fn a_buffered_end_waits_for_its_filter() {
    for say in [Say::Buffer, Say::Watermark, Say::NoBuffer] {
        for place in 0..3 {
            let resume = Act::Later(10, vec![Act::Resume(Request)]);
            let steps = [step(On::RequestData, 0, &[resume], say), step(On::RequestData, 1, &[], say)];
            let mut it = Exchange::new(at(place, &steps));
            // Not announced, because one of the words takes it away.
            it.ask(&chunked("POST / HTTP/1.1"));
            it.ask(&format!("{}0\r\n\r\n", chunk("abc")));
            assert!(!it.up().is_complete);
            it.wait(10);
            let expected = if say == Say::NoBuffer { "POST" } else { "POST abc" };
            assert_eq!(it.up().to_string(), expected, "{say:?} {place}");
        }
    }
}

#[test]
fn pieces_that_are_not_buffered_go_nowhere() {
    for place in 0..3 {
        let steps = [step(On::RequestData, 0, &[], Say::NoBuffer)];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&chunked("POST / HTTP/1.1")).ask(&chunk("abc")).ask(&format!("{}0\r\n\r\n", chunk("def")));
        assert_eq!(it.up().to_string(), "POST def");
        let mut it = Exchange::new(at(place, &[step(On::ResponseData, 0, &[], Say::NoBuffer)]));
        it.ask(GET);
        it.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        it.answer(&chunk("abc")).answer(&format!("{}0\r\n\r\n", chunk("def")));
        assert_eq!(it.down().to_string(), "200 def");
    }
}

#[test]
fn pieces_and_held_bodies_can_be_replaced() {
    for place in 0..3 {
        let mut it = Exchange::new(at(place, &[step(On::RequestData, 0, &[Act::Replace("xyz")], Say::Continue)]));
        it.ask(POST);
        assert_eq!(it.up().to_string(), "POST xyz");
        let steps = [
            step(On::RequestData, 0, &[], Say::Buffer),
            step(On::RequestData, 1, &[Act::ReplaceHeld(Request, "123")], Say::Continue),
        ];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(SIX).ask("def");
        assert_eq!(it.up().to_string(), "POST 123def");
        let resume = Act::Later(5, vec![Act::ReplaceHeld(Response, "no"), Act::Resume(Response)]);
        let mut it = Exchange::new(at(place, &[step(On::ResponseHead, 0, &[resume], Say::StopAllBuffer)]));
        it.ask(GET).answer(OK).wait(5);
        assert_eq!(it.down().to_string(), "200 no");
    }
}

#[test]
fn added_data_goes_behind_the_piece_at_hand() {
    for place in 0..3 {
        let mut it = Exchange::new(at(place, &[step(On::RequestData, 0, &[Act::Add(Request, "+")], Say::Continue)]));
        it.ask(&chunked("POST / HTTP/1.1")).ask(&chunk("abc")).ask(&format!("{}0\r\n\r\n", chunk("d")));
        assert_eq!(it.up().to_string(), "POST abc+d");
        // What is held comes first, whenever it was added; so it is in Envoy.
        let steps = [
            step(On::RequestData, 0, &[Act::Add(Request, "+")], Say::Buffer),
            step(On::RequestData, 1, &[Act::Add(Request, "-")], Say::Continue),
        ];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&chunked("POST / HTTP/1.1")).ask(&chunk("abc")).ask(&format!("{}0\r\n\r\n", chunk("d")));
        assert_eq!(it.up().to_string(), "POST +abc-d");
    }
}

#[test]
fn injected_data_passes_what_is_held_but_the_head() {
    for place in 0..3 {
        let steps = [
            step(On::RequestHead, 0, &[], Say::Stop),
            step(On::RequestData, 0, &[Act::Inject(Request, "in", false)], Say::NoBuffer),
        ];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&chunked("POST / HTTP/1.1")).ask(&chunk("abc"));
        assert_eq!(it.up().to_string(), "POST in ...");
        it.ask(&format!("{}0\r\n\r\n", chunk("d")));
        assert_eq!(it.up().to_string(), "POST ind");
    }
}

#[test]
fn filters_may_hold_behind_one_another() {
    let hold =
        |millis| [step(On::RequestHead, 0, &[Act::Later(millis, vec![Act::Resume(Request)])], Say::StopAllBuffer)];
    for (a, b, c) in [(10, 20, 30), (10, 10, 10), (5, 5, 40)] {
        let mut it = Exchange::new([&hold(a), &hold(b), &hold(c)]);
        it.ask(POST).wait(a).wait(b);
        assert_eq!(it.up().to_string(), "nothing");
        it.wait(c);
        assert_eq!(it.up().to_string(), "POST abc");
    }
}

#[test]
fn a_body_in_watermark_mode_pauses_its_sender() {
    let limit = 16 * 1024;
    for (on, say) in [(On::RequestHead, Say::StopAllWatermark), (On::RequestData, Say::Watermark)] {
        for place in 0..3 {
            let setup = Setup { buffer_limit: limit, ..Setup::default() };
            let steps: Vec<_> =
                (0..200).map(|nth| step(on, nth, &[Act::Later(10, vec![Act::Resume(Request)])], say)).collect();
            let mut it = Exchange::with(setup, at(place, &steps[..if on == On::RequestHead { 1 } else { 200 }]));
            it.ask("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 500000\r\n\r\n").ask(&"x".repeat(500_000));
            assert!(it.client.unread() > 400_000, "{} were read", 500_000 - it.client.unread());
            for _ in 0..100 {
                it.wait(10);
            }
            assert_eq!((it.client.unread(), it.up().body.len()), (0, 500_000), "{on:?} {place}");
        }
    }
}

#[test]
fn a_response_in_watermark_mode_pauses_the_host() {
    let resume = Act::Later(10, vec![Act::Resume(Response)]);
    for place in 0..3 {
        let steps = [step(On::ResponseHead, 0, std::slice::from_ref(&resume), Say::StopAllWatermark)];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(GET).answer("HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n").answer(&"x".repeat(5_000_000));
        let unread = it.origin.as_ref().map(|origin| origin.unread()).unwrap_or_default();
        assert!(unread > 3_000_000, "{} were read", 5_000_000 - unread);
        it.wait(10);
        assert_eq!(it.down().body.len(), 5_000_000);
    }
}

#[test]
fn a_limit_of_zero_is_none() {
    let (size, body) = (3_000_000, "x".repeat(3_000_000));
    let resume = |direction| Act::Later(10, vec![Act::Resume(direction)]);
    for place in 0..3 {
        let steps = [
            step(On::RequestHead, 0, &[resume(Request)], Say::StopAllBuffer),
            step(On::ResponseHead, 0, &[resume(Response)], Say::StopAllBuffer),
        ];
        let mut it = Exchange::with(Setup { buffer_limit: 0, ..Setup::default() }, at(place, &steps));
        it.ask(&format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n{body}"));
        assert_eq!(it.seen(), ("nothing".to_owned(), "nothing".to_owned()));
        it.wait(10);
        assert_eq!(it.up().body.len(), size);
        it.answer(&format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n{body}"));
        assert_eq!(it.down().to_string(), "nothing");
        it.wait(10);
        assert_eq!(it.down().body.len(), size);
    }
}

#[test]
fn without_a_limit_any_body_is_kept_for_a_retry() {
    let ask = format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3000000\r\n\r\n{}", "x".repeat(3_000_000));
    for (buffer_limit, abandoned) in [(0, 0), (1024 * 1024, 1)] {
        let setup = Setup { buffer_limit, route: "retry_policy: {retry_on: 5xx}", ..Setup::default() };
        let mut it = Exchange::with(setup, at(0, &[]));
        it.ask(&ask).answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").wait(100);
        assert_eq!(it.rig.counter("cluster.a.retry_or_shadow_abandoned"), abandoned);
        if abandoned == 0 {
            it.answer(OK);
        }
        assert_eq!(it.down().to_string(), if abandoned == 0 { "200 ok" } else { "503" });
        assert_eq!(it.rig.counter("cluster.a.upstream_rq_retry"), 1 - abandoned);
    }
}
