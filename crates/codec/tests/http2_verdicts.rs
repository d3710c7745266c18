//! What is done about each violation. The expected verdicts are answers of the real Envoy 1.40 (its nghttp2 codec) to
//! the same frames: which frames it sent, whether it closed the connection, and the details in its access log.

mod http2_world;

use std::rc::Rc;

use http2_world::{block, feed, frame, frames, head, headers, text, written};
use nuncio_codec::http2::{HeadersWithUnderscores, Http2, Options};
use nuncio_codec::{Event, Role};
use nuncio_message::{Chunk, Tick};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/ok"), (":authority", "a")];
const POST: &[(&str, &str)] = &[(":method", "POST"), (":scheme", "http"), (":path", "/p"), (":authority", "a")];
const VIOLATION: &str = "http2.violation.of.messaging.rule";
const FIELD: &str = "http2.invalid.header.field";
const CODEC: &str = "codec_error:The_user_callback_function_failed";
const UNKNOWN: &str = "http2.unknown.nghttp2.error";

fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in list {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(4, 0, 0, &payload)
}

fn number(kind: u8, stream: u32, value: u32) -> Vec<u8> {
    frame(kind, 0, stream, &value.to_be_bytes())
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    number(8, stream, increment)
}

fn rst(stream: u32, code: u32) -> Vec<u8> {
    number(3, stream, code)
}

/// The verdict about frames behind a client's opening: `frames sent | events | error`.
fn verdict(options: &Options, input: &[u8]) -> String {
    let opening = [PREFACE, &frame(4, 0, 0, b"")].concat();
    let mut server = Http2::new(Role::Server, &Rc::new(options.clone()), Tick(0));
    feed(&mut server, &opening).expect("a good opening");
    judge(&mut server, input)
}

fn judge(codec: &mut Http2, input: &[u8]) -> String {
    written(codec);
    codec.receive(Chunk::copy_from(input));
    let mut events = Vec::new();
    let error = loop {
        match codec.next(Tick(0)) {
            Ok(Some(Event::Data { stream, data, end_stream })) => {
                let bytes = data.len() as u32;
                events.push(text(&Event::Data { stream, data, end_stream }));
                codec.release(stream, bytes);
            }
            Ok(Some(Event::Head { stream, end_stream, .. })) => {
                events.push(format!("head {stream}{}", if end_stream { " end" } else { "" }));
            }
            Ok(Some(event)) => events.push(text(&event)),
            Ok(None) => break String::from("open"),
            Err(error) => {
                assert_eq!(codec.next(Tick(0)).expect_err("an error stays"), error);
                let stream = error.stream.map_or(String::new(), |stream| format!("{stream} "));
                break format!("closed {stream}{}", error.details);
            }
        }
    };
    format!("{} | {} | {error}", frames(&written(codec)), events.join(", "))
}

fn check(cases: &[(&str, Vec<u8>, String)]) {
    for (name, input, expected) in cases {
        assert_eq!(&verdict(&Options::default(), input), expected, "{name}");
    }
}

fn goaway(last: u32, code: u32, debug: &str) -> String {
    format!("goaway {last} {code} {debug} |  | closed {CODEC}")
}

fn silent() -> String {
    format!(" |  | closed {CODEC}")
}

#[test]
fn openings() {
    let server = || Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let expected = goaway(0, 1, "SETTINGS expected");
    for (input, expected) in [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), &silent()),
        ([&PREFACE[..20], b"XXXX"].concat(), &silent()),
        ([PREFACE, &frame(6, 0, 0, b"abcdefgh")].concat(), &expected),
        ([PREFACE, &frame(4, 1, 0, b"")].concat(), &expected),
        ([PREFACE, &headers(1, GET, true)].concat(), &expected),
    ] {
        assert_eq!(&judge(&mut server(), &input), expected);
    }
}

