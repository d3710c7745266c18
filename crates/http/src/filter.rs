//! The HTTP filter contract.
//!
//! A filter is one object per stream (or per attempt, in a cluster's upstream chain) with synchronous callbacks in both
//! directions. Request callbacks run in the configured order, response callbacks in reverse. What a status word obliges
//! both sides to do stands at the word. The contract in five rules:
//!
//! 1. A callback reads and changes the head, the data at hand and the held body through [`StreamCx`], which is valid
//!    for the call only. Nothing else of the stream can be touched, and no callback blocks.
//! 2. A filter that stops a direction *holds* it: it must let go later, by a status word of a later callback in that
//!    direction, or by resuming from [`HttpFilter::poll_resume`]. Until then filters behind it see nothing.
//! 3. A local reply ends the request direction: no request callback follows. It runs through the response callbacks of
//!    *all* filters, also those that the request never reached, and also when the codec itself rejected the request.
//! 4. Asynchronous work is a future that owns its inputs, kept in the filter and polled in `poll_resume`. A stream that
//!    ends drops the filter, and with it the future.
//! 5. `complete` is called exactly once, after the last callback and before the access log is written.
//!
//! A local reply while another response is with the filters (held by one, or made by one of their response callbacks)
//! goes to the client past them; after the response's head has gone to the client, it cuts the response off.
//!
//! Bytes that a filter takes earn their sender credit at once, and bytes that it makes earn nobody any; as long as more
//! of these are on their way than the buffer limit, what filters take earns none either. A filter that makes more than
//! it takes asks [`StreamCx::is_above_watermark`].
//!
//! In a cluster's upstream chain the same holds for one attempt: the filters are made anew for each, run as soon as a
//! host is picked, whether or not there is a connection, and what they changed of the request's head stays changed for
//! the next attempt. A local reply there answers the stream: it runs through the connection manager's filters, not
//! through those of the attempt.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_message::{Chunk, Headers};

use crate::chain::StreamCx;

/// What becomes of a head after a filter has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeadersStatus {
    /// The next filter sees the head.
    Continue,
    /// The head is held here. Data and trailers still come to this filter; [`DataStatus::Continue`] or
    /// [`TrailersStatus::Continue`] there lets the head go first. A filter without these callbacks continues.
    StopIteration,
    /// The head is held here, and what follows is buffered unseen until the filter resumes; then this filter's own
    /// data callback sees it first. Above the buffer limit a request is answered with 413, a response with 500.
    StopAllIterationAndBuffer,
    /// As above, but at the buffer limit the sender is paused instead.
    StopAllIterationAndWatermark,
    /// The next filter sees the head, but not its end: the filter promises to inject data, and an end, later.
    ContinueAndDontEndStream,
}

/// What becomes of a piece of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataStatus {
    /// What is held here goes on (head, body so far), then this piece.
    Continue,
    /// The piece is added to the body held here. Above the buffer limit a request is answered with 413, a response
    /// with 500.
    StopIterationAndBuffer,
    /// As above, but at the buffer limit the sender is paused instead.
    StopIterationAndWatermark,
    /// The filter has taken what it wants of the piece; it goes nowhere.
    StopIterationNoBuffer,
}

/// What becomes of trailers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrailersStatus {
    /// What is held here goes on, then the trailers.
    Continue,
    /// The trailers are held here too, until the filter resumes.
    StopIteration,
}

/// A direction of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From downstream to upstream.
    Request,
    /// From upstream to downstream.
    Response,
}

impl Direction {
    /// The opposite one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

/// What a filter wants after its asynchronous work. To let go of both directions see [`StreamCx::resume`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Nothing; poll again when woken.
    Nothing,
    /// What is held here in the direction goes on.
    Continue(Direction),
}

/// A reply that is made here instead of upstream.
#[derive(Clone, Debug)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// Body, as text/plain; none when empty.
    pub body: Vec<u8>,
    /// `RESPONSE_CODE_DETAILS`.
    pub details: std::borrow::Cow<'static, str>,
    /// Headers to add.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// gRPC status for gRPC requests; by default the one that the HTTP status maps to.
    pub grpc_status: Option<u32>,
    /// The body's type; text/plain by default.
    pub content_type: Option<Box<[u8]>>,
}

impl LocalReply {
    /// A reply with a body and without further headers.
    pub fn new(status: u16, body: &str, details: &'static str) -> Self {
        Self {
            status,
            body: body.as_bytes().to_vec(),
            details: details.into(),
            headers: Vec::new(),
            grpc_status: None,
            content_type: None,
        }
    }
}

