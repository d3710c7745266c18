//! Replies made here: one function turns what went wrong into status, headers and body.

use std::rc::Rc;

use nuncio_message::{Chunk, HeaderId, HeaderMapKind, Headers};

use crate::connection_manager::Core;
use crate::filter::LocalReply;

/// Puts the head of `reply` into `core.response` and returns its body. A gRPC request gets a gRPC answer.
///
/// As in Envoy the route's changes, if the route is known, come before content type and length, and see no response code yet.
pub(crate) fn prepare(reply: LocalReply, core: &mut Core) -> Chunk {
    let LocalReply { mut status, mut body, details, headers: extra, grpc_status, content_type } = reply;
    core.info.response_code_details = Some(details);
    let mut headers = Headers::new();
    headers.set_number(HeaderId::STATUS, u64::from(status));
    for (name, value) in extra {
        headers.set_by_name(name.as_bytes(), &value);
    }
    core.response_trailers = None;
    core.response = Some(headers);
    if let Some(route) = core.known_route().cloned() {
        route.change_response_headers(&mut core.subject(HeaderMapKind::Response));
    }
    if let Some(content_type) = content_type {
        core.response.get_or_insert_default().set(HeaderId::CONTENT_TYPE, &content_type);
    }
    core.info.response_code = Some(status);
    let manager = Rc::clone(&core.manager);
    if !manager.config.local_replies.is_empty() {
        manager.config.local_replies.rewrite(core, &mut status, &mut body);
    }
    let is_grpc = is_grpc_request(&core.request);
    let headers = core.response.get_or_insert_default();
    if is_grpc {
        headers.remove(HeaderId::CONTENT_LENGTH);
        headers.set(HeaderId::STATUS, b"200");
        headers.set(HeaderId::CONTENT_TYPE, b"application/grpc");
        let grpc_status = grpc_status.unwrap_or_else(|| grpc_status_of(status));
        if !headers.has(HeaderId::GRPC_STATUS) {
            headers.set_number(HeaderId::GRPC_STATUS, u64::from(grpc_status));
        }
        if !body.is_empty() {
            headers.set(HeaderId::GRPC_MESSAGE, &percent_encode(&body));
        }
        return Chunk::empty();
    }
    if body.is_empty() {
        headers.remove(HeaderId::CONTENT_LENGTH);
        headers.remove(HeaderId::CONTENT_TYPE);
    } else {
        headers.set_number(HeaderId::CONTENT_LENGTH, body.len() as u64);
        if !headers.has(HeaderId::CONTENT_TYPE) {
            headers.push(HeaderId::CONTENT_TYPE, b"text/plain");
        }
    }
    Chunk::copy_from(&body)
}

/// Response code details with a text that is for the client too.
pub(crate) fn details(name: &str, text: &str) -> String {
    format!("{name}{{{}}}", text.replace(char::is_whitespace, "_"))
}

/// Whether a request is gRPC by its content type.
pub(crate) fn is_grpc_request(request: &Headers) -> bool {
    match request.get(HeaderId::CONTENT_TYPE) {
        Some(kind) => kind == b"application/grpc" || kind.starts_with(b"application/grpc+"),
        None => false,
    }
}

/// How an HTTP status is told to a gRPC client, after gRPC's http-grpc-status-mapping.
fn grpc_status_of(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// gRPC's encoding of `grpc-message`: printable ASCII stays, but for `%`.
fn percent_encode(message: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(message.len());
    for &byte in message {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encode(b"a b%\n\xc3"), b"a b%25%0A%C3");
    }

    #[test]
    fn only_grpc_content_types_count() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web", false),
            ("text/plain", false),
        ] {
            let mut headers = Headers::new();
            headers.push(HeaderId::CONTENT_TYPE, kind.as_bytes());
            assert_eq!(is_grpc_request(&headers), expected, "{kind}");
        }
    }
}
