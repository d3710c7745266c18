//! The site as an HTTP filter: collects the request, and answers it.

use std::sync::Arc;

use nuncio_http::{
    DataStatus, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, LocalReply, StreamCx,
    TrailersStatus,
};
use nuncio_message::{Buffer, Chunk, HeaderId, Headers};

use crate::page::Answer;
use crate::site::Site;

/// No page takes a longer body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Makes a [`Site`] the filter that answers everything. Shared.
pub struct SiteFilter(pub Arc<Site>);

impl FilterFactory for SiteFilter {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS.and(Interest::REQUEST_DATA).and(Interest::REQUEST_TRAILERS)
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local(Arc::clone(&self.0)))
    }
}

struct Local(Arc<Site>);

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Request { site: Arc::clone(&self.0), body: Vec::new() }))
    }
}

/// One request for a page.
struct Request {
    site: Arc<Site>,
    body: Vec<u8>,
}

impl HttpFilter for Request {
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
}

impl Request {
    fn answer(&mut self, cx: &mut StreamCx<'_>) {
        let request = cx.request_headers();
        let path = String::from_utf8_lossy(request.get(HeaderId::PATH).unwrap_or_default());
        let Answer { status, content_type, body } =
            self.site.answer(request.get(HeaderId::METHOD).unwrap_or_default(), &path, &self.body);
        let mut head = Headers::new();
        head.set_number(HeaderId::STATUS, u64::from(status));
        head.push(HeaderId::CONTENT_TYPE, content_type.as_bytes());
        head.set_by_name(b"cache-control", b"no-cache, max-age=0");
        head.set_by_name(b"x-content-type-options", b"nosniff");
        let mut rope = Buffer::new();
        rope.extend_from_slice(body.as_bytes());
        cx.respond(head, rope);
    }
}
