//! Keeps a message until it is whole: the shape of `buffer`, both ways.

use std::sync::Arc;

use nuncio_http::{
    DataStatus, Direction, FilterFactory, HeadersStatus, HttpFilter, Interest, StreamCx, TrailersStatus,
};
use nuncio_message::Chunk;

use super::made;

/// A filter that lets nothing pass before its end, and notes in `x-collected` how long the body is.
pub fn collect() -> Arc<dyn FilterFactory> {
    made(Interest::ALL, || Box::new(Collect))
}

struct Collect;

fn head(end_stream: bool) -> HeadersStatus {
    if end_stream { HeadersStatus::Continue } else { HeadersStatus::StopIteration }
}

fn data(cx: &mut StreamCx<'_>, data: &Chunk, end_stream: bool) -> DataStatus {
    if !end_stream {
        return DataStatus::StopIterationAndBuffer;
    }
    note(cx, data.len());
    DataStatus::Continue
}

/// Notes the length of what is held and `more`.
fn note(cx: &mut StreamCx<'_>, more: usize) {
    let direction = cx.direction();
    let length = (cx.held_body(direction).len() + more).to_string();
    let (request, response) = cx.heads_mut();
    match direction {
        Direction::Request => request.set_by_name(b"x-collected", length.as_bytes()),
        Direction::Response => {
            if let Some(response) = response {
                response.set_by_name(b"x-collected", length.as_bytes());
            }
        }
    }
}

impl HttpFilter for Collect {
    fn request_headers(&mut self, _: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        head(end_stream)
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, piece: &mut Chunk, end_stream: bool) -> DataStatus {
        data(cx, piece, end_stream)
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        note(cx, 0);
        TrailersStatus::Continue
    }

    fn response_headers(&mut self, _: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        head(end_stream)
    }

    fn response_data(&mut self, cx: &mut StreamCx<'_>, piece: &mut Chunk, end_stream: bool) -> DataStatus {
        data(cx, piece, end_stream)
    }

    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        note(cx, 0);
        TrailersStatus::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::both;
    use super::*;
    use crate::rig::{A, Message, Rig, Setup};

    const LIMIT: usize = 32 * 1024;

    fn check(test: impl Fn(&Rig)) {
        both(Setup { buffer_limit: LIMIT as u32, ..Setup::default() }, |_| collect(), test);
    }

    #[test]
    fn nothing_passes_before_the_end() {
        check(|rig| {
            let client = rig.client();
            rig.send(&client, "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
            let early = rig.try_origin(A);
            assert_eq!(early.as_ref().map(|origin| origin.text()).unwrap_or_default(), "");
            rig.send(&client, "2\r\nde\r\n0\r\nx-t: 1\r\n\r\n");
            let a = early.unwrap_or_else(|| rig.origin(A));
            let request = Message::parse(&a.take());
            assert_eq!((request.to_string().as_str(), request.header("x-collected")), ("POST abcde +x-t=1", Some("5")));
            rig.send(&a, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel");
            assert_eq!(client.text(), "");
            rig.send(&a, "lo");
            let response = Message::parse(&client.take());
            assert_eq!((response.to_string().as_str(), response.header("x-collected")), ("200 hello", Some("5")));
        });
    }

    #[test]
    fn a_request_above_the_limit_is_a_413() {
        check(|rig| {
            let client = rig.client();
            rig.send(
                &client,
                format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(LIMIT + 1)),
            );
            let answer = Message::parse(&client.take());
            assert_eq!(
                (answer.to_string().as_str(), answer.header("connection")),
                ("413 Payload Too Large", Some("close"))
            );
        });
    }

    #[test]
    fn a_response_above_the_limit_is_a_500() {
        check(|rig| {
            let client = rig.client();
            rig.send(&client, "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
            let a = rig.origin(A);
            rig.send(&a, format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(LIMIT + 1)));
            assert_eq!(Message::parse(&client.take()).to_string(), "500 Internal Server Error");
            assert!(a.is_closed());
        });
    }

    #[test]
    fn the_limit_itself_is_not_too_much() {
        check(|rig| {
            let client = rig.client();
            rig.send(
                &client,
                format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {LIMIT}\r\n\r\n{}", "x".repeat(LIMIT)),
            );
            let a = rig.origin(A);
            assert_eq!(Message::parse(&a.take()).body.len(), LIMIT);
            rig.send(&a, format!("HTTP/1.1 200 OK\r\ncontent-length: {LIMIT}\r\n\r\n{}", "x".repeat(LIMIT)));
            assert_eq!(Message::parse(&client.take()).body.len(), LIMIT);
        });
    }
}
