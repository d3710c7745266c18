//! Holds both directions for a while.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use nuncio_http::{Direction, FilterFactory, HeadersStatus, HttpFilter, Interest, Resume, Sleep, StreamCx};

use super::made;

/// A filter that lets the request go after `request` and the response after `response`.
pub fn pause(request: Duration, response: Duration) -> Arc<dyn FilterFactory> {
    let interest = Interest::REQUEST_HEADERS.and(Interest::RESPONSE_HEADERS);
    made(interest, move || Box::new(Pause { request, response, until: None }))
}

struct Pause {
    request: Duration,
    response: Duration,
    until: Option<(Pin<Box<Sleep>>, Direction)>,
}

impl Pause {
    fn hold(&mut self, cx: &mut StreamCx<'_>, direction: Direction, span: Duration) -> HeadersStatus {
        self.until = Some((Box::pin(cx.sleep(span)), direction));
        cx.poll_me();
        HeadersStatus::StopAllIterationAndWatermark
    }
}

impl HttpFilter for Pause {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        self.hold(cx, Direction::Request, self.request)
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        self.hold(cx, Direction::Response, self.response)
    }

    fn poll_resume(&mut self, _: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        let Some((sleep, direction)) = &mut self.until else { return Poll::Pending };
        std::task::ready!(sleep.as_mut().poll(task));
        let direction = *direction;
        self.until = None;
        Poll::Ready(Resume::Continue(direction))
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::both;
    use super::*;
    use crate::rig::{A, Message, Rig, Setup};

    const POST: &str = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc";
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    fn ten_and_twenty() -> Arc<dyn FilterFactory> {
        pause(Duration::from_millis(10), Duration::from_millis(20))
    }

    /// The host's end, and what of the request is there.
    fn request(rig: &Rig) -> String {
        rig.try_origin(A).map(|origin| origin.text()).unwrap_or_default()
    }

    #[test]
    fn each_direction_goes_on_when_its_time_has_come() {
        both(
            Setup::default(),
            |_| ten_and_twenty(),
            |rig| {
                let client = rig.client();
                rig.send(&client, POST);
                rig.advance(Duration::from_millis(9));
                let early = rig.try_origin(A);
                assert_eq!(early.as_ref().map(|origin| origin.text()).unwrap_or_default(), "");
                rig.advance(Duration::from_millis(1));
                let origin = early.unwrap_or_else(|| rig.origin(A));
                assert_eq!(Message::parse(&origin.take()).to_string(), "POST abc");
                rig.send(&origin, OK);
                rig.advance(Duration::from_millis(19));
                assert_eq!(client.text(), "");
                rig.advance(Duration::from_millis(1));
                assert_eq!(Message::parse(&client.take()).to_string(), "200 ok");
            },
        );
    }

    #[test]
    fn what_is_paused_is_not_read_on() {
        let setup = Setup { buffer_limit: 16 * 1024, ..Setup::default() };
        both(
            setup,
            |_| ten_and_twenty(),
            |rig| {
                let client = rig.client();
                rig.send(
                    &client,
                    format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 300000\r\n\r\n{}", "x".repeat(300_000)),
                );
                assert!(client.unread() > 200_000, "{} bytes were read", 300_000 - client.unread());
                rig.advance(Duration::from_millis(10));
                assert_eq!(client.unread(), 0);
                assert_eq!(Message::parse(&rig.origin(A).take()).body.len(), 300_000);
            },
        );
    }

    #[test]
    fn a_client_that_goes_takes_the_timer_with_it() {
        both(
            Setup::default(),
            |_| ten_and_twenty(),
            |rig| {
                let client = rig.client();
                rig.send(&client, POST);
                client.reset();
                rig.run();
                assert_eq!((rig.http().census().sleepers, rig.http().census().streams), (0, 0));
                rig.advance(Duration::from_secs(1));
                assert_eq!(request(rig), "");
            },
        );
    }
}
