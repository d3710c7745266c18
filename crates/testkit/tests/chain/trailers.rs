//! What becomes of trailers.

use nuncio_http::Direction::{Request, Response};
use nuncio_testkit::filters::{Act, On, Say, step};

use crate::exchange::{Exchange, GET, OK, POST, at, chunk, chunked, join, request};

fn with_trailers() -> String {
    format!("{}{}0\r\nx-t: 1\r\n\r\n", chunked("POST / HTTP/1.1"), chunk("abc"))
}

fn response_with_trailers() -> String {
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\nx-u: 2\r\n\r\n", chunk("ok"))
}

#[test]
fn trailers_pass_both_ways() {
    let mut it = Exchange::new([&[], &[], &[]]);
    it.ask(&with_trailers()).answer(&response_with_trailers());
    assert_eq!(it.seen(), ("POST abc +x-t=1".to_owned(), "200 ok +x-u=2".to_owned()));
    let calls = it.calls();
    assert!(calls.contains("A>trailers B>trailers C>trailers C<head"), "{calls}");
    assert!(calls.ends_with("C<trailers B<trailers A<trailers A$ B$ C$"), "{calls}");
}

#[test]
fn stopped_trailers_wait_for_their_filter() {
    for place in 0..3 {
        let steps = [step(On::RequestTrailers, 0, &[Act::Later(10, vec![Act::Resume(Request)])], Say::Stop)];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&with_trailers());
        assert_eq!(it.up().to_string(), "POST abc ...");
        it.calls();
        it.wait(10);
        assert_eq!(
            (it.calls(), it.up().to_string()),
            (request(place + 1, 3, "trailers"), "POST abc +x-t=1".to_owned())
        );
        let steps = [step(On::ResponseTrailers, 0, &[Act::Later(10, vec![Act::Resume(Response)])], Say::Stop)];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(GET).answer(&response_with_trailers());
        assert_eq!(it.down().to_string(), "200 ok ...");
        it.wait(10);
        assert_eq!(it.down().to_string(), "200 ok +x-u=2");
    }
}

#[test]
fn trailers_that_continue_let_everything_go_that_was_held() {
    for place in 0..3 {
        let steps = [
            step(On::RequestHead, 0, &[], Say::Stop),
            step(On::RequestData, 0, &[], Say::Buffer),
            step(On::RequestData, 1, &[], Say::Buffer),
        ];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&with_trailers());
        assert_eq!(it.up().to_string(), "POST abc +x-t=1");
    }
}

#[test]
fn after_stop_all_a_filter_sees_the_trailers_too() {
    for place in 0..3 {
        let steps = [step(On::RequestHead, 0, &[Act::Later(10, vec![Act::Resume(Request)])], Say::StopAllWatermark)];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(&with_trailers()).calls();
        it.wait(10);
        let calls = join(&[request(place + 1, 3, "head"), request(place, 3, "abc"), request(place, 3, "trailers")]);
        assert_eq!((it.calls(), it.up().to_string()), (calls, "POST abc +x-t=1".to_owned()));
    }
}

#[test]
fn trailers_added_with_the_end_follow_it_for_the_next_filters() {
    for place in 0..3 {
        let mut it =
            Exchange::new(at(place, &[step(On::RequestData, 0, &[Act::AddTrailer(Request, "x-new")], Say::Continue)]));
        it.ask(&chunked("POST / HTTP/1.1"));
        it.calls();
        it.ask(&format!("{}0\r\n\r\n", chunk("abc")));
        let up = it.up();
        assert_eq!(up.trailers.len(), 1, "{up:?}");
        assert!(it.calls().ends_with(request(place + 1, 3, "trailers").as_str()));
        // While the end is held.
        let add = Act::Later(5, vec![Act::AddTrailer(Response, "x-new"), Act::Resume(Response)]);
        let mut it = Exchange::new(at(place, &[step(On::ResponseHead, 0, &[add], Say::StopAllBuffer)]));
        it.ask("GET / HTTP/1.1\r\nhost: h\r\nte: trailers\r\n\r\n");
        it.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").wait(5);
        assert_eq!(it.down().trailers.len(), 1, "{:?}", it.down());
    }
}

#[test]
fn trailers_added_to_a_head_make_it_a_message_with_an_end_of_its_own() {
    for place in 0..3 {
        let mut it =
            Exchange::new(at(place, &[step(On::RequestHead, 0, &[Act::AddTrailer(Request, "x-new")], Say::Continue)]));
        it.ask(GET);
        let calls = [request(0, place + 1, "head."), request(place + 1, 3, "head"), request(place + 1, 3, "trailers")];
        assert_eq!(it.calls(), join(&calls));
        assert_eq!(it.up().trailers.len(), 1);
    }
}

#[test]
fn data_added_with_trailers_goes_before_them() {
    for place in 0..3 {
        let mut it =
            Exchange::new(at(place, &[step(On::RequestTrailers, 0, &[Act::Add(Request, "+")], Say::Continue)]));
        it.ask(&with_trailers());
        assert_eq!(it.up().to_string(), "POST abc+ +x-t=1");
        let add = [step(On::RequestTrailers, 0, &[Act::Add(Request, "+"), Act::Resume(Request)], Say::Stop)];
        let mut it = Exchange::new(at(place, &add));
        it.ask(&with_trailers());
        assert_eq!(it.up().to_string(), "POST abc+ +x-t=1");
    }
}

#[test]
fn trailers_that_are_all_removed_are_an_end_without_any() {
    for place in 0..3 {
        let mut it =
            Exchange::new(at(place, &[step(On::RequestTrailers, 0, &[Act::Remove(Request, "x-t")], Say::Continue)]));
        it.ask(&with_trailers());
        assert_eq!((it.up().to_string().as_str(), it.up().is_complete), ("POST abc", true));
        let mut it =
            Exchange::new(at(place, &[step(On::ResponseTrailers, 0, &[Act::Remove(Response, "x-u")], Say::Continue)]));
        it.ask(POST).answer(&response_with_trailers());
        assert_eq!((it.down().to_string().as_str(), it.down().is_complete), ("200 ok", true));
        it.ask(GET).answer(OK);
    }
}
