//! Connections in memory, and events as text.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::rc::Rc;

use nuncio_codec::http2::{Http2, Options};
use nuncio_codec::{ConnectionError, Event, Role};
use nuncio_message::{Chunk, Headers, Tick};

/// A client and a server that read each other's output.
pub(crate) struct Pair {
    pub(crate) client: Http2,
    pub(crate) server: Http2,
}

impl Pair {
    pub(crate) fn new(client: Options, server: Options) -> Self {
        Self {
            client: Http2::new(Role::Client, &Rc::new(client), Tick(0)),
            server: Http2::new(Role::Server, &Rc::new(server), Tick(0)),
        }
    }

    pub(crate) fn server_events(&mut self) -> Vec<Event> {
        let input = written(&mut self.client);
        feed(&mut self.server, &input).expect("the client keeps the rules")
    }

    pub(crate) fn client_events(&mut self) -> Vec<Event> {
        let input = written(&mut self.server);
        feed(&mut self.client, &input).expect("the server keeps the rules")
    }

    pub(crate) fn run_server(&mut self) -> Vec<String> {
        self.server_events().iter().map(text).collect()
    }

    pub(crate) fn run_client(&mut self) -> Vec<String> {
        self.client_events().iter().map(text).collect()
    }
}

/// Takes out what a codec wants to write.
pub(crate) fn written(codec: &mut Http2) -> Vec<u8> {
    let mut all = Vec::new();
    while !codec.out().is_empty() {
        let mut slices = [std::io::IoSlice::new(&[]); nuncio_message::MAX_IO_SLICES];
        let count = codec.out().io_slices(&mut slices);
        let before = all.len();
        slices[..count].iter().for_each(|slice| all.extend_from_slice(slice));
        let n = all.len() - before;
        codec.wrote(n, |_, _| {});
    }
    all
}

/// The next event, whether or not credit comes back meanwhile.
pub(crate) fn next(codec: &mut Http2) -> Result<Option<Event>, ConnectionError> {
    loop {
        match codec.next(Tick(0))? {
            None if codec.is_pausing() => {}
            event => return Ok(event),
        }
    }
}

/// Hands over bytes and collects the events.
pub(crate) fn feed(codec: &mut Http2, input: &[u8]) -> Result<Vec<Event>, ConnectionError> {
    if !input.is_empty() {
        codec.receive(Chunk::copy_from(input));
    }
    let mut events = Vec::new();
    while let Some(event) = next(codec)? {
        events.push(event);
    }
    Ok(events)
}

pub(crate) fn head(list: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in list {
        headers.push_name(name.as_bytes(), value.as_bytes());
    }
    headers
}

fn pairs(headers: &Headers) -> String {
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|header| format!(" {}={}", show(header.name), show(header.value))).collect()
}

/// An event in a line.
pub(crate) fn text(event: &Event) -> String {
    let end = |end_stream: &bool| if *end_stream { " end" } else { "" };
    match event {
        Event::Begin { stream } => format!("begin {stream}"),
        Event::Head { stream, headers, end_stream } => format!("head {stream}{}{}", end(end_stream), pairs(headers)),
        Event::Informational { stream, headers } => format!("informational {stream}{}", pairs(headers)),
        Event::Data { stream, data, end_stream } => {
            format!("data {stream}{} {}", end(end_stream), String::from_utf8_lossy(data))
        }
        Event::Trailers { stream, headers } => format!("trailers {stream}{}", pairs(headers)),
        Event::Reset { stream, cause } => format!("reset {stream} {cause:?}"),
        Event::Rejected { stream, .. } => format!("rejected {stream}"),
        Event::GoAway { code } => format!("goaway {}", code.0),
        Event::MaxConcurrentStreams(streams) => format!("max streams {streams}"),
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals that are never indexed, so that it stands for itself.
pub(crate) fn block(list: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in list {
        bytes.push(0x10);
        for text in [name, value] {
            integer(text.chars().count(), &mut bytes);
            // One char a byte, so that a test can hold any.
            bytes.extend(text.chars().map(|char| u8::try_from(u32::from(char)).expect("Latin-1")));
        }
    }
    bytes
}

fn integer(value: usize, bytes: &mut Vec<u8>) {
    if value < 127 {
        bytes.push(value as u8);
        return;
    }
    bytes.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// HEADERS, with CONTINUATION if the block is long.
pub(crate) fn headers(stream: u32, list: &[(&str, &str)], end_stream: bool) -> Vec<u8> {
    let block = block(list);
    let count = block.len().div_ceil(16_384).max(1);
    let mut bytes = Vec::new();
    for at in 0..count {
        let piece = &block[at * 16_384..block.len().min((at + 1) * 16_384)];
        let end_headers = if at + 1 == count { 4 } else { 0 };
        let (kind, flags) = if at == 0 { (1, u8::from(end_stream)) } else { (9, 0) };
        bytes.extend(frame(kind, flags | end_headers, stream, piece));
    }
    bytes
}

/// Frames in a line, those of the opening left out: SETTINGS, their acknowledgement, the connection's window.
pub(crate) fn frames(mut bytes: &[u8]) -> String {
    let mut shown = Vec::new();
    bytes = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let (payload, rest) = rest.split_at(len);
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        bytes = rest;
        match head[3] {
            0 => shown.push(format!("data {stream} {} {}", head[4], String::from_utf8_lossy(payload))),
            1 => shown.push(format!("headers {stream} {}", head[4])),
            3 => shown.push(format!("rst {stream} {}", number(0))),
            6 => shown.push(format!("ping {} {}", head[4], String::from_utf8_lossy(payload))),
            7 => shown.push(format!("goaway {} {} {}", number(0), number(4), String::from_utf8_lossy(&payload[8..]))),
            8 if (stream, number(0)) != (0, 25_100_289) => shown.push(format!("window {stream} {}", number(0))),
            _ => {}
        }
    }
    shown.join(", ")
}
