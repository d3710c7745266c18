//! Second opinions: the `h2` crate as peer in both roles, another HPACK implementation, and ourselves on input that is
//! cut elsewhere.

mod http2_world;

use std::rc::Rc;

use bytes::Bytes;
use http2_world::{feed, frame, frames, head, headers, next, text, written};
use nuncio_codec::hpack::{Decoder, Encoder};
use nuncio_codec::http2::{Http2, Options};
use nuncio_codec::{Event, Role};
use nuncio_message::{Chunk, Header, HeaderId, ReadBlock, Tick};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room in each direction of a connection in memory.
const PIPE_BYTES: usize = 1 << 20;

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// Bodies of all kinds of sizes, each with its own content.
fn bodies() -> Vec<Bytes> {
    [0, 1, 100, 16_383, 16_384, 16_385, 65_535, 65_536, 200_000]
        .iter()
        .map(|&size: &usize| (0..size).map(|at| (at * 31 + size) as u8).collect())
        .collect()
}

async fn flush(codec: &mut Http2, io: &mut DuplexStream) {
    let bytes = written(codec);
    io.write_all(&bytes).await.expect("the peer reads");
}

/// Serves one connection: every request is answered with its own body and trailers.
async fn echo(mut io: DuplexStream) {
    let mut codec = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    loop {
        let mut block = ReadBlock::take();
        let n = io.read(block.bytes_mut()).await.expect("the peer keeps the pipe");
        if n == 0 {
            break;
        }
        codec.receive(block.freeze(n));
        while let Some(event) = codec.next(Tick(0)).expect("h2 keeps the rules") {
            match event {
                Event::Head { stream, end_stream, .. } => {
                    codec.send_head(stream, &head(&[(":status", "200"), ("x-a", "b")]), end_stream);
                }
                Event::Data { stream, data, end_stream } => {
                    codec.release(stream, data.len() as u32);
                    codec.send_data(stream, data, end_stream);
                }
                Event::Trailers { stream, headers } => codec.send_trailers(stream, &headers),
                Event::GoAway { .. } => {}
                other => unreachable!("{other:?} was not asked for"),
            }
        }
        flush(&mut codec, &mut io).await;
    }
    assert_eq!(codec.active_streams(), 0);
}

#[test]
fn h2_as_client() {
    run(async {
        let (near, far) = duplex(PIPE_BYTES);
        let server = tokio::task::LocalSet::new();
        let served = server.run_until(async {
            let (client, connection) = h2::client::handshake(near).await.expect("a handshake");
            let asked = async move {
                let mut client = client.ready().await.expect("room for a stream");
                for body in bodies() {
                    let request = http::Request::post("http://h/echo").body(()).expect("a request");
                    let (response, mut upload) = client.send_request(request, false).expect("a stream");
                    upload.send_data(body.clone(), false).expect("open");
                    upload
                        .send_trailers(
                            [("x-t".parse().expect("name"), "1".parse().expect("value"))].into_iter().collect(),
                        )
                        .expect("open");
                    let mut download = response.await.expect("a response").into_body();
                    let mut got = Vec::new();
                    while let Some(piece) = download.data().await {
                        let piece = piece.expect("a body");
                        download.flow_control().release_capacity(piece.len()).expect("received before");
                        got.extend_from_slice(&piece);
                    }
                    assert!(got == body, "{} of {} bytes", got.len(), body.len());
                    let trailers = download.trailers().await.expect("no error").expect("trailers");
                    assert_eq!(trailers["x-t"], "1");
                }
            };
            both(asked, connection).await;
        });
        both(served, echo(far)).await;
    });
}

/// Runs both until the first has finished, then the second to its end as well.
async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, Option<B::Output>) {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    let mut other = None;
    let one = std::future::poll_fn(|cx| {
        if other.is_none()
            && let std::task::Poll::Ready(value) = second.as_mut().poll(cx)
        {
            other = Some(value);
        }
        first.as_mut().poll(cx)
    })
    .await;
    (one, other)
}

async fn h2_echo(io: DuplexStream) {
    let mut connection = h2::server::handshake(io).await.expect("a handshake");
    let mut running = Vec::new();
    std::future::poll_fn(|cx| {
        while let std::task::Poll::Ready(next) = connection.poll_accept(cx) {
            let Some(next) = next else { return std::task::Poll::Ready(()) };
            let (request, mut respond) = next.expect("our client keeps the rules");
            running.push(Box::pin(async move {
                let response = http::Response::builder().status(200).header("x-a", "b").body(()).expect("a response");
                let mut upload = respond.send_response(response, false).expect("open");
                let mut body = request.into_body();
                while let Some(piece) = body.data().await {
                    let piece = piece.expect("a body");
                    body.flow_control().release_capacity(piece.len()).expect("received before");
                    upload.send_data(piece, false).expect("open");
                }
                let trailers = body.trailers().await.expect("no error").unwrap_or_default();
                upload.send_trailers(trailers).expect("open");
            }));
        }
        running.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        std::task::Poll::Pending
    })
    .await;
}