#[test]
fn our_opening_is_that_of_envoy() {
    let mut server = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    feed(&mut server, &[PREFACE, &frame(4, 0, 0, b"")].concat()).expect("a good opening");
    let mut expected = settings(&[(1, 4096), (8, 0), (3, 1024), (4, 16_777_216)]);
    expected.extend(frame(4, 1, 0, b""));
    expected.extend(window(0, 25_100_289));
    assert_eq!(written(&mut server), expected);
    let custom = Options { custom_settings_parameters: vec![(99, 7)], ..Options::default() };
    let mut client = Http2::new(Role::Client, &Rc::new(custom), Tick(0));
    let mut expected = PREFACE.to_vec();
    expected.extend(settings(&[(99, 7), (2, 0), (1, 4096), (8, 0), (3, 1024), (4, 16_777_216)]));
    expected.extend(window(0, 25_100_289));
    assert_eq!(written(&mut client), expected);
}

#[test]
fn settings_frames() {
    let good = " | head 1 end | open";
    let with_request = |settings: Vec<u8>| [settings, headers(1, GET, true)].concat();
    check(&[
        ("on a stream", frame(4, 0, 1, b""), silent()),
        ("of five bytes", frame(4, 0, 0, b"12345"), goaway(0, 6, "")),
        ("acknowledgement with payload", frame(4, 1, 0, b"123456"), goaway(0, 6, "")),
        ("push 2", settings(&[(2, 2)]), silent()),
        ("push 1", with_request(settings(&[(2, 1)])), good.into()),
        ("window of 2^31", settings(&[(4, 1 << 31)]), silent()),
        ("frame size 100", settings(&[(5, 100)]), silent()),
        ("frame size 2^24", settings(&[(5, 1 << 24)]), silent()),
        ("connect 2", settings(&[(8, 2)]), silent()),
        ("connect 1, then 0", with_request([settings(&[(8, 1)]), settings(&[(8, 0)])].concat()), good.into()),
        ("unknown", with_request(settings(&[(99, 1)])), good.into()),
        ("32 entries", with_request(settings(&[(99, 1); 32])), good.into()),
        ("33 entries", settings(&[(99, 1); 33]), goaway(0, 11, "SETTINGS: too many setting entries")),
        ("a second acknowledgement", [frame(4, 1, 0, b""), frame(4, 1, 0, b"")].concat(), silent()),
    ]);
}

#[test]
fn frames_of_the_connection() {
    let good = " | head 1 end | open";
    let with_request = |frame: Vec<u8>| [frame, headers(1, GET, true)].concat();
    check(&[
        ("ping", frame(6, 0, 0, b"abcdefgh"), "ping 1 abcdefgh |  | open".into()),
        ("unsolicited answer", with_request(frame(6, 1, 0, b"abcdefgh")), good.into()),
        ("ping on a stream", frame(6, 0, 1, b"abcdefgh"), silent()),
        ("ping of seven", frame(6, 0, 0, b"abcdefg"), goaway(0, 6, "")),
        ("goaway on a stream", frame(7, 0, 1, &[0; 8]), silent()),
        ("goaway of seven", frame(7, 0, 0, &[0; 7]), goaway(0, 6, "")),
        ("goaway", with_request(frame(7, 0, 0, &[0; 8])), " | goaway 0, head 1 end | open".into()),
        ("window of three", frame(8, 0, 0, b"\0\0\x01"), goaway(0, 6, "")),
        ("window by zero", window(0, 0), silent()),
        ("window too large", window(0, 0x7fff_ffff), silent()),
        ("unknown frame", with_request(frame(77, 0xff, 5, b"abc")), good.into()),
        ("unknown frame too large", frame(77, 0, 0, &[0; 16_385]), goaway(0, 6, "too large frame size")),
        ("reserved bit", headers(1 | 1 << 31, GET, true), good.into()),
        ("push promise", frame(5, 4, 1, &[&[0, 0, 0, 2][..], &block(GET)].concat()), silent()),
    ]);
}

