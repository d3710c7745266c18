//! Sends a body through an outside stream, piece by piece, and what comes back on: the shape of `ext_proc`, streamed.
//!
//! Nothing piles up: pieces are held, and their sender waits, while the outside stream is slow; the outside stream is not
//! read while the direction is slow.

use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_http::{
    CallEvent, CallStream, DataStatus, Direction, FilterFactory, HeadersStatus, HttpFilter, Interest, LocalReply,
    Resume, StreamCx, Target, TrailersStatus,
};
use nuncio_message::{Chunk, HeaderId, Headers};

use super::made;

/// Bytes that may be under way to the outside stream.
const MAX_UNSENT: u64 = 16 * 1024;

/// A filter that replaces the body of `direction` by what `target` answers to it.
pub fn rewrite(target: Target, direction: Direction) -> Arc<dyn FilterFactory> {
    made(Interest::ALL, move || {
        Box::new(Rewrite { target: target.clone(), direction, stream: None, is_sent: false, has_trailers: false })
    })
}

struct Rewrite {
    target: Target,
    direction: Direction,
    stream: Option<CallStream>,
    /// The end of the body has gone out.
    is_sent: bool,
    has_trailers: bool,
}

impl Rewrite {
    fn head(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        if end_stream || cx.direction() != self.direction {
            return HeadersStatus::Continue;
        }
        let mut head = Headers::new();
        head.push(HeaderId::METHOD, b"POST");
        head.push(HeaderId::AUTHORITY, b"rewriter");
        head.push(HeaderId::PATH, b"/rewrite");
        self.stream = Some(cx.client().open(&self.target, head, false));
        // The length will be another.
        let (request, response) = cx.heads_mut();
        match (self.direction, response) {
            (Direction::Response, Some(response)) => response.remove(HeaderId::CONTENT_LENGTH),
            _ => request.remove(HeaderId::CONTENT_LENGTH),
        };
        cx.poll_me();
        HeadersStatus::Continue
    }

    fn data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        let Some(stream) = self.stream.as_mut().filter(|_| cx.direction() == self.direction) else {
            return DataStatus::Continue;
        };
        cx.poll_me();
        self.is_sent |= end_stream;
        if stream.unsent() > MAX_UNSENT || !cx.held_body(self.direction).is_empty() {
            return DataStatus::StopIterationAndWatermark;
        }
        stream.send_data(std::mem::replace(data, Chunk::empty()), end_stream);
        DataStatus::StopIterationNoBuffer
    }

    fn trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        let Some(stream) = self.stream.as_mut().filter(|_| cx.direction() == self.direction) else {
            return TrailersStatus::Continue;
        };
        self.has_trailers = true;
        self.is_sent = true;
        if cx.held_body(self.direction).is_empty() {
            stream.send_data(Chunk::empty(), true);
        }
        TrailersStatus::StopIteration
    }

    /// Sends what had to wait.
    fn send_held(&mut self, cx: &mut StreamCx<'_>, task: &Context<'_>) {
        let Some(stream) = &mut self.stream else { return };
        while !cx.held_body(self.direction).is_empty() && stream.poll_ready(MAX_UNSENT, task).is_ready() {
            let held = cx.held_body(self.direction);
            if let Some(piece) = held.pop() {
                let is_last = self.is_sent && held.is_empty();
                stream.send_data(piece, is_last);
            }
        }
    }
}

