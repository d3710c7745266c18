//! The worker, its client and its origin.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use nuncio_codec::{Codec, Event, Role, StreamId, http1, http2};
use nuncio_config::{AnyConfig, At, Invalid, Schema};
use nuncio_http::{FilterFactory, HttpWorker, ListenerInfo, Manager};
use nuncio_listener::{Accepted, ListenerCounts};
use nuncio_message::{Chunk, Headers, MAX_IO_SLICES, Tick};
use nuncio_network::{ConnectFuture, Connector, Transport};
use nuncio_stats::{Store, WorkerIndex};
use nuncio_telemetry::access_log::file::{FileManager, Options as FileOptions};
use nuncio_upstream::{Cluster, Clusters};
use nuncio_worker::{Clock, Random, Spawner, VirtualClock, Worker};

use super::run_queue::RunQueue;
use super::wire::{FarEnd, NearEnd, wire};
use crate::config;
use crate::filters::passthrough;

/// Eight fields.
const REQUEST: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "service.example.com"),
    (":path", "/api/v1/items?page=2"),
    ("user-agent", "load/1.0 (compatible)"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("x-client", "12345"),
];
/// Eight fields.
const RESPONSE: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("server", "origin"),
    ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
    ("vary", "accept-encoding"),
    ("x-frame-options", "deny"),
    ("content-length", "1024"),
];
const BODY_BYTES: usize = 1024;
/// Time that passes with each batch, in microseconds.
const PACE_MICROS: u64 = 200;

/// A version of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// How long a client's connection lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifetime {
    /// It serves all batches.
    Kept,
    /// A new one each batch, which asks to be closed.
    OneRequest,
}

/// What is counted.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The client's version.
    pub downstream: Version,
    /// The origin's version.
    pub upstream: Version,
    /// Requests under way at a time: on one connection each with HTTP/1, as streams of one with HTTP/2.
    pub concurrency: usize,
    /// How long the client's connections live.
    pub lifetime: Lifetime,
    /// The bootstrap, with one listener.
    pub bootstrap: String,
    /// Allocations that this thread has made so far, as the caller's allocator counts them.
    pub allocations: fn() -> u64,
}

/// A proxy of one worker, its client and its origin. Owner: the caller.
pub struct Proxy {
    setup: Setup,
    tasks: Rc<RunQueue>,
    clock: VirtualClock,
    worker: Worker,
    http: Rc<HttpWorker>,
    manager: Rc<Manager>,
    counts: Rc<ListenerCounts>,
    clients: Vec<Peer>,
    origins: Rc<RefCell<Vec<Peer>>>,
    request: Headers,
    response: Headers,
    body: Vec<u8>,
    writes: Rc<Cell<u64>>,
    allocations: u64,
    store: Store,
}

/// Filters called `passthrough…` look at everything and change nothing.
fn filter(name: &str, any: &AnyConfig, at: &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid> {
    if name.starts_with("passthrough") { Ok(passthrough()) } else { config::no_filters(name, any, at) }
}

/// The other end of a connection.
struct Peer {
    wire: FarEnd,
    codec: Codec,
}

struct InMemory {
    version: Version,
    origins: Rc<RefCell<Vec<Peer>>>,
    writes: Rc<Cell<u64>>,
}

impl Proxy {
    /// Builds it; nothing has been sent yet.
    pub fn new(setup: Setup) -> Self {
        let registry = Arc::new(Clusters::default());
        let config = config::load(&setup.bootstrap, &Schema::new(), &registry, &filter);
        let (tasks, clock, store) = (Rc::<RunQueue>::default(), VirtualClock::new(), Store::new(2));
        let spawner = Spawner::Simulated(Rc::clone(&tasks) as Rc<dyn nuncio_worker::Executor>);
        let worker = Worker::new(WorkerIndex(1), Clock::simulated(clock.clone()), Random::seeded(1), spawner);
        let (origins, writes) = (Rc::<RefCell<Vec<Peer>>>::default(), Rc::<Cell<u64>>::default());
        let connector = InMemory { version: setup.upstream, origins: Rc::clone(&origins), writes: Rc::clone(&writes) };
        let http = HttpWorker::new(&worker, Rc::new(connector), Arc::clone(&registry), Arc::default());
        for cluster in config.clusters {
            let slot = registry.reference(&cluster.name);
            slot.publish(Some(Arc::new(Cluster::build(cluster, &store.scope("")))));
        }
        let files = FileManager::new(FileOptions::default());
        let filter = &config.managers[0];
        let logs = Arc::new(filter.access_log.open(&files).expect("the log file can be opened"));
        let counts = Rc::new(ListenerCounts::new(&store.scope(""), "counted", worker.index()));
        let listener = ListenerInfo { name: None, filter_chain_name: None, scope: counts.scope().clone() };
        let manager = Manager::build(&http, filter, &logs, &store.scope(""), listener);
        let ticker = worker.clone();
        worker.spawn(poll_fn(move |cx| {
            ticker.poll_turn(cx);
            Poll::Pending
        }));
        let body = vec![b'x'; BODY_BYTES];
        let (mut request, response) = (list(REQUEST), list(RESPONSE));
        if setup.lifetime == Lifetime::OneRequest {
            request.push_name(b"connection", b"close");
        }
        let mut proxy = Self {
            setup,
            tasks,
            clock,
            worker,
            http,
            manager,
            counts,
            clients: Vec::new(),
            origins,
            request,
            response,
            body,
            writes,
            allocations: 0,
            store,
        };
        if proxy.setup.lifetime == Lifetime::Kept {
            proxy.clients = proxy.connect_all();
        }
        proxy
    }

    fn connect_all(&self) -> Vec<Peer> {
        let connections = match self.setup.downstream {
            Version::Http1 => self.setup.concurrency,
            Version::Http2 => 1,
        };
        (0..connections).map(|_| self.connect()).collect()
    }

    /// A new client. The worker takes its connection over in its next turn.
    fn connect(&self) -> Peer {
        let (near, far) = wire(&self.writes);
        let (manager, http, counts) = (Rc::clone(&self.manager), Rc::clone(&self.http), Rc::clone(&self.counts));
        self.worker.spawn(async move {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
            let counted = counts.begin(http.worker().now());
            let accepted = Accepted { transport: Box::new(near), local: address, remote: address, counted };
            manager.serve(&http, accepted);
        });
        Peer::new(far, self.setup.downstream, Role::Client)
    }

    /// A batch of requests, as many as are under way at a time, all the way and back.
    ///
    /// # Panics
    /// When one of them is not answered as the origin did.
    pub fn exchange(&mut self) {
        self.clock.advance_micros(PACE_MICROS);
        if self.setup.lifetime == Lifetime::OneRequest {
            self.clients = self.connect_all();
        }
        let per_client = self.setup.concurrency / self.clients.len();
        for client in &mut self.clients {
            for _ in 0..per_client {
                let stream = client.codec.open().expect("the batch before is over");
                client.codec.send_head(stream, &self.request, true);
            }
            client.flush();
        }
        let mut left = self.setup.concurrency;
        while left > 0 {
            let bytes_before = self.writes.get();
            let allocations_before = (self.setup.allocations)();
            counted_turn(&self.tasks);
            self.allocations += (self.setup.allocations)() - allocations_before;
            let mut is_busy = self.writes.get() != bytes_before;
            for origin in self.origins.borrow_mut().iter_mut() {
                is_busy |= origin.serve(&self.response, &self.body);
            }
            for client in &mut self.clients {
                left -= client.collect(BODY_BYTES);
            }
            assert!(is_busy, "{left} requests wait for ever");
        }
    }

    /// Writes that the worker has made, to both sides.
    pub fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// Allocations that the worker has made.
    pub fn allocations(&self) -> u64 {
        self.allocations
    }

    /// Timer entries of the worker.
    pub fn timer_entries(&self) -> usize {
        self.worker.timer_entries()
    }

    /// A counter of the worker, by name.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.store.counter(name)
    }
}

