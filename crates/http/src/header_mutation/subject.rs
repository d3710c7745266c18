//! The message that is changed.

use std::cell::RefCell;

use nuncio_message::{HeaderMapKind, Headers};
use nuncio_telemetry::formatter::{Inputs, LogType};
use nuncio_telemetry::{Line, StreamInfo};

/// A message of a stream that is to be changed, with the rest of the stream that values may refer to.
pub struct Subject<'a> {
    pub(crate) info: &'a StreamInfo,
    pub(crate) request: &'a mut Headers,
    pub(crate) request_trailers: Option<&'a mut Headers>,
    pub(crate) response: Option<&'a mut Headers>,
    pub(crate) response_trailers: Option<&'a mut Headers>,
    pub(crate) kind: HeaderMapKind,
    pub(crate) scratch: &'a RefCell<Scratch>,
}

/// Room for values that are being made. Owner: the worker; reused.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) line: Line,
    pub(crate) spans: Vec<Span>,
}

/// Where the value of an addition stands in the line.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Which addition.
    pub(crate) index: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl<'a> Subject<'a> {
    /// What operators are evaluated on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            info: self.info,
            request: Some(self.request),
            response: self.response.as_deref(),
            trailers: self.response_trailers.as_deref(),
            local_reply_body: b"",
            log_type: LogType::NotSet,
        }
    }

    /// Which of the stream's messages is changed.
    pub fn kind(&self) -> HeaderMapKind {
        self.kind
    }

    /// The headers or trailers to be changed; `None` when the message has none.
    pub fn headers_mut(&mut self) -> Option<&mut Headers> {
        match self.kind {
            HeaderMapKind::Request => Some(self.request),
            HeaderMapKind::RequestTrailers => self.request_trailers.as_deref_mut(),
            HeaderMapKind::Response => self.response.as_deref_mut(),
            HeaderMapKind::ResponseTrailers => self.response_trailers.as_deref_mut(),
        }
    }

    /// Runs `work` with an empty line to make values in.
    pub fn with_line<R>(&mut self, work: impl FnOnce(&mut Self, &mut Line) -> R) -> R {
        self.with_scratch(|subject, scratch| work(subject, &mut scratch.line))
    }

    pub(crate) fn with_scratch<R>(&mut self, work: impl FnOnce(&mut Self, &mut Scratch) -> R) -> R {
        let cell: &'a RefCell<Scratch> = self.scratch;
        let mut scratch = cell.borrow_mut();
        scratch.line.clear();
        scratch.spans.clear();
        work(self, &mut scratch)
    }
}
