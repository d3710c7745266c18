//! One worker's HTTP state: its connections, its streams, and the effects that are queued between them.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio_message::Tick;
use nuncio_network::Connector;
use nuncio_stats::Store;
use nuncio_telemetry::access_log::file::Batches;
use nuncio_upstream::{Cluster, ClusterRef, Clusters};
use nuncio_worker::{Expire, Lifecycle, Locals, TickHandler, TimerClass, Worker};

use crate::client::Client;
use crate::connection_manager::{Connection, ConnectionManager, Event, ListenerInfo, Manager, Side, Stream};
use crate::connections::Connections;
use crate::date::DateCache;
use crate::filter::Direction;
use crate::header_mutation::Scratch;
use crate::router::pool::ClusterLocal;
use crate::sleep::{Sleep, Sleepers};
use crate::streams::{StreamKey, Streams};
use crate::wake::Woken;

/// Numbers connections of the whole process, from 1.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// One worker's HTTP state. Owner: the worker.
pub struct HttpWorker {
    worker: Worker,
    connector: Rc<dyn Connector>,
    registry: Arc<Clusters>,
    lifecycle: Arc<Lifecycle>,
    clusters: Locals<Cluster, ClusterLocal>,
    pub(crate) streams: Streams,
    connections: Connections,
    events: RefCell<VecDeque<(StreamKey, Event)>>,
    /// HTTP/1 connections whose next request may stand in their input already.
    resumed: RefCell<Vec<Rc<Connection>>>,
    /// Body bytes that reached a socket: whose, and in which direction.
    left: RefCell<Vec<(StreamKey, Direction, u32)>>,
    woken: Arc<Woken>,
    sleepers: Rc<Sleepers>,
    classes: Cell<Option<Classes>>,
    dates: DateCache,
    /// Access log lines of this tick.
    log_batches: Batches,
    scratch: RefCell<Scratch>,
    call_manager: OnceCell<Rc<Manager>>,
    panics: Cell<u64>,
}

#[derive(Clone, Copy)]
struct Classes {
    streams: TimerClass,
    connections: TimerClass,
    sleepers: TimerClass,
}

struct StreamTimers(Weak<HttpWorker>);
struct ConnectionTimers(Weak<HttpWorker>);
struct Effects(Weak<HttpWorker>);

impl HttpWorker {
    /// Registers with the worker; connects through `connector`; drains when `lifecycle` says so.
    pub fn new(
        worker: &Worker,
        connector: Rc<dyn Connector>,
        registry: Arc<Clusters>,
        lifecycle: Arc<Lifecycle>,
    ) -> Rc<Self> {
        let sleepers = Rc::<Sleepers>::default();
        let http = Rc::new_cyclic(|weak: &Weak<Self>| {
            let weak = weak.clone();
            Self {
                worker: worker.clone(),
                connector,
                registry,
                lifecycle,
                clusters: Locals::new(move |_, cluster| ClusterLocal::new(weak.clone(), cluster)),
                streams: Streams::default(),
                connections: Connections::default(),
                events: RefCell::default(),
                resumed: RefCell::default(),
                left: RefCell::default(),
                woken: Arc::default(),
                sleepers: Rc::clone(&sleepers),
                classes: Cell::new(None),
                dates: DateCache::default(),
                log_batches: Batches::new(),
                scratch: RefCell::default(),
                call_manager: OnceCell::new(),
                panics: Cell::new(0),
            }
        });
        http.classes.set(Some(Classes {
            streams: worker.register_timers(Rc::new(StreamTimers(Rc::downgrade(&http)))),
            connections: worker.register_timers(Rc::new(ConnectionTimers(Rc::downgrade(&http)))),
            sleepers: worker.register_timers(sleepers),
        }));
        worker.add_tick_handler(Rc::new(Effects(Rc::downgrade(&http))));
        http
    }

