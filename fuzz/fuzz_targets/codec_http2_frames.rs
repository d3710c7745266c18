//! Both roles of the HTTP/2 codec on arbitrary bytes behind a good opening: no panic, and splits do not matter.

#![no_main]

use std::collections::BTreeMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use nuncio_codec::http2::{HeadersWithUnderscores, Http2, Options};
use nuncio_codec::{ConnectionError, Event, Role};
use nuncio_message::{Chunk, HeaderId, Headers, MAX_IO_SLICES, Tick};

const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PREFACE_BYTES: usize = 24;

/// What a connection said, without how it was cut into pieces.
#[derive(Default, Debug, PartialEq)]
struct Told {
    events: Vec<String>,
    bodies: BTreeMap<u32, Vec<u8>>,
    written: Vec<u8>,
    error: Option<ConnectionError>,
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
    Options {
        override_stream_error_on_invalid_http_message: flags & 1 != 0,
        allow_connect: flags & 2 != 0,
        max_headers: if flags & 4 != 0 { 4 } else { 100 },
        max_concurrent_streams: if flags & 8 != 0 { 2 } else { 100 },
        headers_with_underscores_action: match flags >> 6 {
            0 => HeadersWithUnderscores::RejectRequest,
            1 => HeadersWithUnderscores::DropHeader,
            _ => HeadersWithUnderscores::Allow,
        },
        ..Options::default()
    }
}

fn run(role: Role, flags: u8, parts: &[&[u8]]) -> Told {
    let mut codec = Http2::new(role, &Rc::new(options(flags)), Tick(0));
    let mut told = Told::default();
    let opening = if role == Role::Server { OPENING } else { &OPENING[PREFACE_BYTES..] };
    tell(&mut codec, opening, &mut told);
    if role == Role::Client {
        // Streams 1 to 5 are there to be answered, or as many as our own limit allows.
        let mut request = Headers::new();
        request.push(HeaderId::METHOD, if flags & 16 != 0 { b"HEAD" } else { b"POST" });
        for _ in 0..3 {
            let Some(id) = codec.open() else { break };
            codec.send_head(id, &request, flags & 32 != 0);
        }
    }
    for part in parts {
        if told.error.is_none() {
            tell(&mut codec, part, &mut told);
        }
    }
    told
}

fn tell(codec: &mut Http2, part: &[u8], told: &mut Told) {
    if !part.is_empty() {
        codec.receive(Chunk::copy_from(part));
    }
    loop {
        match codec.next(Tick(0)) {
            // Whether a stream is told of before its head depends on where the input ran out.
            Ok(Some(Event::Begin { .. })) => {}
            Ok(Some(Event::Data { stream, data, end_stream })) => {
                told.bodies.entry(stream).or_default().extend_from_slice(&data);
                if end_stream {
                    told.events.push(format!("end {stream}"));
                }
            }
            Ok(Some(event)) => told.events.push(format!("{event:?}")),
            Ok(None) if codec.is_pausing() => {}
            Ok(None) => break,
            Err(error) => {
                told.error = Some(error);
                break;
            }
        }
    }
    while !codec.out().is_empty() {
        let mut slices = [std::io::IoSlice::new(&[]); MAX_IO_SLICES];
        let count = codec.out().io_slices(&mut slices);
        let n = slices[..count].iter().map(|slice| slice.len()).sum();
        slices[..count].iter().for_each(|slice| told.written.extend_from_slice(slice));
        codec.wrote(n, |_, _| {});
    }
}
