//! Our client against our server, in memory.

mod http2_world;

use http2_world::{Pair, head, text, written};
use nuncio_codec::http2::Options;
use nuncio_codec::{ErrorCode, Event, ResetCause};
use nuncio_message::{Chunk, Tick};

const GET: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "h")];
const POST: &[(&str, &str)] = &[(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "h")];

#[test]
fn a_request_and_its_response() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let id = pair.client.open().expect("nothing is open");
    pair.client.send_head(id, &head(GET), true);
    assert_eq!(pair.run_server(), ["head 1 end :method=GET :scheme=http :path=/a :authority=h"]);
    pair.server.send_head(id, &head(&[(":status", "200"), ("x-a", "b")]), false);
    pair.server.send_data(id, Chunk::copy_from(b"hello"), false);
    pair.server.send_trailers(id, &head(&[("x-t", "1")]));
    assert_eq!(pair.run_client(), ["max streams 1024", "head 1 :status=200 x-a=b", "data 1 hello", "trailers 1 x-t=1"]);
    assert_eq!((pair.client.active_streams(), pair.server.active_streams()), (0, 0));
}

#[test]
fn trailers_of_requests_are_counted_and_those_of_responses_are_not() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let id = pair.client.open().expect("nothing is open");
    pair.client.send_head(id, &head(POST), false);
    pair.client.send_trailers(id, &head(&[("x-t", "1")]));
    pair.run_server();
    pair.server.send_head(id, &head(&[(":status", "200")]), false);
    pair.server.send_trailers(id, &head(&[("x-t", "1")]));
    pair.run_client();
    assert_eq!((pair.server.tally().trailers, pair.client.tally().trailers), (1, 0));
}

#[test]
fn informational_responses_come_before_the_final_one() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let id = pair.client.open().expect("nothing is open");
    pair.client.send_head(id, &head(POST), false);
    pair.client.send_data(id, Chunk::copy_from(b"body"), true);
    assert_eq!(pair.run_server(), ["head 1 :method=POST :scheme=http :path=/a :authority=h", "data 1 end body"]);
    pair.server.send_informational(id, &head(&[(":status", "103"), ("link", "x")]));
    pair.server.send_head(id, &head(&[(":status", "204")]), true);
    assert_eq!(pair.run_client(), ["max streams 1024", "informational 1 :status=103 link=x", "head 1 end :status=204"]);
}

#[test]
fn bodies_wait_for_window_and_share_it_fairly() {
    let small =
        Options { initial_stream_window_size: 65_535, initial_connection_window_size: 65_535, ..Options::default() };
    let mut pair = Pair::new(Options::default(), small);
    let ids: Vec<_> = (0..3).map(|_| pair.client.open().expect("room for three")).collect();
    pair.run_server();
    pair.run_client();
    for &id in &ids {
        pair.client.send_head(id, &head(POST), false);
        pair.client.send_data(id, Chunk::copy_from(&vec![b'x'; 50_000]), true);
    }
    assert_eq!(ids.iter().map(|&id| pair.client.queued(id)).sum::<usize>(), 150_000 - 65_535);
    let mut got = [0usize; 3];
    let mut order = Vec::new();
    while got.iter().sum::<usize>() < 150_000 {
        let events = pair.server_events();
        assert!(!events.is_empty(), "no progress at {got:?}");
        for event in events {
            if let Event::Data { stream, data, .. } = event {
                got[(stream as usize - 1) / 2] += data.len();
                order.push(stream);
                pair.server.release(stream, data.len() as u32);
            }
        }
        pair.client_events();
    }
    assert_eq!(got, [50_000; 3]);
    let tail = &order[order.len() - 4..];
    assert!(tail.contains(&3) && tail.contains(&5), "turns are taken: {order:?}");
}

