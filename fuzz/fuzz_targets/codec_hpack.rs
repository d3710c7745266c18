//! HPACK: arbitrary blocks decode the same however they are cut, and what was decoded survives encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nuncio_codec::hpack::{DecodeError, Decoder, Encoder};
use nuncio_message::{Header, HeaderId};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fuzz_target!(|input: &[u8]| {
    let [size, input @ ..] = input else { return };
    let size = usize::from(*size).max(1);
    let mut whole = Decoder::new(4096, 65_536);
    let mut parted = Decoder::new(4096, 65_536);
    let mut encoder = Encoder::new(size % 2 == 0);
    let mut again = Decoder::new(4096, 65_536);
    for block in input.chunks(200) {
        let decoded = decode(&mut whole, &[block]);
        let pieces: Vec<&[u8]> = block.chunks(size).collect();
        assert_eq!(decoded, decode(&mut parted, &pieces));
        let Ok(fields) = decoded else { return };
        let mut encoded = Vec::new();
        encoder.begin(&mut encoded);
        for (name, value) in &fields {
            encoder.field(Header { id: HeaderId::of(name), name, value }, &mut encoded);
        }
        assert_eq!(Ok(fields), decode(&mut again, &[&encoded]));
        // A table that is resized now and then.
        encoder.set_max_table(u32::from(block[0]) * 40);
    }
});

fn decode(decoder: &mut Decoder, pieces: &[&[u8]]) -> Result<Fields, DecodeError> {
    let mut fields = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        decoder.decode(piece, at + 1 == pieces.len(), |field| {
            fields.push((field.name().to_vec(), field.value.to_vec()));
            true
        })?;
    }
    if pieces.is_empty() {
        decoder.decode(&[], true, |_| true)?
    }
    Ok(fields)
}
