use nuncio_message::{Header, Headers, MAX_IO_SLICES, ReadBlock, live_blocks};

use super::*;
use crate::Event;

fn codec(role: Role) -> Codec {
    Codec::new(role, Rc::new(Options::default()), Tick(0))
}

fn server(input: &str) -> (Codec, Vec<Event>) {
    let mut codec = codec(Role::Server);
    let events = feed(&mut codec, input);
    (codec, events)
}

/// A client that has sent a request with these pseudo headers and headers.
fn client(request: &[(&str, &str)]) -> Codec {
    let mut codec = codec(Role::Client);
    assert_eq!(codec.open(), Some(1));
    codec.send_head(1, &headers(request), true);
    written(&mut codec);
    codec
}

fn feed(codec: &mut Codec, input: &str) -> Vec<Event> {
    codec.receive(Chunk::copy_from(input.as_bytes()));
    drain(codec)
}

fn finish(codec: &mut Codec) -> Vec<Event> {
    codec.receive_eof();
    drain(codec)
}

fn drain(codec: &mut Codec) -> Vec<Event> {
    std::iter::from_fn(|| codec.next(Tick(0)).expect("understood")).collect()
}

fn written(codec: &mut Codec) -> String {
    let mut slices = [std::io::IoSlice::new(&[]); MAX_IO_SLICES];
    let n = codec.out().io_slices(&mut slices);
    let text = slices[..n].iter().map(|slice| String::from_utf8_lossy(slice).into_owned()).collect();
    let len = codec.out().len();
    codec.wrote(len, |_, _| {});
    text
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.push_name(name.as_bytes(), value.as_bytes());
    }
    headers
}

/// What events say, in one line.
fn told(events: &[Event]) -> String {
    let pair = |header: Header<'_>| format!("{}={}", header.name.escape_ascii(), header.value.escape_ascii());
    let list = |headers: &Headers| headers.iter().map(pair).collect::<Vec<_>>().join(" ");
    let end = |end: &bool| if *end { " end" } else { "" };
    let tell = |event: &Event| match event {
        Event::Begin { .. } => "begin".to_owned(),
        Event::Head { headers, end_stream, .. } => format!("head[{}]{}", list(headers), end(end_stream)),
        Event::Informational { headers, .. } => format!("informational[{}]", list(headers)),
        Event::Data { data, end_stream, .. } => format!("data[{}]{}", data.escape_ascii(), end(end_stream)),
        Event::Trailers { headers, .. } => format!("trailers[{}]", list(headers)),
        Event::Reset { cause, .. } => format!("reset[{cause:?}]"),
        Event::Rejected { rejection, .. } => format!("rejected[{} {}]", rejection.status, rejection.details),
        Event::GoAway { .. } | Event::MaxConcurrentStreams(_) => "not of HTTP/1".to_owned(),
    };
    events.iter().map(tell).collect::<Vec<_>>().join(" ")
}

const GET: [(&str, &str); 3] = [(":method", "GET"), (":path", "/"), (":authority", "a")];
const OK: [(&str, &str); 2] = [(":status", "200"), ("content-length", "0")];
const CUT: &str = "reset[ConnectionTermination]";

