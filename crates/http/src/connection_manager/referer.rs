//! Which values of `referer` are passed on.

/// Whether `value` is a URL without user and fragment, or a relative reference without fragment (RFC 9110 section 10.1.3).
///
/// As in Envoy a URL with a scheme has to have a host, so that `about:blank` is none.
pub(super) fn is_valid(value: &[u8]) -> bool {
    match value.windows(3).position(|part| part == b"://") {
        Some(at) if is_scheme(&value[..at]) => is_rest_of_url(&value[at + 3..]),
        Some(_) | None => is_relative(value),
    }
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_rest_of_url(rest: &[u8]) -> bool {
    let (authority, path) = rest.split_at(rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len()));
    is_authority(authority) && path.iter().all(|&b| b > b' ' && b != 0x7f && b != b'#')
}

fn is_authority(authority: &[u8]) -> bool {
    let (host, port) = match authority.iter().rposition(|&b| b == b':' || b == b']') {
        Some(at) if authority[at] == b':' => (&authority[..at], Some(&authority[at + 1..])),
        Some(_) | None => (authority, None),
    };
    let is_host = match host {
        [b'[', address @ .., b']'] => {
            !address.is_empty() && address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        name => !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')),
    };
    let is_port = |port: &[u8]| std::str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok());
    is_host && port.is_none_or(is_port)
}

/// A colon in the first segment would make it a scheme (RFC 3986 section 4.2).
fn is_relative(value: &[u8]) -> bool {
    let first = value.iter().position(|&b| b == b'/').unwrap_or(value.len());
    !value[..first].contains(&b':')
        && value.iter().all(|&b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_relative_references_without_fragment_are_valid() {
        for valid in [
            "http://a.test/x",
            "HTTP://a",
            "a+b://c/",
            "http://[::1]:80",
            "http://a?q",
            "http://a.test:0/",
            "http://-/",
            "http://a/<\"\\",
            "/rel",
            "rel",
            "//a/b",
            "/a:b",
            "a/b:c",
            "/a%",
            "/@",
            "a=b&c",
            "http://a/,http://b/",
            "",
        ] {
            assert!(is_valid(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "http://a.test/x y",
            "http://a.test/x#f",
            "http://",
            "http:///x",
            "http://a:b/",
            "http://a:99999/",
            "http://a:/",
            "http://u@a/",
            "http://a_b/",
            "http://a%20b/",
            "1http://a/",
            "about:blank",
            "a:b",
            "://a",
            "http:/a",
            "/a b",
            "/a<",
            "/a[",
            "/a|",
            "/\\",
            "/a#b",
            "/a{",
            "/a^",
            "/a`",
        ] {
            assert!(!is_valid(invalid.as_bytes()), "{invalid}");
        }
    }
}
