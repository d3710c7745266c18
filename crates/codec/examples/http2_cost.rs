//! What a proxied HTTP/2 message costs in the codec: one request parsed and encoded upstream, its response parsed and
//! encoded downstream, tables warm. Run under `valgrind --tool=callgrind` with two counts and compare.

use std::rc::Rc;

use nuncio_codec::http2::{Http2, Options};
use nuncio_codec::{Event, Role};
use nuncio_message::{Chunk, Headers, ReadBlock, Tick};

const REQUEST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "service.example.com"),
    (":path", "/api/v1/items?page=2"),
    ("user-agent", "load/1.0 (compatible)"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("x-forwarded-proto", "https"),
];
const RESPONSE: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("server", "envoy"),
    ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
    ("vary", "accept-encoding"),
    ("x-frame-options", "deny"),
    ("content-length", "12"),
];

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let options = Rc::new(Options::default());
    let new = |role| Http2::new(role, &options, Tick(0));
    let (mut load, mut down) = (new(Role::Client), new(Role::Server));
    let (mut up, mut origin) = (new(Role::Client), new(Role::Server));
    let (request, response) = (list(REQUEST), list(RESPONSE));
    for i in 0..count {
        let mut request = request.clone();
        // What a proxy adds is new each time.
        request.push_name(b"x-request-id", format!("{i:08x}-1111-4222-8333-123456789abc").as_bytes());
        let stream = load.open().expect("streams end");
        load.send_head(stream, &request, true);
        pass(&mut load, &mut down, &mut up);
        drain(&mut up, &mut origin);
        origin.send_head(stream, &response, false);
        origin.send_data(stream, Chunk::copy_from(b"hello world\n"), true);
        relay_back(&mut origin, &mut up, &mut down);
        drain(&mut down, &mut load);
    }
}

fn list(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    pairs.iter().for_each(|(name, value)| {
        headers.push_name(name.as_bytes(), value.as_bytes());
    });
    headers
}

/// Moves what `from` wrote into `to`.
fn transfer(from: &mut Http2, to: &mut Http2) {
    let mut block = ReadBlock::take();
    let mut slices = [std::io::IoSlice::new(&[]); nuncio_message::MAX_IO_SLICES];
    let count = from.out().io_slices(&mut slices);
    let mut n = 0;
    for slice in &slices[..count] {
        block.bytes_mut()[n..n + slice.len()].copy_from_slice(slice);
        n += slice.len();
    }
    from.wrote(n, |_, _| {});
    to.receive(block.freeze(n));
}

/// The measured half of a request: parsed by `through`, encoded by `onward`.
#[inline(never)]
fn pass(from: &mut Http2, through: &mut Http2, onward: &mut Http2) {
    transfer(from, through);
    while let Some(event) = through.next(Tick(0)).expect("the rules are kept") {
        if let Event::Head { headers, end_stream, .. } = event
            && let Some(stream) = onward.open()
        {
            onward.send_head(stream, &headers, end_stream);
        }
    }
}

/// The measured half of a response.
#[inline(never)]
fn relay_back(from: &mut Http2, through: &mut Http2, onward: &mut Http2) {
    transfer(from, through);
    while let Some(event) = through.next(Tick(0)).expect("the rules are kept") {
        match event {
            Event::Head { stream, headers, end_stream } => onward.send_head(stream, &headers, end_stream),
            Event::Data { stream, data, end_stream } => {
                through.release(stream, data.len() as u32);
                onward.send_data(stream, data, end_stream);
            }
            _ => {}
        }
    }
}

fn drain(from: &mut Http2, to: &mut Http2) {
    transfer(from, to);
    while to.next(Tick(0)).expect("the rules are kept").is_some() {}
}