#[test]
fn frames_of_streams() {
    let open = || headers(1, POST, false);
    let on_open = |frame: Vec<u8>| [open(), frame].concat();
    let unknown = || format!(" | head 1 | closed 1 {UNKNOWN}");
    let opened_goaway = |code: u32, debug: &str| format!("goaway 1 {code} {debug} | head 1 | closed {CODEC}");
    check(&[
        ("window by zero, idle", window(1, 0), silent()),
        ("window by zero", on_open(window(1, 0)), unknown()),
        ("window, idle", window(1, 5), silent()),
        ("window too large", on_open(window(1, 0x7fff_ffff)), unknown()),
        (
            "window too large by settings",
            on_open([window(1, 0x7fff_0000 - 65_535), settings(&[(4, 0x7fff_ffff)])].concat()),
            "rst 1 3 | head 1, reset 1 Remote(ErrorCode(3)) | open".into(),
        ),
        ("reset, idle", rst(1, 8), silent()),
        ("reset of the connection", rst(0, 8), silent()),
        ("reset of an even stream", rst(2, 8), silent()),
        ("reset of three bytes", on_open(frame(3, 0, 1, b"\0\0\0")), opened_goaway(6, "")),
        ("reset", on_open(rst(1, 8)), " | head 1, reset 1 Remote(ErrorCode(8)) | open".into()),
        (
            "anything after a reset",
            on_open([rst(1, 8), frame(0, 0, 1, b"x"), headers(1, POST, true), window(1, 5), rst(1, 8)].concat()),
            " | head 1, reset 1 Remote(ErrorCode(8)) | open".into(),
        ),
        ("data, idle", frame(0, 1, 1, b"x"), goaway(0, 1, "DATA: stream in idle")),
        ("data of the connection", frame(0, 1, 0, b"x"), goaway(0, 1, "DATA: stream_id == 0")),
        (
            "data after the end",
            [headers(1, POST, true), frame(0, 1, 1, b"x")].concat(),
            format!("goaway 1 5 DATA: stream in half-closed(remote) | head 1 end | closed {CODEC}"),
        ),
        (
            "headers after the end",
            [headers(1, POST, true), headers(1, POST, true)].concat(),
            format!(" | head 1 end | closed 1 {UNKNOWN}"),
        ),
        (
            "headers of a skipped stream",
            [headers(5, GET, true), headers(3, GET, true), headers(7, GET, true)].concat(),
            " | head 5 end, head 7 end | open".into(),
        ),
        ("headers of an even stream", headers(2, GET, true), silent()),
        ("headers of the connection", headers(0, GET, true), silent()),
        ("padding too long", on_open(frame(0, 9, 1, b"\x0aabc")), opened_goaway(1, "DATA: invalid padding")),
        ("padding of everything", on_open(frame(0, 9, 1, b"\x03abc")), " | head 1, data 1 end  | open".into()),
        ("padding of some", on_open(frame(0, 9, 1, b"\x01abc")), " | head 1, data 1 ab, data 1 end  | open".into()),
        ("no room for padding", on_open(frame(0, 9, 1, b"")), opened_goaway(1, "DATA: insufficient padding space")),
        ("an empty end", on_open(frame(0, 1, 1, b"")), " | head 1, data 1 end  | open".into()),
        ("too large", on_open(frame(0, 0, 1, &[0; 16_385])), opened_goaway(6, "too large frame size")),
        ("priority of four bytes", frame(2, 0, 3, b"\0\0\0\x03"), goaway(0, 6, "")),
        ("priority on itself", on_open(frame(2, 0, 1, b"\0\0\0\x01\x10")), " | head 1 | open".into()),
        ("priority of the connection", frame(2, 0, 0, b"\0\0\0\x03\x10"), " |  | open".into()),
    ]);
}

