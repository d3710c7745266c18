//! Absolute URLs and CONNECT authorities.

use std::net::IpAddr;

use super::bytes::decimal;
use super::fault::Fault;
use super::start_line::strip_scheme;

/// An absolute request target, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AbsoluteUrl<'a> {
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Host and port as sent, without user information.
    pub(crate) authority: &'a [u8],
    /// From the first slash (or question mark) on; empty when there is none.
    pub(crate) path: &'a [u8],
}

impl<'a> AbsoluteUrl<'a> {
    /// Takes apart a target that is no path.
    ///
    /// # Errors
    /// [`Fault::Url`] with a bad host or port, [`Fault::Scheme`] for another scheme.
    pub(crate) fn parse(target: &'a [u8]) -> Result<Self, Fault> {
        let rest = strip_scheme(target).ok_or(Fault::Url)?;
        let scheme = &target[..target.len() - rest.len() - b"://".len()];
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = without_user(authority);
        if !is_host_and_port(authority, Port::Optional) {
            return Err(Fault::Url);
        }
        let scheme = match scheme {
            scheme if scheme.eq_ignore_ascii_case(b"http") => "http",
            scheme if scheme.eq_ignore_ascii_case(b"https") => "https",
            _ => return Err(Fault::Scheme),
        };
        Ok(Self { scheme, authority, path })
    }
}

/// The host and port that CONNECT asks for.
///
/// # Errors
/// [`Fault::Url`] when it is something else.
pub(crate) fn connect_authority(target: &[u8]) -> Result<&[u8], Fault> {
    // Envoy takes an empty user here, but no other.
    let authority = target.strip_prefix(b"@").unwrap_or(target);
    if is_host_and_port(authority, Port::Required) { Ok(authority) } else { Err(Fault::Url) }
}

fn without_user(authority: &[u8]) -> &[u8] {
    authority.iter().position(|&byte| byte == b'@').map_or(authority, |at| &authority[at + 1..])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Optional,
    Required,
}

fn is_host_and_port(authority: &[u8], port: Port) -> bool {
    let host_end = if authority.first() == Some(&b'[') {
        authority.iter().position(|&byte| byte == b']').map_or(authority.len(), |at| at + 1)
    } else {
        authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    let is_port = match rest {
        [] => port == Port::Optional,
        [b':', digits @ ..] => decimal(digits).is_some_and(|number| number <= u64::from(u16::MAX)),
        _ => false,
    };
    is_port && is_host(host)
}

fn is_host(host: &[u8]) -> bool {
    match host {
        [] => false,
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<IpAddr>().is_ok())
        }
        name => name.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, expected: Result<(&str, &str, &str), Fault>) {
        let url = AbsoluteUrl::parse(target.as_bytes());
        let shown = url.map(|url| (url.scheme, url.authority, url.path));
        assert_eq!(shown, expected.map(|(s, a, p)| (s, a.as_bytes(), p.as_bytes())), "{target}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check("http://h", Ok(("http", "h", "")));
        check("HttpS://H:81/p?q", Ok(("https", "H:81", "/p?q")));
        check("http://h?q/", Ok(("http", "h", "?q/")));
        check("http://u:p@h/@", Ok(("http", "h", "/@")));
        check("http://[::1]:80/", Ok(("http", "[::1]:80", "/")));
        check("ftp://h/", Err(Fault::Scheme));
        for bad in [
            "http://",
            "http:///p",
            "http://h:/",
            "http://h:65536/",
            "http://h_/",
            "http://[::1/",
            "http://h:1:2/",
            "http://a@b@c/",
        ] {
            check(bad, Err(Fault::Url));
        }
    }
}
