//! One stream.

use std::sync::Arc;

use nuncio_http::{
    DataStatus, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, StreamCx,
    TrailersStatus,
};
use nuncio_message::{Chunk, HeaderId};

use super::config::Settings;

/// Shared, immutable.
pub(super) struct Factory {
    name: Arc<str>,
    settings: Settings,
}

impl Factory {
    pub(super) fn new(name: &str, settings: Settings) -> Self {
        Self { name: name.into(), settings }
    }
}

impl FilterFactory for Factory {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS.and(Interest::REQUEST_DATA).and(Interest::REQUEST_TRAILERS)
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Local { name: Arc::clone(&self.name), settings: self.settings })
    }
}

/// Owner: the worker.
struct Local {
    name: Arc<str>,
    settings: Settings,
}

impl FilterLocal for Local {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Filter { name: Arc::clone(&self.name), settings: self.settings, held_bytes: None }))
    }
}

/// Owner: the stream.
struct Filter {
    name: Arc<str>,
    settings: Settings,
    /// Bytes of a body that is held; nothing while requests pass as they come.
    held_bytes: Option<u64>,
}

impl Filter {
    /// The whole body is there.
    fn announce(&self, cx: &mut StreamCx<'_>) {
        if let Some(bytes) = self.held_bytes
            && !cx.request_headers().has(HeaderId::CONTENT_LENGTH)
        {
            cx.request_headers_mut().set_number(HeaderId::CONTENT_LENGTH, bytes);
        }
    }
}

impl HttpFilter for Filter {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        if end_stream {
            return HeadersStatus::Continue;
        }
        let of_route = cx.per_route(&self.name).and_then(|settings| settings.downcast::<Settings>().ok());
        match of_route.map_or(self.settings, |settings| *settings) {
            Settings::Disabled => HeadersStatus::Continue,
            Settings::Limit(bytes) => {
                cx.set_buffer_limit(bytes as usize);
                self.held_bytes = Some(0);
                HeadersStatus::StopIteration
            }
        }
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        let Some(held) = &mut self.held_bytes else { return DataStatus::Continue };
        *held += data.len() as u64;
        if end_stream {
            self.announce(cx);
            return DataStatus::Continue;
        }
        DataStatus::StopIterationAndBuffer
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.announce(cx);
        TrailersStatus::Continue
    }
}