#[test]
fn header_blocks() {
    let request = block(GET);
    let good = || String::from(" | head 1 end | open");
    let begun = |code: u32, debug: &str| format!("goaway 1 {code} {debug} | begin 1 | closed {CODEC}");
    let unexpected = "unexpected non-CONTINUATION frame or stream_id is invalid";
    let padded = |pad: u8, behind: &[u8]| [&[pad][..], &request, behind].concat();
    check(&[
        ("padding", frame(1, 0xd, 1, &padded(5, b"abcde")), good()),
        ("padding too long", frame(1, 0xd, 1, &padded(200, b"")), goaway(0, 1, "HEADERS: invalid padding")),
        ("no room for padding", frame(1, 9, 3, b""), goaway(0, 1, "HEADERS: insufficient padding space")),
        ("empty", frame(1, 5, 1, b""), format!(" | begin 1 | closed 1 {VIOLATION}")),
        ("priority", frame(1, 0x25, 1, &[b"\0\0\0\x03\x10", &request[..]].concat()), good()),
        ("priority on itself", frame(1, 0x25, 1, &[b"\0\0\0\x01\x10", &request[..]].concat()), silent()),
        ("half a priority", frame(1, 0x25, 1, b"\0\0\0"), goaway(0, 6, "")),
        ("lone continuation", frame(9, 4, 1, &request), goaway(0, 1, "CONTINUATION: unexpected")),
        (
            "three pieces",
            [frame(1, 1, 1, &request[..3]), frame(9, 0, 1, &request[3..5]), frame(9, 4, 1, &request[5..])].concat(),
            good(),
        ),
        ("another stream", [frame(1, 1, 1, &request), frame(9, 4, 3, b"")].concat(), begun(1, unexpected)),
        ("a ping between", [frame(1, 1, 1, &request), frame(6, 0, 0, b"abcdefgh")].concat(), begun(1, unexpected)),
        ("the unknown between", [frame(1, 1, 1, &request), frame(50, 0, 0, b"")].concat(), begun(1, unexpected)),
        ("unfinished", frame(1, 1, 1, &request), " | begin 1 | open".into()),
        ("half a frame", frame(1, 5, 1, &request)[..12].to_vec(), " | begin 1 | open".into()),
        ("not hpack", frame(1, 5, 1, b"\x80"), begun(9, "")),
        ("a string too long", headers(1, &[("x", &"v".repeat(65_537))], true), begun(9, "")),
    ]);
}

/// Heads that cost the connection, or with the override their stream.
#[test]
fn malformed_heads() {
    let long: Vec<(&str, &str)> = vec![(":authority", "a"), (":method", "GET"), (":scheme", "http"), (":path", "/")];
    let plus = |name, value| [&long[..], &[(name, value)]].concat();
    let but =
        |name: &str, value| long.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect::<Vec<_>>();
    let less = |name: &str| long.iter().copied().filter(|&(n, _)| n != name).collect::<Vec<_>>();
    let cases = [
        (less(":method"), VIOLATION),
        (less(":scheme"), VIOLATION),
        (less(":path"), VIOLATION),
        (less(":authority"), VIOLATION),
        (but(":path", ""), FIELD),
        (but(":method", ""), FIELD),
        (but(":authority", ""), FIELD),
        (but(":scheme", ""), FIELD),
        (but(":scheme", "ht tp"), FIELD),
        (but(":scheme", "1http"), FIELD),
        (but(":path", "ok"), VIOLATION),
        (but(":path", "*"), VIOLATION),
        (but(":path", "/ok a"), FIELD),
        (but(":path", "/ok\u{1}"), FIELD),
        (but(":path", "/ok\u{7f}"), FIELD),
        (but(":authority", "u@h"), FIELD),
        (but(":authority", "h h"), FIELD),
        (but(":authority", "h\u{e9}"), FIELD),
        (but(":method", "G T"), FIELD),
        (plus(":method", "GET"), FIELD),
        (plus(":path", "/"), FIELD),
        (plus(":foo", "b"), FIELD),
        (plus(":status", "200"), FIELD),
        (plus(":protocol", "websocket"), FIELD),
        ([&[("x-a", "b")], &long[..]].concat(), FIELD),
        (but(":method", "CONNECT"), VIOLATION),
        (vec![(":method", "CONNECT")], VIOLATION),
        (plus("X-Upper", "v"), FIELD),
        (plus("", "v"), FIELD),
        (plus("a b", "v"), FIELD),
        (plus("a:b", "v"), FIELD),
        (plus("a\u{e9}", "v"), FIELD),
        (plus("connection", "close"), FIELD),
        (plus("keep-alive", "1"), FIELD),
        (plus("proxy-connection", "1"), FIELD),
        (plus("transfer-encoding", "chunked"), FIELD),
        (plus("upgrade", "h2c"), FIELD),
        (plus("te", "gzip"), FIELD),
        (plus("te", ""), FIELD),
        (plus("host", ""), FIELD),
        (plus("x", "a\0b"), FIELD),
        (plus("x", "a\rb"), FIELD),
        (plus("x", "a\nb"), FIELD),
        (plus("x", "a\u{1}b"), FIELD),
        (plus("x", "a\u{7f}b"), FIELD),
        (plus("content-length", "5"), VIOLATION),
        (plus("content-length", "5x"), FIELD),
        (plus("content-length", "-5"), FIELD),
        (plus("content-length", ""), FIELD),
        (plus("content-length", "0, 0"), FIELD),
        (plus("content-length", "99999999999999999999"), FIELD),
        ([plus("content-length", "0"), vec![("content-length", "0")]].concat(), FIELD),
        ([plus("host", "a"), vec![("host", "a")]].concat(), FIELD),
    ];
    let lenient = Options { override_stream_error_on_invalid_http_message: true, ..Options::default() };
    for (list, details) in cases {
        let input = headers(1, &list, true);
        let expected = format!(" | begin 1 | closed 1 {details}");
        assert_eq!(verdict(&Options::default(), &input), expected, "{list:?}");
        let expected = format!("rst 1 1 | begin 1, reset 1 Protocol({details:?}) | open");
        assert_eq!(verdict(&lenient, &input), expected, "{list:?}");
    }
}

