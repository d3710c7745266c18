//! The handle of a streamed call.

use std::rc::Rc;
use std::task::{Context, Poll};

use nuncio_codec::{ErrorCode, ResetCause};
use nuncio_message::{Chunk, Headers};

use super::{CallEvent, Exchange};
use crate::connection_manager::{Event, Frame};
use crate::filter::Direction;
use crate::http_worker::HttpWorker;
use crate::streams::StreamKey;

/// A call under way. Dropping it resets the call.
pub struct CallStream {
    http: Rc<HttpWorker>,
    key: StreamKey,
    exchange: Rc<Exchange>,
}

impl CallStream {
    pub(super) fn new(http: Rc<HttpWorker>, key: StreamKey, exchange: Rc<Exchange>) -> Self {
        Self { http, key, exchange }
    }

    /// Sends a piece of the request's body. Not bounded here: see [`Self::unsent`] and [`Self::poll_ready`].
    pub fn send_data(&mut self, data: Chunk, end_stream: bool) {
        self.exchange.sending(data.len());
        self.http.post(self.key, Event::Downstream(Frame::Data { data, end_stream }));
    }

    /// Ends the request with trailers.
    pub fn send_trailers(&mut self, trailers: Headers) {
        self.http.post(self.key, Event::Downstream(Frame::Trailers(trailers)));
    }

    /// Body bytes that were sent and have not left this proxy yet.
    pub fn unsent(&self) -> u64 {
        self.exchange.unsent()
    }

    /// Ready when at most `limit` bytes are [`unsent`](Self::unsent), or the call is over.
    pub fn poll_ready(&mut self, limit: u64, task: &Context<'_>) -> Poll<()> {
        if self.exchange.unsent() <= limit || self.exchange.is_complete() {
            return Poll::Ready(());
        }
        self.exchange.wake_at_change(task.waker());
        Poll::Pending
    }

    /// The next part of the response; `None` after the last. Taking it gives its sender credit for more.
    pub fn poll_event(&mut self, task: &Context<'_>) -> Poll<Option<CallEvent>> {
        let event = self.exchange.poll(task.waker());
        if let Poll::Ready(Some(CallEvent::Data { data, .. })) = &event {
            self.http.note_taken(self.key, Direction::Response, data.len() as u32);
        }
        event
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        if !self.exchange.is_complete() {
            self.http.post(self.key, Event::DownstreamReset(ResetCause::Remote(ErrorCode::CANCEL)));
        }
    }
}
