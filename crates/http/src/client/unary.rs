//! A call with a whole request and a whole response.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use nuncio_message::{Buffer, Headers};

use super::{CallEvent, CallStream};

/// The whole response.
#[derive(Debug)]
pub struct UnaryResponse {
    /// With `:status`. A host that cannot be reached, or does not answer in time, is a response with 503 or 504.
    pub headers: Headers,
    /// Bounded by the call's limit.
    pub body: Buffer,
    /// Trailers, if there were any.
    pub trailers: Option<Headers>,
}

/// Why there is no response.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// It was cut off.
    #[error("the response was cut off: {0}")]
    Reset(Cow<'static, str>),
    /// Its body is larger than the caller wants.
    #[error("the response's body has more than {0} bytes")]
    TooLarge(usize),
}

/// A call under way. Dropping it ends the call.
pub struct UnaryCall {
    stream: Option<CallStream>,
    headers: Option<Headers>,
    body: Buffer,
    max_body_bytes: usize,
}

impl UnaryCall {
    pub(super) fn new(stream: CallStream, max_body_bytes: usize) -> Self {
        Self { stream: Some(stream), headers: None, body: Buffer::new(), max_body_bytes }
    }

    fn take(&mut self, event: CallEvent) -> Option<Result<UnaryResponse, CallError>> {
        let is_last = event.is_last();
        let mut trailers = None;
        match event {
            CallEvent::Head { headers, .. } => self.headers = Some(headers),
            CallEvent::Data { data, .. } => {
                self.body.push(data);
                if self.body.len() > self.max_body_bytes {
                    return Some(Err(CallError::TooLarge(self.max_body_bytes)));
                }
            }
            CallEvent::Trailers(received) => trailers = Some(received),
            CallEvent::Reset(details) => return Some(Err(CallError::Reset(details))),
        }
        is_last.then(|| {
            let (headers, body) = (self.headers.take().unwrap_or_default(), std::mem::take(&mut self.body));
            Ok(UnaryResponse { headers, body, trailers })
        })
    }
}

impl Future for UnaryCall {
    type Output = Result<UnaryResponse, CallError>;

    /// # Panics
    /// When polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let stream = self.stream.as_mut().expect("a future is not polled after it was ready");
            let result = match std::task::ready!(stream.poll_event(task)) {
                Some(event) => self.take(event),
                None => Some(Err(CallError::Reset(Cow::Borrowed("")))),
            };
            if let Some(result) = result {
                self.stream = None;
                return Poll::Ready(result);
            }
        }
    }
}
