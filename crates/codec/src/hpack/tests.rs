use nuncio_message::{Header, HeaderId};

use super::integer;
use super::{DecodeError, Decoder, Encoder, huffman};

type Pairs = Vec<(String, String)>;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ascii"), 16).expect("hex"))
        .collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Pairs, DecodeError> {
    let mut pairs = Vec::new();
    decoder.decode(block, true, |field| {
        assert_eq!(field.id, HeaderId::of(field.name()));
        assert!(field.id == HeaderId::OTHER || field.other.is_empty());
        pairs.push((
            String::from_utf8_lossy(field.name()).into_owned(),
            String::from_utf8_lossy(field.value).into_owned(),
        ));
        true
    })?;
    Ok(pairs)
}

fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().map(|&(name, value)| (String::from(name), String::from(value))).collect()
}

fn encode(encoder: &mut Encoder, list: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.begin(&mut block);
    for (name, value) in list {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        encoder.field(Header { id: HeaderId::of(name), name, value }, &mut block);
    }
    block
}

#[test]
fn integers_of_the_rfc() {
    for (value, bits, bytes) in [(10, 5, &[10][..]), (1337, 5, &[31, 154, 10]), (42, 8, &[42])] {
        let mut out = Vec::new();
        integer::encode(value, bits, 0, &mut out);
        assert_eq!(out, bytes);
        assert_eq!(integer::decode(bytes, bits), Ok(Some((value, bytes.len()))));
    }
    assert_eq!(integer::decode(&[31, 154], 5), Ok(None));
    assert_eq!(integer::decode(&[31, 255, 255, 255, 255, 255], 5), Err(DecodeError::Integer));
    assert_eq!(integer::decode(&[31, 128, 128, 128, 128, 128, 0], 5), Err(DecodeError::Integer));
}

/// RFC 7541 appendix C.4: requests, Huffman coded, one connection.
#[test]
fn requests_of_the_rfc() {
    let mut decoder = Decoder::new(4096, 65536);
    let base = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
    for (block, expected) in [
        ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", base.to_vec()),
        ("8286 84be 5886 a8eb 1064 9cbf", [&base[..], &[("cache-control", "no-cache")]].concat()),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            vec![
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                (":authority", "www.example.com"),
                ("custom-key", "custom-value"),
            ],
        ),
    ] {
        assert_eq!(decode(&mut decoder, &unhex(block)), Ok(pairs(&expected)));
    }
}

/// RFC 7541 appendix C.6: responses with eviction, a table of 256 bytes.
#[test]
fn responses_of_the_rfc_evict() {
    let mut decoder = Decoder::new(4096, 65536);
    let head = |status, date| {
        vec![(":status", status), ("cache-control", "private"), ("date", date), ("location", "https://www.example.com")]
    };
    let (at21, at22) = ("Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT");
    let first = "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d \
                 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    assert_eq!(decode(&mut decoder, &unhex(first)), Ok(pairs(&head("302", at21))));
    assert_eq!(decode(&mut decoder, &unhex("4883 640e ffc1 c0bf")), Ok(pairs(&head("307", at21))));
    let third = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
                 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    let mut expected = head("200", at22);
    expected.extend([
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ]);
    assert_eq!(decode(&mut decoder, &unhex(third)), Ok(pairs(&expected)));
}

/// What Envoy answers with COMPRESSION_ERROR.
#[test]
fn malformed_blocks_are_refused() {
    for (block, expected) in [
        ("80", DecodeError::Index),
        ("be", DecodeError::Index),
        ("82 0001 6184 ffff ffff", DecodeError::Huffman),
        ("82 0001 6181 00", DecodeError::Huffman),
        ("82 0001 6182 1fff", DecodeError::Huffman),
        ("82 0005 61", DecodeError::Truncated),
        ("3fe21f 82", DecodeError::SizeUpdate),
        ("82 20", DecodeError::SizeUpdate),
        ("ffffffffff", DecodeError::Integer),
        ("00 01 61 7f 828004", DecodeError::StringTooLong),
    ] {
        assert_eq!(decode(&mut Decoder::new(4096, 65536), &unhex(block)), Err(expected), "{block}");
    }
    for block in ["20 82", "20 20 20 3fe11f 82", "3fe11f 82"] {
        let got = decode(&mut Decoder::new(4096, 65536), &unhex(block));
        assert_eq!(got, Ok(pairs(&[(":method", "GET")])), "{block}");
    }
}

