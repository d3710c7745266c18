//! Whether a head can still be sent after filters and routes have changed it.
//!
//! They may take away what every message needs, or put together what no peer may see: a path with a line feed would begin
//! another request. Envoy looks where it encodes, and answers itself.

use nuncio_message::{HeaderId, Headers};

/// What keeps a request from being sent, in Envoy's words.
pub(super) fn objection(request: &Headers) -> Option<String> {
    let method = request.get(HeaderId::METHOD);
    let needed = match method {
        None => HeaderId::METHOD,
        Some(b"CONNECT") if !request.has(HeaderId::PROTOCOL) => HeaderId::AUTHORITY,
        Some(_) => HeaderId::PATH,
    };
    if !request.has(needed) {
        return Some(format!("missing required header: {}", needed.name()));
    }
    request.iter().find_map(|header| {
        let name = header.name;
        if header.id == HeaderId::OTHER && !name.iter().all(|&byte| is_token(byte)) {
            return Some(format!("invalid header name: {}", String::from_utf8_lossy(name)));
        }
        let is_sent = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        let is_valid = header.value.iter().all(is_sent);
        (!is_valid).then(|| format!("invalid header value for: {}", String::from_utf8_lossy(name)))
    })
}

/// RFC 9110, section 5.6.2, in lower case.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objections_are_envoys() {
        let check = |headers: &[(&str, &str)], expected: Option<&str>| {
            let mut request = Headers::new();
            for (name, value) in headers {
                request.push_name(name.as_bytes(), value.as_bytes());
            }
            assert_eq!(objection(&request).as_deref(), expected, "{headers:?}");
        };
        let (get, path) = ((":method", "GET"), (":path", "/"));
        check(&[get, path], None);
        check(&[path], Some("missing required header: :method"));
        check(&[get, (":authority", "h")], Some("missing required header: :path"));
        check(&[get, path, ("x bad", "v")], Some("invalid header name: x bad"));
        check(&[get, (":path", "/?a=\r\nb")], Some("invalid header value for: :path"));
        check(&[get, (":path", "/?a=\x7f")], Some("invalid header value for: :path"));
        check(&[get, (":path", "/?a=\x01")], Some("invalid header value for: :path"));
        check(&[get, (":path", "/?a=\t"), ("x-a", "é ")], None);
        check(&[(":method", "CONNECT"), (":authority", "h:1")], None);
        check(&[(":method", "CONNECT")], Some("missing required header: :authority"));
    }
}
