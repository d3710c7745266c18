//! What runs without a configuration: a listener, the admin pages, and behind the listener an origin inside this
//! process that answers every request with what it received.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use nuncio_config::Source;
use nuncio_http::{
    ConnectionManager, DataStatus, FactoryContext, FilterFactory, FilterLocal, HeadersStatus, HttpFilter, HttpWorker,
    Interest, ListenerInfo, Manager, StreamCx, TrailersStatus,
};
use nuncio_listener::{ListenerCounts, accept};
use nuncio_message::{Buffer, Chunk, HeaderId, Headers};
use nuncio_network::{ListenOptions, bind};
use nuncio_stats::Store;

/// The configuration, where `@ORIGIN@` is the origin's port.
const CONFIGURATION: &str = include_str!("example.yaml");
/// What is kept of a request's body; the rest is counted only.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The origin. Owner: main, which serves it.
pub(crate) struct Echo {
    socket: TcpListener,
    address: SocketAddr,
}

impl Echo {
    /// Binds a port of the loopback interface that the system chooses.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn bind() -> anyhow::Result<Self> {
        let options = ListenOptions { reuse_port: false, backlog: 1024 };
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into(), 1, options)?.swap_remove(0);
        Ok(Self { address: socket.local_addr()?, socket })
    }

    /// The configuration whose cluster is this origin.
    pub(crate) fn configuration(&self) -> Source {
        Source::yaml("the example", CONFIGURATION.replace("@ORIGIN@", &self.address.port().to_string()))
    }

    /// Serves on main, and tells what to try.
    ///
    /// # Errors
    /// When the socket cannot be registered.
    pub(crate) fn serve(self, http: &Rc<HttpWorker>) -> anyhow::Result<()> {
        let config = Arc::new(ConnectionManager::internal("echo", vec![Arc::new(EchoFilter)]));
        // A store of its own: the origin's counts are not the proxy's.
        let root = Store::new(1).scope("");
        let counts = ListenerCounts::internal(&root, "echo", http.worker().index());
        let listener = ListenerInfo { name: None, filter_chain_name: None, scope: counts.scope().clone() };
        let manager = Manager::build(http, &config, &Arc::default(), &root, listener);
        let state = Rc::clone(http);
        accept(http.worker(), self.socket, counts, move |accepted| manager.serve(&state, accepted))?;
        tell();
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "who starts it without a configuration is to know what to do next")]
fn tell() {
    println!(
        "No configuration was given (-c FILE), so this is an example:\n\
         \x20 listener  http://127.0.0.1:10000  HTTP/1.1 and HTTP/2, passes everything on\n\
         \x20 origin    built in                answers with what it received\n\
         \x20 admin     http://127.0.0.1:9901   pages and stats\n\
         \n\
         Try:  curl -i http://127.0.0.1:10000/hello -d 'some body'\n\
         \x20     curl http://127.0.0.1:9901/clusters\n\
         \n\
         Its configuration is examples/default.yaml. Ctrl-C ends it."
    );
}

/// Answers every request with its head and its body.
struct EchoFilter;

impl FilterFactory for EchoFilter {
    fn interest(&self) -> Interest {
        Interest::REQUEST_HEADERS.and(Interest::REQUEST_DATA).and(Interest::REQUEST_TRAILERS)
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(Self)
    }
}

impl FilterLocal for EchoFilter {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some(Box::<Request>::default())
    }
}

#[derive(Default)]
struct Request {
    body: Vec<u8>,
    body_bytes: usize,
}

impl HttpFilter for Request {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        if end_stream {
            self.answer(cx);
        }
        HeadersStatus::StopIteration
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        self.body_bytes += data.len();
        let space = MAX_BODY_BYTES - self.body.len();
        self.body.extend_from_slice(&data[..data.len().min(space)]);
        if end_stream {
            self.answer(cx);
        }
        DataStatus::StopIterationNoBuffer
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.answer(cx);
        TrailersStatus::StopIteration
    }
}

impl Request {
    fn answer(&self, cx: &mut StreamCx<'_>) {
        let mut text = String::new();
        for header in cx.request_headers().iter() {
            let (name, value) = (String::from_utf8_lossy(header.name), String::from_utf8_lossy(header.value));
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        let mut body = Buffer::new();
        body.extend_from_slice(text.as_bytes());
        body.extend_from_slice(&self.body);
        if self.body_bytes > self.body.len() {
            let rest = format!("\n... and {} bytes more\n", self.body_bytes - self.body.len());
            body.extend_from_slice(rest.as_bytes());
        } else if !self.body.is_empty() && !self.body.ends_with(b"\n") {
            body.push_byte(b'\n');
        }
        let mut head = Headers::new();
        head.set_number(HeaderId::STATUS, 200);
        head.push(HeaderId::CONTENT_TYPE, b"text/plain; charset=utf-8");
        cx.respond(head, body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_leads_to_the_origin() {
        let echo = Echo::bind().expect("loopback can be bound");
        let port = format!("port_value: {}", echo.address.port());
        let source = echo.configuration();
        let lines: Vec<_> = (1..200).map_while(|number| source.line(number)).collect();
        assert!(lines.iter().any(|line| line.contains(&port)), "{port} in {lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("@ORIGIN@")));
    }
}