#[test]
fn a_lowered_limit_demands_a_size_update() {
    let mut decoder = Decoder::new(0, 65536);
    assert!(decode(&mut decoder, &unhex("82")).is_ok());
    decoder.acknowledged(0);
    assert_eq!(decode(&mut decoder, &unhex("82")), Err(DecodeError::SizeUpdate));
    let mut decoder = Decoder::new(0, 65536);
    decoder.acknowledged(0);
    assert!(decode(&mut decoder, &unhex("2082")).is_ok() && decode(&mut decoder, &unhex("82")).is_ok());
}

#[test]
fn every_byte_survives_huffman() {
    for byte in 0..=255 {
        let text = [byte; 7];
        let mut packed = Vec::new();
        huffman::encode(&text, &mut packed);
        assert_eq!(packed.len(), huffman::encoded_len(&text));
        let mut plain = Vec::new();
        huffman::decode(&packed, &mut plain).expect("own encoding is valid");
        assert_eq!(plain, text);
    }
}

#[test]
fn repeated_fields_shrink_to_an_index() {
    let mut encoder = Encoder::new(true);
    let mut decoder = Decoder::new(4096, 65536);
    let head = [
        (":method", "GET"),
        (":path", "/some/path"),
        (":authority", "example.com"),
        ("user-agent", "test/1.0"),
        ("x-custom", "some value"),
    ];
    let sizes: Vec<usize> = (0..3)
        .map(|_| {
            let block = encode(&mut encoder, &head);
            assert_eq!(decode(&mut decoder, &block), Ok(pairs(&head)));
            block.len()
        })
        .collect();
    assert!(sizes[1] <= sizes[0] && sizes[2] == head.len(), "{sizes:?}");
}

#[test]
fn changing_values_do_not_fill_the_table() {
    let mut encoder = Encoder::new(true);
    let mut decoder = Decoder::new(4096, 65536);
    for i in 0..500 {
        let (path, id) = (format!("/path/{i}"), format!("{i:032}"));
        let head = [(":path", path.as_str()), ("x-request-id", &id), ("user-agent", "same")];
        let block = encode(&mut encoder, &head);
        assert_eq!(decode(&mut decoder, &block), Ok(pairs(&head)));
        assert!(i < 2 || block.last() == Some(&0xbe), "the one repeated field is the newest entry");
    }
}

#[test]
fn secrets_are_never_indexed() {
    let mut encoder = Encoder::new(true);
    for (name, value) in
        [("authorization", "Basic x"), ("cookie", "a=b"), ("set-cookie", "a=b"), ("proxy-authorization", "x")]
    {
        for _ in 0..3 {
            let block = encode(&mut encoder, &[(name, value)]);
            assert_eq!(block[0] & 0xf0, 0x10, "{name}");
        }
    }
}

#[test]
fn a_resized_table_is_announced_with_its_lowest_size() {
    let mut encoder = Encoder::new(true);
    let head = [("user-agent", "test/1.0")];
    let mut decoder = Decoder::new(4096, 65536);
    for _ in 0..3 {
        let block = encode(&mut encoder, &head);
        assert!(decode(&mut decoder, &block).is_ok());
    }
    encoder.set_max_table(0);
    encoder.set_max_table(100);
    let block = encode(&mut encoder, &head);
    assert_eq!(block[..3], [0x20, 0x3f, 69]);
    assert_eq!(decode(&mut decoder, &block), Ok(pairs(&head)));
    encoder.set_max_table(100_000);
    let block = encode(&mut encoder, &head);
    assert_eq!(block[..3], [0x3f, 0xe1, 0x1f]);
    assert_eq!(decode(&mut decoder, &block), Ok(pairs(&head)));
}

#[test]
fn fragments_of_any_size_give_the_same_fields() {
    let block = unhex("8287 8440 8825 a849 e95b a97d 7f89 25a8 49e9 5bb8 e8b4 bf 00 01 61 01 62");
    let expected = decode(&mut Decoder::new(4096, 65536), &block);
    for size in 1..block.len() {
        let mut decoder = Decoder::new(4096, 65536);
        let mut got = Vec::new();
        let count = block.chunks(size).count();
        for (at, piece) in block.chunks(size).enumerate() {
            let result = decoder.decode(piece, at + 1 == count, |field| {
                got.push((
                    String::from_utf8_lossy(field.name()).into_owned(),
                    String::from_utf8_lossy(field.value).into_owned(),
                ));
                true
            });
            assert_eq!(result, Ok(()));
        }
        assert_eq!(Ok(got), expected, "pieces of {size}");
    }
}
