//! One stream lets another go: the shape of a Wasm VM, in which all streams of a worker meet.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nuncio_http::{
    Direction, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, Resume, StreamCx,
};

/// A filter that holds a request with `x-wait: <name>` until another comes with `x-release: <name>`; what waited is told
/// the other's path in `x-released-by`.
pub fn cross() -> Arc<dyn FilterFactory> {
    Arc::new(Cross)
}

struct Cross;

/// Who waits on this worker, by name. Owner: the worker.
type Waiting = Rc<RefCell<HashMap<Vec<u8>, Slot>>>;

struct Slot {
    waker: Waker,
    released_by: Option<Vec<u8>>,
}

struct Local(Waiting);

struct Stream {
    waiting: Waiting,
    name: Option<Vec<u8>>,
}

impl FilterFactory for Cross {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local(Waiting::default()))
    }
}

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Stream { waiting: Rc::clone(&self.0), name: None }))
    }
}

impl HttpFilter for Stream {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        if let Some(name) = cx.request_headers().get_by_name(b"x-release")
            && let Some(slot) = self.waiting.borrow_mut().get_mut(name)
        {
            slot.released_by = cx.request_headers().get_by_name(b":path").map(<[u8]>::to_vec);
            slot.waker.wake_by_ref();
        }
        let Some(name) = cx.request_headers().get_by_name(b"x-wait").map(<[u8]>::to_vec) else {
            return HeadersStatus::Continue;
        };
        self.waiting.borrow_mut().insert(name.clone(), Slot { waker: cx.waker(), released_by: None });
        self.name = Some(name);
        HeadersStatus::StopAllIterationAndWatermark
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, _: &mut Context<'_>) -> Poll<Resume> {
        let Some(name) = &self.name else { return Poll::Pending };
        let mut waiting = self.waiting.borrow_mut();
        let Some(by) = waiting.get_mut(name).and_then(|slot| slot.released_by.take()) else { return Poll::Pending };
        waiting.remove(name);
        cx.request_headers_mut().push_name(b"x-released-by", &by);
        Poll::Ready(Resume::Continue(Direction::Request))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.waiting.borrow_mut().remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::both;
    use super::*;
    use crate::rig::{A, Message, Rig, Setup};

    fn request(path: &str, header: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: h\r\n{header}\r\n\r\n")
    }

    /// The requests that have reached the host, on whatever connection.
    fn reached(rig: &Rig) -> Vec<(String, Option<String>)> {
        let mut all = Vec::new();
        while let Some(origin) = rig.try_origin(A) {
            let message = Message::parse(&origin.take());
            if !message.start.is_empty() {
                all.push((message.start.clone(), message.header("x-released-by").map(str::to_owned)));
            }
            std::mem::forget(origin);
        }
        all
    }

    #[test]
    fn a_stream_goes_on_when_another_says_so() {
        both(
            Setup::default(),
            |_| cross(),
            |rig| {
                let (first, second) = (rig.client(), rig.client());
                rig.send(&first, request("/first", "x-wait: n"));
                rig.send(&second, request("/other", "x-release: m"));
                let seen = reached(rig);
                assert_eq!(seen, [("GET /other HTTP/1.1".to_owned(), None)]);
                let third = rig.client();
                rig.send(&third, request("/third", "x-release: n"));
                let mut seen = reached(rig);
                seen.sort();
                let by = Some("/third".to_owned());
                assert!(seen.contains(&("GET /first HTTP/1.1".to_owned(), by)), "{seen:?}");
            },
        );
    }

    #[test]
    fn releasing_a_stream_that_has_gone_is_nothing() {
        both(
            Setup::default(),
            |_| cross(),
            |rig| {
                let (first, second) = (rig.client(), rig.client());
                rig.send(&first, request("/first", "x-wait: n"));
                first.reset();
                rig.run();
                rig.send(&second, request("/second", "x-release: n"));
                assert_eq!(rig.http().census().streams, 1);
            },
        );
    }
}