#[test]
fn unusual_heads_that_are_accepted() {
    for list in [
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "h")][..],
        &[(":method", "FOO"), (":scheme", "ftp"), (":path", "x"), (":authority", "a")],
        &[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "a")],
        &[(":method", "get"), (":scheme", "HTTP"), (":path", "/\u{e9}"), (":authority", "a")],
        &[(":method", "CONNECT"), (":authority", "a")],
        &[
            GET,
            &[("te", "TRAILERS"), ("http2-settings", "x"), ("x", "\u{e9}\t "), ("a_b", ""), ("content-length", "0")],
        ]
        .concat(),
    ] {
        assert_eq!(verdict(&Options::default(), &headers(1, list, true)), " | head 1 end | open", "{list:?}");
    }
}

#[test]
fn limits_of_a_head() {
    let value = |bytes: usize| "v".repeat(bytes);
    let many = |count: usize| (0..count).map(|i| format!("x-{i}")).collect::<Vec<_>>();
    let case = |extra: &[(&str, &str)], expected: &str| {
        let input = [headers(1, &[GET, extra].concat(), true), headers(3, GET, true)].concat();
        let got = verdict(&Options::default(), &input);
        let expected = match expected {
            "" => String::from(" | head 1 end, head 3 end | open"),
            details => format!("rst 1 2 | begin 1, reset 1 Protocol(\"{details}\"), head 3 end | open"),
        };
        assert_eq!(got, expected);
    };
    let (too_large, too_many) = ("http2.header_list_size_too_large", "http2.too_many_headers");
    // 40 bytes of pseudo headers and 3 of the name.
    case(&[("x-a", &value(61_397))], "");
    case(&[("x-a", &value(61_398))], too_large);
    case(&[("cookie", &value(60_396)), ("cookie", &value(1000))], "");
    case(&[("cookie", &value(60_400)), ("cookie", &value(1000))], too_large);
    let (fits, over) = (many(96), many(97));
    case(&fits.iter().map(|name| (name.as_str(), "v")).collect::<Vec<_>>(), "");
    case(&over.iter().map(|name| (name.as_str(), "v")).collect::<Vec<_>>(), too_many);
    case(&[("accept", "v"); 150], "");
    case(&[("cookie", "v"); 96], "");
    case(&[("cookie", "v"); 97], too_many);
}

