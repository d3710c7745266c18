//! Both roles of the HTTP/1 codec on arbitrary bytes: no panic, bounded work, and splits do not matter.

#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use nuncio_codec::http1::{Codec, NameCase, Options, Underscores};
use nuncio_codec::{Event, Role, StreamId};
use nuncio_message::{Chunk, HeaderId, Headers, Tick};

/// What a connection said, without how it was cut into pieces.
#[derive(Default, Debug, PartialEq)]
struct Told {
    heads: Vec<Headers>,
    body: Vec<u8>,
    ends: u32,
    is_refused: bool,
}

fuzz_target!(|input: &[u8]| {
    let [flags, cut, input @ ..] = input else { return };
    let cut = usize::from(*cut) % (input.len() + 1);
    for role in [Role::Server, Role::Client] {
        let whole = run(role, *flags, &[input]);
        let parted = run(role, *flags, &[&input[..cut], &input[cut..]]);
        assert_eq!(whole, parted, "{role:?}");
    }
});

fn options(flags: u8) -> Options {
    let has = |bit: u8| flags & (1 << bit) != 0;
    Options {
        max_head_bytes: if has(0) { 256 } else { 60 * 1024 },
        max_headers: if has(0) { 8 } else { 100 },
        accept_http_10: has(1),
        default_host_for_http_10: if has(1) { "ten.test".to_owned() } else { String::new() },
        allow_absolute_url: !has(2),
        enable_trailers: has(3),
        allow_chunked_length: has(4),
        allow_custom_methods: has(5),
        name_case: if has(6) { NameCase::ProperWords } else { NameCase::Lower },
        underscores: if has(7) { Underscores::Drop } else { Underscores::Allow },
        ..Options::default()
    }
}

fn run(role: Role, flags: u8, parts: &[&[u8]]) -> Told {
    let mut codec = Codec::new(role, Rc::new(options(flags)), Tick(0));
    let mut told = Told::default();
    if role == Role::Client {
        open(&mut codec);
    }
    for part in parts.iter().filter(|part| !part.is_empty()) {
        codec.receive(Chunk::copy_from(part));
        if !drain(&mut codec, &mut told) {
            return told;
        }
    }
    codec.receive_eof();
    drain(&mut codec, &mut told);
    told
}

fn open(codec: &mut Codec) {
    let Some(stream) = codec.open() else { return };
    let mut request = Headers::new();
    request.push(HeaderId::METHOD, b"GET");
    request.push(HeaderId::PATH, b"/");
    request.push(HeaderId::AUTHORITY, b"a");
    codec.send_head(stream, &request, true);
    write(codec);
}

fn drain(codec: &mut Codec, told: &mut Told) -> bool {
    loop {
        match codec.next(Tick(0)) {
            Ok(None) => return true,
            Ok(Some(event)) => take(event, codec, told),
            Err(_) => {
                told.is_refused = true;
                return false;
            }
        }
    }
}

fn take(event: Event, codec: &mut Codec, told: &mut Told) {
    match event {
        Event::Begin { .. } | Event::GoAway { .. } | Event::MaxConcurrentStreams(_) => {}
        Event::Head { headers, end_stream, stream } => {
            told.heads.push(headers);
            ended(stream, end_stream, codec, told);
        }
        Event::Informational { headers, .. } => told.heads.push(headers),
        Event::Data { data, end_stream, stream } => {
            told.body.extend_from_slice(&data);
            codec.release(stream, data.len() as u32);
            ended(stream, end_stream, codec, told);
        }
        Event::Trailers { headers, stream } => {
            told.heads.push(headers);
            ended(stream, true, codec, told);
        }
        Event::Reset { .. } | Event::Rejected { .. } => told.is_refused = true,
    }
}

/// Answers a complete request, or sends the next one, so that what follows is read.
fn ended(stream: StreamId, end_stream: bool, codec: &mut Codec, told: &mut Told) {
    if !end_stream {
        return;
    }
    told.ends += 1;
    let mut response = Headers::new();
    response.push(HeaderId::STATUS, b"200");
    if codec.close_requested() {
        response.push(HeaderId::CONNECTION, b"close");
    }
    codec.send_head(stream, &response, true);
    write(codec);
    open(codec);
}

fn write(codec: &mut Codec) {
    let n = codec.out().len();
    codec.wrote(n, |_, _| {});
}
