//! From the bytes of a head to [`Headers`] and what follows it. The verdicts are those of Envoy's Balsa parser and of
//! the checks around it, in the same order.

mod bytes;
mod fault;
mod fields;
mod recall;
mod start_line;
mod target;

use memchr::memchr;
use nuncio_message::{BlockHeaders, HeaderId, HeaderMapKind, Headers, Spelling};

pub(super) use bytes::has_list_token;
pub(super) use fault::Fault;
pub(super) use fields::block_end;
pub(super) use recall::Place;

use super::options::{KeepSpelling, Options, Underscores};
use crate::Protocol;
use bytes::{has_forbidden, is_authority, trim};
use fields::{Block, Seen, read_fields};
use recall::Recall;
use start_line::{RequestLine, StatusLine, Version};
use target::{AbsoluteUrl, connect_authority};

/// How the body of a message is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunked coding.
    Chunked,
    /// All up to the end of the connection.
    UntilClose,
    /// No message any more, but raw bytes: CONNECT or an upgrade.
    Tunnel,
}

/// A head that was understood.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) headers: Headers,
    pub(super) protocol: Protocol,
    pub(super) framing: Framing,
    /// Bytes that it took.
    pub(super) consumed: usize,
    /// Header lines dropped for an underscore.
    pub(super) dropped: u32,
}

/// What the request was that a response belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestKind {
    /// None of the following.
    Plain,
    /// HEAD
    Head,
    /// CONNECT
    Connect,
    /// With an Upgrade header.
    Upgrade,
}

impl RequestKind {
    /// The kind of the request with these headers.
    pub(super) fn of(headers: &Headers) -> Self {
        match headers.get(HeaderId::METHOD) {
            Some(b"HEAD") => Self::Head,
            Some(b"CONNECT") => Self::Connect,
            _ if is_upgrade(headers) => Self::Upgrade,
            _ => Self::Plain,
        }
    }
}

/// Whether the headers ask for, or grant, an upgrade.
pub(super) fn is_upgrade(headers: &Headers) -> bool {
    headers.has(HeaderId::UPGRADE)
        && headers.get(HeaderId::CONNECTION).is_some_and(|list| has_list_token(list, b"upgrade"))
}

/// Parses the head of a request; `None` when its end is not there yet. Envoy answers a broken request line as soon as
/// it is complete, all other faults only at the end of the head.
///
/// # Errors
/// The fault that Envoy answers.
pub(super) fn request(bytes: &[u8], place: Place, options: &Options) -> Result<Option<Head>, Fault> {
    let Some(line_end) = memchr(b'\n', bytes) else { return Ok(None) };
    let line = match RequestLine::parse(&bytes[..line_end], options.allow_custom_methods) {
        Ok(line) => line,
        Err(fault) => return Err(worst(bytes, fault, options).unwrap_or(fault)),
    };
    let len = match line.version {
        // The line is the whole request.
        Version::Missing => line_end + 1,
        Version::Current | Version::Other => match part_to_copy(bytes) {
            Some(len) => len,
            None => return Ok(None),
        },
    };
    let mut headers = BlockHeaders::over(&bytes[..len]);
    headers.push_part(HeaderId::METHOD, 0, line.method.len() as u32);
    let is_connect = line.method == b"CONNECT";
    if !is_connect {
        headers.push_part(HeaderId::PATH, line.target_at as u32, line.target.len() as u32);
    }
    let mut seen = Seen::default();
    let block = Block { kind: HeaderMapKind::Request, has_host: true, pseudo_headers: headers.len() };
    let read = match line.version {
        Version::Missing => Ok(Some(len)),
        Version::Current | Version::Other => {
            read_lines(&mut headers, bytes, len, line_end + 1, block, place, options, &mut seen)
        }
    };
    let mut headers = headers.finish();
    let line_to_check = if line.is_plain { &[] } else { &bytes[..line_end] };
    let Some(consumed) = settle(bytes, line_to_check, read, &seen, options)? else { return Ok(None) };
    headers.end_block(consumed);
    let framing = request_framing(&mut headers, &seen, options)?;
    let has_url_host = place_target(&mut headers, line, options)?;
    if let Some(kept) = options.spelling {
        headers.keep_spelling(spelling(&bytes[line_end + 1..consumed], kept));
    }
    let protocol = match line.version {
        Version::Current => Protocol::Http11,
        Version::Missing | Version::Other if options.accept_http_10 => Protocol::Http10,
        Version::Missing | Version::Other => return Err(Fault::Version),
    };
    match headers.get(HeaderId::AUTHORITY) {
        Some(host) if !has_url_host && !is_authority(host) => return Err(Fault::Authority),
        None if protocol == Protocol::Http10 && !options.default_host_for_http_10.is_empty() => {
            headers.push(HeaderId::AUTHORITY, options.default_host_for_http_10.as_bytes());
        }
        _ => {}
    }
    Ok(Some(Head { headers, protocol, framing, consumed, dropped: seen.dropped }))
}

