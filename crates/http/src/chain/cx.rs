//! What a filter may see and do during a callback.

use std::time::Duration;

use nuncio_message::{Buffer, Chunk, HeaderMapKind, Headers};
use nuncio_telemetry::{ResponseFlag, StreamInfo};
use nuncio_worker::Worker;

use super::{ChainId, Response, Rest};
use crate::client::Client;
use crate::connection_manager::Core;
use crate::filter::{Direction, LocalReply, PerRoute};
use crate::header_mutation::Subject;
use crate::route::Route;
use crate::router;
use crate::sleep::Sleep;

/// The stream, as the filter that is being called sees it. Valid for the call only.
pub struct StreamCx<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) filter: u8,
    pub(crate) chain: ChainId,
    /// The direction of the callback.
    pub(crate) direction: Direction,
    /// The callback may have done something that has to be seen to before the next one is called.
    pub(super) has_acted: bool,
}

impl StreamCx<'_> {
    /// The request's head.
    pub fn request_headers(&self) -> &Headers {
        &self.core.request
    }

    /// The request's head, to be changed.
    pub fn request_headers_mut(&mut self) -> &mut Headers {
        self.core.is_request_changed = true;
        &mut self.core.request
    }

    /// The request's trailers, once they have come.
    pub fn request_trailers_mut(&mut self) -> Option<&mut Headers> {
        self.core.request_trailers.as_mut()
    }

    /// The response's head, once it has come.
    pub fn response_headers(&self) -> Option<&Headers> {
        self.core.response.as_ref()
    }

    /// The response's head, to be changed.
    pub fn response_headers_mut(&mut self) -> Option<&mut Headers> {
        self.core.response.as_mut()
    }

    /// The response's trailers, once they have come.
    pub fn response_trailers_mut(&mut self) -> Option<&mut Headers> {
        self.core.response_trailers.as_mut()
    }

    /// The request and the response head together, for filters that copy from one to the other.
    pub fn heads_mut(&mut self) -> (&mut Headers, Option<&mut Headers>) {
        self.core.is_request_changed = true;
        (&mut self.core.request, self.core.response.as_mut())
    }

    /// The request's trailers, made if there are none yet. Only the callback that sees the end of the body may do so, or
    /// a filter that holds the end back; whoever comes later sees them behind the body.
    pub fn add_request_trailers(&mut self) -> &mut Headers {
        self.has_acted = true;
        self.core.request_trailers.get_or_insert_default()
    }

    /// The response's trailers, made if there are none yet, under the rule of [`Self::add_request_trailers`].
    pub fn add_response_trailers(&mut self) -> &mut Headers {
        self.has_acted = true;
        self.core.response_trailers.get_or_insert_default()
    }

    /// The body that this filter holds in a direction: to be read, replaced or drained.
    pub fn held_body(&mut self, direction: Direction) -> &mut Buffer {
        self.has_acted = true;
        self.core.held.of(direction)
    }

    /// Adds to the body that this filter holds in a direction. With a head that ended the stream, it gives the message a
    /// body; with trailers, it goes before them; while nothing is held, it goes on behind what is at hand.
    pub fn add_data(&mut self, direction: Direction, data: Chunk) {
        self.has_acted = true;
        self.core.held.of(direction).push(data);
    }

    /// Sends a piece on from this filter, past the body that it holds; a head that it holds goes first. After
    /// `end_stream` the filter holds nothing any more.
    pub fn inject_data(&mut self, direction: Direction, data: Chunk, end_stream: bool) {
        self.has_acted = true;
        self.core.note_change(direction, 0, data.len());
        self.core.actions.inject(self.chain, self.filter, direction, data, end_stream);
    }

    /// Whether filters have put more into a direction than its buffer limit and it has not left yet: whoever makes data
    /// should wait. What is taken out of the direction earns its sender no credit until then.
    pub fn is_above_watermark(&self, direction: Direction) -> bool {
        self.core.is_above_watermark(direction)
    }

    /// Has `poll_resume` of this filter called once a direction has fallen below half of its limit again.
    pub fn poll_when_drained(&mut self, direction: Direction) {
        self.core.poll_when_drained(direction, self.chain, self.filter);
    }

    /// Bytes of body that may be held back, in each direction; zero is no limit.
    pub fn buffer_limit(&self) -> usize {
        self.core.configured_buffer_limit()
    }

    /// Changes [`Self::buffer_limit`] for this stream.
    pub fn set_buffer_limit(&mut self, bytes: usize) {
        self.core.set_buffer_limit(bytes);
    }

    /// Lets go of a direction once this callback is over, as [`Resume::Continue`](crate::Resume::Continue) does.
    pub fn resume(&mut self, direction: Direction) {
        self.core.actions.resume(self.chain, self.filter, direction);
    }

    /// Answers the request here. The first reply of a stream counts; after the response's head has gone, the stream is
    /// reset instead.
    pub fn reply(&mut self, reply: LocalReply) {
        self.has_acted = true;
        self.core.reply(reply);
    }

    /// Answers the request with a whole response made here. Unlike a local reply its head is the caller's alone, and its
    /// length is not announced. Nothing of the request goes on.
    pub fn respond(&mut self, head: Headers, body: Buffer) {
        self.start_response(head, Rest::Body(body));
    }

    /// As [`respond`](Self::respond), with a head that ends the response.
    pub fn respond_head(&mut self, head: Headers) {
        self.start_response(head, Rest::Nothing);
    }

    /// Begins a response made here, as [`respond`](Self::respond) does; [`send_data`](Self::send_data) goes on and ends it.
    pub fn begin_response(&mut self, head: Headers) {
        self.start_response(head, Rest::Later);
    }

    fn start_response(&mut self, head: Headers, rest: Rest) {
        self.has_acted = true;
        if !self.core.is_interrupted() {
            self.core.actions.response = Some(Box::new(Response { head, rest }));
        }
    }

    /// A piece of the body of a response that was begun here.
    pub fn send_data(&mut self, data: Chunk, end_stream: bool) {
        self.core.actions.pieces.push_back((data, end_stream));
    }

    /// Ends the stream without an answer.
    pub fn reset(&mut self) {
        self.has_acted = true;
        self.core.actions.is_reset = true;
    }

    /// Has the route chosen anew when it is next asked for, because the request's head was changed.
    pub fn clear_route(&mut self) {
        self.core.clear_route();
    }

    /// The route of the request, chosen on first use.
    pub fn route(&mut self) -> Option<&Route> {
        self.core.route()
    }

    /// Whether the route sends the request to the cluster of this name.
    pub fn is_for_cluster(&mut self, name: &str) -> bool {
        router::is_for_cluster(name, self.core)
    }

    /// The most specific configuration that the route has for the filter with this name in the chain.
    pub fn per_route(&mut self, filter_name: &str) -> Option<PerRoute> {
        self.core.per_route(filter_name)
    }

    /// All configurations that the route has for the filter, the least specific first.
    pub fn per_route_all(&mut self, filter_name: &str) -> Vec<PerRoute> {
        self.core.per_route_all(filter_name)
    }

    /// The record of the stream.
    pub fn info(&self) -> &StreamInfo {
        &self.core.info
    }

    /// The record of the stream, to be added to.
    pub fn info_mut(&mut self) -> &mut StreamInfo {
        &mut self.core.info
    }

    /// The message of `kind`, to be changed by [`MutationList`](crate::MutationList)s.
    pub fn subject(&mut self, kind: HeaderMapKind) -> Subject<'_> {
        self.core.subject(kind)
    }

    /// Sets a response flag.
    pub fn set_flag(&mut self, flag: ResponseFlag) {
        self.core.info.flags.set(flag);
    }

    /// The worker.
    pub fn worker(&self) -> &Worker {
        self.core.http.worker()
    }

    /// Makes calls of our own. What it returns is kept in the filter and polled in `poll_resume`.
    pub fn client(&self) -> Client {
        Client::new(&self.core.http)
    }

    /// A future that is ready after `span`.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.core.http.sleep(span)
    }

    /// The direction of the callback; of no meaning in those that have none.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Has `poll_resume` of this filter called once this callback is over.
    pub fn poll_me(&mut self) {
        self.core.actions.poll(self.chain, self.filter);
    }

    /// How another stream can have `poll_resume` of this filter called.
    pub fn waker(&self) -> std::task::Waker {
        self.core.filter_waker(self.chain, self.filter)
    }

    /// Whether this is a cluster's upstream chain, and so the attempt's number.
    pub fn upstream(&self) -> Option<u32> {
        (self.chain == ChainId::Upstream).then_some(self.core.info.upstream.attempt_count)
    }
}
