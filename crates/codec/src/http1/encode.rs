//! From [`Headers`] to the bytes of a head, and which body framing follows from it.

use nuncio_message::{HeaderId, Headers, OtherNames, Piece, Spelling};

use super::options::{NameCase, Options};
use super::parse::{RequestKind, is_upgrade};
use super::reason::reason;
use crate::{Outbox, Protocol};

/// How the body that follows a written head is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// Bytes as they are: a length was announced, the connection's end delimits, or it is a tunnel.
    Raw,
    /// As they are, and the end of the connection is the end of the body.
    UntilClose,
    /// Chunked coding.
    Chunked,
    /// No body may be sent: what is given is dropped.
    Swallowed,
}

/// Bytes that a line has beside name and value.
const LINE_EXTRA: usize = 4;
/// Bytes of start lines, framing headers and blank lines beside what stands in the list.
const HEAD_EXTRA: usize = 160;

/// Writes a response head.
pub(super) fn response(
    out: &mut Outbox,
    headers: &Headers,
    request: RequestKind,
    protocol: Protocol,
    options: &Options,
    end_stream: bool,
) -> Framing {
    let status = headers.status().unwrap_or(0);
    let has_length = headers.has(HeaderId::CONTENT_LENGTH);
    let (framing, line) = response_framing(headers, status, has_length, request, protocol, end_stream);
    out.put_with(bound(headers), |space| {
        let mut writer = Writer { space, at: 0, names: Names::of(headers, options) };
        writer.status_line(protocol, headers, status);
        writer.fields(headers);
        writer.framing(line);
        writer.put(b"\r\n");
        writer.at
    });
    framing
}

/// Writes a response with a 1xx status, which has no body and no framing headers.
pub(super) fn informational(out: &mut Outbox, headers: &Headers, protocol: Protocol, options: &Options) {
    out.put_with(bound(headers), |space| {
        let mut writer = Writer { space, at: 0, names: Names::of(headers, options) };
        writer.status_line(protocol, headers, headers.status().unwrap_or(100));
        writer.fields(headers);
        writer.put(b"\r\n");
        writer.at
    });
}

/// The framing header that the codec adds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FramingLine {
    None,
    LengthZero,
    Chunked,
}

fn response_framing(
    headers: &Headers,
    status: u16,
    has_length: bool,
    request: RequestKind,
    protocol: Protocol,
    end_stream: bool,
) -> (Framing, FramingLine) {
    let is_tunnel = (request == RequestKind::Connect && (200..300).contains(&status))
        || status == 101
        || (request == RequestKind::Upgrade && is_upgrade(headers));
    let is_bodiless = status < 200 || status == 204 || status == 304;
    match (request, end_stream) {
        _ if is_tunnel => (Framing::Raw, FramingLine::None),
        _ if is_bodiless => (Framing::Swallowed, FramingLine::None),
        (RequestKind::Head, _) if has_length || protocol == Protocol::Http10 => (Framing::Swallowed, FramingLine::None),
        // Envoy tells that it would have sent chunks.
        (RequestKind::Head, _) => (Framing::Swallowed, FramingLine::Chunked),
        _ if has_length => (Framing::Raw, FramingLine::None),
        (_, true) => (Framing::Raw, FramingLine::LengthZero),
        (_, false) if protocol == Protocol::Http10 => (Framing::UntilClose, FramingLine::None),
        (_, false) => (Framing::Chunked, FramingLine::Chunked),
    }
}

/// Writes a request head.
pub(super) fn request(
    out: &mut Outbox,
    headers: &Headers,
    kind: RequestKind,
    options: &Options,
    end_stream: bool,
) -> Framing {
    let method = headers.get(HeaderId::METHOD).unwrap_or(b"GET");
    let is_tunnel = matches!(kind, RequestKind::Connect | RequestKind::Upgrade);
    let (framing, line) = if is_tunnel || headers.has(HeaderId::CONTENT_LENGTH) {
        (Framing::Raw, FramingLine::None)
    } else if !end_stream {
        (Framing::Chunked, FramingLine::Chunked)
    } else if is_without_length(method) {
        (Framing::Raw, FramingLine::None)
    } else {
        (Framing::Raw, FramingLine::LengthZero)
    };
    out.put_with(bound(headers), |space| {
        let mut writer = Writer { space, at: 0, names: Names::of(headers, options) };
        writer.request_line(method, headers, kind, options);
        writer.fields(headers);
        writer.framing(line);
        writer.put(b"\r\n");
        writer.at
    });
    framing
}

/// Methods whose requests carry no `content-length: 0` when there is no body.
fn is_without_length(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"DELETE" | b"TRACE" | b"CONNECT")
}