#[test]
fn messages() {
    let post = |length: &'static str| headers(1, &[POST, &[("content-length", length)]].concat(), false);
    let data = |flags, bytes: &[u8]| frame(0, flags, 1, bytes);
    let trailers = |list: &[(&str, &str)], end| headers(1, list, end);
    let mismatch = |passed: &str| format!("rst 1 1 | head 1{passed}, reset 1 Protocol(\"http2.remote_reset\") | open");
    let lost = |details: &str| format!(" | head 1, data 1 abc | closed 1 {details}");
    let plain = |list: &[(&str, &str)], end| [headers(1, POST, false), data(0, b"abc"), trailers(list, end)].concat();
    check(&[
        ("more than announced", [post("3"), data(1, b"hello")].concat(), mismatch("")),
        ("more, without end", [post("3"), data(0, b"hello")].concat(), mismatch("")),
        ("less than announced", [post("5"), data(1, b"abc")].concat(), mismatch("")),
        ("less, with trailers", [post("5"), data(0, b"abc"), trailers(&[("x", "1")], true)].concat(), lost(VIOLATION)),
        ("trailers", plain(&[("x-t", "1")], true), " | head 1, data 1 abc, trailers 1 x-t=1 | open".into()),
        ("empty trailers", plain(&[], true), " | head 1, data 1 abc, trailers 1 | open".into()),
        ("trailers without end", plain(&[("x-t", "1")], false), lost(VIOLATION)),
        ("pseudo header in trailers", plain(&[(":path", "1")], true), lost(FIELD)),
        ("connection in trailers", plain(&[("connection", "x")], true), lost(FIELD)),
        ("wrong length in trailers", plain(&[("content-length", "9")], true), lost(VIOLATION)),
        ("te in trailers", plain(&[("te", "gzip")], true), lost(FIELD)),
    ]);
}

#[test]
fn floods() {
    let empties = |kind, flags, count| [headers(1, POST, false), frame(kind, flags, 1, b"").repeat(count)].concat();
    let after_head = |frame: Vec<u8>, count| [headers(1, POST, false), frame.repeat(count)].concat();
    let priority = || frame(2, 0, 3, b"\0\0\0\0\x10");
    let many = |details: &str| format!("codec_error:Too_many_{details}");
    let windows = many("WINDOW_UPDATE_frames");
    let priorities = many("PRIORITY_frames");
    let empty_flood = " | head 1 | closed 1 http2.inbound_empty_frames_flood";
    check(&[
        ("one empty frame", empties(0, 0, 1), " | head 1 | open".into()),
        ("two empty frames", empties(0, 0, 2), empty_flood.into()),
        ("padding only", after_head(frame(0, 8, 1, b"\x01\0"), 2), empty_flood.into()),
        ("five window updates", window(0, 1).repeat(5), " |  | open".into()),
        ("six window updates", window(0, 1).repeat(6), format!(" |  | closed {windows}")),
        ("seven for a stream", after_head(window(0, 1), 7), " | head 1 | open".into()),
        ("eight for a stream", after_head(window(0, 1), 8), format!(" | head 1 | closed {windows}")),
        ("100 priorities", priority().repeat(100), " |  | open".into()),
        ("101 priorities", priority().repeat(101), format!(" |  | closed {priorities}")),
        ("200 for a stream", after_head(priority(), 200), " | head 1 | open".into()),
        ("201 for a stream", after_head(priority(), 201), format!(" | head 1 | closed {priorities}")),
    ]);
    let resets: Vec<u8> = (0..1001).flat_map(|i| [headers(2 * i + 1, GET, true), rst(2 * i + 1, 8)].concat()).collect();
    let got = verdict(&Options::default(), &resets);
    assert!(got.starts_with("goaway 2001 2  | ") && got.ends_with(CODEC), "{got}");
    let pings = verdict(&Options::default(), &frame(6, 0, 0, b"abcdefgh").repeat(1001));
    assert!(pings.ends_with("closed codec_error:Too_many_control_frames_in_the_outbound_queue."), "{pings}");
}

#[test]
fn streams_beyond_the_limit() {
    let options = Options { max_concurrent_streams: 2, ..Options::default() };
    let three = [headers(1, POST, false), headers(3, POST, false), headers(5, POST, false)].concat();
    assert_eq!(verdict(&options, &three), "rst 5 7 | head 1, head 3 | open");
    let acknowledged = [frame(4, 1, 0, b""), three].concat();
    assert_eq!(verdict(&options, &acknowledged), format!(" | head 1, head 3 | closed {CODEC}"));
}

