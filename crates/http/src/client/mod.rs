//! Our own calls: streams without a downstream, through the router and the clusters, so that they have connection
//! pools, timeouts, retries and stats like all traffic.
//!
//! Before: a filter, or anything else on a worker, wants an answer from a cluster. Next: `router/mod.rs`.
//! A call lives as long as its handle: dropping that resets the call. What is sent and received is queued and carried
//! out at the worker's next tick, so that a filter may call during a callback.

mod exchange;
mod stream;
mod target;
mod unary;

use std::rc::Rc;

use nuncio_message::{Chunk, HeaderId, Headers};

use crate::connection_manager::{Event, Frame, Source, Stream};
use crate::http_worker::HttpWorker;
pub use exchange::CallEvent;
pub(crate) use exchange::Exchange;
pub use stream::CallStream;
pub use target::Target;
pub use unary::{CallError, UnaryCall, UnaryResponse};

/// Makes calls on one worker. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: Rc<HttpWorker>,
}

impl Client {
    pub(crate) fn new(http: &Rc<HttpWorker>) -> Self {
        Self { http: Rc::clone(http) }
    }

    /// Sends a whole request and waits for the whole response, whose body may have `max_body_bytes`.
    ///
    /// `head` needs `:method`, `:path` and `:authority`. Dropping the future ends the call.
    pub fn send(&self, target: &Target, head: Headers, body: Chunk, max_body_bytes: usize) -> UnaryCall {
        let ends_with_head = body.is_empty();
        let mut stream = self.open(target, head, ends_with_head);
        if !ends_with_head {
            stream.send_data(body, true);
        }
        UnaryCall::new(stream, max_body_bytes)
    }

    /// Begins a call whose request and response are streamed.
    pub fn open(&self, target: &Target, mut head: Headers, end_stream: bool) -> CallStream {
        // As Envoy says of its own calls.
        head.set(HeaderId::X_ENVOY_INTERNAL, b"true");
        let (key, spare) = self.http.streams.reserve();
        let exchange = Rc::new(Exchange::default());
        let manager = self.http.call_manager();
        let mut stream = Stream::begin(spare, key, &self.http, &manager, Source::Call(Rc::clone(&exchange)));
        stream.core.set_route(target.route().clone());
        self.http.settle(key, stream);
        self.http.post(key, Event::Downstream(Frame::Head { headers: head, end_stream }));
        CallStream::new(Rc::clone(&self.http), key, exchange)
    }
}