impl HttpFilter for Rewrite {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        self.head(cx, end_stream)
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        self.data(cx, data, end_stream)
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.trailers(cx)
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        self.head(cx, end_stream)
    }

    fn response_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        self.data(cx, data, end_stream)
    }

    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.trailers(cx)
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        loop {
            self.send_held(cx, task);
            if cx.is_above_watermark(self.direction) {
                cx.poll_when_drained(self.direction);
                return Poll::Pending;
            }
            let Some(stream) = &mut self.stream else { return Poll::Pending };
            let is_done = match std::task::ready!(stream.poll_event(task)) {
                Some(CallEvent::Head { headers, .. }) if headers.status() != Some(200) => {
                    cx.reply(LocalReply::new(500, "", "rewriter_failed"));
                    return Poll::Ready(Resume::Nothing);
                }
                Some(CallEvent::Head { end_stream, .. }) => end_stream,
                Some(CallEvent::Data { data, end_stream }) => {
                    if !data.is_empty() {
                        cx.inject_data(self.direction, data, false);
                    }
                    end_stream
                }
                Some(CallEvent::Trailers(_)) => true,
                Some(CallEvent::Reset(_)) | None => {
                    cx.reply(LocalReply::new(500, "", "rewriter_failed"));
                    return Poll::Ready(Resume::Nothing);
                }
            };
            if is_done {
                self.stream = None;
                return Poll::Ready(Resume::Continue(self.direction));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::both;
    use super::*;
    use crate::rig::{self, A, B, End, Message, Rig, Setup};

    fn check(direction: Direction, test: impl Fn(&Rig)) {
        let setup = Setup { buffer_limit: 32 * 1024, ..Setup::default() };
        both(setup, |registry| rewrite(rig::target(registry, "b", None), direction), test);
    }

    fn chunk(text: &str) -> String {
        format!("{:x}\r\n{text}\r\n", text.len())
    }

    const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";

    /// All that an end has been sent, as one message.
    fn add(seen: &mut Vec<u8>, end: &End) -> String {
        seen.extend(end.take());
        Message::parse(seen).to_string()
    }

    #[test]
    fn a_request_is_replaced_piece_by_piece() {
        check(Direction::Request, |rig| {
            let client = rig.client();
            rig.send(&client, format!("POST / HTTP/1.1\r\nhost: h\r\n{CHUNKED}{}", chunk("one")));
            let b = rig.origin(B);
            let (mut asked, mut sent) = (Vec::new(), Vec::new());
            assert_eq!(add(&mut asked, &b), "POST one ...");
            let a = rig.origin(A);
            assert_eq!(add(&mut sent, &a), "POST ...");
            rig.send(&b, format!("HTTP/1.1 200 OK\r\n{CHUNKED}{}", chunk("ONE!")));
            assert_eq!(add(&mut sent, &a), "POST ONE! ...");
            rig.send(&client, format!("{}0\r\nx-t: 1\r\n\r\n", chunk("two")));
            assert_eq!(add(&mut asked, &b), "POST onetwo");
            rig.send(&b, format!("{}0\r\n\r\n", chunk("TWO")));
            assert_eq!(add(&mut sent, &a), "POST ONE!TWO +x-t=1");
            rig.send(&a, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            assert_eq!(Message::parse(&client.take()).to_string(), "200 ok");
        });
    }

    #[test]
    fn a_response_is_replaced_piece_by_piece() {
        check(Direction::Response, |rig| {
            let client = rig.client();
            rig.send(&client, "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
            let a = rig.origin(A);
            rig.send(&a, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nonetwo");
            let b = rig.origin(B);
            let mut got = Vec::new();
            rig.send(&b, format!("HTTP/1.1 200 OK\r\n{CHUNKED}{}", chunk("1")));
            assert_eq!(add(&mut got, &client), "200 1 ...");
            rig.send(&b, format!("{}0\r\n\r\n", chunk("22")));
            assert_eq!(add(&mut got, &client), "200 122");
        });
    }

    #[test]
    fn a_slow_outside_stream_holds_the_sender() {
        check(Direction::Request, |rig| {
            let client = rig.client();
            let body = "x".repeat(1_000_000);
            rig.send(&client, "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n");
            let b = rig.origin(B);
            b.set_room(0);
            rig.send(&client, &body);
            assert!(client.unread() > 800_000, "{} bytes were read", 1_000_000 - client.unread());
            b.set_room(usize::MAX);
            rig.run();
            assert_eq!(client.unread(), 0);
            assert_eq!(Message::parse(&b.take()).body.len(), 1_000_000);
        });
    }

    #[test]
    fn a_slow_receiver_holds_the_outside_stream() {
        check(Direction::Request, |rig| {
            let client = rig.client();
            rig.send(&client, format!("POST / HTTP/1.1\r\nhost: h\r\n{CHUNKED}{}", chunk("a")));
            let (a, b) = (rig.origin(A), rig.origin(B));
            a.set_room(0);
            rig.send(&b, "HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n");
            rig.send(&b, "y".repeat(3_000_000));
            assert!(b.unread() > 1_500_000, "{} bytes were read", 3_000_000 - b.unread());
            a.set_room(usize::MAX);
            rig.run();
            assert_eq!(b.unread(), 0);
            rig.send(&client, "0\r\n\r\n");
            assert_eq!(Message::parse(&a.take()).body.len(), 3_000_000);
        });
    }

    #[test]
    fn an_outside_stream_that_fails_fails_the_request() {
        check(Direction::Request, |rig| {
            let client = rig.client();
            rig.send(&client, format!("POST / HTTP/1.1\r\nhost: h\r\n{CHUNKED}{}", chunk("a")));
            rig.origin(B).reset();
            rig.run();
            assert_eq!(Message::parse(&client.take()).to_string(), "500");
        });
    }
}