async fn ask(mut io: DuplexStream) {
    let mut codec = Http2::new(Role::Client, &Rc::new(Options::default()), Tick(0));
    let bodies = bodies();
    let request = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "h")];
    let mut got = vec![Vec::new(); bodies.len()];
    for body in &bodies {
        let id = codec.open().expect("room for all");
        codec.send_head(id, &head(&request), false);
        codec.send_data(id, Chunk::copy_from(body), false);
        codec.send_trailers(id, &head(&[("x-t", "1")]));
    }
    flush(&mut codec, &mut io).await;
    while codec.active_streams() > 0 {
        let mut block = ReadBlock::take();
        let n = io.read(block.bytes_mut()).await.expect("the peer keeps the pipe");
        assert!(n > 0, "the peer gave up");
        codec.receive(block.freeze(n));
        while let Some(event) = codec.next(Tick(0)).expect("h2 keeps the rules") {
            match event {
                Event::Head { headers, .. } => assert_eq!(headers.status(), Some(200)),
                Event::Data { stream, data, .. } => {
                    got[stream as usize / 2].extend_from_slice(&data);
                    codec.release(stream, data.len() as u32);
                }
                Event::Trailers { headers, .. } => assert_eq!(headers.get_by_name(b"x-t"), Some(&b"1"[..])),
                Event::MaxConcurrentStreams(_) => {}
                other => unreachable!("{other:?} was not asked for"),
            }
        }
        flush(&mut codec, &mut io).await;
    }
    assert!(got == bodies, "bodies come back as they went");
}

#[test]
fn h2_as_server() {
    run(async {
        let (near, far) = duplex(PIPE_BYTES);
        both(ask(near), h2_echo(far)).await;
    });
}