    /// The worker.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    pub(crate) fn connector(&self) -> &Rc<dyn Connector> {
        &self.connector
    }

    /// The clusters by name, for `cluster_header`.
    pub(crate) fn registry(&self) -> &Arc<Clusters> {
        &self.registry
    }

    /// Whether connections end with their next response, because health checks fail on purpose.
    pub(crate) fn is_draining(&self) -> bool {
        self.lifecycle.is_draining()
    }

    /// This worker's half of the cluster that is in the slot now.
    pub(crate) fn cluster(&self, slot: &ClusterRef) -> Option<Rc<ClusterLocal>> {
        self.clusters.get(slot)
    }

    pub(crate) fn dates(&self) -> &DateCache {
        &self.dates
    }

    pub(crate) fn log_batches(&self) -> &Batches {
        &self.log_batches
    }

    /// Where header values are made.
    pub(crate) fn scratch(&self) -> &RefCell<Scratch> {
        &self.scratch
    }

    pub(crate) fn woken(&self) -> &Arc<Woken> {
        &self.woken
    }

    pub(crate) fn next_connection_id() -> u64 {
        CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A future that is ready after `span`.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleepers.sleep(&self.worker, self.classes().sleepers, span)
    }

    /// What is alive: all zero when nothing is in flight and all connections are closed.
    pub fn census(&self) -> Census {
        Census {
            streams: self.streams.len(),
            connections: self.connections.len(),
            sleepers: self.sleepers.len(),
            events: self.events.borrow().len() + self.left.borrow().len() + self.resumed.borrow().len(),
        }
    }

    /// Queues an event for a stream that may be at work now, or on another connection.
    pub(crate) fn post(&self, key: StreamKey, event: Event) {
        self.events.borrow_mut().push_back((key, event));
        self.worker.request_tick();
    }

    /// Has a connection look at the input that it holds back. As in Envoy that comes before anything is written: what
    /// is answered at once then counts as a flood of responses.
    pub(crate) fn resume(&self, connection: &Rc<Connection>) {
        self.resumed.borrow_mut().push(Rc::clone(connection));
        self.worker.request_tick();
    }

    /// Hands an event to a stream. The only place where streams run.
    pub(crate) fn dispatch(self: &Rc<Self>, key: StreamKey, event: Event) {
        let Some(mut stream) = self.streams.take(key) else { return };
        // Contained here, because this may be another connection's driver, or the worker's tick, which must go on.
        if catch_unwind(AssertUnwindSafe(|| stream.handle(event))).is_err() {
            self.note_panic();
            stream.break_off();
        }
        self.settle(key, stream);
    }

    /// Puts a stream back that has handled an event, or ends it.
    pub(crate) fn settle(self: &Rc<Self>, key: StreamKey, mut stream: Box<Stream>) {
        if stream.core.is_over() {
            if catch_unwind(AssertUnwindSafe(|| stream.complete())).is_err() {
                self.note_panic();
            }
            stream.finish();
            self.streams.retire(key, stream);
            return;
        }
        let deadline = stream.core.next_deadline();
        self.streams.put(key, stream);
        if deadline != Tick::NEVER {
            let class = self.classes().streams;
            self.streams.with_alarm(key, |alarm| self.worker.arm(class, key.index, alarm, deadline));
        }
    }

    pub(crate) fn add_connection(&self, connection: &Rc<Connection>) {
        self.connections.add(connection);
    }

    /// Makes sure that the connection's timers are looked at by `deadline`.
    pub(crate) fn arm_connection(&self, connection: &Connection, deadline: Tick) {
        if deadline != Tick::NEVER {
            let class = self.classes().connections;
            self.connections
                .with_alarm(connection, |alarm| self.worker.arm(class, connection.slot.get(), alarm, deadline));
        }
    }

    /// The transport failed under a write.
    pub(crate) fn connection_lost(self: &Rc<Self>, connection: &Rc<Connection>) {
        connection.lost();
    }

    /// Closes from our side.
    pub(crate) fn close(self: &Rc<Self>, connection: &Rc<Connection>) {
        connection.close_locally();
    }

    pub(crate) fn remove_connection(&self, connection: &Connection) {
        self.connections.remove(connection);
    }

    pub(crate) fn note_left(&self, key: Option<StreamKey>, bytes: u32, side: &Side) {
        let Some(key) = key else { return };
        let direction = match side {
            Side::Downstream(_) => Direction::Response,
            Side::Upstream(_) => Direction::Request,
        };
        self.left.borrow_mut().push((key, direction, bytes));
    }

    /// Bytes that a call's handle took: they count as left.
    pub(crate) fn note_taken(&self, key: StreamKey, direction: Direction, bytes: u32) {
        self.left.borrow_mut().push((key, direction, bytes));
        self.worker.request_tick();
    }

    /// Makes calls of our own.
    pub fn client(self: &Rc<Self>) -> Client {
        Client::new(self)
    }

    /// What our own calls have instead of a connection manager: no filters, no timeouts, and counts that nobody reads,
    /// because Envoy counts calls by cluster only.
    pub(crate) fn call_manager(&self) -> Rc<Manager> {
        let make = || {
            let mut config = ConnectionManager::internal("async-client", Vec::new());
            config.stream_idle_timeout = Duration::ZERO;
            let root = Store::new(self.worker.index().0 + 1).scope("");
            let listener = ListenerInfo { name: None, filter_chain_name: None, scope: root.clone() };
            Manager::build(self, &Arc::new(config), &Arc::default(), &root, listener)
        };
        Rc::clone(self.call_manager.get_or_init(make))
    }

    pub(crate) fn note_written(&self) {
        if !self.left.borrow().is_empty() {
            self.worker.request_tick();
        }
    }

    /// Closes all connections, as when the process ends.
    pub fn shut_down(self: &Rc<Self>) {
        for connection in self.connections.all() {
            connection.close_locally();
        }
        while self.run() {}
        self.clusters.clear();
    }

    /// Begins to drain all downstream connections.
    pub fn drain(self: &Rc<Self>) {
        for connection in self.connections.all().iter().filter(|connection| connection.is_open()) {
            connection.begin_drain();
        }
    }

    /// A driver or a stream panicked: the connection ends, the worker lives.
    pub(crate) fn note_panic(&self) {
        self.panics.set(self.panics.get() + 1);
    }

    /// Panics so far: `server.envoy_bug_failures`.
    pub fn panics(&self) -> u64 {
        self.panics.get()
    }

    fn classes(&self) -> Classes {
        self.classes.get().expect("set when the worker's state was made")
    }

    fn run(self: &Rc<Self>) -> bool {
        let credit = self.return_credit();
        let woken = self.poll_woken();
        let events = self.run_events();
        let resumed = self.run_resumed();
        let is_busy = credit || woken || events || resumed;
        // Once a tick: its last round is the one that finds nothing to do.
        if !is_busy && self.log_batches.is_dirty() {
            self.log_batches.flush();
        }
        is_busy
    }

    fn run_resumed(&self) -> bool {
        if self.resumed.borrow().is_empty() {
            return false;
        }
        let resumed = self.resumed.take();
        for connection in &resumed {
            connection.resume();
        }
        !resumed.is_empty()
    }

    fn run_events(self: &Rc<Self>) -> bool {
        let mut is_busy = false;
        while let Some((key, event)) = { self.events.borrow_mut().pop_front() } {
            is_busy = true;
            self.dispatch(key, event);
        }
        is_busy
    }

    fn return_credit(self: &Rc<Self>) -> bool {
        if self.left.borrow().is_empty() {
            return false;
        }
        let mut left = self.left.take();
        for (key, direction, bytes) in left.drain(..) {
            self.streams.with(key, |stream| stream.left(direction, bytes));
        }
        let mut slot = self.left.borrow_mut();
        if slot.is_empty() {
            *slot = left;
        }
        true
    }

    fn poll_woken(self: &Rc<Self>) -> bool {
        let mut is_busy = false;
        for filter in self.woken.take() {
            is_busy = true;
            self.dispatch(filter.key, Event::Resumed(filter.chain, filter.index));
        }
        is_busy
    }
}

/// What is alive on a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Streams under way.
    pub streams: usize,
    /// Connections, both sides.
    pub connections: usize,
    /// Futures that sleep.
    pub sleepers: usize,
    /// Effects that are queued.
    pub events: usize,
}

impl Expire for StreamTimers {
    fn expire(&self, index: u32, at: Tick) {
        let Some(http) = self.0.upgrade() else { return };
        if let Some(key) = http.streams.expired(index, at) {
            http.dispatch(key, Event::Deadline);
        }
    }
}

impl Expire for ConnectionTimers {
    fn expire(&self, index: u32, at: Tick) {
        let Some(http) = self.0.upgrade() else { return };
        if let Some(connection) = http.connections.expired(index, at) {
            connection.expire();
        }
    }
}

impl TickHandler for Effects {
    fn run(&self) -> bool {
        self.0.upgrade().is_some_and(|http| http.run())
    }

    fn set_waker(&self, waker: &std::task::Waker) {
        if let Some(http) = self.0.upgrade() {
            http.woken.set_tick(waker);
        }
    }
}