/// Reads the header lines of a head from `at` on, with the help of the head before it.
#[expect(clippy::too_many_arguments, reason = "what a head is made of")]
fn read_lines(
    headers: &mut BlockHeaders,
    bytes: &[u8],
    len: usize,
    at: usize,
    block: Block,
    place: Place,
    options: &Options,
    seen: &mut Seen,
) -> Result<Option<usize>, Fault> {
    if options.underscores != Underscores::Allow {
        return read_fields(headers, len, at, block, options, seen, None);
    }
    let mut recall = Recall::new(place);
    let read = read_fields(headers, len, at, block, options, seen, Some(&mut recall));
    let lines = match read {
        Ok(Some(end)) => bytes.get(at..end).unwrap_or_default(),
        _ => &[],
    };
    recall.finish(lines, block);
    read
}

/// The names in the header lines of a head that has no fault.
fn spelling(lines: &[u8], kept: KeepSpelling) -> Spelling {
    let mut spelling = Spelling::new(kept.others);
    for line in lines.split(|&byte| byte == b'\n') {
        // What begins with a blank continues the value before.
        if let Some(colon) = memchr(b':', line)
            && !matches!(line[0], b' ' | b'\t')
        {
            spelling.note(&line[..colon]);
        }
    }
    spelling
}

/// How much of the input to copy before its head is read: not much more than the head, of which nearly all end here.
fn part_to_copy(bytes: &[u8]) -> Option<usize> {
    const AT_ONCE: usize = 4096;
    if bytes.len() <= AT_ONCE { Some(bytes.len()) } else { block_end(bytes, 0) }
}

/// The faults of a head that Envoy finds before it looks at what the headers mean, in its order.
fn settle(
    bytes: &[u8],
    line: &[u8],
    read: Result<Option<usize>, Fault>,
    seen: &Seen,
    options: &Options,
) -> Result<Option<usize>, Fault> {
    let consumed = match read {
        Ok(Some(consumed)) => consumed,
        Ok(None) => return Ok(None),
        // A broken line counts only when the whole head is there.
        Err(fault) => return worst(bytes, fault, options).map_or(Ok(None), Err),
    };
    if consumed > options.max_head_bytes {
        return Err(Fault::TooLarge);
    }
    if has_forbidden(line) {
        return Err(Fault::Characters);
    }
    if seen.lengths > 1 {
        return Err(Fault::Syntax);
    }
    Ok(Some(consumed))
}

/// What Envoy says of a complete head with a broken line; `None` when it is not complete.
fn worst(bytes: &[u8], fault: Fault, options: &Options) -> Option<Fault> {
    let end = block_end(bytes, 0)?;
    Some(match fault {
        _ if end > options.max_head_bytes => Fault::TooLarge,
        _ if has_forbidden(&bytes[..end]) => Fault::Characters,
        fault => fault,
    })
}

