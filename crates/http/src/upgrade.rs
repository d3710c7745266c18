//! Upgrades (RFC 9110 section 7.8), and what they are on HTTP/2 (RFC 8441): extended CONNECT. Between the codecs they have
//! the form of HTTP/1, as in Envoy.

use nuncio_message::{HeaderId, Headers};

/// The protocol that a message asks to change to, or grants, if `connection` says so too.
pub(crate) fn protocol(headers: &Headers) -> Option<&[u8]> {
    let mut asks = headers.get(HeaderId::CONNECTION)?.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    asks.find(|token| token.eq_ignore_ascii_case(b"upgrade"))?;
    headers.get(HeaderId::UPGRADE)
}

/// What a request asks for in `upgrade_configs`' words: a protocol, or CONNECT.
pub(crate) fn kind(request: &Headers) -> Option<&[u8]> {
    match protocol(request) {
        Some(protocol) => Some(protocol),
        None if is_connect(request) => Some(b"connect"),
        None => None,
    }
}

/// Whether a request's method is CONNECT.
pub(crate) fn is_connect(request: &Headers) -> bool {
    request.get(HeaderId::METHOD) == Some(b"CONNECT")
}

/// Whether what follows these two heads is no HTTP any more.
pub(crate) fn is_granted(request: &Headers, response: &Headers) -> bool {
    (protocol(request).is_some() && protocol(response).is_some())
        || (is_connect(request) && response.status() == Some(200))
}

/// Whether a head says that a body follows.
pub(crate) fn has_body(headers: &Headers) -> bool {
    headers.has(HeaderId::CONTENT_LENGTH) || headers.has(HeaderId::TRANSFER_ENCODING)
}

/// Makes an extended CONNECT a request for an upgrade; returns whether it was one.
pub(crate) fn request_from_http2(request: &mut Headers) -> bool {
    let Some(protocol) = request.get(HeaderId::PROTOCOL).filter(|protocol| *protocol != BYTESTREAM) else {
        return false;
    };
    let protocol = protocol.to_vec();
    request.remove(HeaderId::PROTOCOL);
    request.set(HeaderId::METHOD, b"GET");
    request.set(HeaderId::UPGRADE, &protocol);
    request.set(HeaderId::CONNECTION, b"upgrade");
    true
}

/// The name that Envoy gives to what a plain CONNECT carries.
const BYTESTREAM: &[u8] = b"bytestream";

/// What a request that asks for a tunnel is on HTTP/2; `None` for one that is the same there.
pub(crate) fn request_to_http2(request: &Headers) -> Option<Headers> {
    let (protocol, is_upgrade) = match protocol(request) {
        Some(protocol) => (protocol, true),
        None if is_connect(request) => (BYTESTREAM, false),
        None => return None,
    };
    let mut sent = with_protocol(request, protocol);
    sent.set(HeaderId::METHOD, b"CONNECT");
    if !sent.has(HeaderId::PATH) {
        sent.set(HeaderId::PATH, b"/");
    }
    if is_upgrade {
        without_upgrade(&mut sent);
    }
    Some(sent)
}

/// A copy with `:protocol` behind its other pseudo headers, where they stand together.
fn with_protocol(request: &Headers, protocol: &[u8]) -> Headers {
    let mut copy = Headers::new();
    let leading = request.iter().take_while(|header| header.id.is_pseudo()).count();
    for (at, header) in request.iter().enumerate() {
        if at == leading {
            copy.push(HeaderId::PROTOCOL, protocol);
        }
        match header.id {
            HeaderId::OTHER => _ = copy.push_name(header.name, header.value),
            id => copy.push(id, header.value),
        }
    }
    if leading == request.len() {
        copy.push(HeaderId::PROTOCOL, protocol);
    }
    copy
}

/// What the answer to an extended CONNECT is on HTTP/2.
pub(crate) fn response_to_http2(response: &Headers) -> Headers {
    let mut sent = response.clone();
    if sent.status() == Some(101) {
        sent.set(HeaderId::STATUS, b"200");
    }
    without_upgrade(&mut sent);
    sent
}

/// Makes the answer to an extended CONNECT that to the request for an upgrade which was sent so.
pub(crate) fn response_from_http2(request: &Headers, response: &mut Headers) {
    let Some(protocol) = protocol(request) else { return };
    if response.status() == Some(200) {
        response.set(HeaderId::STATUS, b"101");
        response.set(HeaderId::UPGRADE, protocol);
        response.set(HeaderId::CONNECTION, b"upgrade");
    }
}

fn without_upgrade(headers: &mut Headers) {
    headers.remove(HeaderId::UPGRADE);
    headers.remove(HeaderId::CONNECTION);
    if headers.get(HeaderId::CONTENT_LENGTH) == Some(b"0") {
        headers.remove(HeaderId::CONTENT_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Headers {
        let mut headers = Headers::new();
        for line in text.split('|') {
            let (name, value) = line.split_once('=').expect("a name and a value");
            headers.push_name(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn text(headers: &Headers) -> String {
        let pairs = headers.iter().map(|h| format!("{}={}", h.name.escape_ascii(), h.value.escape_ascii()));
        pairs.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn both_headers_make_an_upgrade() {
        for (request, expected) in [
            (":method=GET|connection=a, Upgrade|upgrade=x", Some("x")),
            (":method=GET|connection=upgrades|upgrade=x", None),
            (":method=GET|upgrade=x", None),
            (":method=CONNECT|:authority=h:1", Some("connect")),
            (":method=CONNECT|connection=upgrade|upgrade=x", Some("x")),
        ] {
            assert_eq!(kind(&headers(request)), expected.map(str::as_bytes), "{request}");
        }
    }

    #[test]
    fn extended_connect_is_an_upgrade_and_back() {
        let mut request = headers(":method=CONNECT|:protocol=websocket|:path=/ws|:authority=h");
        assert!(request_from_http2(&mut request));
        assert_eq!(text(&request), ":method=GET|:path=/ws|:authority=h|upgrade=websocket|connection=upgrade");
        let sent = request_to_http2(&request).expect("a tunnel");
        assert_eq!(text(&sent), ":method=CONNECT|:path=/ws|:authority=h|:protocol=websocket");
        request.push_name(b"x-a", b"1");
        let sent = request_to_http2(&request).expect("a tunnel");
        assert_eq!(text(&sent), ":method=CONNECT|:path=/ws|:authority=h|:protocol=websocket|x-a=1");
        let mut response = headers(":status=200|server=s");
        response_from_http2(&request, &mut response);
        assert_eq!(text(&response), ":status=101|server=s|upgrade=websocket|connection=upgrade");
        assert!(is_granted(&request, &response));
        assert_eq!(text(&response_to_http2(&response)), ":status=200|server=s");
    }

    #[test]
    fn a_plain_connect_stays_one() {
        let mut request = headers(":method=CONNECT|:protocol=bytestream|:path=/|:authority=h:1");
        assert!(!request_from_http2(&mut request));
        let sent = request_to_http2(&headers(":method=CONNECT|:authority=h:1")).expect("a tunnel");
        assert_eq!(text(&sent), ":method=CONNECT|:authority=h:1|:protocol=bytestream|:path=/");
        assert!(request_to_http2(&headers(":method=GET|:path=/")).is_none());
    }
}
