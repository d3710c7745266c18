//! What becomes of a request's path before anybody looks at it: escaped slashes, dot segments, runs of slashes.

use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager as pb;

/// `normalize_path`, `merge_slashes` and `path_with_escaped_slashes_action`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathRules {
    pub(super) normalizes: bool,
    pub(super) merges_slashes: bool,
    pub(super) escaped_slashes: EscapedSlashes,
}

/// `PathWithEscapedSlashesAction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EscapedSlashes {
    #[default]
    Keep,
    Reject,
    /// Unescape, and send the client to the result.
    Redirect,
    Unescape,
}

/// What the rules say about a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Same,
    /// It is replaced by this one.
    Changed(Vec<u8>),
    /// The client is asked to come back with this one.
    Redirect(Vec<u8>),
    /// 400.
    Rejected,
}

impl PathRules {
    /// Applies the rules to `full`, a path with its query. The query is never looked at.
    pub(super) fn apply(&self, full: &[u8]) -> Verdict {
        if full.contains(&b'#') {
            return Verdict::Rejected;
        }
        if *self == Self::default() {
            return Verdict::Same;
        }
        let (path, query) = full.split_at(full.iter().position(|&b| b == b'?').unwrap_or(full.len()));
        let mut path = path.to_vec();
        let mut is_redirect = false;
        if self.escaped_slashes != EscapedSlashes::Keep
            && let Some(unescaped) = unescape_slashes(&path)
        {
            match self.escaped_slashes {
                EscapedSlashes::Keep | EscapedSlashes::Unescape => {}
                EscapedSlashes::Reject => return Verdict::Rejected,
                EscapedSlashes::Redirect => is_redirect = true,
            }
            path = unescaped;
        }
        if self.normalizes {
            match canonical(&path) {
                Some(canonical) => path = canonical,
                None => return Verdict::Rejected,
            }
        }
        if self.merges_slashes {
            merge_slashes(&mut path);
        }
        path.extend_from_slice(query);
        match (is_redirect, path == full) {
            (true, _) => Verdict::Redirect(path),
            (false, true) => Verdict::Same,
            (false, false) => Verdict::Changed(path),
        }
    }
}

impl EscapedSlashes {
    pub(super) fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::PathWithEscapedSlashesAction as Proto;
        Ok(match scalar::enumeration(number, at)? {
            // "IMPLEMENTATION_SPECIFIC_DEFAULT": Envoy's is to keep them.
            Proto::ImplementationSpecificDefault | Proto::KeepUnchanged => Self::Keep,
            Proto::RejectRequest => Self::Reject,
            Proto::UnescapeAndRedirect => Self::Redirect,
            Proto::UnescapeAndForward => Self::Unescape,
        })
    }
}

/// The path with `%2f` and `%5c` decoded; nothing when there is none.
fn unescape_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let slash_at = |at: usize| match path.get(at..at + 3)? {
        [b'%', b'2', b'f' | b'F'] => Some(b'/'),
        [b'%', b'5', b'c' | b'C'] => Some(b'\\'),
        _ => None,
    };
    (0..path.len()).find_map(slash_at)?;
    let mut unescaped = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let slash = slash_at(at);
        unescaped.push(slash.unwrap_or(path[at]));
        at += if slash.is_some() { 3 } else { 1 };
    }
    Some(unescaped)
}

