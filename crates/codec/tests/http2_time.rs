//! Deadlines, drain and what an idle connection holds.

mod http2_world;

use std::rc::Rc;
use std::time::Duration;

use http2_world::{Pair, feed, frame, frames, head, text, written};
use nuncio_codec::http2::{Http2, Keepalive, Options};
use nuncio_codec::{ErrorCode, Event, ResetCause, Role};
use nuncio_message::{Chunk, Tick, live_blocks};

const GET: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "h")];

fn with_keepalive(idle: Option<u64>) -> Options {
    Options {
        connection_keepalive: Some(Keepalive {
            interval: idle.is_none().then_some(Duration::from_millis(500)),
            timeout: Duration::from_millis(200),
            jitter: Duration::from_millis(7),
            connection_idle_interval: idle.map(Duration::from_millis),
        }),
        ..Options::default()
    }
}

#[test]
fn keepalive_pings_and_gives_up_without_an_answer() {
    let mut client = Http2::new(Role::Client, &Rc::new(with_keepalive(None)), Tick(0));
    feed(&mut client, &frame(4, 0, 0, b"")).expect("a good opening");
    written(&mut client);
    assert_eq!(client.deadline(), Some(Tick(507)));
    client.expire(Tick(506)).expect("nothing is due");
    assert_eq!(frames(&written(&mut client)), "");
    client.expire(Tick(507)).expect("a ping is due, no answer yet");
    let ping = written(&mut client);
    assert_eq!((ping[3], ping[4], ping.len()), (6, 0, 17));
    assert_eq!(client.deadline(), Some(Tick(707)));
    feed(&mut client, &frame(6, 1, 0, &ping[9..])).expect("an answer");
    assert_eq!(client.deadline(), Some(Tick(1014)));
    client.expire(Tick(1014)).expect("the next ping");
    feed(&mut client, &frame(6, 1, 0, b"other...")).expect("an answer to nothing");
    let error = client.expire(Tick(1214)).expect_err("the answer is missing");
    assert_eq!((error.details, client.tally().keepalive_timeout), ("http2.ping_timeout", 1));
    assert_eq!(client.next(Tick(1214)).expect_err("it stays so"), error);
}

#[test]
fn an_idle_connection_is_pinged_before_the_next_stream() {
    let mut client = Http2::new(Role::Client, &Rc::new(with_keepalive(Some(1000))), Tick(0));
    feed(&mut client, &frame(4, 0, 0, b"")).expect("a good opening");
    written(&mut client);
    assert_eq!(client.deadline(), None);
    client.next(Tick(1500)).expect("nothing is wrong");
    let id = client.open().expect("room");
    client.send_head(id, &head(GET), true);
    let sent = frames(&written(&mut client));
    assert!(sent.starts_with("ping 0") && sent.ends_with("headers 1 5"), "{sent}");
    let id = client.open().expect("room");
    client.send_head(id, &head(GET), true);
    assert_eq!(frames(&written(&mut client)), "headers 3 5");
}

#[test]
fn a_stream_that_cannot_flush_its_end_is_given_up() {
    let options = Options { flush_timeout: Some(Duration::from_millis(500)), ..Options::default() };
    let mut pair = Pair::new(Options { initial_stream_window_size: 65_535, ..Options::default() }, options);
    let id = pair.client.open().expect("room");
    pair.client.send_head(id, &head(GET), true);
    pair.run_server();
    pair.server.send_head(id, &head(&[(":status", "200")]), false);
    pair.server.send_data(id, Chunk::copy_from(&[b'x'; 65_535]), false);
    pair.server.send_data(id, Chunk::copy_from(b"more"), false);
    assert_eq!(pair.server.deadline(), None, "more may come, the owner watches that");
    pair.server.send_data(id, Chunk::empty(), true);
    assert_eq!((pair.server.queued(id), pair.server.deadline()), (4, Some(Tick(500))));
    written(&mut pair.server);
    pair.server.expire(Tick(499)).expect("nothing is due");
    pair.server.expire(Tick(500)).expect("a stream, not the connection");
    assert_eq!(frames(&written(&mut pair.server)), "rst 1 2");
    let events = feed(&mut pair.server, b"").expect("nothing is wrong");
    assert!(matches!(events[..], [Event::Reset { stream: 1, cause: ResetCause::FlushTimeout }]));
    assert_eq!((pair.server.tally().tx_flush_timeout, pair.server.active_streams()), (1, 0));
}

#[test]
fn a_drain_is_announced_then_final() {
    let mut pair = Pair::new(Options::default(), Options::default());
    let id = pair.client.open().expect("room");
    pair.client.send_head(id, &head(GET), true);
    pair.run_server();
    written(&mut pair.server);
    pair.server.begin_drain();
    assert!(!pair.server.is_closing());
    pair.server.finish_drain();
    pair.server.finish_drain();
    assert_eq!(frames(&written(&mut pair.server)), "goaway 2147483647 0 , goaway 1 0 ");
    assert!(pair.server.is_closing());
    assert_eq!(pair.server.tally().goaway_sent, 1);
    let late = http2_world::headers(3, GET, true);
    assert!(feed(&mut pair.server, &late).expect("it is ignored").is_empty());
}

#[test]
fn windows_come_back_when_half_is_consumed() {
    let options =
        Options { initial_stream_window_size: 65_535, initial_connection_window_size: 65_535, ..Options::default() };
    let mut pair = Pair::new(Options::default(), options);
    let id = pair.client.open().expect("room");
    pair.run_server();
    pair.run_client();
    pair.client.send_head(
        id,
        &head(&[(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "h")]),
        false,
    );
    pair.client.send_data(id, Chunk::copy_from(&[b'x'; 40_000]), false);
    pair.server_events();
    written(&mut pair.server);
    for (bytes, expected) in [(32_766, ""), (1, "window 1 32767, window 0 32767"), (7_233, "")] {
        pair.server.release(id, bytes);
        assert_eq!(frames(&written(&mut pair.server)), expected);
    }
    pair.server.reset(id, ErrorCode::CANCEL);
    assert_eq!(frames(&written(&mut pair.server)), "rst 1 8");
    // What was on its way still counts for the connection, and comes back at once.
    let late = frame(0, 0, 1, &[b'x'; 16_384]).repeat(2);
    feed(&mut pair.server, &late).expect("the connection's window allows it");
    assert_eq!(frames(&written(&mut pair.server)), "window 0 40001");
}

#[test]
fn an_idle_connection_holds_no_block() {
    let before = live_blocks();
    let mut pair = Pair::new(Options::default(), Options::default());
    for _ in 0..3 {
        let id = pair.client.open().expect("room");
        pair.client.send_head(id, &head(GET), true);
        drop(pair.server_events());
        pair.server.send_head(id, &head(&[(":status", "200")]), false);
        pair.server.send_data(id, Chunk::copy_from(b"hello"), true);
        let events: Vec<String> = pair.run_client();
        assert_eq!(
            events.last(),
            Some(&text(&Event::Data { stream: id, data: Chunk::copy_from(b"hello"), end_stream: true }))
        );
    }
    pair.run_server();
    assert_eq!(live_blocks(), before);
}
