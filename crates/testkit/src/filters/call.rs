//! Asks a second cluster whether a request may pass: the shape of `ext_authz`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_http::{
    Direction, FilterFactory, HeadersStatus, HttpFilter, Interest, LocalReply, Resume, StreamCx, Target, UnaryCall,
};
use nuncio_message::{Chunk, HeaderId, Headers};

use super::made;

/// A filter that lets a request pass when `target` answers 200, and answers 403 otherwise.
pub fn call(target: Target) -> Arc<dyn FilterFactory> {
    made(Interest::REQUEST_HEADERS, move || Box::new(Call { target: target.clone(), call: None }))
}

/// What an answer may be long.
const MAX_BODY_BYTES: usize = 1024;

struct Call {
    target: Target,
    call: Option<UnaryCall>,
}

impl HttpFilter for Call {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        let mut head = Headers::new();
        head.push(HeaderId::METHOD, b"GET");
        head.push(HeaderId::AUTHORITY, b"authz");
        head.push(HeaderId::PATH, cx.request_headers().get(HeaderId::PATH).unwrap_or(b"/"));
        self.call = Some(cx.client().send(&self.target, head, Chunk::empty(), MAX_BODY_BYTES));
        cx.poll_me();
        HeadersStatus::StopAllIterationAndWatermark
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        let Some(call) = &mut self.call else { return Poll::Pending };
        let answer = std::task::ready!(Pin::new(call).poll(task));
        self.call = None;
        match answer {
            Ok(response) if response.headers.status() == Some(200) => Poll::Ready(Resume::Continue(Direction::Request)),
            Ok(_) | Err(_) => {
                cx.reply(LocalReply::new(403, "denied", "call_denied"));
                Poll::Ready(Resume::Nothing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::places::both;
    use super::*;
    use crate::rig::{self, A, B, Message, Rig, Setup};

    const POST: &str = "POST /p HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc";

    fn check(test: impl Fn(&Rig)) {
        let make =
            |registry: &nuncio_upstream::Clusters| call(rig::target(registry, "b", Some(Duration::from_millis(100))));
        both(Setup::default(), make, test);
    }

    /// What reached the host of cluster `a`.
    fn reached(rig: &Rig) -> String {
        rig.try_origin(A).map(|origin| Message::parse(&origin.take()).to_string()).unwrap_or_default()
    }

    #[test]
    fn a_request_passes_when_the_other_cluster_agrees() {
        check(|rig| {
            let client = rig.client();
            rig.send(&client, POST);
            // In the cluster's chain there is a connection by now, and nothing on it.
            let early = rig.try_origin(A);
            assert_eq!(early.as_ref().map(|origin| origin.text()).unwrap_or_default(), "");
            let b = rig.origin(B);
            let asked = Message::parse(&b.take());
            assert_eq!((asked.start.as_str(), asked.header("host")), ("GET /p HTTP/1.1", Some("authz")));
            assert_eq!(asked.header("x-envoy-internal"), Some("true"));
            assert_eq!(asked.header("x-envoy-expected-rq-timeout-ms"), Some("100"));
            rig.send(&b, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            let a = early.unwrap_or_else(|| rig.origin(A));
            assert_eq!(Message::parse(&a.take()).to_string(), "POST abc");
            rig.send(&a, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
            assert_eq!(Message::parse(&client.take()).to_string(), "200 hi");
            for name in ["upstream_rq_total", "upstream_rq_completed", "internal.upstream_rq_200"] {
                assert_eq!(rig.counter(&format!("cluster.b.{name}")), 1, "{name}");
            }
        });
    }

    #[test]
    fn every_other_answer_and_none_is_a_403() {
        for answer in [
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
            "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            check(|rig| {
                let client = rig.client();
                rig.send(&client, POST);
                let b = rig.origin(B);
                rig.send(&b, answer);
                if answer.contains("9999") {
                    rig.send(&b, "x".repeat(5000));
                }
                assert_eq!(Message::parse(&client.take()).to_string(), "403 denied", "{answer}");
                assert!(!reached(rig).contains("POST"));
            });
        }
        check(|rig| {
            rig.refuse(B);
            let client = rig.client();
            rig.send(&client, POST);
            assert_eq!(Message::parse(&client.take()).to_string(), "403 denied");
        });
    }

    #[test]
    fn a_call_has_its_own_timeout() {
        check(|rig| {
            let client = rig.client();
            rig.send(&client, POST);
            let b = rig.origin(B);
            rig.advance(Duration::from_millis(99));
            assert_eq!(client.text(), "");
            rig.advance(Duration::from_millis(2));
            assert_eq!(Message::parse(&client.take()).to_string(), "403 denied");
            assert!(b.is_closed());
            assert_eq!(rig.counter("cluster.b.upstream_rq_timeout"), 1);
        });
    }

    #[test]
    fn a_call_dies_with_its_caller() {
        check(|rig| {
            let client = rig.client();
            rig.send(&client, POST);
            let b = rig.origin(B);
            assert_eq!(rig.http().census().streams, 2);
            client.reset();
            rig.run();
            assert_eq!(rig.http().census().streams, 0);
            assert!(b.is_closed());
        });
    }
}