/// As Envoy takes them, for which bytes are consumed that were passed on.
#[test]
fn more_than_a_window_is_taken_when_credit_comes_back_in_between() {
    let check = |releases: bool, expected: Result<usize, ()>| {
        let small = Options {
            initial_stream_window_size: 65_535,
            initial_connection_window_size: 65_535,
            ..Options::default()
        };
        let mut pair = Pair::new(Options::default(), small);
        let id = pair.client.open().expect("room for one");
        pair.client.send_head(id, &head(POST), false);
        let mut input = written(&mut pair.client);
        for _ in 0..5 {
            // A DATA frame of the largest size that is always allowed.
            input.extend_from_slice(&[0, 0x40, 0, 0, 0, 0, 0, 0, 1]);
            input.extend_from_slice(&[b'x'; 16_384]);
        }
        pair.server.receive(Chunk::copy_from(&input));
        let (mut got, mut outstanding, mut pauses) = (0, 0, 0);
        let result = loop {
            match pair.server.next(Tick(0)) {
                Ok(Some(Event::Data { data, .. })) => {
                    got += data.len();
                    outstanding += data.len() as u32;
                }
                Ok(Some(_)) => {}
                Ok(None) if pair.server.is_pausing() => {
                    assert!(!pair.server.wants_input(), "there is input that was not looked at");
                    pauses += 1;
                    if releases {
                        pair.server.release(id, std::mem::take(&mut outstanding));
                    }
                }
                Ok(None) => break Ok(got),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(result.map_err(|_| ()), expected);
        assert_eq!(pauses, if releases { 2 } else { 1 });
    };
    check(true, Ok(5 * 16_384));
    check(false, Err(()));
}

#[test]
fn resets_travel_both_ways() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let (a, b) = (pair.client.open().expect("room"), pair.client.open().expect("room"));
    pair.client.send_head(a, &head(POST), false);
    pair.client.send_head(b, &head(POST), false);
    pair.run_server();
    pair.client.reset(a, ErrorCode::CANCEL);
    pair.server.reset(b, ErrorCode::REFUSED_STREAM);
    assert_eq!(pair.run_server(), [text(&Event::Reset { stream: a, cause: ResetCause::Remote(ErrorCode::CANCEL) })]);
    assert_eq!(
        pair.run_client(),
        ["max streams 1024", &text(&Event::Reset { stream: b, cause: ResetCause::RemoteRefused })]
    );
}

#[test]
fn a_head_larger_than_a_frame_is_continued() {
    let options = Options { max_head_bytes: 100_000, ..Options::default() };
    let mut pair = Pair::new(Options::default(), options);
    let long = "\u{1}".replace('\u{1}', "~").repeat(40_000);
    let mut list = GET.to_vec();
    list.push(("x-long", &long));
    let id = pair.client.open().expect("room");
    pair.client.send_head(id, &head(&list), true);
    let events = pair.run_server();
    assert_eq!(events, [format!("head 1 end :method=GET :scheme=http :path=/a :authority=h x-long={long}")]);
}

#[test]
fn drain_lets_running_streams_finish_and_refuses_later_ones() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let a = pair.client.open().expect("room");
    pair.client.send_head(a, &head(GET), true);
    pair.run_server();
    pair.client_events();
    let b = pair.client.open().expect("room");
    pair.client.send_head(b, &head(GET), true);
    pair.server.finish_drain();
    assert_eq!(
        pair.run_client(),
        ["goaway 0".into(), text(&Event::Reset { stream: b, cause: ResetCause::RemoteRefused })]
    );
    assert!(pair.client.open().is_none() && pair.client.is_closing() && pair.server.is_closing());
    pair.server.send_head(a, &head(&[(":status", "200")]), true);
    assert_eq!(pair.run_client(), ["head 1 end :status=200"]);
    assert_eq!((pair.client.active_streams(), pair.server.active_streams()), (0, 0));
}

#[test]
fn heads_are_put_in_order_and_cleaned() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let id = pair.client.open().expect("room");
    let list = [
        (":method", "GET"),
        ("x-a", "1"),
        ("connection", "close"),
        (":path", "/a"),
        ("host", "other"),
        ("transfer-encoding", "chunked"),
        (":scheme", "http"),
        (":authority", "h"),
        ("x-b", "2"),
    ];
    pair.client.send_head(id, &head(&list), true);
    // As Envoy has them of a request that came by HTTP/1, where they cannot all have been in front.
    let expected = "head 1 end :authority=h :path=/a :method=GET :scheme=http x-a=1 x-b=2";
    assert_eq!(pair.run_server(), [expected]);
}

/// Heads that are mostly alike, on more connections than there are places to remember them.
#[test]
fn a_head_arrives_as_it_was_sent_whatever_came_before() {
    let mut pairs: Vec<Pair> = (0..12).map(|_| Pair::new(Options::default(), Options::default())).collect();
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let rest = [("user-agent", "u"), ("accept", "a/b"), ("x-a", "1"), ("x-b", "2"), ("via", "v"), ("te", "trailers")];
    for round in 0..4_000 {
        // Some connections change what they send often, others seldom.
        let pair = random(pairs.len());
        let mut fields: Vec<(&str, String)> = GET.iter().chain(&rest).map(|&(n, v)| (n, v.to_owned())).collect();
        for _ in 0..random(1 + pair / 3) {
            let at = random(fields.len());
            match random(5) {
                0 if at > 3 => drop(fields.remove(at)),
                1 if at > 3 => fields.insert(at, ("connection", "x".to_owned())),
                2 if at > 3 => fields.insert(at, ("x-new", format!("{}", random(3)))),
                3 => fields[3].1 = format!("h{}", random(2)),
                _ => fields[2].1 = format!("/{}", random(3)),
            }
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let arrived = fields.iter().filter(|(name, _)| *name != "connection");
        let expected: Vec<String> = arrived.map(|(name, value)| format!("{name}={value}")).collect();
        let pair = &mut pairs[pair];
        let id = pair.client.open().expect("nothing is open");
        pair.client.send_head(id, &head(&fields), true);
        assert_eq!(pair.run_server(), [format!("head {id} end {}", expected.join(" "))], "round {round}");
        pair.server.send_head(id, &head(&[(":status", "200"), ("server", "s"), ("x-a", "b"), ("age", "1")]), true);
        let answer = format!("head {id} end :status=200 server=s x-a=b age=1");
        assert_eq!(pair.run_client().last(), Some(&answer), "round {round}");
    }
}
