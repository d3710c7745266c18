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

/// Hands over bytes and collects the events.
pub(crate) fn feed(codec: &mut Http2, input: &[u8]) -> Result<Vec<Event>, ConnectionError> {
    if !input.is_empty() {
        codec.receive(Chunk::copy_from(input));
    }
    let mut events = Vec::new();
    while let Some(event) = codec.next(Tick(0))? {
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
