//! Request lines and status lines.

use super::bytes::{decimal, is_authority, is_token, is_visible};
use super::fault::Fault;

/// The version in a start line, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// None at all: the line is the whole request (HTTP/0.9).
    Missing,
    /// HTTP/1.1
    Current,
    /// Any other: treated as HTTP/1.0 where that is accepted.
    Other,
}

/// The parts of a request line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    /// Where the target begins.
    pub(crate) target_at: usize,
    pub(crate) version: Version,
    /// Whether there is no control character in the line but for a CR at its end.
    pub(crate) is_plain: bool,
}

/// Methods known without `allow_custom_methods`. M-SEARCH is not among them in Envoy.
const METHODS: [&[u8]; 33] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"ACL",
    b"BIND",
    b"CHECKOUT",
    b"COPY",
    b"LINK",
    b"LOCK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MOVE",
    b"NOTIFY",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"SOURCE",
    b"SUBSCRIBE",
    b"UNBIND",
    b"UNLINK",
    b"UNLOCK",
];
const UNSUBSCRIBE: &[u8] = b"UNSUBSCRIBE";

impl<'a> RequestLine<'a> {
    /// Parses a line without its LF.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when it is no request line.
    pub(crate) fn parse(line: &'a [u8], allow_custom_methods: bool) -> Result<Self, Fault> {
        if let Some(plain) = Self::plain(line) {
            return Ok(plain);
        }
        let (method, rest) = split_at_blank(line);
        let rest = skip_blanks(rest);
        let target_at = line.len() - rest.len();
        let (target, rest) = split_at_blank(rest);
        let version = Version::parse(trim_end(skip_blanks(rest)))?;
        let is_method =
            METHODS.contains(&method) || method == UNSUBSCRIBE || (allow_custom_methods && is_token(method));
        if !is_method || !is_target(target, method == b"CONNECT") {
            return Err(Fault::Syntax);
        }
        Ok(Self { method, target, target_at, version, is_plain: false })
    }

    /// A line as nearly all are: a common method, a path, HTTP/1.1, with single blanks between them.
    #[inline(always)]
    fn plain(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(b" HTTP/1.1\r")?;
        let method_len = match rest {
            [b'G', b'E', b'T', b' ', b'/', ..] | [b'P', b'U', b'T', b' ', b'/', ..] => 3,
            [b'P', b'O', b'S', b'T', b' ', b'/', ..] | [b'H', b'E', b'A', b'D', b' ', b'/', ..] => 4,
            _ => return None,
        };
        let (method, target) = (&rest[..method_len], &rest[method_len + 1..]);
        is_visible(target).then_some(Self {
            method,
            target,
            target_at: method_len + 1,
            version: Version::Current,
            is_plain: true,
        })
    }
}

impl Version {
    fn parse(text: &[u8]) -> Result<Self, Fault> {
        match text {
            b"" => Ok(Self::Missing),
            b"HTTP/1.1" => Ok(Self::Current),
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
                Ok(Self::Other)
            }
            _ => Err(Fault::Syntax),
        }
    }
}

/// Envoy separates the parts of a start line by any run of bytes up to the space; that there is no control character
/// but tab and CR among them is checked apart, when the head is complete.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}

fn split_at_blank(line: &[u8]) -> (&[u8], &[u8]) {
    line.split_at(line.iter().position(|&byte| is_blank(byte)).unwrap_or(line.len()))
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    &line[line.iter().position(|&byte| !is_blank(byte)).unwrap_or(line.len())..]
}

fn trim_end(line: &[u8]) -> &[u8] {
    &line[..line.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |at| at + 1)]
}

/// Whether the target has the bytes of one: a path, an asterisk form, an absolute URL, or for CONNECT an authority.
fn is_target(target: &[u8], is_connect: bool) -> bool {
    if matches!(target, [b'/' | b'*', ..]) {
        return is_visible(target);
    }
    let after_scheme = if is_connect { Some(target) } else { strip_scheme(target) };
    let Some(rest) = after_scheme else { return false };
    let at = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    !target.is_empty() && is_authority(authority) && !authority.windows(2).any(|pair| pair == b"@@") && is_visible(path)
}

/// What follows `scheme://`.
pub(crate) fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let end = target.iter().position(|byte| !is_scheme_byte(byte))?;
    let has_scheme = target.first().is_some_and(u8::is_ascii_alphabetic);
    if has_scheme { target[end..].strip_prefix(b"://") } else { None }
}

/// The parts of a status line that matter: Envoy writes its own reason phrases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StatusLine<'a> {
    pub(crate) version: Version,
    /// As it was sent: nearly always three digits.
    pub(crate) text: &'a [u8],
    /// Where that begins.
    pub(crate) text_at: usize,
    /// From 100.
    pub(crate) status: u16,
    /// With the blanks around it.
    pub(crate) reason: &'a [u8],
}

impl<'a> StatusLine<'a> {
    /// Parses a line without its LF.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when it is no status line.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        if let Some(plain) = Self::plain(line) {
            return Ok(plain);
        }
        let (version, rest) = split_at_blank(line);
        let rest = skip_blanks(rest);
        let text_at = line.len() - rest.len();
        let (text, reason) = split_at_blank(rest);
        // Envoy takes a plus sign, leading zeros, and numbers beyond three digits, of which the lower 16 bits count.
        let status = decimal(text.strip_prefix(b"+").unwrap_or(text)).unwrap_or(0) as u16;
        match (Version::parse(version)?, status) {
            (version @ (Version::Current | Version::Other), 100..) => {
                Ok(Self { version, text, text_at, status, reason })
            }
            _ => Err(Fault::Syntax),
        }
    }

    /// A line as nearly all are: HTTP/1.1 and three digits, with single blanks around them.
    #[inline(always)]
    fn plain(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"HTTP/1.1 ")?;
        let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ref reason @ ..] = rest else { return None };
        let status = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
        Some(Self { version: Version::Current, text: &rest[..3], text_at: line.len() - rest.len(), status, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_the_lower_16_bits_of_a_number() {
        for (text, expected) in [
            ("200", Some(200)),
            ("999", Some(999)),
            ("1000", Some(1000)),
            ("65535", Some(65535)),
            ("65536", None),
            ("65736", Some(200)),
            ("99999", Some(34463)),
            ("4294967496", Some(200)),
            ("18446744073709551816", None),
            ("+200", Some(200)),
            ("000200", Some(200)),
            ("099", None),
            ("20", None),
            ("200a", None),
            ("-200", None),
        ] {
            let line = format!("HTTP/1.1 {text} Odd\r");
            let found = StatusLine::parse(line.as_bytes()).ok().map(|line| line.status);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn targets_are_paths_or_urls() {
        for (target, is_connect, expected) in [
            ("/", false, true),
            ("/a?b#c", false, true),
            ("*", false, true),
            ("**", false, true),
            ("http://h", false, true),
            ("a+b-c.1://h:1/p", false, true),
            ("http:/h", false, false),
            ("1http://h", false, false),
            ("://h", false, false),
            ("http://h|", false, false),
            ("http://h#f", false, false),
            ("http://h/|#", false, true),
            ("http://a@b@c/", false, true),
            ("http://a@@c/", false, false),
            ("relative", false, false),
            ("", false, false),
            ("h:1", true, true),
            ("h|:1", true, false),
            ("", true, false),
            ("/\u{e9}", false, false),
        ] {
            assert_eq!(is_target(target.as_bytes(), is_connect), expected, "{target}");
        }
    }
}