#[test]
fn underscores() {
    let input = [headers(1, &[GET, &[("a_b", "c")]].concat(), true), headers(3, GET, true)].concat();
    let with = |action| Options { headers_with_underscores_action: action, ..Options::default() };
    let rejected = "rst 1 2 | begin 1, reset 1 Protocol(\"http2.unexpected_underscore\"), head 3 end | open";
    assert_eq!(verdict(&with(HeadersWithUnderscores::RejectRequest), &input), rejected);
    let mut server = Http2::new(Role::Server, &Rc::new(with(HeadersWithUnderscores::DropHeader)), Tick(0));
    let events = feed(&mut server, &[PREFACE, &frame(4, 0, 0, b""), &input].concat()).expect("nothing is wrong");
    assert_eq!(text(&events[0]), "head 1 end :method=GET :scheme=http :path=/ok :authority=a");
    assert_eq!(server.tally().dropped_headers_with_underscores, 1);
}

#[test]
fn crumbs_and_authority_are_settled() {
    let list = [(":method", "GET"), ("cookie", "a=1"), ("host", "h"), ("cookie", "b=2"), ("x", "y")];
    let list = [&list[..1], &[(":scheme", "http"), (":path", "/")], &list[1..]].concat();
    let mut server = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let input = [PREFACE, &frame(4, 0, 0, b""), &headers(1, &list, true)].concat();
    let events = feed(&mut server, &input).expect("nothing is wrong");
    let expected = "head 1 end :method=GET :scheme=http :path=/ x=y cookie=a=1; b=2 :authority=h";
    assert_eq!(text(&events[0]), expected);
}

#[test]
fn an_early_answer_asks_for_no_more_of_the_request() {
    let mut server = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let input = [PREFACE, &frame(4, 0, 0, b""), &headers(1, POST, false)].concat();
    feed(&mut server, &input).expect("nothing is wrong");
    server.send_head(1, &head(&[(":status", "200")]), false);
    server.send_data(1, Chunk::copy_from(b"hello"), true);
    assert_eq!(frames(&written(&mut server)), "headers 1 4, data 1 1 hello, rst 1 0");
    let late = [frame(0, 0, 1, b"abc"), frame(0, 1, 1, b"x"), headers(3, GET, true)].concat();
    assert_eq!(judge(&mut server, &late), " | head 3 end | open");
}

