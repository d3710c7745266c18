//! A filter that has a bug: it panics where the request says.

use std::sync::Arc;

use nuncio_config::{AnyConfig, At, Invalid};
use nuncio_http::{
    DataStatus, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, Interest, StreamCx,
};
use nuncio_message::Chunk;

use crate::config;

/// The name under which configuration has it, and the header that tells the callback.
const NAME: &str = "sim.panicker";
pub(crate) const HEADER: &str = "x-sim-panic";

/// Where it may panic.
pub(crate) const PLACES: [&str; 5] = ["request-head", "request-data", "response-head", "response-data", "complete"];

/// The filters of a world: this one.
pub(crate) fn find(name: &str, any: &AnyConfig, at: &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid> {
    if name == NAME { Ok(Arc::new(Panicker)) } else { config::no_filters(name, any, at) }
}

/// Shared by all workers.
struct Panicker;

struct Filter;

impl FilterFactory for Panicker {
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Self)
    }
}

impl FilterLocal for Panicker {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::new(Filter))
    }
}

impl HttpFilter for Filter {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        at("request-head", cx);
        HeadersStatus::Continue
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, _: &mut Chunk, _: bool) -> DataStatus {
        at("request-data", cx);
        DataStatus::Continue
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        at("response-head", cx);
        HeadersStatus::Continue
    }

    fn response_data(&mut self, cx: &mut StreamCx<'_>, _: &mut Chunk, _: bool) -> DataStatus {
        at("response-data", cx);
        DataStatus::Continue
    }

    fn complete(&mut self, cx: &mut StreamCx<'_>) {
        at("complete", cx);
    }
}

fn at(place: &str, cx: &StreamCx<'_>) {
    if cx.request_headers().get_by_name(HEADER.as_bytes()) == Some(place.as_bytes()) {
        // Without the hook that prints: there are many of them.
        std::panic::resume_unwind(Box::new("planned"));
    }
}