/// What the headers say about the length, before the transfer-encoding is judged.
fn check_length(seen: &Seen) -> Result<(), Fault> {
    let is_broken = seen.lengths == 1 && seen.length.is_none() && !seen.has_transfer_encoding;
    match seen.late_fault {
        _ if is_broken => Err(Fault::Syntax),
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// RFC 9112 section 6, as strictly as Envoy: a transfer-encoding is `chunked` or an error.
fn check_transfer_encoding(headers: &mut Headers, seen: &Seen, options: &Options) -> Result<(), Fault> {
    let Some(value) = headers.get(HeaderId::TRANSFER_ENCODING) else { return Ok(()) };
    let is_chunked = value.eq_ignore_ascii_case(b"chunked");
    if seen.lengths > 0 {
        if !is_chunked || !options.allow_chunked_length {
            return Err(Fault::LengthAndChunked);
        }
        headers.remove(HeaderId::CONTENT_LENGTH);
    }
    if is_chunked { Ok(()) } else { Err(Fault::TransferEncoding) }
}

fn request_framing(headers: &mut Headers, seen: &Seen, options: &Options) -> Result<Framing, Fault> {
    check_length(seen)?;
    check_transfer_encoding(headers, seen, options)?;
    if headers.get(HeaderId::METHOD) == Some(b"CONNECT") {
        if seen.has_transfer_encoding {
            return Err(Fault::TransferEncoding);
        }
        if headers.has(HeaderId::CONTENT_LENGTH) {
            if seen.length != Some(0) {
                return Err(Fault::BodyDisallowed);
            }
            headers.remove(HeaderId::CONTENT_LENGTH);
        }
        return Ok(Framing::Tunnel);
    }
    drop_ignored_upgrades(headers, options);
    Ok(match (seen.has_transfer_encoding, seen.length) {
        _ if is_upgrade(headers) => Framing::Tunnel,
        // An empty line after a chunked one: Envoy sees a chunked message without a chunked body.
        (true, _) if !seen.is_chunked => Framing::Empty,
        (true, _) => Framing::Chunked,
        (false, None | Some(0)) => Framing::Empty,
        (false, Some(length)) => Framing::Length(length),
    })
}

/// Upgrades that are not to be granted are no upgrades: what asks for them is dropped and the request served.
fn drop_ignored_upgrades(headers: &mut Headers, options: &Options) {
    if !is_upgrade(headers) {
        return;
    }
    let asked = headers.get(HeaderId::UPGRADE).unwrap_or_default();
    if asked.eq_ignore_ascii_case(b"h2c") {
        remove_list_item(headers, b"upgrade");
        remove_list_item(headers, b"http2-settings");
        headers.remove(HeaderId::UPGRADE);
        headers.remove(HeaderId::HTTP2_SETTINGS);
    } else if options.ignored_upgrades.has_any() {
        let is_kept = |item: &&[u8]| !item.is_empty() && !options.ignored_upgrades.contains(item);
        let kept: Vec<&[u8]> = asked.split(|&byte| byte == b',').map(trim).filter(is_kept).collect();
        let kept = kept.join(&b","[..]);
        if kept.is_empty() {
            remove_list_item(headers, b"upgrade");
            headers.remove(HeaderId::UPGRADE);
        } else {
            headers.set(HeaderId::UPGRADE, &kept);
        }
    }
}

/// Removes an item from the Connection header, and the header with its last item.
fn remove_list_item(headers: &mut Headers, unwanted: &[u8]) {
    let Some(list) = headers.get(HeaderId::CONNECTION) else { return };
    let is_kept = |item: &&[u8]| !item.eq_ignore_ascii_case(unwanted);
    let kept: Vec<&[u8]> = list.split(|&byte| byte == b',').map(trim).filter(is_kept).collect();
    let kept = kept.join(&b","[..]);
    if kept.is_empty() {
        headers.remove(HeaderId::CONNECTION);
    } else {
        headers.set(HeaderId::CONNECTION, &kept);
    }
}

/// RFC 9112 section 3.2: origin form, asterisk form, absolute form, authority form. Returns whether the target names
/// the host.
fn place_target(headers: &mut Headers, line: RequestLine<'_>, options: &Options) -> Result<bool, Fault> {
    if line.method == b"CONNECT" {
        headers.set(HeaderId::AUTHORITY, connect_authority(line.target)?);
        return Ok(true);
    }
    let is_asterisk = line.method == b"OPTIONS" && line.target.first() == Some(&b'*');
    if line.target.first() == Some(&b'/') || is_asterisk || !options.allow_absolute_url {
        return Ok(false);
    }
    let url = AbsoluteUrl::parse(line.target)?;
    headers.set(HeaderId::SCHEME, url.scheme.as_bytes());
    headers.set(HeaderId::AUTHORITY, url.authority);
    headers.set(HeaderId::PATH, if url.path.is_empty() { b"/" } else { url.path });
    Ok(true)
}

/// Parses the head of a response to a request of this kind; `None` when its end is not there yet.
///
/// # Errors
/// The fault that Envoy resets the stream for.
pub(super) fn response(
    bytes: &[u8],
    place: Place,
    kind: RequestKind,
    options: &Options,
) -> Result<Option<Head>, Fault> {
    let Some(line_end) = memchr(b'\n', bytes) else { return Ok(None) };
    let line = StatusLine::parse(&bytes[..line_end])?;
    let Some(len) = part_to_copy(bytes) else { return Ok(None) };
    let mut headers = BlockHeaders::over(&bytes[..len]);
    match line.text {
        [b'1'..=b'9', _, _] => headers.push_part(HeaderId::STATUS, line.text_at as u32, 3),
        _ => headers.push(HeaderId::STATUS, line.status.to_string().as_bytes()),
    }
    let mut seen = Seen::default();
    let block = Block { kind: HeaderMapKind::Response, has_host: false, pseudo_headers: 1 };
    let read = read_lines(&mut headers, bytes, len, line_end + 1, block, place, options, &mut seen);
    let mut headers = headers.finish();
    let Some(consumed) = settle(bytes, &bytes[..line_end], read, &seen, options)? else { return Ok(None) };
    headers.end_block(consumed);
    if let Some(kept) = options.spelling {
        let mut spelling = spelling(&bytes[line_end + 1..consumed], kept);
        if kept.keeps_reason {
            spelling.note_reason(line.reason.trim_ascii());
        }
        headers.keep_spelling(spelling);
    }
    let framing = response_framing(&mut headers, &seen, line.status, kind, options)?;
    let protocol = if line.version == Version::Current { Protocol::Http11 } else { Protocol::Http10 };
    Ok(Some(Head { headers, protocol, framing, consumed, dropped: 0 }))
}

/// RFC 9112 section 6.3.
fn response_framing(
    headers: &mut Headers,
    seen: &Seen,
    status: u16,
    kind: RequestKind,
    options: &Options,
) -> Result<Framing, Fault> {
    match check_length(seen) {
        // Nobody needs the length of a 304.
        Err(Fault::Syntax) if status == 304 => {}
        result => result?,
    }
    check_transfer_encoding(headers, seen, options)?;
    if kind == RequestKind::Connect && (200..300).contains(&status) {
        return Ok(Framing::Tunnel);
    }
    if status < 200 || status == 204 {
        if seen.has_transfer_encoding || (seen.lengths > 0 && seen.length != Some(0)) {
            return Err(Fault::BodyDisallowed);
        }
        headers.remove(HeaderId::CONTENT_LENGTH);
    }
    if kind == RequestKind::Upgrade && (status == 101 || status >= 200) && is_upgrade(headers) {
        return Ok(Framing::Tunnel);
    }
    if kind == RequestKind::Head || status < 200 || status == 204 || status == 304 {
        return Ok(Framing::Empty);
    }
    Ok(match (seen.has_transfer_encoding, seen.length) {
        (true, _) if seen.is_chunked => Framing::Chunked,
        (true, _) | (false, None) => Framing::UntilClose,
        (false, Some(0)) => Framing::Empty,
        (false, Some(length)) => Framing::Length(length),
    })
}

/// Parses a trailer block that is complete, empty line included.
///
/// # Errors
/// The fault that Envoy answers.
pub(super) fn trailers(bytes: &[u8], kind: HeaderMapKind, options: &Options) -> Result<(Headers, u32), Fault> {
    let mut headers = BlockHeaders::over(bytes);
    let mut seen = Seen::default();
    let block = Block { kind, has_host: false, pseudo_headers: 0 };
    let read = read_fields(&mut headers, bytes.len(), 0, block, options, &mut seen, None);
    let mut headers = headers.finish();
    match read {
        Err(_) if has_forbidden(bytes) => return Err(Fault::Characters),
        Err(fault) => return Err(fault),
        Ok(None) => return Err(Fault::Syntax),
        Ok(Some(consumed)) => headers.end_block(consumed),
    }
    match seen.late_fault {
        Some(fault) if options.enable_trailers => Err(fault),
        _ => Ok((headers, seen.dropped)),
    }
}
