//! What becomes of heads.

use nuncio_http::Direction::{Request, Response};
use nuncio_testkit::filters::{Act, On, Say, step};

use crate::exchange::{Exchange, GET, NO_BODY, OK, POST, at, join, request, response};

const END: &str = "A$ B$ C$";

#[test]
fn requests_go_in_order_and_responses_in_reverse() {
    let mut it = Exchange::new([&[], &[], &[]]);
    it.ask(POST).answer(OK);
    assert_eq!(
        it.calls(),
        "A>head B>head C>head A>abc B>abc C>abc A>. B>. C>. C<head B<head A<head C<ok B<ok A<ok C<. B<. A<. A$ B$ C$"
    );
    assert_eq!(it.seen(), ("POST abc".to_owned(), "200 ok".to_owned()));
}

#[test]
fn informational_responses_pass_everybody() {
    let mut it = Exchange::new([&[], &[], &[]]);
    it.ask(GET);
    it.calls();
    it.answer("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!((it.calls().as_str(), it.down().to_string().as_str()), ("C<1xx B<1xx A<1xx", "100"));
}

#[test]
fn a_stopped_head_that_ends_the_request_waits_for_its_filter() {
    for say in [Say::Stop, Say::StopAllBuffer, Say::StopAllWatermark] {
        for place in 0..3 {
            let steps = [step(On::RequestHead, 0, &[Act::Later(10, vec![Act::Resume(Request)])], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(GET).wait(9);
            assert_eq!(it.calls(), request(0, place + 1, "head."), "{say:?} {place}");
            assert_eq!(it.up().to_string(), "nothing");
            it.wait(1);
            assert_eq!(it.calls(), request(place + 1, 3, "head."), "{say:?} {place}");
            it.answer(NO_BODY);
            assert_eq!(it.calls(), join(&[response(2, 0, "head."), END.to_owned()]));
            assert_eq!(it.seen(), ("GET".to_owned(), "204".to_owned()));
        }
    }
}

#[test]
fn a_stopped_head_that_ends_the_response_waits_for_its_filter() {
    for say in [Say::Stop, Say::StopAllBuffer, Say::StopAllWatermark] {
        for place in 0..3 {
            let steps = [step(On::ResponseHead, 0, &[Act::Later(10, vec![Act::Resume(Response)])], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(GET).calls();
            it.answer(NO_BODY).wait(9);
            assert_eq!(it.calls(), response(2, place, "head."), "{say:?} {place}");
            assert_eq!(it.down().to_string(), "nothing");
            it.wait(1);
            let rest = if place == 0 { String::new() } else { response(place - 1, 0, "head.") };
            assert_eq!(it.calls(), join(&[rest, END.to_owned()]), "{say:?} {place}");
            assert_eq!(it.down().to_string(), "204");
        }
    }
}

#[test]
fn data_that_continues_lets_a_stopped_head_go_first() {
    for place in 0..3 {
        let mut it = Exchange::new(at(place, &[step(On::RequestHead, 0, &[], Say::Stop)]));
        it.ask(POST);
        let expected = [
            request(0, place + 1, "head"),
            request(0, place + 1, "abc"),
            request(place + 1, 3, "head"),
            request(place + 1, 3, "abc"),
            request(0, 3, "."),
        ];
        assert_eq!(it.calls(), join(&expected));
        assert_eq!(it.up().to_string(), "POST abc");
    }
    for place in 0..3 {
        let mut it = Exchange::new(at(place, &[step(On::ResponseHead, 0, &[], Say::Stop)]));
        it.ask(GET).calls();
        it.answer(OK);
        let after = |what| if place == 0 { String::new() } else { response(place - 1, 0, what) };
        let expected = [
            response(2, place, "head"),
            response(2, place, "ok"),
            after("head"),
            after("ok"),
            response(2, 0, "."),
            END.to_owned(),
        ];
        assert_eq!(it.calls(), join(&expected));
        assert_eq!(it.down().to_string(), "200 ok");
    }
}

#[test]
fn after_stop_all_a_filter_sees_the_body_when_it_resumes() {
    for say in [Say::StopAllBuffer, Say::StopAllWatermark] {
        for place in 0..3 {
            let steps = [step(On::RequestHead, 0, &[Act::Later(10, vec![Act::Resume(Request)])], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(POST);
            assert_eq!(
                it.calls(),
                join(&[request(0, place + 1, "head"), request(0, place, "abc"), request(0, place, ".")])
            );
            it.wait(10);
            let rest = [request(place + 1, 3, "head"), request(place, 3, "abc.")];
            assert_eq!(it.calls(), join(&rest), "{say:?} {place}");
            assert_eq!(it.up().to_string(), "POST abc");

            let steps = [step(On::ResponseHead, 0, &[Act::Later(10, vec![Act::Resume(Response)])], say)];
            let mut it = Exchange::new(at(place, &steps));
            it.ask(GET).answer(OK).calls();
            it.wait(10);
            let heads = if place == 0 { String::new() } else { response(place - 1, 0, "head") };
            assert_eq!(it.calls(), join(&[heads, response(place, 0, "ok."), END.to_owned()]), "{say:?} {place}");
            assert_eq!(it.down().to_string(), "200 ok");
        }
    }
}

#[test]
fn a_head_that_does_not_end_the_stream_is_followed_by_what_the_filter_promised() {
    for place in 0..3 {
        let promise = Act::Later(10, vec![Act::Inject(Request, "later", true)]);
        let mut it = Exchange::new(at(place, &[step(On::RequestHead, 0, &[promise], Say::DontEnd)]));
        it.ask(GET);
        assert_eq!(it.calls(), join(&[request(0, place + 1, "head."), request(place + 1, 3, "head")]));
        it.wait(10);
        assert_eq!(it.calls(), request(place + 1, 3, "later."));
        assert_eq!(it.up().to_string(), "GET later");

        let promise = Act::Later(10, vec![Act::Inject(Response, "later", true)]);
        let acts = [Act::Remove(Response, "content-length"), promise];
        let mut it = Exchange::new(at(place, &[step(On::ResponseHead, 0, &acts, Say::DontEnd)]));
        it.ask(GET).answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(it.down().to_string(), "200 ...");
        it.wait(10);
        assert_eq!(it.down().to_string(), "200 later");
    }
}

#[test]
fn data_added_to_a_message_without_a_body_gives_it_one() {
    for place in 0..3 {
        let mut it = Exchange::new(at(place, &[step(On::RequestHead, 0, &[Act::Add(Request, "new")], Say::Continue)]));
        it.ask(GET);
        let expected = [request(0, place + 1, "head."), request(place + 1, 3, "head"), request(place + 1, 3, "new.")];
        assert_eq!(it.calls(), join(&expected));
        assert_eq!(it.up().to_string(), "GET new");
        // The same when the head was stopped first.
        let steps = [step(
            On::RequestHead,
            0,
            &[Act::Add(Request, "new"), Act::Later(5, vec![Act::Add(Request, "er"), Act::Resume(Request)])],
            Say::Stop,
        )];
        let mut it = Exchange::new(at(place, &steps));
        it.ask(GET).wait(5).calls();
        assert_eq!(it.up().to_string(), "GET newer");
    }
}

#[test]
fn a_callback_may_resume_the_other_direction() {
    // C holds the response until the rest of the request has passed it.
    let steps = [
        step(On::ResponseHead, 0, &[], Say::StopAllBuffer),
        step(On::RequestData, 1, &[Act::Resume(Response)], Say::Continue),
    ];
    let mut it = Exchange::new(at(2, &steps));
    // A response that is over before its request would end that.
    it.ask("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc");
    it.answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(it.down().to_string(), "nothing");
    it.ask("def").answer("ok");
    assert_eq!(it.seen(), ("POST abcdef".to_owned(), "200 ok".to_owned()));
}

#[test]
fn a_filter_may_resume_in_the_callback_that_stops() {
    for say in [Say::Stop, Say::StopAllBuffer, Say::StopAllWatermark] {
        let steps = [
            step(On::RequestHead, 0, &[Act::Resume(Request)], say),
            step(On::ResponseHead, 0, &[Act::Resume(Response)], say),
        ];
        let mut it = Exchange::new([&steps, &steps, &steps]);
        it.ask(POST).answer(OK);
        assert_eq!(it.seen(), ("POST abc".to_owned(), "200 ok".to_owned()), "{say:?}");
    }
}