/// The verdict about what an upstream answers to a request.
fn answer_verdict(method: &str, input: &[u8]) -> String {
    let mut client = Http2::new(Role::Client, &Rc::new(Options::default()), Tick(0));
    feed(&mut client, &frame(4, 0, 0, b"")).expect("a good opening");
    let id = client.open().expect("nothing is open");
    let list = [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    client.send_head(id, &head(&list), true);
    judge(&mut client, input)
}

#[test]
fn responses() {
    let status = |code, end| headers(1, &[(":status", code)], end);
    let ok = |name, value, end| headers(1, &[(":status", "200"), (name, value)], end);
    let data = |bytes: &[u8]| frame(0, 1, 1, bytes);
    let goaway_of = |last: u32| frame(7, 0, 0, &[&last.to_be_bytes()[..], &[0; 4]].concat());
    let closed = |details| format!(" |  | closed 1 {details}");
    let reset = "reset 1 Protocol(\"http2.remote_reset\") | open";
    let good = " | head 1 end | open";
    for (name, method, input, expected) in [
        ("1xx first", "GET", [status("103", false), status("200", true)].concat(), {
            String::from(" | informational 1 :status=103, head 1 end | open")
        }),
        ("1xx at the end", "GET", status("103", true), closed(VIOLATION)),
        ("101", "GET", status("101", false), closed(VIOLATION)),
        ("data behind 1xx", "GET", [status("103", false), data(b"x")].concat(), {
            format!("rst 1 1 | informational 1 :status=103, {reset}")
        }),
        ("data first", "GET", data(b"x"), format!("goaway 0 1 DATA: stream not opened |  | closed {CODEC}")),
        ("no status", "GET", headers(1, &[("a", "b")], true), closed(VIOLATION)),
        ("a wrong status", "GET", status("2x0", true), closed(FIELD)),
        ("a long status", "GET", status("1000", true), closed(FIELD)),
        ("a low status", "GET", status("099", true), good.into()),
        ("two statuses", "GET", headers(1, &[(":status", "200"), (":status", "200")], true), closed(FIELD)),
        ("a method", "GET", headers(1, &[(":status", "200"), (":method", "GET")], true), closed(FIELD)),
        ("connection", "GET", ok("connection", "close", true), closed(FIELD)),
        ("te", "GET", ok("te", "gzip", true), closed(FIELD)),
        ("te trailers", "GET", ok("te", "trailers", true), good.into()),
        ("any host", "GET", ok("host", "a b", true), good.into()),
        (
            "length",
            "GET",
            [ok("content-length", "2", false), data(b"hi")].concat(),
            " | head 1, data 1 end hi | open".into(),
        ),
        ("too short", "GET", [ok("content-length", "3", false), data(b"hi")].concat(), {
            format!("rst 1 1 | head 1, {reset}")
        }),
        ("too long", "GET", [ok("content-length", "1", false), data(b"hi")].concat(), {
            format!("rst 1 1 | head 1, {reset}")
        }),
        ("length without body", "GET", ok("content-length", "1", true), closed(VIOLATION)),
        ("length to HEAD", "HEAD", ok("content-length", "10", true), good.into()),
        ("body to HEAD", "HEAD", [ok("content-length", "10", false), data(b"hi")].concat(), {
            format!("rst 1 1 | head 1, {reset}")
        }),
        ("304", "GET", headers(1, &[(":status", "304"), ("content-length", "10")], true), good.into()),
        ("body of 304", "GET", [status("304", false), data(b"x")].concat(), format!("rst 1 1 | head 1, {reset}")),
        ("body of 204", "GET", [status("204", false), data(b"x")].concat(), format!("rst 1 1 | head 1, {reset}")),
        ("length of 204", "GET", headers(1, &[(":status", "204"), ("content-length", "10")], true), closed(FIELD)),
        ("zero of 204", "GET", headers(1, &[(":status", "204"), ("content-length", "0")], true), good.into()),
        ("refused", "GET", rst(1, 7), " | reset 1 RemoteRefused | open".into()),
        ("reset", "GET", rst(1, 0), " | reset 1 Remote(ErrorCode(0)) | open".into()),
        ("goaway before", "GET", goaway_of(0), " | goaway 0, reset 1 RemoteRefused | open".into()),
        ("goaway behind", "GET", [goaway_of(1), status("200", true)].concat(), " | goaway 0, head 1 end | open".into()),
        ("goaway raised", "GET", [goaway_of(1), goaway_of(3)].concat(), format!(" | goaway 0 | closed {CODEC}")),
        ("push allowed", "GET", settings(&[(2, 1)]), silent()),
        ("push refused", "GET", [settings(&[(2, 0)]), status("200", true)].concat(), good.into()),
        ("connect taken back", "GET", [settings(&[(8, 1)]), settings(&[(8, 0)])].concat(), silent()),
        ("an even stream", "GET", headers(2, &[(":status", "200")], true), silent()),
        ("an unknown stream", "GET", headers(101, &[(":status", "200")], true), silent()),
        ("data of an unknown stream", "GET", frame(0, 1, 101, b"x"), goaway(0, 1, "DATA: stream in idle")),
        ("window of an unknown stream", "GET", window(101, 1), silent()),
        (
            "too many headers",
            "GET",
            headers(1, &[&[(":status", "200")], &[("set-cookie", "a"); 101][..]].concat(), true),
            { String::from("rst 1 2 | reset 1 Remote(ErrorCode(2)) | open") },
        ),
        ("not hpack", "GET", frame(1, 5, 1, b"\x80"), goaway(0, 9, "")),
    ] {
        assert_eq!(answer_verdict(method, &input), expected, "{name}");
    }
}
