//! A proxy of nothing but two codecs, between a client and an origin of two more: what the instruction benches and the
//! allocation test run.

use std::io::IoSlice;
use std::rc::Rc;

use nuncio_codec::Codec;
use nuncio_codec::Event;
use nuncio_codec::Protocol;
use nuncio_codec::Role;
use nuncio_codec::StreamId;
use nuncio_codec::http1;
use nuncio_codec::http2;
use nuncio_message::Chunk;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_message::MAX_IO_SLICES;
use nuncio_message::ReadBlock;
use nuncio_message::Tick;

/// Eight fields, and `x-request-id`, new each time, beside them.
pub(crate) const REQUEST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "service.example.com"),
    (":path", "/api/v1/items?page=2"),
    ("user-agent", "load/1.0 (compatible)"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("x-forwarded-proto", "https"),
];
/// Eight fields.
pub(crate) const RESPONSE: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("server", "envoy"),
    ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
    ("vary", "accept-encoding"),
    ("x-frame-options", "deny"),
    ("content-length", "12"),
];
const BODY: &[u8] = b"hello world\n";

/// Four connections' ends in a row: client, the proxy's two, origin.
pub(crate) struct Proxied {
    client: Codec,
    downstream: Codec,
    upstream: Codec,
    origin: Codec,
    request: Headers,
    response: Headers,
    /// The stream downstream of the request at hand.
    stream: StreamId,
    rounds: u32,
}

impl Proxied {
    /// Connections on which nothing was sent yet.
    pub(crate) fn new(downstream: Protocol, upstream: Protocol) -> Self {
        Self {
            client: codec(downstream, Role::Client),
            downstream: codec(downstream, Role::Server),
            upstream: codec(upstream, Role::Client),
            origin: codec(upstream, Role::Server),
            request: list(REQUEST),
            response: list(RESPONSE),
            stream: 0,
            rounds: 0,
        }
    }

    /// One request and its response, all the way and back.
    pub(crate) fn exchange(&mut self) {
        self.rounds += 1;
        let mut request = self.request.clone();
        request.push(HeaderId::X_REQUEST_ID, &request_id(self.rounds));
        let stream = self.client.open().expect("the exchange before it is over");
        self.client.send_head(stream, &request, true);
        let bytes = taken(&mut self.client);
        self.stream = proxied_request(&mut self.downstream, &mut self.upstream, bytes).expect("it is all there");
        self.respond();
        let bytes = taken(&mut self.downstream);
        self.client.receive(bytes);
        let mut is_over = false;
        while let Some(event) = self.client.next(Tick(0)).expect("the rules are kept") {
            if let Event::Data { stream, data, end_stream } = event {
                is_over |= end_stream;
                self.client.release(stream, data.len() as u32);
            }
        }
        assert!(is_over, "the response has come back");
    }

    fn respond(&mut self) {
        let bytes = taken(&mut self.upstream);
        self.origin.receive(bytes);
        while let Some(event) = self.origin.next(Tick(0)).expect("the rules are kept") {
            if let Event::Head { stream, headers, .. } = event {
                assert!(headers.has(HeaderId::X_REQUEST_ID), "the request has arrived whole");
                self.origin.send_head(stream, &self.response, false);
                self.origin.send_data(stream, Chunk::copy_from(BODY), true);
            }
        }
        let bytes = taken(&mut self.origin);
        proxied_response(self.stream, &mut self.upstream, &mut self.downstream, bytes);
    }
}

/// Measured: a request parsed downstream and encoded upstream.
#[inline(never)]
fn proxied_request(downstream: &mut Codec, upstream: &mut Codec, bytes: Chunk) -> Option<StreamId> {
    downstream.receive(bytes);
    let mut begun = None;
    while let Some(event) = downstream.next(Tick(0)).expect("the rules are kept") {
        if let Event::Head { stream, mut headers, end_stream } = event
            && let Some(onward) = upstream.open()
        {
            if upstream.protocol() == Protocol::Http2 && !headers.has(HeaderId::SCHEME) {
                headers.push(HeaderId::SCHEME, b"http");
            }
            upstream.send_head(onward, &headers, end_stream);
            begun = Some(stream);
        }
    }
    begun
}

/// Measured: a response parsed upstream and encoded downstream.
#[inline(never)]
fn proxied_response(onward: StreamId, upstream: &mut Codec, downstream: &mut Codec, bytes: Chunk) {
    upstream.receive(bytes);
    while let Some(event) = upstream.next(Tick(0)).expect("the rules are kept") {
        match event {
            Event::Head { headers, end_stream, .. } => downstream.send_head(onward, &headers, end_stream),
            Event::Data { stream, data, end_stream } => {
                upstream.release(stream, data.len() as u32);
                downstream.send_data(onward, data, end_stream);
            }
            _ => {}
        }
    }
}

/// Measured: what a driver does around a write.
#[inline(never)]
fn proxied_write<'a>(codec: &'a Codec, slices: &mut [IoSlice<'a>; MAX_IO_SLICES]) -> usize {
    codec.out().io_slices(slices)
}

/// Measured: what a driver does after a write.
#[inline(never)]
fn proxied_written(codec: &mut Codec, bytes: usize) {
    codec.wrote(bytes, |_, _| {});
}

/// What waits to be written, as the peer will read it.
fn taken(codec: &mut Codec) -> Chunk {
    let mut block = ReadBlock::take();
    let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
    let count = proxied_write(codec, &mut slices);
    let mut len = 0;
    for slice in &slices[..count] {
        block.bytes_mut()[len..len + slice.len()].copy_from_slice(slice);
        len += slice.len();
    }
    proxied_written(codec, len);
    block.freeze(len)
}

fn codec(protocol: Protocol, role: Role) -> Codec {
    match protocol {
        Protocol::Http2 => Codec::http2(role, Rc::new(http2::Options::default()), Tick(0)),
        Protocol::Http10 | Protocol::Http11 => Codec::http1(role, Rc::new(http1::Options::default()), Tick(0)),
    }
}

/// The headers of `pairs`, in their order.
pub(crate) fn list(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.push_name(name.as_bytes(), value.as_bytes());
    }
    headers
}

/// A value that is another one for each number.
pub(crate) fn request_id(number: u32) -> [u8; 36] {
    let mut id = *b"00000000-1111-4222-8333-123456789abc";
    for (at, digit) in id[..8].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (28 - 4 * at)) as usize & 15];
    }
    id
}