fn any_header() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        Just(":path"),
        Just(":status"),
        Just("content-type"),
        Just("cookie"),
        Just("set-cookie"),
        Just("date"),
        Just("x-request-id"),
        Just("x-other"),
        Just("allow"),
        Just("authorization"),
        Just("grpc-status"),
    ];
    let value = prop_oneof![Just(String::from("same")), "[ -~]{0,40}", Just("long ".repeat(300))];
    (name.prop_map(String::from), value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// What we encode another implementation decodes, block after block, whatever size the table has.
    #[test]
    fn another_decoder_understands_our_blocks(
        lists in prop::collection::vec((prop::collection::vec(any_header(), 1..12), prop::option::weighted(0.2, 0u32..5000)), 1..20),
        is_huffman: bool,
    ) {
        let mut encoder = Encoder::new(is_huffman);
        let mut ours = Decoder::new(4096, 65_536);
        let mut theirs = fluke_hpack::Decoder::new();
        for (list, resize) in lists {
            if let Some(bytes) = resize {
                encoder.set_max_table(bytes);
            }
            let mut block = Vec::new();
            encoder.begin(&mut block);
            for (name, value) in &list {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                encoder.field(Header { id: HeaderId::of(name), name, value }, &mut block);
            }
            let expected: Vec<_> =
                list.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect();
            let mut decoded = Vec::new();
            ours.decode(&block, true, |field| { decoded.push((field.name().to_vec(), field.value.to_vec())); true })
                .expect("our own block");
            prop_assert_eq!(&decoded, &expected);
            prop_assert_eq!(theirs.decode(&block).expect("our block"), expected);
        }
    }

    /// What another implementation encodes we decode.
    #[test]
    fn we_understand_blocks_of_another_encoder(
        lists in prop::collection::vec(prop::collection::vec(any_header(), 0..12), 1..20),
    ) {
        let mut theirs = fluke_hpack::Encoder::new();
        let mut ours = Decoder::new(4096, 65_536);
        for list in lists {
            let block = theirs.encode(list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
            let mut decoded = Vec::new();
            ours.decode(&block, true, |field| {
                decoded.push((
                    String::from_utf8_lossy(field.name()).into_owned(),
                    String::from_utf8_lossy(field.value).into_owned(),
                ));
                true
            })
            .expect("their block");
            prop_assert_eq!(decoded, list);
        }
    }

    /// Where reads cut the input does not matter.
    #[test]
    fn splits_do_not_matter(
        pieces in prop::collection::vec(any_frames(), 0..12),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut input = [PREFACE, &frame(4, 0, 0, b"")].concat();
        pieces.iter().for_each(|piece| input.extend(piece));
        if let Some((at, byte)) = damage {
            let at = at.index(input.len());
            input[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len())).collect();
        cuts.sort_unstable();
        let whole = told(&[&input]);
        let mut parts = Vec::new();
        let mut start = 0;
        for cut in cuts {
            parts.push(&input[start..cut]);
            start = cut;
        }
        parts.push(&input[start..]);
        prop_assert_eq!(whole.clone(), told(&parts));
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(whole, told(&bytes));
    }
}

/// Frames that are mostly good, on few streams.
fn any_frames() -> impl Strategy<Value = Vec<u8>> {
    let stream = (0u32..5).prop_map(|n| 2 * n + 1);
    let get: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    prop_oneof![
        4 => (stream.clone(), any::<bool>()).prop_map(move |(stream, end)| headers(stream, get, end)),
        1 => (stream.clone(), any::<bool>()).prop_map(|(stream, end)| headers(stream, &[("x", &"long".repeat(9000))], end)),
        2 => stream.clone().prop_map(|stream| headers(stream, &[("x-t", "1")], true)),
        4 => (stream.clone(), prop::collection::vec(any::<u8>(), 0..300), 0u8..2)
            .prop_map(|(stream, data, flags)| frame(0, flags, stream, &data)),
        2 => (stream.clone(), 0usize..20, 0usize..20, 0u8..2).prop_map(|(stream, data, padding, flags)| {
            let payload = [&[padding as u8][..], &vec![b'd'; data], &vec![0; padding]].concat();
            frame(0, flags | 8, stream, &payload)
        }),
        1 => stream.clone().prop_map(|stream| frame(3, 0, stream, &8u32.to_be_bytes())),
        1 => stream.clone().prop_map(|stream| frame(8, 0, stream, &8u32.to_be_bytes())),
        1 => Just(frame(6, 0, 0, b"abcdefgh")),
        1 => Just(frame(4, 0, 0, &[0, 4, 0, 1, 0, 0])),
        1 => (any::<u8>(), any::<u8>(), stream, prop::collection::vec(any::<u8>(), 0..30))
            .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload)),
    ]
}

/// What a server makes of input that comes in these parts: events, pieces of a body joined; frames; the end.
fn told(parts: &[&[u8]]) -> (Vec<String>, String, String) {
    let mut server = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let mut events: Vec<String> = Vec::new();
    let mut bodies = std::collections::BTreeMap::<u32, Vec<u8>>::new();
    let mut out = Vec::new();
    let mut end = String::from("open");
    for part in parts {
        match tell(&mut server, part, &mut events, &mut bodies) {
            Ok(()) => out.extend(written(&mut server)),
            Err(error) => {
                out.extend(written(&mut server));
                end = format!("{error:?}");
                break;
            }
        }
    }
    events.extend(bodies.iter().map(|(stream, body)| format!("{stream} {body:?}")));
    (events, frames(&out), end)
}

fn tell(
    server: &mut Http2,
    part: &[u8],
    events: &mut Vec<String>,
    bodies: &mut std::collections::BTreeMap<u32, Vec<u8>>,
) -> Result<(), nuncio_codec::ConnectionError> {
    if !part.is_empty() {
        server.receive(Chunk::copy_from(part));
    }
    while let Some(event) = next(server)? {
        match event {
            // Whether a stream is told of before its head depends on where the input ran out.
            Event::Begin { .. } => {}
            Event::Data { stream, data, end_stream } => {
                bodies.entry(stream).or_default().extend_from_slice(&data);
                if end_stream {
                    events.push(format!("end {stream}"));
                }
            }
            other => events.push(text(&other)),
        }
    }
    Ok(())
}

#[test]
fn eof_ends_every_stream() {
    let mut server = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let get: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let input = [PREFACE, &frame(4, 0, 0, b""), &headers(1, get, true), &headers(3, get, false), &frame(1, 1, 5, b"")];
    feed(&mut server, &input.concat()).expect("nothing is wrong");
    server.receive_eof();
    let events = feed(&mut server, b"").expect("an end is no error");
    let events: Vec<String> = events.iter().map(text).collect();
    assert_eq!(events, [1, 3, 5].map(|stream| format!("reset {stream} ConnectionTermination")));
    assert_eq!(server.active_streams(), 0);
}
