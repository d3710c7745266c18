//! Headers that belong to one connection only (RFC 9110 section 7.6.1).

use nuncio_message::{HeaderId, Headers};

/// Removes them from a request. What `connection` names goes too.
pub(crate) fn request(headers: &mut Headers, keeps_upgrade: bool) {
    remove_named(headers);
    if !keeps_upgrade {
        headers.remove(HeaderId::CONNECTION);
        headers.remove(HeaderId::UPGRADE);
    }
    headers.remove(HeaderId::KEEP_ALIVE);
    headers.remove(HeaderId::PROXY_CONNECTION);
    headers.remove(HeaderId::TRANSFER_ENCODING);
    headers.remove(HeaderId::HTTP2_SETTINGS);
    keep_te_trailers(headers);
}

/// Removes them from a response.
pub(crate) fn response(headers: &mut Headers, keeps_upgrade: bool) {
    if !keeps_upgrade {
        headers.remove(HeaderId::CONNECTION);
        headers.remove(HeaderId::UPGRADE);
    }
    headers.remove(HeaderId::KEEP_ALIVE);
    headers.remove(HeaderId::PROXY_CONNECTION);
    headers.remove(HeaderId::TRANSFER_ENCODING);
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

fn remove_named(headers: &mut Headers) {
    let Some(connection) = headers.get(HeaderId::CONNECTION) else { return };
    if connection.eq_ignore_ascii_case(b"close") || connection.eq_ignore_ascii_case(b"keep-alive") {
        return;
    }
    let named = connection.to_ascii_lowercase();
    for name in named.split(|byte| *byte == b',') {
        let name = name.trim_ascii();
        // `te` follows its own rule, and pseudo headers are no headers.
        if !matches!(name, b"" | b"close" | b"keep-alive" | b"te" | b"upgrade" | b"host") && name[0] != b':' {
            headers.remove_by_name(name);
        }
    }
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