/// Measured: everything that the worker does.
#[inline(never)]
fn counted_turn(tasks: &RunQueue) {
    tasks.run();
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.http.shut_down();
        self.tasks.stop();
        self.worker.shut_down();
    }
}

impl Connector for InMemory {
    fn connect(&self, address: SocketAddr) -> ConnectFuture {
        let (near, far): (NearEnd, FarEnd) = wire(&self.writes);
        self.origins.borrow_mut().push(Peer::new(far, self.version, Role::Server));
        Box::pin(std::future::ready(Ok((Box::new(near) as Box<dyn Transport>, address))))
    }
}

impl Peer {
    fn new(wire: FarEnd, version: Version, role: Role) -> Self {
        let codec = match version {
            Version::Http1 => Codec::http1(role, Rc::new(http1::Options::default()), Tick(0)),
            Version::Http2 => Codec::http2(role, Rc::new(http2::Options::default()), Tick(0)),
        };
        Self { wire, codec }
    }

    /// Sends what the codec has to say.
    fn flush(&mut self) {
        while !self.codec.out().is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
            let count = self.codec.out().io_slices(&mut slices);
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
            self.wire.send(&bytes);
            self.codec.wrote(bytes.len(), |_, _| {});
        }
    }

    /// Answers every request that has arrived; whether anything has.
    fn serve(&mut self, response: &Headers, body: &[u8]) -> bool {
        let mut is_busy = false;
        while let Some(bytes) = self.wire.receive() {
            is_busy = true;
            self.codec.receive(bytes);
        }
        while let Some(event) = self.codec.next(Tick(0)).expect("the worker keeps the rules") {
            if let Event::Head { stream, end_stream, .. } = event {
                assert!(end_stream, "requests have no body");
                self.codec.send_head(stream, response, false);
                self.codec.send_data(stream, Chunk::copy_from(body), true);
            }
        }
        self.flush();
        is_busy
    }

    /// Takes responses in; how many are complete.
    fn collect(&mut self, body_bytes: usize) -> usize {
        while let Some(bytes) = self.wire.receive() {
            self.codec.receive(bytes);
        }
        let mut complete = 0;
        let mut received: Vec<(StreamId, usize)> = Vec::new();
        while let Some(event) = self.codec.next(Tick(0)).expect("the worker keeps the rules") {
            match event {
                Event::Head { headers, .. } => assert_eq!(headers.status(), Some(200)),
                Event::Data { stream, data, end_stream } => {
                    self.codec.release(stream, data.len() as u32);
                    received.push((stream, data.len()));
                    if end_stream {
                        let bytes: usize =
                            received.iter().filter(|(id, _)| *id == stream).map(|(_, bytes)| bytes).sum();
                        assert_eq!(bytes, body_bytes);
                        complete += 1;
                    }
                }
                _ => {}
            }
        }
        self.flush();
        complete
    }
}

fn list(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.push_name(name.as_bytes(), value.as_bytes());
    }
    headers
}