/// Writes the trailers and the empty line behind the last chunk. Envoy formats the names of headers only.
pub(super) fn trailers(out: &mut Outbox, trailers: &Headers) {
    out.put_with(bound(trailers), |space| {
        let mut writer = Writer { space, at: 0, names: Names::Lower };
        for trailer in trailers.iter() {
            writer.field(trailer.name, trailer.value);
        }
        writer.put(b"\r\n");
        writer.at
    });
}

fn bound(headers: &Headers) -> usize {
    let reason = headers.spelling().map_or(0, |spelling| spelling.reason().len());
    headers.byte_size() + headers.len() * LINE_EXTRA + HEAD_EXTRA + reason
}

/// Writes into space that is known to be large enough.
struct Writer<'a> {
    space: &'a mut [u8],
    at: usize,
    names: Names<'a>,
}

/// How the names of a message are written.
#[derive(Clone, Copy)]
enum Names<'a> {
    Lower,
    ProperWords,
    Received(&'a Spelling),
}

impl<'a> Names<'a> {
    /// What a message has kept goes before the options of the connection, as in Envoy.
    fn of(headers: &'a Headers, options: &Options) -> Self {
        match (headers.spelling(), options.name_case) {
            (Some(spelling), _) => Self::Received(spelling),
            (None, NameCase::ProperWords) => Self::ProperWords,
            (None, NameCase::Lower) => Self::Lower,
        }
    }

    #[cold]
    fn write(self, name: &[u8], place: &mut [u8]) {
        let (spelled, is_capitalized) = match self {
            Self::Lower => (name, false),
            Self::ProperWords => (name, true),
            Self::Received(spelling) => match spelling.of(name) {
                Some(spelled) => (spelled, false),
                None => (name, spelling.others() == OtherNames::ProperWords),
            },
        };
        place.copy_from_slice(spelled);
        if is_capitalized {
            capitalize_words(place);
        }
    }
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.space[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn status_line(&mut self, protocol: Protocol, headers: &Headers, status: u16) {
        let spelled = headers.spelling().map_or(&[][..], Spelling::reason);
        let is_plain_ok = status == 200 && protocol != Protocol::Http10;
        if is_plain_ok && spelled.is_empty() {
            self.put(b"HTTP/1.1 200 OK\r\n");
            return;
        }
        self.put(if protocol == Protocol::Http10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
        self.put(headers.get(HeaderId::STATUS).unwrap_or(b"500"));
        self.put(b" ");
        self.put(if spelled.is_empty() { reason(status).as_bytes() } else { spelled });
        self.put(b"\r\n");
    }

    fn request_line(&mut self, method: &[u8], headers: &Headers, kind: RequestKind, options: &Options) {
        let authority = headers.get(HeaderId::AUTHORITY);
        self.put(method);
        self.put(b" ");
        if kind == RequestKind::Connect {
            self.put(authority.unwrap_or_default());
        } else {
            if options.send_fully_qualified_url {
                self.put(headers.get(HeaderId::SCHEME).unwrap_or(b"http"));
                self.put(b"://");
                self.put(authority.unwrap_or_default());
            }
            self.put(headers.get(HeaderId::PATH).unwrap_or(b"/"));
        }
        self.put(b" HTTP/1.1\r\n");
        if let Some(authority) = authority {
            self.field(b"host", authority);
        }
    }

    /// All headers but pseudo headers and transfer-encoding: the framing is the codec's alone.
    fn fields(&mut self, headers: &Headers) {
        let is_skipped = |id: HeaderId| id.is_pseudo() || id == HeaderId::TRANSFER_ENCODING;
        if !matches!(self.names, Names::Lower) {
            for header in headers.iter().filter(|header| !is_skipped(header.id)) {
                self.field(header.name, header.value);
            }
            return;
        }
        for piece in headers.pieces(is_skipped) {
            match piece {
                Piece::Lines(lines) => self.put(lines),
                Piece::Header(header) => self.field(header.name, header.value),
            }
        }
    }

    fn framing(&mut self, line: FramingLine) {
        match line {
            FramingLine::None => {}
            FramingLine::LengthZero => self.field(b"content-length", b"0"),
            FramingLine::Chunked => self.field(b"transfer-encoding", b"chunked"),
        }
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        let len = name.len() + value.len() + LINE_EXTRA;
        let line = &mut self.space[self.at..][..len];
        let (name_part, rest) = line.split_at_mut(name.len());
        match self.names {
            Names::Lower => name_part.copy_from_slice(name),
            names @ (Names::ProperWords | Names::Received(_)) => names.write(name, name_part),
        }
        rest[..2].copy_from_slice(b": ");
        rest[2..][..value.len()].copy_from_slice(value);
        rest[value.len() + 2..].copy_from_slice(b"\r\n");
        self.at += len;
    }
}

fn capitalize_words(name: &mut [u8]) {
    let mut is_start = true;
    for byte in name {
        if is_start {
            byte.make_ascii_uppercase();
        }
        is_start = !byte.is_ascii_alphanumeric();
    }
}
