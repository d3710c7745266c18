//! The site as an HTTP filter: collects the request, and answers it.

use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_http::{
    DataStatus, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, LocalReply, Resume,
    StreamCx, TrailersStatus,
};
use nuncio_message::{Buffer, Chunk, HeaderId, Headers};

use crate::page::{Answer, MakeBody, Reply};
use crate::render::{Pending, Renderer};
use crate::site::{Request, Site};

/// No page takes a longer body.
const MAX_BODY_BYTES: usize = 1 << 20;
/// What is sent of a long body at a time.
const SLICE_BYTES: usize = 64 * 1024;

/// Makes a [`Site`] the filter that answers everything. Shared.
pub struct SiteFilter(Arc<Shared>);

struct Shared {
    site: Site,
    renderer: Renderer,
}

impl SiteFilter {
    /// The filter of a site.
    pub fn new(site: Site) -> Self {
        Self(Arc::new(Shared { site, renderer: Renderer::default() }))
    }
}

impl FilterFactory for SiteFilter {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS.and(Interest::REQUEST_DATA).and(Interest::REQUEST_TRAILERS)
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local(Arc::clone(&self.0)))
    }
}

struct Local(Arc<Shared>);

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Asked { shared: Arc::clone(&self.0), body: Vec::new(), state: State::Asking }))
    }
}

/// One request for a page.
struct Asked {
    shared: Arc<Shared>,
    body: Vec<u8>,
    state: State,
}

/// `Asking` → `Beginning` → `Waiting` → `Sending`, or from `Asking` at once to the end.
enum State {
    /// The request is still coming, or was answered at once.
    Asking,
    /// The head is on its way: the body is begun behind it, so that the answer is counted in what it tells.
    Beginning(MakeBody),
    /// Another thread makes the body; the head may be kept until then.
    Waiting { late_head: Option<Headers>, pending: Pending },
    /// The body is long: it goes in slices, between which main does other things.
    Sending { body: String, sent: usize },
}

impl HttpFilter for Asked {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        if end_stream {
            self.answer(cx);
        }
        HeadersStatus::StopIteration
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        if self.body.len() + data.len() > MAX_BODY_BYTES {
            cx.reply(LocalReply::new(413, "Payload Too Large", "request_payload_too_large"));
        } else {
            self.body.extend_from_slice(data);
            if end_stream {
                self.answer(cx);
            }
        }
        DataStatus::StopIterationNoBuffer
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.answer(cx);
        TrailersStatus::StopIteration
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        match std::mem::replace(&mut self.state, State::Asking) {
            State::Beginning(make) => {
                self.state = State::Waiting { late_head: None, pending: self.shared.renderer.start(make) };
            }
            other => self.state = other,
        }
        if let State::Waiting { late_head, pending } = &mut self.state
            && let Poll::Ready(body) = pending.poll(task.waker())
        {
            if let Some(head) = late_head.take() {
                cx.begin_response(head);
            }
            let Some(body) = body else {
                self.state = State::Asking;
                cx.reset();
                return Poll::Pending;
            };
            self.state = State::Sending { body, sent: 0 };
        }
        if let State::Sending { body, sent } = &mut self.state {
            let slice = &body.as_bytes()[*sent..body.len().min(*sent + SLICE_BYTES)];
            *sent += slice.len();
            let is_last = *sent == body.len();
            cx.send_data(Chunk::copy_from(slice), is_last);
            if is_last {
                self.state = State::Asking;
            } else {
                task.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Asked {
    fn answer(&mut self, cx: &mut StreamCx<'_>) {
        let asked = cx.request_headers();
        let path = String::from_utf8_lossy(asked.get(HeaderId::PATH).unwrap_or_default());
        let request = Request {
            method: asked.get(HeaderId::METHOD).unwrap_or_default(),
            path: &path,
            content_type: asked.get(HeaderId::CONTENT_TYPE).unwrap_or_default(),
            body: &self.body,
        };
        match self.shared.site.answer(&request) {
            Reply::Now(answer) => send(answer, cx),
            Reply::Later { head_first, status, content_type, body } => {
                note(cx);
                if head_first {
                    cx.begin_response(head(status, content_type));
                    self.state = State::Beginning(body);
                } else {
                    let late_head = Some(head(status, content_type));
                    self.state = State::Waiting { late_head, pending: self.shared.renderer.start(body) };
                }
                cx.poll_me();
            }
        }
    }
}

fn send(answer: Answer, cx: &mut StreamCx<'_>) {
    let mut body = Buffer::new();
    body.extend_from_slice(answer.body.as_bytes());
    note(cx);
    cx.respond(head(answer.status, answer.content_type), body);
}

/// What access logs tell of who answered, in Envoy's words.
fn note(cx: &mut StreamCx<'_>) {
    cx.info_mut().response_code_details = Some("admin_filter_response".into());
}

fn head(status: u16, content_type: &str) -> Headers {
    let mut head = Headers::new();
    head.set_number(HeaderId::STATUS, u64::from(status));
    head.push(HeaderId::CONTENT_TYPE, content_type.as_bytes());
    head.set_by_name(b"cache-control", b"no-cache, max-age=0");
    head.set_by_name(b"x-content-type-options", b"nosniff");
    head
}
