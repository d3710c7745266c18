//! Replies made here: one function turns what went wrong into status, headers and body.

use nuncio_message::{Chunk, HeaderId, Headers};

use crate::connection_manager::Core;
use crate::filter::LocalReply;

/// Puts the head of `reply` into `core.response` and returns its body. A gRPC request gets a gRPC answer.
pub(crate) fn prepare(reply: LocalReply, core: &mut Core) -> Chunk {
    let LocalReply { status, body, details, headers: extra, grpc_status } = reply;
    core.info.response_code_details = Some(details);
    let mut headers = Headers::new();
    let is_grpc = is_grpc_request(&core.request);
    if is_grpc {
        headers.push(HeaderId::STATUS, b"200");
        headers.push(HeaderId::CONTENT_TYPE, b"application/grpc");
        headers.set_number(HeaderId::GRPC_STATUS, u64::from(grpc_status.unwrap_or_else(|| grpc_status_of(status))));
        if !body.is_empty() {
            headers.push(HeaderId::GRPC_MESSAGE, &percent_encode(&body));
        }
    } else {
        headers.set_number(HeaderId::STATUS, u64::from(status));
        headers.set_number(HeaderId::CONTENT_LENGTH, body.len() as u64);
        if body.is_empty() {
            headers.remove(HeaderId::CONTENT_LENGTH);
        } else {
            headers.push(HeaderId::CONTENT_TYPE, b"text/plain");
        }
    }
    for (name, value) in extra {
        headers.set_by_name(name.as_bytes(), &value);
    }
    core.response_trailers = None;
    core.response = Some(headers);
    if is_grpc { Chunk::empty() } else { Chunk::copy_from(&body) }
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