#[test]
fn post_and_its_response_on_both_sides() {
    let mut client = codec(Role::Client);
    let stream = client.open().expect("idle");
    let request = [(":method", "POST"), (":path", "/p"), (":authority", "a"), ("x-a", "1")];
    client.send_head(stream, &headers(&request), false);
    client.send_data(stream, Chunk::copy_from(b"hello"), false);
    client.send_data(stream, Chunk::copy_from(b" world"), true);
    let sent = written(&mut client);
    assert_eq!(
        sent,
        "POST /p HTTP/1.1\r\nhost: a\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    );
    let (mut server, events) = server(&sent);
    assert_eq!(
        told(&events),
        "head[:method=POST :path=/p :authority=a x-a=1 transfer-encoding=chunked] data[hello] data[ world] data[] end"
    );
    server.send_head(1, &headers(&[(":status", "201"), ("content-length", "2")]), false);
    server.send_data(1, Chunk::copy_from(b"ok"), true);
    let answer = written(&mut server);
    assert_eq!(answer, "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(told(&feed(&mut client, &answer)), "head[:status=201 content-length=2] data[ok] end");
    assert!(client.open() == Some(2) && !client.is_closing() && !server.is_closing());
}

#[test]
fn pipelined_requests_wait_for_their_turn() {
    let (mut codec, events) = server("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3");
    for path in ["/1", "/2"] {
        let seen = if path == "/1" { told(&events) } else { told(&drain(&mut codec)) };
        assert_eq!(seen, format!("head[:method=GET :path={path}] end"));
        assert!(!codec.wants_input() && codec.active_streams() == 1);
        let stream = if path == "/1" { 1 } else { 2 };
        codec.send_head(stream, &headers(&OK), false);
        assert!(drain(&mut codec).is_empty(), "the response is not over");
        codec.send_data(stream, Chunk::empty(), true);
        written(&mut codec);
    }
    assert_eq!(told(&drain(&mut codec)), "begin");
    assert!(codec.wants_input() && codec.active_streams() == 1);
    assert_eq!(told(&finish(&mut codec)), CUT);
}

#[test]
fn an_announced_request_begins_once() {
    let (mut codec, events) = server("\r\n");
    assert_eq!(told(&events), "begin");
    for piece in ["GET / ", "HTTP/1.1\r", "\n", "X: 1\r\n\r"] {
        assert_eq!(told(&feed(&mut codec, piece)), "");
    }
    assert_eq!(told(&feed(&mut codec, "\n")), "head[:method=GET :path=/ x=1] end");
}

#[test]
fn a_rejected_request_is_announced_answered_and_the_last() {
    let (mut codec, events) = server("FOO / HTTP/1.1\r\n");
    assert_eq!(told(&events), "begin rejected[400 http1.codec_error]");
    assert!(codec.is_closing() && !codec.wants_input());
    codec.send_head(1, &headers(&[(":status", "400"), ("connection", "close")]), true);
    assert_eq!(written(&mut codec), "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(codec.active_streams() == 0 && feed(&mut codec, "GET / HTTP/1.1\r\n\r\n").is_empty());
}

#[test]
fn outstanding_bytes_pause_reading_until_half_came_back() {
    let options = Options { read_limit: 8, ..Options::default() };
    let mut codec = Codec::new(Role::Server, Rc::new(options), Tick(0));
    feed(&mut codec, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n1234567");
    assert!(codec.wants_input());
    feed(&mut codec, "8");
    for (released, wants_input) in [(0, false), (4, false), (1, true)] {
        codec.release(1, released);
        assert_eq!(codec.wants_input(), wants_input, "{released}");
    }
    codec.release(1, u32::MAX);
    assert!(codec.wants_input());
}

#[test]
fn an_early_response_closes() {
    let (mut codec, _) = server("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
    codec.send_head(1, &headers(&OK), true);
    assert!(codec.is_closing() && !codec.wants_input() && codec.active_streams() == 0);
    assert!(feed(&mut codec, "defghi").is_empty(), "the rest is of no interest");

    let mut client = codec_with_open_post();
    assert_eq!(
        told(&feed(&mut client, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")),
        "head[:status=200 content-length=0] end"
    );
    assert!(client.is_closing() && client.active_streams() == 1 && client.open().is_none());
    client.send_data(1, Chunk::empty(), true);
    assert!(client.active_streams() == 0 && client.open().is_none());
}

fn codec_with_open_post() -> Codec {
    let mut client = codec(Role::Client);
    client.open();
    client.send_head(1, &headers(&[(":method", "POST"), (":path", "/"), (":authority", "a")]), false);
    client
}

#[test]
fn a_response_that_says_close_is_the_last_only_if_the_client_asked_for_it() {
    let check = |request: &str, is_last: bool| {
        let (mut codec, _) = server(request);
        assert!(codec.close_requested() == is_last && !codec.is_closing());
        codec.send_head(1, &headers(&[(":status", "200"), ("connection", "close")]), true);
        assert!(codec.is_closing() == is_last && codec.active_streams() == 0);
    };
    check("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", true);
    // As Envoy drains: what still comes is served, until its owner closes the connection.
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
}

#[test]
fn a_chunked_body_is_handed_out_when_all_of_a_read_is_understood_or_the_last_chunk_is_met() {
    for (chunks, is_handed_out) in [
        ("x\r\n", false),
        ("0x\r\n\r\n", false),
        ("0\n\r\n", true),
        ("00\n\r\n", true),
        ("0;a\n\r\n", true),
        ("0\rx", true),
        ("1\nx\r\n0\r\n\r\n", false),
        ("2\r\nde\r\n-1\r\n", false),
        ("0\r\nbad\r\n\r\n", true),
        ("\r\n", false),
    ] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (_, events) = server(&format!("{head}3\r\nabc\r\n{chunks}"));
        assert_eq!(told(&events).contains("data[abc]"), is_handed_out, "{chunks:?}");
        assert!(told(&events).ends_with("rejected[400 http1.codec_error]"), "{chunks:?}");
    }
}

#[test]
fn a_request_that_says_close_is_the_last() {
    let mut client = codec(Role::Client);
    client.open();
    let request = [(":method", "GET"), (":path", "/"), (":authority", "a"), ("connection", "close")];
    client.send_head(1, &headers(&request), true);
    assert!(client.is_closing() && client.active_streams() == 1);
}

#[test]
fn a_body_for_head_is_swallowed_and_its_credit_returns() {
    let (mut codec, _) = server("HEAD / HTTP/1.1\r\n\r\n");
    codec.send_head(1, &headers(&[(":status", "200"), ("content-length", "3")]), false);
    codec.send_data(1, Chunk::copy_from(b"abc"), true);
    let mut left = Vec::new();
    let n = codec.out().len();
    codec.wrote(n, |stream, bytes| left.push((stream, bytes)));
    assert_eq!((n, left.as_slice()), ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n".len(), &[(1, 3)][..]));
    assert_eq!(told(&feed(&mut codec, "GET /2 HTTP/1.1\r\n\r\n")), "head[:method=GET :path=/2] end");
}

#[test]
fn an_upgrade_becomes_a_tunnel_when_it_is_granted() {
    let (mut codec, events) = server("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\nraw");
    assert_eq!(told(&events), "head[:method=GET :path=/ connection=upgrade upgrade=ws] data[raw]");
    codec.send_head(1, &headers(&[(":status", "101"), ("connection", "upgrade"), ("upgrade", "ws")]), false);
    codec.send_data(1, Chunk::copy_from(b"0\r\n\r\n"), false);
    assert_eq!(
        written(&mut codec),
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ws\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(told(&feed(&mut codec, "GET / HTTP/1.1\r\n\r\n")), "data[GET / HTTP/1.1\\r\\n\\r\\n]");
    assert_eq!(told(&finish(&mut codec)), CUT);
    assert!(codec.is_closing());
}

#[test]
fn a_refused_upgrade_closes() {
    let (mut codec, _) = server("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n");
    codec.send_head(1, &headers(&[(":status", "403")]), true);
    assert_eq!(written(&mut codec), "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    assert!(codec.is_closing() && codec.active_streams() == 0);
}

#[test]
fn connect_is_a_tunnel_both_ways() {
    let mut client = codec(Role::Client);
    client.open();
    client.send_head(1, &headers(&[(":method", "CONNECT"), (":authority", "h:1")]), false);
    client.send_data(1, Chunk::copy_from(b"up"), false);
    assert_eq!(written(&mut client), "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\nup");
    assert_eq!(told(&feed(&mut client, "HTTP/1.1 200 OK\r\n\r\ndown")), "head[:status=200] data[down]");
    assert!(client.is_closing() && client.wants_input(), "nothing follows, but the tunnel lives");
    assert_eq!(told(&finish(&mut client)), CUT);
}

#[test]
fn the_end_of_the_connection_ends_what_it_delimits_and_cuts_the_rest() {
    let until_close = |codec: &mut Codec| feed(codec, "HTTP/1.1 200 OK\r\n\r\nbody");
    let mut codec = client(&GET);
    assert_eq!(told(&until_close(&mut codec)), "head[:status=200] data[body]");
    assert_eq!(told(&finish(&mut codec)), "data[] end");
    assert!(codec.is_closing() && codec.active_streams() == 0);

    assert_eq!(told(&finish(&mut client(&GET))), CUT);
    for partial in ["H", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"] {
        let mut codec = client(&GET);
        feed(&mut codec, partial);
        codec.receive_eof();
        let error = codec.next(Tick(0)).expect_err("Envoy takes it for a broken response");
        assert_eq!((error.stream, error.details), (Some(1), "http1.codec_error"));
    }
    for partial in ["GET / HT", "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", "GET / HTTP/1.1\r\n\r\nGET /2"] {
        let (mut codec, _) = server(partial);
        assert_eq!(told(&finish(&mut codec)), CUT, "{partial}");
    }
    let mut idle = Codec::new(Role::Server, Rc::new(Options::default()), Tick(0));
    assert!(finish(&mut idle).is_empty() && idle.is_closing());
}

#[test]
fn bytes_that_no_request_asked_for_are_an_error() {
    let mut unused = codec(Role::Client);
    unused.receive(Chunk::copy_from(b"HTTP/1.1 408 x\r\n\r\n"));
    assert_eq!(unused.next(Tick(0)).map_err(|error| error.stream).expect_err("not asked"), None);

    let mut opened = codec(Role::Client);
    opened.open();
    opened.receive(Chunk::copy_from(b"HTTP/1.1 200 x\r\n\r\n"));
    assert_eq!(opened.next(Tick(0)).map_err(|error| error.stream).expect_err("not sent"), Some(1));

    let mut reused = client(&GET);
    reused.receive(Chunk::copy_from(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naX"));
    assert!(matches!(reused.next(Tick(0)), Ok(Some(Event::Head { .. }))));
    assert!(matches!(reused.next(Tick(0)), Ok(Some(Event::Data { end_stream: true, .. }))));
    assert!(reused.next(Tick(0)).is_err() && reused.open().is_none());
}

#[test]
fn informational_responses_precede_the_final_one() {
    let mut codec = client(&GET);
    let events = feed(&mut codec, "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\nlink: l\r\n\r\nHTTP/1.1 204 x\r\n\r\n");
    assert_eq!(told(&events), "informational[:status=100] informational[:status=103 link=l] head[:status=204] end");

    let (mut codec, _) = server("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    codec.send_informational(1, &headers(&[(":status", "100")]));
    assert_eq!(written(&mut codec), "HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn responses_that_are_not_written_stop_the_next_request() {
    let (mut codec, _) = server(&"GET / HTTP/1.1\r\n\r\n".repeat(4));
    codec.send_head(1, &headers(&OK), true);
    assert_eq!(drain(&mut codec).len(), 1);
    codec.send_head(2, &headers(&OK), true);
    assert!(matches!(codec.next(Tick(0)), Ok(Some(Event::Begin { stream: 3 }))));
    let error = codec.next(Tick(0)).expect_err("two wait already");
    assert!(error.is_flood && codec.tally().is_dirty() && codec.tally().response_flood == 1);
}

#[test]
fn a_reset_stream_is_forgotten() {
    let mut codec = codec_with_open_post();
    codec.reset(1, ErrorCode::CANCEL);
    assert!(codec.is_closing() && codec.active_streams() == 0 && codec.open().is_none());
    assert!(feed(&mut codec, "HTTP/1.1 200 OK\r\n\r\n").is_empty());
    codec.send_data(1, Chunk::copy_from(b"late"), true);
    codec.reset(1, ErrorCode::CANCEL);
}

#[test]
fn trailers_pass_where_they_are_enabled() {
    let trailers = headers(&[("x-t", "1")]);
    for (enable_trailers, expected) in [(true, "0\r\nx-t: 1\r\n\r\n"), (false, "0\r\n\r\n")] {
        let options = Options { enable_trailers, ..Options::default() };
        let mut codec = Codec::new(Role::Client, Rc::new(options), Tick(0));
        codec.open();
        codec.send_head(1, &headers(&GET), false);
        codec.send_trailers(1, &trailers);
        assert!(written(&mut codec).ends_with(&format!("\r\n\r\n{expected}")));
    }
}

#[test]
fn bodies_are_not_copied_and_idle_connections_hold_nothing() {
    let before = live_blocks();
    let mut codec = codec(Role::Server);
    let mut block = ReadBlock::take();
    let head = b"POST / HTTP/1.1\r\nContent-Length: 10000\r\n\r\n";
    block.bytes_mut()[..head.len()].copy_from_slice(head);
    codec.receive(block.freeze(head.len() + 10_000));
    let events = drain(&mut codec);
    assert!(events.len() == 2 && live_blocks() == before + 1, "the body is a slice of what was read");
    drop(events);
    codec.send_head(1, &headers(&OK), true);
    written(&mut codec);
    assert!(live_blocks() == before && codec.partial.capacity() == 0);
}

#[test]
fn underscores_are_counted() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nx_a: 1\r\nx-b: 2\r\nx_c: 3\r\n\r\n";
    let reject = Tally { requests_rejected_with_underscores_in_headers: 1, ..Tally::default() };
    let drop = Tally { dropped_headers_with_underscores: 2, ..Tally::default() };
    for (underscores, expected) in
        [(Underscores::Allow, Tally::default()), (Underscores::Reject, reject), (Underscores::Drop, drop)]
    {
        let options = Options { underscores, ..Options::default() };
        let mut codec = Codec::new(Role::Server, Rc::new(options), Tick(0));
        feed(&mut codec, &request[..50]);
        feed(&mut codec, &request[50..]);
        assert_eq!(*codec.tally(), expected, "{underscores:?}");
    }
}

/// As Envoy answers with `preserve_case`, `forward_reason_phrase` and `PROPER_CASE` for the names that it adds.
#[test]
fn kept_spelling_goes_before_the_options_of_the_connection_that_is_written_to() {
    let kept = KeepSpelling { others: nuncio_message::OtherNames::ProperWords, keeps_reason: true };
    let options = Rc::new(Options { spelling: Some(kept), ..Options::default() });
    let mut server = Codec::new(Role::Server, Rc::clone(&options), Tick(0));
    let received =
        feed(&mut server, "GET / HTTP/1.1\r\nHOST: a\r\nX-oNe: 1\r\nx-ONE: 2\r\nTransfer-ENCODING: chunked\r\n\r\n");
    let [Event::Head { headers: request, .. }] = &received[..] else { panic!("{}", told(&received)) };
    let mut request = request.clone();
    request.push_name(b"x-request-id", b"i");
    let mut client = Codec::new(Role::Client, options, Tick(0));
    client.open();
    client.send_head(1, &request, false);
    let sent =
        "GET / HTTP/1.1\r\nHOST: a\r\nX-oNe: 1\r\nX-oNe: 2\r\nX-Request-Id: i\r\nTransfer-ENCODING: chunked\r\n\r\n";
    assert_eq!(written(&mut client), sent);
    let received =
        feed(&mut client, "HTTP/1.1 200 Fine  By Me \r\nX-A:  b\r\n  X-Fold: c\r\nCONTENT-length: 0\r\n\r\n");
    let [Event::Head { headers: response, .. }] = &received[..] else { panic!("{}", told(&received)) };
    let mut plain = codec(Role::Server);
    feed(&mut plain, "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    plain.send_head(1, response, true);
    assert_eq!(written(&mut plain), "HTTP/1.1 200 Fine  By Me\r\nX-A: b  X-Fold: c\r\nCONTENT-length: 0\r\n\r\n");
}

#[test]
fn a_tunnel_without_http_is_granted_by_the_codec_and_ends_with_the_connection() {
    let options = Rc::new(Options { is_tunnel: true, ..Options::default() });
    let mut client = Codec::new(Role::Client, options, Tick(0));
    assert_eq!(told(&feed(&mut client, "hello ")), "");
    assert!(!client.wants_input(), "what came first waits for the request");
    assert_eq!(client.open(), Some(1));
    client.send_head(1, &headers(&[(":method", "CONNECT"), (":authority", "a:1"), ("x-a", "b")]), false);
    assert_eq!((written(&mut client), client.is_closing()), (String::new(), true));
    assert_eq!(told(&drain(&mut client)), "head[:status=200] data[hello ]");
    client.send_data(1, Chunk::copy_from(b"GET / HTTP/1.1"), false);
    assert!(!client.ends_writing());
    client.send_data(1, Chunk::empty(), true);
    assert!(client.ends_writing());
    assert_eq!(written(&mut client), "GET / HTTP/1.1");
    assert_eq!(told(&feed(&mut client, "bye")), "data[bye]");
    assert_eq!(told(&finish(&mut client)), "data[] end");
    assert_eq!(client.active_streams(), 0);
}
