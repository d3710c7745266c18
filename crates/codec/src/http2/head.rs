//! The header list that is being received: collected, checked as nghttp2 and Envoy check it, and limited.

use std::cell::Cell;

use nuncio_message::{HeaderId, HeaderMapKind, Headers};

use super::options::{HeadersWithUnderscores, Options};
use super::streams::{Method, Slot};
use super::syntax;
use crate::StreamId;
use crate::hpack::Field;

/// Envoy's details for a name or value that is not allowed.
pub(super) const INVALID_FIELD: &str = "http2.invalid.header.field";
/// Envoy's details for a list or a message that is not well formed.
pub(super) const INVALID_MESSAGE: &str = "http2.violation.of.messaging.rule";
const INVALID: Fault = Fault::Malformed(INVALID_FIELD);
const TOO_MANY: &str = "http2.too_many_headers";
const TOO_LARGE: &str = "http2.header_list_size_too_large";
/// Room for cookies that is kept.
const KEPT_COOKIE_BYTES: usize = 1024;
const UNDERSCORE: &str = "http2.unexpected_underscore";

/// What kind of list it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request,
    Response,
    RequestTrailers,
    ResponseTrailers,
    /// Of a stream that is gone: decoded for the sake of the table only.
    Ignored,
}

/// What was found wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The message is malformed.
    Malformed(&'static str),
    /// It exceeds a limit, or is refused by configuration.
    Refused(Refusal),
}

/// Why a well-formed list is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    TooMany,
    TooLarge,
    Underscore,
}

impl Refusal {
    /// Envoy's details.
    pub(super) fn details(self) -> &'static str {
        match self {
            Self::TooMany => TOO_MANY,
            Self::TooLarge => TOO_LARGE,
            Self::Underscore => UNDERSCORE,
        }
    }
}

thread_local! {
    /// Blocks are nearly always whole: one for all connections of the thread is enough.
    static SPARE: Cell<Option<Box<Head>>> = const { Cell::new(None) };
}

/// A header block between its HEADERS frame and END_HEADERS.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) stream: StreamId,
    pub(super) slot: Slot,
    pub(super) end_stream: bool,
    /// Of the request that a response belongs to.
    method: Method,
    pub(super) headers: Headers,
    /// The first fault; what follows it is only decoded.
    pub(super) fault: Option<Fault>,
    /// Whether the owner knows the stream.
    pub(super) is_announced: bool,
    pub(super) content_length: Option<u64>,
    /// Headers that were dropped because of an underscore.
    pub(super) dropped: u32,
    /// Crumbs of cookies, joined; they come together at the end of the list.
    cookies: Vec<u8>,
    crumbs: u32,
    has_regular: bool,
}

/// What the first fields of a list came to.
#[derive(Debug)]
pub(super) struct Beginning {
    headers: Headers,
    content_length: Option<u64>,
    has_regular: bool,
}

impl Head {
    fn new() -> Self {
        Self {
            kind: Kind::Ignored,
            stream: 0,
            slot: 0,
            end_stream: false,
            method: Method::Other,
            headers: Headers::new(),
            fault: None,
            is_announced: false,
            content_length: None,
            dropped: 0,
            cookies: Vec::new(),
            crumbs: 0,
            has_regular: false,
        }
    }

