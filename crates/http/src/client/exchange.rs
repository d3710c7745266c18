//! What passes between a call's stream and its handle.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Poll, Waker};

use nuncio_message::{Chunk, Headers};

/// A part of a response, or its end.
#[derive(Debug)]
pub enum CallEvent {
    /// The head; `end_stream`: nothing follows.
    Head {
        /// With `:status`.
        headers: Headers,
        /// Nothing follows.
        end_stream: bool,
    },
    /// A piece of the body.
    Data {
        /// May be empty at the end.
        data: Chunk,
        /// Nothing follows.
        end_stream: bool,
    },
    /// The trailers; nothing follows.
    Trailers(Headers),
    /// There will be no more, although the response is not complete; the response code details.
    Reset(Cow<'static, str>),
}

/// Shared by a call's stream and its handle. Owner: the worker.
///
/// The response is bounded by its credit, which the handle gives back for what it takes.
#[derive(Default)]
pub(crate) struct Exchange {
    events: RefCell<VecDeque<CallEvent>>,
    waker: Cell<Option<Waker>>,
    /// Request body bytes that have not left yet.
    unsent: Cell<u64>,
    is_complete: Cell<bool>,
}

impl Exchange {
    /// The stream has a part of the response.
    pub(crate) fn push(&self, event: CallEvent) {
        if self.is_complete.get() {
            return;
        }
        self.is_complete.set(event.is_last());
        self.events.borrow_mut().push_back(event);
        self.wake();
    }

    /// The stream is over, whatever came of it.
    pub(crate) fn end(&self, details: &Option<Cow<'static, str>>) {
        if !self.is_complete.get() {
            self.push(CallEvent::Reset(details.clone().unwrap_or_default()));
        }
    }

    /// Whether the stream has said its last.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.get()
    }

    pub(super) fn poll(&self, waker: &Waker) -> Poll<Option<CallEvent>> {
        if let Some(event) = self.events.borrow_mut().pop_front() {
            return Poll::Ready(Some(event));
        }
        if self.is_complete.get() {
            return Poll::Ready(None);
        }
        self.waker.set(Some(waker.clone()));
        Poll::Pending
    }

    /// The handle sends body bytes.
    pub(super) fn sending(&self, bytes: usize) {
        self.unsent.set(self.unsent.get() + bytes as u64);
    }

    /// Body bytes of the request have left.
    pub(crate) fn left(&self, bytes: u32) {
        self.unsent.set(self.unsent.get().saturating_sub(u64::from(bytes)));
        self.wake();
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent.get()
    }

    pub(super) fn wake_at_change(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl CallEvent {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Head { end_stream, .. } | Self::Data { end_stream, .. } => *end_stream,
            Self::Trailers(_) | Self::Reset(_) => true,
        }
    }
}
