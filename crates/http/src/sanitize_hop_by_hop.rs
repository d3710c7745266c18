//! Headers that belong to one connection only (RFC 9110 section 7.6.1).

use nuncio_message::{HeaderId, HeaderSet, Headers};

/// `connection` names what may not be removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Nominated;

const ALWAYS: HeaderSet =
    HeaderSet::of(&[HeaderId::KEEP_ALIVE, HeaderId::PROXY_CONNECTION, HeaderId::TRANSFER_ENCODING]);
const WITHOUT_UPGRADE: HeaderSet = HeaderSet::of(&[HeaderId::CONNECTION, HeaderId::UPGRADE]);

/// Removes them from a request, but for what `connection` names.
pub(crate) fn request(headers: &mut Headers, keeps_upgrade: bool) {
    response(headers, keeps_upgrade);
    keep_te_trailers(headers);
}

/// Removes them from a response.
pub(crate) fn response(headers: &mut Headers, keeps_upgrade: bool) {
    if !keeps_upgrade {
        headers.remove_all(&WITHOUT_UPGRADE);
    }
    headers.remove_all(&ALWAYS);
}

/// `te` is hop-by-hop too, but gRPC needs `te: trailers` to arrive.
fn keep_te_trailers(headers: &mut Headers) {
    let Some(te) = headers.get(HeaderId::TE) else { return };
    let has_trailers = te.split(|byte| *byte == b',').any(|part| part.trim_ascii() == b"trailers");
    if has_trailers {
        if te != b"trailers" {
            headers.set(HeaderId::TE, b"trailers");
        }
    } else {
        headers.remove(HeaderId::TE);
    }
}

/// The most that `connection` may name.
const MAX_NAMED: usize = 9;

/// Removes from a request what `connection` names.
///
/// # Errors
/// When it names more than Envoy takes, or headers whose removal would hide where the request comes from.
pub(crate) fn request_nominated(headers: &mut Headers) -> Result<(), Nominated> {
    let Some(connection) = headers.get(HeaderId::CONNECTION) else { return Ok(()) };
    if connection.eq_ignore_ascii_case(b"close") || connection.eq_ignore_ascii_case(b"keep-alive") {
        return Ok(());
    }
    let named = connection.to_ascii_lowercase();
    let names = || named.split(|byte| *byte == b',').filter(|name| !name.is_empty());
    if names().count() > MAX_NAMED {
        return Err(Nominated);
    }
    for name in names().map(<[u8]>::trim_ascii) {
        match name {
            // `te` follows its own rule.
            b"" | b"close" | b"keep-alive" | b"te" | b"upgrade" | b"connection" => {}
            b"host" => {
                headers.remove(HeaderId::AUTHORITY);
            }
            b"x-forwarded-for" | b"x-forwarded-host" | b"x-forwarded-proto" | [b':', ..] => return Err(Nominated),
            name => {
                headers.remove_by_name(name);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nuncio_message::HeaderMapKind;

    use super::*;

    fn check(pairs: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
        }
        assert_eq!(request_nominated(&mut headers), Ok(()));
        request(&mut headers, false);
        let left: Vec<_> = headers.iter().map(|h| (h.name.to_vec(), h.value.to_vec())).collect();
        let expected: Vec<_> = expected.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn what_connection_names_is_removed() {
        check(&[("connection", "x-a, Close"), ("x-a", "1"), ("x-b", "2")], &[("x-b", "2")]);
        check(&[("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("x-b", "2")], &[("x-b", "2")]);
    }

    #[test]
    fn what_shows_the_origin_cannot_be_removed_by_name() {
        for (value, expected) in [
            ("cookie, x-forwarded-for", Err(Nominated)),
            ("X-Forwarded-Proto", Err(Nominated)),
            (":path", Err(Nominated)),
            ("a,b,c,d,e,f,g,h,i", Ok(())),
            ("a,b,c,d,e,f,g,h,i,j", Err(Nominated)),
        ] {
            let mut headers = Headers::new();
            headers.push(HeaderId::CONNECTION, value.as_bytes());
            assert_eq!(request_nominated(&mut headers), expected, "{value}");
        }
    }

    #[test]
    fn te_is_kept_as_trailers_only() {
        check(&[("te", "trailers")], &[("te", "trailers")]);
        check(&[("te", "gzip, trailers")], &[("te", "trailers")]);
        check(&[("te", "trailers, deflate")], &[("te", "trailers")]);
        // Envoy does not know it with a weight, nor in another case.
        check(&[("te", "gzip,trailers;q=0")], &[]);
        check(&[("te", "Trailers")], &[]);
        check(&[("te", "gzip")], &[]);
    }
}