    /// Begins a block.
    pub(super) fn begin(kind: Kind, stream: StreamId, slot: Slot, end_stream: bool, method: Method) -> Box<Self> {
        let mut head = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_else(|| Box::new(Self::new()));
        (head.kind, head.stream, head.slot, head.end_stream) = (kind, stream, slot, end_stream);
        head.is_announced = kind != Kind::Request;
        head.method = method;
        head
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    /// What has been read so far; `None` when it is more than headers.
    pub(super) fn beginning(&self) -> Option<Beginning> {
        let is_simple = self.fault.is_none() && self.crumbs == 0 && self.dropped == 0;
        is_simple.then(|| Beginning {
            headers: self.headers.clone(),
            content_length: self.content_length,
            has_regular: self.has_regular,
        })
    }

    /// Reads what was read before.
    pub(super) fn begin_like(&mut self, beginning: &Beginning) {
        let Beginning { headers, content_length, has_regular } = beginning;
        self.headers = headers.clone();
        (self.content_length, self.has_regular) = (*content_length, *has_regular);
    }

    /// Puts a finished block away for the next one on this thread.
    pub(super) fn put_away(mut self: Box<Self>) {
        if !self.headers.is_empty() {
            self.headers = Headers::new();
        }
        self.cookies.clear();
        if self.cookies.capacity() > KEPT_COOKIE_BYTES {
            self.cookies = Vec::new();
        }
        (self.fault, self.content_length, self.has_regular) = (None, None, false);
        (self.dropped, self.crumbs) = (0, 0);
        // After thread-local destructors ran it is simply freed.
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    /// Takes one field of the block. Returns whether it needs no check when the same one comes again.
    #[inline]
    pub(super) fn add(&mut self, field: Field<'_>, options: &Options) -> bool {
        if self.fault.is_some() || self.kind == Kind::Ignored {
            return false;
        }
        let taken = if field.is_checked && is_plain(field.id) {
            self.has_regular = true;
            self.push(field);
            self.limit(options)
        } else {
            self.take(&field, options)
        };
        self.fault = taken.err();
        taken.is_ok()
    }

    /// The way of a field that is new, or has rules of its own.
    #[inline(never)]
    fn take(&mut self, field: &Field<'_>, options: &Options) -> Result<(), Fault> {
        let is_valid = field.is_checked || syntax::is_value(field.value, options);
        match field.id {
            HeaderId::OTHER => self.other(field, is_valid, options)?,
            id if id.is_pseudo() => self.pseudo(field, options)?,
            id if !is_plain(id) => self.special(field, is_valid)?,
            _ if is_valid => {
                self.has_regular = true;
                self.push(*field);
            }
            _ => return Err(INVALID),
        }
        self.limit(options)
    }

    fn pseudo(&mut self, field: &Field<'_>, options: &Options) -> Result<(), Fault> {
        let is_good = |check: fn(&[u8]) -> bool| field.is_checked || check(field.value);
        let is_known = match (self.kind, field.id) {
            (Kind::Request, HeaderId::METHOD) => is_good(syntax::is_method),
            (Kind::Request, HeaderId::PATH) => is_good(syntax::is_path),
            (Kind::Request, HeaderId::SCHEME) => is_good(syntax::is_scheme),
            // The static table has an empty one.
            (Kind::Request, HeaderId::AUTHORITY) => !field.value.is_empty() && is_good(syntax::is_authority),
            (Kind::Request, HeaderId::PROTOCOL) => options.allow_connect && syntax::is_value(field.value, options),
            (Kind::Response, HeaderId::STATUS) => is_good(syntax::is_status),
            _ => false,
        };
        // RFC 9113 section 8.3: only before regular fields, and once.
        if !is_known || self.has_regular || self.headers.has(field.id) {
            return Err(INVALID);
        }
        self.headers.push(field.id, field.value);
        Ok(())
    }

    /// A name without a number: unknown pseudo headers, too.
    fn other(&mut self, field: &Field<'_>, is_valid: bool, options: &Options) -> Result<(), Fault> {
        if !is_valid || !(field.is_checked || syntax::is_name(field.other)) {
            return Err(INVALID);
        }
        self.has_regular = true;
        let is_kept = options.headers_with_underscores_action == HeadersWithUnderscores::Allow
            || !field.other.contains(&b'_')
            || !self.drops(options)?;
        if is_kept {
            self.headers.push_name(field.other, field.value);
        }
        Ok(())
    }

    /// Names with rules of their own.
    fn special(&mut self, field: &Field<'_>, is_valid: bool) -> Result<(), Fault> {
        self.has_regular = true;
        let is_good = match field.id {
            HeaderId::TE => field.value.eq_ignore_ascii_case(b"trailers"),
            HeaderId::HOST if self.kind == Kind::Request => {
                syntax::is_authority(field.value) && !self.headers.has(HeaderId::HOST)
            }
            HeaderId::CONTENT_LENGTH if self.kind == Kind::Response && self.is_lengthless() => {
                // As nghttp2: what can only be zero is dropped, anything else next to a 204 refused.
                let is_wrong = self.headers.status() == Some(204) && field.value != b"0";
                return if is_wrong { Err(INVALID) } else { Ok(()) };
            }
            HeaderId::CONTENT_LENGTH => self.length(field.value),
            HeaderId::HOST | HeaderId::COOKIE => is_valid,
            // RFC 9113 section 8.2.2: the others belong to one HTTP/1 connection.
            _ => false,
        };
        if !is_good {
            return Err(INVALID);
        }
        if field.id == HeaderId::COOKIE && self.kind == Kind::Request {
            self.crumb(field.value);
        } else {
            self.push(*field);
        }
        Ok(())
    }

    /// Whether a response can have no length: 1xx, 204, and 2xx to CONNECT (RFC 9110 section 8.6).
    fn is_lengthless(&self) -> bool {
        match self.headers.status() {
            Some(100..200 | 204) => true,
            Some(200..300) => self.method == Method::Connect,
            _ => false,
        }
    }

    fn length(&mut self, value: &[u8]) -> bool {
        let length = syntax::number(value);
        let is_first = self.content_length.is_none();
        self.content_length = length;
        length.is_some() && is_first
    }

    /// Whether a header with an underscore is dropped.
    fn drops(&mut self, options: &Options) -> Result<bool, Fault> {
        if !matches!(self.kind, Kind::Request | Kind::RequestTrailers) {
            return Ok(false);
        }
        match options.headers_with_underscores_action {
            HeadersWithUnderscores::Allow => Ok(false),
            HeadersWithUnderscores::RejectRequest => Err(Fault::Refused(Refusal::Underscore)),
            HeadersWithUnderscores::DropHeader => {
                self.dropped += 1;
                Ok(true)
            }
        }
    }

    /// RFC 9113 section 8.2.3: cookies may be split; for others they are one header.
    fn crumb(&mut self, value: &[u8]) {
        if self.crumbs > 0 {
            self.cookies.extend_from_slice(b"; ");
        }
        self.cookies.extend_from_slice(value);
        self.crumbs += 1;
    }

    #[inline]
    fn push(&mut self, field: Field<'_>) {
        if self.headers.has(field.id) && field.id.is_joined(self.map()) {
            self.headers.append(field.id, b",", field.value);
        } else {
            self.headers.push(field.id, field.value);
        }
    }

    fn map(&self) -> HeaderMapKind {
        match self.kind {
            Kind::Request => HeaderMapKind::Request,
            Kind::Response => HeaderMapKind::Response,
            Kind::RequestTrailers => HeaderMapKind::RequestTrailers,
            Kind::ResponseTrailers | Kind::Ignored => HeaderMapKind::ResponseTrailers,
        }
    }

    #[inline]
    fn limit(&self, options: &Options) -> Result<(), Fault> {
        if self.headers.len() + self.crumbs as usize > options.max_headers as usize {
            return Err(Fault::Refused(Refusal::TooMany));
        }
        if self.headers.byte_size() + self.cookies.len() > options.max_head_bytes as usize {
            return Err(Fault::Refused(Refusal::TooLarge));
        }
        Ok(())
    }

    /// Completes the list at END_HEADERS.
    pub(super) fn finish(&mut self) {
        if self.crumbs > 0 {
            self.headers.push(HeaderId::COOKIE, &self.cookies);
        }
        if self.fault.is_some() {
            return;
        }
        let is_complete = match self.kind {
            Kind::Request => self.is_request(),
            Kind::Response => self.headers.has(HeaderId::STATUS),
            Kind::RequestTrailers | Kind::ResponseTrailers | Kind::Ignored => true,
        };
        if !is_complete {
            self.fault = Some(Fault::Malformed(INVALID_MESSAGE));
        }
        if self.kind == Kind::Request {
            self.settle_authority();
        }
    }

    /// RFC 9113 section 8.3.1 and RFC 8441 section 4.
    fn is_request(&self) -> bool {
        let has = |id| self.headers.has(id);
        let is_connect = self.headers.get(HeaderId::METHOD) == Some(b"CONNECT");
        if is_connect && !has(HeaderId::PROTOCOL) {
            return has(HeaderId::AUTHORITY) && !has(HeaderId::SCHEME) && !has(HeaderId::PATH);
        }
        if has(HeaderId::PROTOCOL) && (!is_connect || !has(HeaderId::AUTHORITY)) {
            return false;
        }
        has(HeaderId::METHOD)
            && has(HeaderId::SCHEME)
            && (has(HeaderId::AUTHORITY) || has(HeaderId::HOST))
            && self.headers.get(HeaderId::PATH).is_some_and(|path| self.is_target(path))
    }

    /// A path of http and https begins with a slash; `OPTIONS *` apart.
    fn is_target(&self, path: &[u8]) -> bool {
        let is_http = self
            .headers
            .get(HeaderId::SCHEME)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https"));
        !is_http || path.starts_with(b"/") || (path == b"*" && self.headers.get(HeaderId::METHOD) == Some(b"OPTIONS"))
    }

    /// `:authority` wins over `host`, and stands in for it.
    fn settle_authority(&mut self) {
        if !self.headers.has(HeaderId::HOST) {
            return;
        }
        if !self.headers.has(HeaderId::AUTHORITY) {
            let host = self.headers.get(HeaderId::HOST).map(<[u8]>::to_vec).unwrap_or_default();
            self.headers.push(HeaderId::AUTHORITY, &host);
        }
        self.headers.remove(HeaderId::HOST);
    }
}

/// Whether a well-known name has no rules of its own.
#[inline]
fn is_plain(id: HeaderId) -> bool {
    !id.is_pseudo()
        && !matches!(
            id,
            HeaderId::OTHER
                | HeaderId::CONNECTION
                | HeaderId::KEEP_ALIVE
                | HeaderId::PROXY_CONNECTION
                | HeaderId::TRANSFER_ENCODING
                | HeaderId::UPGRADE
                | HeaderId::TE
                | HeaderId::HOST
                | HeaderId::CONTENT_LENGTH
                | HeaderId::COOKIE
        )
}
