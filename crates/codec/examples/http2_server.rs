//! A blocking HTTP/2 server on one connection a thread, to run conformance suites such as h2spec against the codec:
//! `cargo run -p nuncio-codec --example http2_server -- 127.0.0.1:8080`. Answers 200 with a small body.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use nuncio_codec::http2::{Http2, Options};
use nuncio_codec::{Event, Role, StreamId};
use nuncio_message::{Chunk, HeaderId, Headers, MAX_IO_SLICES, ReadBlock, Tick};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    for socket in TcpListener::bind(address)?.incoming() {
        let socket = socket?;
        std::thread::spawn(move || {
            if let Err(error) = serve(socket) {
                eprintln!("connection ended: {error}");
            }
        });
    }
    Ok(())
}

/// Answers only when nothing more has come for a moment, as a proxy's responses take a moment, too.
const MOMENT: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_secs(60);

fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut codec = Http2::new(Role::Server, &Rc::new(Options::default()), Tick(0));
    let mut complete = Vec::new();
    loop {
        socket.set_read_timeout(Some(if complete.is_empty() { IDLE } else { MOMENT }))?;
        let mut block = ReadBlock::take();
        match socket.read(block.bytes_mut()) {
            Ok(0) => return Ok(()),
            Ok(n) => codec.receive(block.freeze(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !complete.is_empty() => {
                complete.drain(..).for_each(|stream| answer(&mut codec, stream));
            }
            Err(error) => return Err(error),
        }
        let end = loop {
            match codec.next(Tick(0)) {
                Ok(Some(event)) => complete.extend(completed(&mut codec, event)),
                Ok(None) if codec.is_pausing() => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        flush(&mut codec, &mut socket)?;
        if let Some(error) = end {
            return Err(io::Error::other(error.details));
        }
    }
}

/// The stream whose request is complete with this event.
fn completed(codec: &mut Http2, event: Event) -> Option<StreamId> {
    match event {
        Event::Head { stream, end_stream, .. } => end_stream.then_some(stream),
        Event::Data { stream, data, end_stream } => {
            codec.release(stream, data.len() as u32);
            end_stream.then_some(stream)
        }
        Event::Trailers { stream, .. } => Some(stream),
        Event::Begin { .. }
        | Event::Informational { .. }
        | Event::Reset { .. }
        | Event::Rejected { .. }
        | Event::GoAway { .. }
        | Event::MaxConcurrentStreams(_) => None,
    }
}

fn answer(codec: &mut Http2, stream: StreamId) {
    let mut headers = Headers::new();
    headers.push(HeaderId::STATUS, b"200");
    headers.push(HeaderId::CONTENT_LENGTH, b"6");
    codec.send_head(stream, &headers, false);
    codec.send_data(stream, Chunk::copy_from(b"hello\n"), true);
}

fn flush(codec: &mut Http2, socket: &mut TcpStream) -> io::Result<()> {
    while !codec.out().is_empty() {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let count = codec.out().io_slices(&mut slices);
        let n = socket.write_vectored(&slices[..count])?;
        codec.wrote(n, |_, _| {});
    }
    Ok(())
}