/// What the WHATWG URL standard makes of a path: unreserved characters unescaped, unsafe ones escaped, backslashes turned,
/// dot segments resolved. Nothing for a path with `%00`.
fn canonical(path: &[u8]) -> Option<Vec<u8>> {
    let path = without_dot_parameters(path);
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        if out.last() == Some(&b'/')
            && let Some((segment, next)) = dot_segment(&path, at)
        {
            if segment == DotSegment::Up {
                out.pop();
                out.truncate(out.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1));
                if out.is_empty() {
                    out.push(b'/');
                }
            }
            at = next;
            continue;
        }
        match path[at] {
            b'\\' => out.push(b'/'),
            b'%' => match escaped(&path[at..]) {
                Some(0) => return None,
                Some(byte) if is_unreserved(byte) => {
                    out.push(byte);
                    at += 2;
                }
                Some(_) | None => out.push(b'%'),
            },
            byte if is_unsafe(byte) => push_escaped(byte, &mut out),
            byte => out.push(byte),
        }
        at += 1;
    }
    Some(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DotSegment {
    Here,
    Up,
}

/// The dot segment that begins at `at`, and where the segment after it begins.
fn dot_segment(path: &[u8], at: usize) -> Option<(DotSegment, usize)> {
    let dot = |at: usize| match path.get(at)? {
        b'.' => Some(at + 1),
        b'%' if escaped(&path[at..]) == Some(b'.') => Some(at + 3),
        _ => None,
    };
    // A slash that ends the segment is part of it.
    let end = |at: usize| match path.get(at) {
        None => Some(at),
        Some(b'/' | b'\\') => Some(at + 1),
        Some(_) => None,
    };
    let first = dot(at)?;
    match end(first) {
        Some(next) => Some((DotSegment::Here, next)),
        None => Some((DotSegment::Up, end(dot(first)?)?)),
    }
}

/// Cuts the parameters off segments such as `..;x`, which some servers take for dot segments.
fn without_dot_parameters(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for (index, segment) in path.split(|&b| b == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(match segment {
            [b'.', b';', ..] => b".",
            [b'.', b'.', b';', ..] => b"..",
            other => other,
        });
    }
    out
}

/// The byte of the escape sequence that `text` begins with.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    Some((digit(1)? * 16 + digit(2)?) as u8)
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_unsafe(byte: u8) -> bool {
    !(0x21..0x7f).contains(&byte) || matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Makes one slash of each run. Envoy keeps two when the path is nothing but slashes.
fn merge_slashes(path: &mut Vec<u8>) {
    if path.len() > 1 && path.iter().all(|&b| b == b'/') {
        path.truncate(2);
        return;
    }
    path.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_after(rules: PathRules, path: &str) -> String {
        match rules.apply(path.as_bytes()) {
            Verdict::Same => path.to_owned(),
            Verdict::Changed(path) => String::from_utf8(path).expect("ASCII"),
            Verdict::Redirect(path) => format!("307 {}", String::from_utf8_lossy(&path)),
            Verdict::Rejected => "400".to_owned(),
        }
    }

    fn check(rules: PathRules, cases: &[(&str, &str)]) {
        for (path, expected) in cases {
            assert_eq!(path_after(rules, path), *expected, "{path}");
        }
    }

    const NORMALIZE: PathRules =
        PathRules { normalizes: true, merges_slashes: false, escaped_slashes: EscapedSlashes::Keep };

    #[test]
    fn dot_segments_are_resolved() {
        check(
            NORMALIZE,
            &[
                ("/.", "/"),
                ("/..", "/"),
                ("/a/.", "/a/"),
                ("/a/..", "/"),
                ("/a/../..", "/"),
                ("/a/%2E%2e/b", "/b"),
                ("/.%2e/", "/"),
                ("/a//../b", "/a/b"),
                ("/a/./b/../c/", "/a/c/"),
                ("//", "//"),
                ("//a/..", "//"),
                ("//..", "/"),
                ("/a\\..\\b", "/b"),
                ("/%5c../x", "/%5c../x"),
                ("/a/...", "/a/..."),
                ("/a/b..", "/a/b.."),
                ("/..a", "/..a"),
                ("/a/%2e%2fb", "/a/.%2fb"),
                ("/a/b/..?q", "/a/?q"),
                ("/a?x=/../", "/a?x=/../"),
            ],
        );
    }

    #[test]
    fn parameters_do_not_hide_dot_segments() {
        check(
            NORMALIZE,
            &[
                ("/a/..;/b", "/b"),
                ("/a/..;x", "/"),
                ("/a/.;x=1/b", "/a/b"),
                ("/a/..;x\\b", "/"),
                ("/a/..;%2f/c", "/c"),
                ("/a\\..;x/b", "/a/..;x/b"),
                ("/a/%2e;x/b", "/a/.;x/b"),
                ("/a/...;x/b", "/a/...;x/b"),
                ("/a/;/b", "/a/;/b"),
            ],
        );
    }

    #[test]
    fn unreserved_bytes_are_unescaped_and_unsafe_ones_escaped() {
        check(
            NORMALIZE,
            &[
                ("/A%2Db%5Fc%2e%7E%41%30", "/A-b_c.~A0"),
                ("/%20%22%c3%A9%7c%3B", "/%20%22%c3%A9%7c%3B"),
                ("/a\"<>^`{|}b", "/a%22%3C%3E%5E%60%7B%7C%7Db"),
                ("/!$&'()*+,:;=@[]", "/!$&'()*+,:;=@[]"),
                ("/a%2", "/a%2"),
                ("/a%zz", "/a%zz"),
                ("/a%00b", "400"),
            ],
        );
    }

    #[test]
    fn runs_of_slashes_become_one() {
        let merge = PathRules { merges_slashes: true, ..PathRules::default() };
        check(
            merge,
            &[
                ("//", "//"),
                ("///", "//"),
                ("//a", "/a"),
                ("/a//b///c//", "/a/b/c/"),
                ("/a//?b//c", "/a/?b//c"),
                ("//a//b/../..//c", "/a/b/../../c"),
            ],
        );
        check(PathRules { normalizes: true, ..merge }, &[("//a//b/../..//c", "/a/c")]);
    }

    #[test]
    fn escaped_slashes_are_unescaped_rejected_or_redirected() {
        let rules = |escaped_slashes| PathRules { escaped_slashes, ..PathRules::default() };
        check(rules(EscapedSlashes::Unescape), &[("/a%5Cb%2Fc", "/a\\b/c"), ("/%2f%2F?%5c", "///?%5c")]);
        check(rules(EscapedSlashes::Reject), &[("/a%2fb", "400"), ("/a?x=%2f", "/a?x=%2f"), ("/a%252fb", "/a%252fb")]);
        check(rules(EscapedSlashes::Redirect), &[("/a%2fb?q", "307 /a/b?q"), ("/a", "/a")]);
    }

    #[test]
    fn fragments_are_rejected_whatever_the_rules() {
        check(PathRules::default(), &[("/x#f", "400"), ("/x?y#f", "400"), ("/%zz//..", "/%zz//..")]);
    }
}