/// One filter on one stream. Owner: the stream. Every callback has a default that lets everything pass.
pub trait HttpFilter {
    /// The request's head. `end_stream`: nothing follows.
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        let _ = (cx, end_stream);
        HeadersStatus::Continue
    }

    /// A piece of the request's body, which may be replaced.
    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        let _ = (cx, data, end_stream);
        DataStatus::Continue
    }

    /// The request's trailers.
    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        let _ = cx;
        TrailersStatus::Continue
    }

    /// A 1xx response.
    fn response_informational(&mut self, cx: &mut StreamCx<'_>, headers: &mut Headers) {
        let _ = (cx, headers);
    }

    /// The response's head. `end_stream`: nothing follows.
    fn response_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        let _ = (cx, end_stream);
        HeadersStatus::Continue
    }

    /// A piece of the response's body, which may be replaced.
    fn response_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        let _ = (cx, data, end_stream);
        DataStatus::Continue
    }

    /// The response's trailers.
    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        let _ = cx;
        TrailersStatus::Continue
    }

    /// A local reply is about to run through the response callbacks.
    fn local_reply(&mut self, cx: &mut StreamCx<'_>, reply: &LocalReply) {
        let _ = (cx, reply);
    }

    /// The stream is over (rule 5).
    fn complete(&mut self, cx: &mut StreamCx<'_>) {
        let _ = cx;
    }

    /// Polls asynchronous work; called when the task's waker was used, and once after a callback that called
    /// [`StreamCx::poll_me`]. The result is applied here, through `cx`. It may be called without need, and after it was
    /// ready it is called again when it asks for that.
    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        let _ = (cx, task);
        Poll::Pending
    }
}

/// The callbacks that a filter has; those that it has not cost nothing, and count as the trait's defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(u8);

impl Interest {
    /// No callback but `complete` and `local_reply`.
    pub const NONE: Self = Self(0);
    /// `request_headers`
    pub const REQUEST_HEADERS: Self = Self(1);
    /// `request_data`
    pub const REQUEST_DATA: Self = Self(2);
    /// `request_trailers`
    pub const REQUEST_TRAILERS: Self = Self(4);
    /// `response_headers` and `response_informational`
    pub const RESPONSE_HEADERS: Self = Self(8);
    /// `response_data`
    pub const RESPONSE_DATA: Self = Self(16);
    /// `response_trailers`
    pub const RESPONSE_TRAILERS: Self = Self(32);
    /// `local_reply` and `complete`
    pub const LIFECYCLE: Self = Self(64);
    /// All callbacks.
    pub const ALL: Self = Self(127);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A filter as configured: makes one [`HttpFilter`] per stream. Shared by all workers.
pub trait FilterFactory: Send + Sync {
    /// The callbacks that its filters have.
    fn interest(&self) -> Interest;

    /// This worker's half, built on first use. It lives as long as the worker uses the configuration.
    fn local(&self, cx: &FactoryContext<'_>) -> Box<dyn FilterLocal>;
}

/// Makes a factory of a filter's name and configuration.
pub type FilterParser<'a> = dyn Fn(
        &str,
        &nuncio_config::AnyConfig,
        &nuncio_config::At<'_>,
    ) -> Result<Arc<dyn FilterFactory>, nuncio_config::Invalid>
    + 'a;

/// What a factory's per-worker half is built with.
pub struct FactoryContext<'a> {
    /// The worker.
    pub worker: &'a nuncio_worker::Worker,
    /// Where the filter's stats stand: `http.<stat_prefix>.` in a connection manager.
    pub scope: &'a nuncio_stats::Scope,
}

/// A filter of a chain, as configured. Shared, immutable.
pub struct ChainFilter {
    /// Its name in the chain, by which routes speak to it.
    pub name: Box<str>,
    /// `disabled`: it only runs where the route says so.
    pub is_disabled: bool,
    /// What makes it.
    pub factory: Arc<dyn FilterFactory>,
}

/// One worker's half of a factory: counts, cursors, caches. Owner: the worker.
pub trait FilterLocal {
    /// A filter for a new stream; `None` when it has nothing to do there.
    fn build(&self) -> Option<Box<dyn HttpFilter>>;
}

/// A filter's configuration for a virtual host, a route or a weighted cluster, of the filter's own type.
pub type PerRoute = Arc<dyn Any + Send + Sync>;
