//! What the owner sends: heads, data as far as the windows allow, trailers.

use std::cell::Cell;
use std::mem;

use nuncio_message::{Chunk, HeaderId, Headers};

use super::Http2;
use crate::http2::flood::Flood;
use crate::http2::frame::{FrameHead, MAX_FRAME_BYTES, flag, kind};
use crate::http2::recall::Trace;
use crate::http2::streams::{Method, Receiving, Sending, Slot, Stream, Then};
use crate::{ErrorCode, Role, StreamId};

/// A block buffer that grew beyond this is freed rather than kept.
const KEPT_BLOCK_BYTES: usize = 4096;

thread_local! {
    /// A block is finished before the next one begins: one buffer for all connections of the thread is enough.
    static BLOCK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Stream {
    /// Whether the peer cannot have heard of it.
    pub(super) fn is_unsent(&self) -> bool {
        !self.is_begun
    }
}

impl Http2 {
    /// Sends a response (server) or a request (client). Headers that belong to one HTTP/1 connection are left out
    /// (RFC 9113 section 8.2.2), and `host` beside `:authority`.
    pub fn send_head(&mut self, stream: StreamId, headers: &Headers, end_stream: bool) {
        let Some(slot) = self.streams.find(stream) else { return };
        let Some(entry) = self.streams.get_mut(slot).filter(|entry| entry.sending == Sending::Open) else { return };
        entry.is_begun = true;
        if self.role == Role::Client {
            entry.method = match headers.get(HeaderId::METHOD) {
                Some(b"HEAD") => Method::Head,
                Some(b"CONNECT") => Method::Connect,
                _ => Method::Other,
            };
            self.ping_before_stream();
        }
        self.put_headers(stream, headers, end_stream);
        if end_stream {
            self.finish_sending(slot);
        }
    }

    /// Sends a 1xx response (server).
    pub fn send_informational(&mut self, stream: StreamId, headers: &Headers) {
        if self.streams.find(stream).is_some() {
            self.put_headers(stream, headers, false);
        }
    }

    /// Sends a part of a body; what the peer's windows do not allow waits, see [`Http2::queued`].
    pub fn send_data(&mut self, stream: StreamId, data: Chunk, end_stream: bool) {
        let Some(slot) = self.streams.find(stream) else { return };
        let is_first_in_line = self.ready.is_empty();
        let Some(entry) = self.streams.get_mut(slot).filter(|entry| entry.sending == Sending::Open) else { return };
        if end_stream {
            entry.then = Then::EndStream;
        }
        let mut data = data;
        if entry.queue.is_empty() && is_first_in_line {
            data = self.put_data(slot, data);
        }
        let Some(entry) = self.streams.get_mut(slot).filter(|entry| entry.id == stream) else { return };
        if !data.is_empty() {
            entry.queue.push(data.detach());
        }
        self.settle(slot);
    }

    /// Sends trailers behind the data that still waits.
    pub fn send_trailers(&mut self, stream: StreamId, trailers: &Headers) {
        let Some(slot) = self.streams.find(stream) else { return };
        let Some(entry) = self.streams.get_mut(slot).filter(|entry| entry.sending == Sending::Open) else { return };
        if entry.queue.is_empty() {
            self.put_headers(stream, trailers, true);
            self.finish_sending(slot);
        } else {
            entry.then = Then::Trailers(Box::new(trailers.clone()));
            self.settle(slot);
        }
    }

    /// Puts out as much of `data` as the windows allow; returns the rest. The last frame carries END_STREAM if that
    /// comes next.
    fn put_data(&mut self, slot: Slot, mut data: Chunk) -> Chunk {
        while !data.is_empty() {
            let Some(stream) = self.streams.get_mut(slot) else { return data };
            let window = stream.send_window.available().min(self.send_window.available());
            let len = data.len().min(window).min(MAX_FRAME_BYTES);
            if len == 0 {
                return data;
            }
            stream.send_window.sent(len);
            self.send_window.sent(len);
            let is_end = len == data.len() && stream.queue.is_empty() && matches!(stream.then, Then::EndStream);
            if is_end {
                stream.then = Then::Nothing;
            }
            let id = stream.id;
            let piece = if len == data.len() { mem::replace(&mut data, Chunk::empty()) } else { data.split_to(len) };
            self.put_data_frame(id, piece, is_end);
            if is_end {
                self.finish_sending(slot);
            }
        }
        data
    }

    fn put_data_frame(&mut self, stream: StreamId, data: Chunk, end_stream: bool) {
        let flags = if end_stream { flag::END_STREAM } else { 0 };
        self.out.put(&FrameHead::new(kind::DATA, flags, stream, data.len()).bytes());
        self.out.put_body(stream, data);
        self.inbound.sent_data_frame();
        self.count_outbound();
    }

    /// After data was queued or its end set: ends the stream if nothing waits, otherwise sees to it that it goes out.
    fn settle(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        if !stream.queue.is_empty() {
            if !matches!(stream.then, Then::Nothing)
                && let Some(timeout) = self.options.flush_timeout
            {
                stream.flush_by = self.now + timeout;
                self.flush_by = self.flush_by.min(stream.flush_by);
            }
            self.note_window(slot);
            return;
        }
        let id = stream.id;
        match mem::take(&mut stream.then) {
            Then::Nothing => return,
            Then::EndStream => self.put_data_frame(id, Chunk::empty(), true),
            Then::Trailers(trailers) => self.put_headers(id, &trailers, true),
        }
        self.finish_sending(slot);
    }

    /// Puts a stream in line if it has data and window.
    pub(super) fn note_window(&mut self, slot: Slot) {
        if let Some(stream) = self.streams.get_mut(slot)
            && !stream.is_ready
            && !stream.queue.is_empty()
            && stream.send_window.available() > 0
        {
            stream.is_ready = true;
            self.ready.push_back(slot);
        }
    }

    /// Sends what waits, a frame of each stream in turn, until the connection's window or the data is used up.
    pub(super) fn pump(&mut self) {
        while self.send_window.available() > 0 {
            let Some(slot) = self.ready.pop_front() else { return };
            let window = self.send_window.available();
            let Some(stream) = self.streams.get_mut(slot) else { continue };
            stream.is_ready = false;
            let limit = stream.send_window.available().min(window).min(MAX_FRAME_BYTES);
            if limit == 0 {
                continue;
            }
            let Some(piece) = stream.queue.pop_at_most(limit) else { continue };
            if let Some(timeout) = self.options.flush_timeout
                && stream.flush_by != nuncio_message::Tick::NEVER
            {
                // It makes progress.
                stream.flush_by = self.now + timeout;
            }
            self.put_data(slot, piece);
            self.settle(slot);
        }
    }

    /// Our direction of a stream has ended. What the peer sent before it can have seen the answer is still judged as
    /// frames of an open stream, as by Envoy, which sends nothing before it has read everything.
    fn finish_sending(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.sending = Sending::Closed;
        if self.role == Role::Server && self.is_reading {
            self.answered.push(stream.id);
        } else {
            self.end_sending(slot);
        }
    }

    /// A server that has answered before the request was complete asks for no more of it (RFC 9113 section 8.1).
    pub(super) fn end_sending(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let id = stream.id;
        if self.role == Role::Server && stream.receiving != Receiving::Closed {
            self.put_reset(id, ErrorCode::NO_ERROR);
            self.forget(slot);
        } else {
            self.retire(slot);
        }
    }

    /// Encodes a header list and puts it out as HEADERS, and CONTINUATION if it is larger than a frame.
    fn put_headers(&mut self, stream: StreamId, headers: &Headers, end_stream: bool) {
        let mut block = BLOCK.try_with(Cell::take).unwrap_or_default();
        block.clear();
        self.encoder.begin(&mut block);
        self.encode(headers, &mut block);
        let end_stream = if end_stream { flag::END_STREAM } else { 0 };
        if block.len() <= MAX_FRAME_BYTES {
            let flags = flag::END_HEADERS | end_stream;
            self.out.put(&FrameHead::new(kind::HEADERS, flags, stream, block.len()).bytes());
            self.out.put(&block);
            self.count_outbound();
        } else {
            self.put_long_block(stream, &block, end_stream);
        }
        if block.capacity() <= KEPT_BLOCK_BYTES {
            // After thread-local destructors ran it is simply freed.
            let _ = BLOCK.try_with(|spare| spare.set(block));
        }
    }

    /// Pseudo headers come first (RFC 9113 section 8.3), as they nearly always stand in the list already.
    fn encode(&mut self, headers: &Headers, block: &mut Vec<u8>) {
        let leading = headers.iter().take_while(|header| header.id.is_pseudo()).count();
        if leading < headers.pseudo_count() {
            return self.encode_pseudo_first(headers, block);
        }
        let version = self.encoder.version();
        let recalled = self.memory.send(headers, version, block);
        let has_authority = headers.has(HeaderId::AUTHORITY);
        let mut trace = Trace::new();
        for header in headers.iter_from(recalled) {
            let start = block.len();
            if header.id.is_pseudo() || is_sent(header.id, has_authority) {
                self.encoder.field(header, block);
            }
            trace.add(block.get(start..).unwrap_or_default());
        }
        if recalled == 0 {
            self.memory.sent(headers, version, &trace);
        }
    }

    /// A message that came by HTTP/1: its pseudo headers go first, in the order in which Envoy learns them there.
    fn encode_pseudo_first(&mut self, headers: &Headers, block: &mut Vec<u8>) {
        for id in PSEUDO {
            if let Some(header) = headers.iter().find(|header| header.id == id) {
                self.encoder.field(header, block);
            }
        }
        let has_authority = headers.has(HeaderId::AUTHORITY);
        for header in headers.iter().filter(|header| is_sent(header.id, has_authority)) {
            self.encoder.field(header, block);
        }
    }

    fn put_long_block(&mut self, stream: StreamId, block: &[u8], end_stream: u8) {
        let count = block.len().div_ceil(MAX_FRAME_BYTES);
        for (at, piece) in block.chunks(MAX_FRAME_BYTES).enumerate() {
            let (kind, flags) = if at == 0 { (kind::HEADERS, end_stream) } else { (kind::CONTINUATION, 0) };
            let flags = if at + 1 == count { flags | flag::END_HEADERS } else { flags };
            self.out.put(&FrameHead::new(kind, flags, stream, piece.len()).bytes());
            self.out.put(piece);
            self.count_outbound();
        }
    }

    /// Counts a frame that waits; too many are noticed at the next [`Http2::next`].
    fn count_outbound(&mut self) {
        if let Err(flood) = self.outbound.frame(&self.options) {
            self.outbound_flood(flood);
        }
    }

    pub(super) fn put_control(&mut self, head: FrameHead, payload: &[u8]) {
        self.out.put(&head.bytes());
        self.out.put(payload);
        if let Err(flood) = self.outbound.control_frame(&self.options) {
            self.outbound_flood(flood);
        }
    }

    fn outbound_flood(&mut self, flood: Flood) {
        if self.failed.is_none() {
            let error = self.flooded(None, flood);
            self.failed = Some(error);
        }
    }

    pub(super) fn put_window_update(&mut self, stream: StreamId, increment: u32) {
        self.out.put(&FrameHead::new(kind::WINDOW_UPDATE, 0, stream, 4).bytes());
        self.out.put(&increment.to_be_bytes());
        self.count_outbound();
    }

    pub(super) fn put_reset(&mut self, stream: StreamId, code: ErrorCode) {
        self.tally.mark().tx_reset += 1;
        self.put_control(FrameHead::new(kind::RST_STREAM, 0, stream, 4), &code.0.to_be_bytes());
    }
}

const PSEUDO: [HeaderId; 6] =
    [HeaderId::AUTHORITY, HeaderId::PATH, HeaderId::METHOD, HeaderId::SCHEME, HeaderId::PROTOCOL, HeaderId::STATUS];

/// Whether a regular header goes out.
#[inline]
fn is_sent(id: HeaderId, has_authority: bool) -> bool {
    match id {
        HeaderId::CONNECTION
        | HeaderId::KEEP_ALIVE
        | HeaderId::PROXY_CONNECTION
        | HeaderId::TRANSFER_ENCODING
        | HeaderId::UPGRADE
        | HeaderId::HTTP2_SETTINGS => false,
        HeaderId::HOST => !has_authority,
        id => !id.is_pseudo(),
    }
}
