//! Chunked bodies: what a client writes a server reads, and broken chunks never panic.

#![no_main]

use std::io::IoSlice;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use nuncio_codec::http1::{Codec, Options};
use nuncio_codec::{Event, Role};
use nuncio_message::{Chunk, HeaderId, Headers, MAX_IO_SLICES, Tick};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    let [size, body @ ..] = input else { return };
    let piece = usize::from(*size) + 1;
    round_trip(body, piece);
    let (whole, pieces) = (decode(&[HEAD, body].concat(), usize::MAX), decode(&[HEAD, body].concat(), piece));
    if whole.2 && pieces.2 {
        // What is refused is refused either way; how much went on before depends on what a read brought along.
        let common = whole.0.len().min(pieces.0.len());
        assert_eq!(whole.0[..common], pieces.0[..common], "refused, in pieces of {piece} bytes");
        return;
    }
    assert_eq!(whole, pieces, "pieces of {piece} bytes");
});

fn round_trip(body: &[u8], piece: usize) {
    let mut client = Codec::new(Role::Client, options(), Tick(0));
    let Some(stream) = client.open() else { return };
    let mut head = Headers::new();
    head.push(HeaderId::METHOD, b"POST");
    head.push(HeaderId::PATH, b"/");
    client.send_head(stream, &head, false);
    for data in body.chunks(piece) {
        client.send_data(stream, Chunk::copy_from(data), false);
    }
    client.send_data(stream, Chunk::empty(), true);
    assert_eq!(decode(&written(&mut client), piece), (body.to_vec(), true, false));
}

fn options() -> Rc<Options> {
    Rc::new(Options { enable_trailers: true, ..Options::default() })
}

/// The body, whether it is complete, and whether it was refused.
fn decode(input: &[u8], piece: usize) -> (Vec<u8>, bool, bool) {
    let mut codec = Codec::new(Role::Server, options(), Tick(0));
    let (mut body, mut is_complete, mut is_refused) = (Vec::new(), false, false);
    for data in input.chunks(piece) {
        codec.receive(Chunk::copy_from(data));
        while let Ok(Some(event)) = codec.next(Tick(0)) {
            match event {
                Event::Data { data, end_stream, .. } => {
                    body.extend_from_slice(&data);
                    is_complete |= end_stream;
                }
                Event::Trailers { .. } => is_complete = true,
                Event::Rejected { .. } => is_refused = true,
                _ => {}
            }
        }
        if is_complete || is_refused {
            break;
        }
    }
    (body, is_complete, is_refused)
}

fn written(codec: &mut Codec) -> Vec<u8> {
    let mut all = Vec::new();
    while !codec.out().is_empty() {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let count = codec.out().io_slices(&mut slices);
        let before = all.len();
        slices[..count].iter().for_each(|slice| all.extend_from_slice(slice));
        codec.wrote(all.len() - before, |_, _| {});
    }
    all
}
