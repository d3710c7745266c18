//! What the tables of recorded exchanges need: their format, the options of each listener, and the little of a
//! connection manager and a router that stands between the two codecs.

use std::io::IoSlice;
use std::rc::Rc;

use nuncio_codec::http1::{Codec, IgnoredUpgrades, NameCase, Options, Underscores};
use nuncio_codec::{Protocol, Role};
use nuncio_message::{Chunk, HeaderId, Headers, MAX_IO_SLICES, Tick};

/// The parts of a column, and whether it ends with a FIN.
pub(crate) fn parts(column: &str) -> (Vec<Vec<u8>>, bool) {
    let (column, has_fin) = column.strip_suffix("\\f").map_or((column, false), |column| (column, true));
    (split(column).into_iter().map(unescape).collect(), has_fin)
}

/// Splits at `\|`.
pub(crate) fn split(column: &str) -> Vec<&str> {
    column.split("\\|").collect()
}

/// Undoes the escapes that the head of each table lists.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let taken = match escape.as_bytes()[0] {
            b'r' => push(&mut bytes, b'\r'),
            b'n' => push(&mut bytes, b'\n'),
            b't' => push(&mut bytes, b'\t'),
            b'\\' => push(&mut bytes, b'\\'),
            b'x' => {
                bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("two hexadecimal digits"));
                3
            }
            b'(' => {
                let end = escape.find(')').expect("a run is closed");
                let n = escape[3..end].parse().expect("a run has a length");
                bytes.extend(std::iter::repeat_n(escape.as_bytes()[1], n));
                end + 1
            }
            other => panic!("unknown escape {}", other as char),
        };
        rest = &escape[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn push(bytes: &mut Vec<u8>, byte: u8) -> usize {
    bytes.push(byte);
    1
}

/// The options of the listener with this name when the exchanges were recorded.
pub(crate) fn listener(name: &str) -> Options {
    let mut options = Options::default();
    match name {
        "default" | "upgrade" | "direct" | "eager" | "proxy100" => {}
        "ignore" => {
            let is_ignored = |protocol: &[u8]| protocol.starts_with(b"foo") || protocol == b"bar/1";
            options.ignored_upgrades = IgnoredUpgrades::new(is_ignored);
        }
        "ten" => {
            options.accept_http_10 = true;
            options.default_host_for_http_10 = "ten.test".to_owned();
        }
        "ten_nodefault" => options.accept_http_10 = true,
        "noabs" => options.allow_absolute_url = false,
        "trailers" => options.enable_trailers = true,
        "chunklen" => options.allow_chunked_length = true,
        "custom" => options.allow_custom_methods = true,
        "ureject" => (options.underscores, options.enable_trailers) = (Underscores::Reject, true),
        "uplain" => options.underscores = Underscores::Reject,
        "udrop" => (options.underscores, options.enable_trailers) = (Underscores::Drop, true),
        "limits" => (options.max_head_bytes, options.max_headers, options.enable_trailers) = (2048, 12, true),
        "proper" => (options.name_case, options.enable_trailers) = (NameCase::ProperWords, true),
        other => panic!("unknown listener {other}"),
    }
    options
}

/// The options of the cluster that a path was routed to.
pub(crate) fn cluster(path: &[u8]) -> Options {
    let mut options = Options { max_head_bytes: 80 * 1024, ..Options::default() };
    options.enable_trailers = path.starts_with(b"/u-trailers") || path.starts_with(b"/u-proper");
    options.send_fully_qualified_url = path.starts_with(b"/u-full");
    if path.starts_with(b"/u-proper") {
        options.name_case = NameCase::ProperWords;
    }
    options
}

pub(crate) fn codec(role: Role, options: Options) -> Codec {
    Codec::new(role, Rc::new(options), Tick(0))
}

/// Takes out what waits to be written.
pub(crate) fn written(codec: &mut Codec) -> Vec<u8> {
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

/// What a connection manager does to the head of a request before it is sent on, as far as it shows here.
pub(crate) fn forward_request(headers: &Headers, is_upgrade_allowed: bool) -> Headers {
    let mut sent = headers.clone();
    let lists = |token: &[u8]| {
        headers.get(HeaderId::CONNECTION).is_some_and(|list| {
            list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
        })
    };
    let is_h2c = headers.get(HeaderId::UPGRADE) == Some(b"h2c");
    if !(is_upgrade_allowed && headers.has(HeaderId::UPGRADE) && lists(b"upgrade") && !is_h2c) {
        sent.remove_if(|header| lists(header.name) && header.id != HeaderId::HTTP2_SETTINGS);
        sent.remove(HeaderId::CONNECTION);
        sent.remove(HeaderId::UPGRADE);
    }
    for hop in [HeaderId::KEEP_ALIVE, HeaderId::PROXY_CONNECTION, HeaderId::TRANSFER_ENCODING] {
        sent.remove(hop);
    }
    match headers.get(HeaderId::TE) {
        Some(te) if te.split(|&byte| byte == b',').any(|item| item.trim_ascii() == b"trailers") => {
            sent.set(HeaderId::TE, b"trailers");
        }
        _ => drop(sent.remove(HeaderId::TE)),
    }
    if headers.get(HeaderId::EXPECT) == Some(b"100-continue") {
        sent.remove(HeaderId::EXPECT);
    }
    if !sent.has(HeaderId::SCHEME) {
        sent.push(HeaderId::SCHEME, b"http");
    }
    sent
}

/// What a connection manager does to the head of a response, but for what it adds.
pub(crate) fn forward_response(headers: &Headers, is_upgrade: bool) -> Headers {
    let mut sent = headers.clone();
    for hop in [HeaderId::KEEP_ALIVE, HeaderId::PROXY_CONNECTION, HeaderId::TRANSFER_ENCODING] {
        sent.remove(hop);
    }
    if !is_upgrade {
        sent.remove(HeaderId::CONNECTION);
        sent.remove(HeaderId::UPGRADE);
    }
    sent.remove(HeaderId::DATE);
    sent.remove(HeaderId::SERVER);
    sent
}

/// A response that a test's connection manager gives of its own.
pub(crate) fn local_response(server: &Codec) -> Headers {
    let mut headers = Headers::new();
    headers.push(HeaderId::STATUS, b"200");
    headers.push(HeaderId::CONTENT_LENGTH, b"2");
    if server.close_requested() {
        headers.push(HeaderId::CONNECTION, b"close");
    } else if server.protocol() == Protocol::Http10 {
        headers.push(HeaderId::CONNECTION, b"keep-alive");
    }
    headers
}

/// A message as it must compare: the head as it is, a chunked body without its chunk boundaries.
pub(crate) fn normal(message: &[u8]) -> Vec<u8> {
    let Some(end) = message.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else {
        return message.to_vec();
    };
    let (head, body) = message.split_at(end);
    let is_chunked = head.to_ascii_lowercase().windows(30).any(|line| line == b"\r\ntransfer-encoding: chunked\r\n");
    if !is_chunked || body.is_empty() {
        return message.to_vec();
    }
    let mut plain = [head, b"chunks:"].concat();
    let mut rest = body;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let size = std::str::from_utf8(&rest[..at - 1]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        rest = &rest[at + 1..];
        if size == 0 {
            plain.extend_from_slice(b"|last:");
            break;
        }
        plain.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    plain.extend_from_slice(rest);
    plain
}

/// Hands over each part, running `after` once it is there, and the FIN in the end.
pub(crate) fn feed(codec: &mut Codec, (parts, has_fin): &(Vec<Vec<u8>>, bool), mut after: impl FnMut(&mut Codec)) {
    for part in parts {
        if !part.is_empty() {
            codec.receive(Chunk::copy_from(part));
            after(codec);
        }
    }
    if *has_fin {
        codec.receive_eof();
        after(codec);
    }
}
