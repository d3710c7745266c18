//! A worker under the test's hand: the test writes to and reads from both sides of the proxy, step by step.
//!
//! Where the simulation lets a seed decide, here the test does: nothing happens but what it asks for, and time stands
//! still until it is moved.

mod executor;
mod message;
mod wire;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nuncio_config::{AnyConfig, At, Diagnostics, Invalid, Schema};
use nuncio_http::{FilterFactory, HttpWorker, ListenerInfo, Manager, Target};
use nuncio_listener::{Accepted, ListenerCounts};
use nuncio_network::{ConnectFuture, Connector, Transport};
use nuncio_stats::{Store, WorkerIndex};
use nuncio_upstream::{Cluster, Clusters};
use nuncio_worker::{Clock, Lifecycle, Random, Spawner, VirtualClock, Worker};

use crate::config;
use executor::Tasks;
pub use message::Message;
pub use wire::End;

/// The host of cluster `a`, which all requests go to.
pub const A: u16 = 1001;
/// The host of cluster `b`.
pub const B: u16 = 1002;

thread_local! {
    /// Descriptors are the same for all rigs.
    static SCHEMA: Schema = Schema::new();
}

/// How a rig is built.
pub struct Setup {
    /// The connection manager's filters, in order.
    pub filters: Vec<Arc<dyn FilterFactory>>,
    /// The filters of cluster `a`.
    pub cluster_filters: Vec<Arc<dyn FilterFactory>>,
    /// The router's `upstream_http_filters`.
    pub router_filters: Vec<Arc<dyn FilterFactory>>,
    /// The listener's `per_connection_buffer_limit_bytes`.
    pub buffer_limit: u32,
    /// What the route says besides its cluster, as YAML.
    pub route: &'static str,
    /// Whether cluster `a` speaks HTTP/2.
    pub is_http2_upstream: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            cluster_filters: Vec::new(),
            router_filters: Vec::new(),
            buffer_limit: 1024 * 1024,
            route: "",
            is_http2_upstream: false,
        }
    }
}

/// One worker, and the test around it. Owner: the test.
pub struct Rig {
    tasks: Tasks,
    clock: VirtualClock,
    worker: Worker,
    http: Rc<HttpWorker>,
    manager: Rc<Manager>,
    counts: Rc<ListenerCounts>,
    store: Store,
    hosts: Rc<Hosts>,
}

/// The origins' side of the network.
#[derive(Default)]
struct Hosts {
    accepted: RefCell<HashMap<u16, VecDeque<End>>>,
    refuses: RefCell<Vec<u16>>,
}

impl Rig {
    /// Builds the worker and what it is configured with.
    pub fn new(setup: &Setup) -> Self {
        Self::with_registry(setup, &Arc::new(Clusters::default()))
    }

    /// As [`Self::new`] for filters that know a cluster of `registry`.
    pub fn with_registry(setup: &Setup, registry: &Arc<Clusters>) -> Self {
        let named = |list: &[Arc<dyn FilterFactory>], prefix: &str| {
            list.iter().enumerate().map(|(at, it)| (format!("{prefix}{at}"), Arc::clone(it))).collect::<Vec<_>>()
        };
        let (filters, cluster) = (named(&setup.filters, "f"), named(&setup.cluster_filters, "u"));
        let router = named(&setup.router_filters, "r");
        let known: HashMap<_, _> = filters.iter().chain(&cluster).chain(&router).cloned().collect();
        let find = |name: &str, any: &AnyConfig, at: &At<'_>| -> Result<Arc<dyn FilterFactory>, Invalid> {
            known.get(name).cloned().ok_or_else(|| any.unknown(at, "HTTP filter", std::iter::empty()))
        };
        let text = bootstrap(setup, &filters, &cluster, &router);
        let config = SCHEMA.with(|schema| config::load(&text, schema, registry, &find));
        let (tasks, clock, store) = (Tasks::default(), VirtualClock::new(), Store::new(2));
        let spawner = Spawner::Simulated(Rc::new(tasks.clone()));
        let worker = Worker::new(WorkerIndex(1), Clock::simulated(clock.clone()), Random::seeded(1), spawner);
        let hosts = Rc::<Hosts>::default();
        let lifecycle = Arc::<Lifecycle>::default();
        lifecycle.set_live();
        let http = HttpWorker::new(&worker, Rc::clone(&hosts) as Rc<dyn Connector>, Arc::clone(registry), lifecycle);
        for cluster in config.clusters {
            let slot = registry.reference(&cluster.name);
            slot.publish(Some(Arc::new(Cluster::build(cluster, &store.scope("")))));
        }
        let counts = Rc::new(ListenerCounts::new(&store.scope(""), "rig", worker.index()));
        let listener = ListenerInfo { name: None, filter_chain_name: None, scope: counts.scope().clone() };
        let manager = Manager::build(&http, &config.managers[0], &Arc::default(), &store.scope(""), listener);
        let turns = worker.clone();
        tasks.start(poll_fn(move |cx| {
            turns.poll_turn(cx);
            Poll::Pending
        }));
        let rig = Self { tasks, clock, worker, http, manager, counts, store, hosts };
        rig.run();
        rig
    }

    /// Lets everything happen that can happen now.
    pub fn run(&self) {
        self.tasks.run();
    }

    /// Moves time on, then lets everything happen.
    pub fn advance(&self, span: Duration) {
        self.clock.advance_micros(span.as_micros() as u64);
        self.worker.turn();
        self.run();
    }

    /// A new client connection.
    pub fn client(&self) -> End {
        let (near, far) = wire::pair();
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let counted = self.counts.begin(self.worker.now());
        let accepted = Accepted { transport: Box::new(near), local: at(80), remote: at(40_000), counted };
        self.manager.serve(&self.http, accepted);
        self.run();
        far
    }

    /// The oldest connection to a host that the test has not taken yet.
    ///
    /// # Panics
    /// When there is none.
    pub fn origin(&self, port: u16) -> End {
        self.try_origin(port).expect("the proxy has connected")
    }

    /// As [`Self::origin`], if there is one.
    pub fn try_origin(&self, port: u16) -> Option<End> {
        self.hosts.accepted.borrow_mut().get_mut(&port)?.pop_front()
    }

    /// From now on a host refuses connections.
    pub fn refuse(&self, port: u16) {
        self.hosts.refuses.borrow_mut().push(port);
    }

    /// From now on a host accepts connections again.
    pub fn accept(&self, port: u16) {
        self.hosts.refuses.borrow_mut().retain(|it| *it != port);
    }

    /// Sends bytes to the proxy and lets everything happen.
    pub fn send(&self, end: &End, bytes: impl AsRef<[u8]>) {
        end.write(bytes.as_ref());
        self.run();
    }

    /// A counter by its full name; zero if there is none of that name.
    pub fn counter(&self, name: &str) -> u64 {
        self.store.counter(name).unwrap_or(0)
    }

    /// The worker's HTTP state.
    pub fn http(&self) -> &Rc<HttpWorker> {
        &self.http
    }
}

impl Drop for Rig {
    /// Closes everything; nothing may be left.
    fn drop(&mut self) {
        self.http.shut_down();
        self.run();
        if !std::thread::panicking() {
            let census = self.http.census();
            assert_eq!((census.streams, census.connections, census.sleepers), (0, 0, 0), "{census:?}");
            assert_eq!(self.http.panics(), 0, "a driver panicked");
        }
        self.tasks.stop();
        self.worker.shut_down();
    }
}

impl Connector for Hosts {
    fn connect(&self, address: SocketAddr) -> ConnectFuture {
        let port = address.port();
        if self.refuses.borrow().contains(&port) {
            return Box::pin(async { Err(std::io::ErrorKind::ConnectionRefused.into()) });
        }
        let (near, far) = wire::pair();
        self.accepted.borrow_mut().entry(port).or_default().push_back(far);
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        Box::pin(async move { Ok((Box::new(near) as Box<dyn Transport>, local)) })
    }
}

/// The target of calls to a cluster of `registry`.
///
/// # Panics
/// Never: nothing in it can be wrong.
pub fn target(registry: &Clusters, cluster: &str, timeout: Option<Duration>) -> Target {
    let found = Diagnostics::new();
    let timeout = timeout
        .map(|it| prost_types::Duration { seconds: it.as_secs() as i64, nanos: it.subsec_nanos().cast_signed() });
    Target::parse(&registry.reference(cluster), timeout, None, &At::root(&found)).expect("nothing in it can be wrong")
}

fn bootstrap(
    setup: &Setup,
    filters: &[(String, Arc<dyn FilterFactory>)],
    cluster: &[(String, Arc<dyn FilterFactory>)],
    router: &[(String, Arc<dyn FilterFactory>)],
) -> String {
    const TYPE: &str = "\"@type\": type.googleapis.com/envoy.extensions";
    let one = |name: &str, kind: &str| format!("{{name: {name}, typed_config: {{{TYPE}.filters.http.{kind}}}}}");
    // What stands in for a filter's configuration says nothing: the factory is found by name.
    let list = |filters: &[(String, Arc<dyn FilterFactory>)]| {
        filters.iter().map(|(name, _)| one(name, "cors.v3.Cors")).collect::<Vec<_>>()
    };
    let upstream = |filters: &[(String, Arc<dyn FilterFactory>)]| {
        let mut list = list(filters);
        if !list.is_empty() {
            list.push(one("codec", "upstream_codec.v3.UpstreamCodec"));
        }
        list.join(", ")
    };
    let (filters, cluster, router) = (list(filters), upstream(cluster), upstream(router));
    let filters = filters.iter().fold(String::new(), |text, filter| text + filter + ", ");
    let (limit, route) = (setup.buffer_limit, setup.route);
    let route = if route.is_empty() { String::new() } else { format!(", {route}") };
    let protocol = if setup.is_http2_upstream {
        "http2_protocol_options: {}"
    } else {
        "http_protocol_options: {enable_trailers: true}"
    };
    let mut text = format!(
        "static_resources:\n  listeners:\n  - name: in\n    \
         address: {{socket_address: {{address: 127.0.0.1, port_value: 80}}}}\n    \
         per_connection_buffer_limit_bytes: {limit}\n    \
         filter_chains:\n    - filters:\n      - name: hcm\n        typed_config:\n          \
         {TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
         stat_prefix: in\n          generate_request_id: false\n          proxy_100_continue: true\n          \
         http_protocol_options: {{enable_trailers: true}}\n          \
         http_filters: [{filters}{{name: router, typed_config: {{{TYPE}.filters.http.router.v3.Router, \
         upstream_http_filters: [{router}]}}}}]\n          \
         route_config: {{name: r, virtual_hosts: [{{name: v, domains: [\"*\"], routes: [{{match: {{prefix: /}}, \
         route: {{cluster: a{route}}}}}]}}]}}\n  clusters:\n"
    );
    for (name, port, filters, protocol) in
        [("a", A, cluster.as_str(), protocol), ("b", B, "", "http_protocol_options: {enable_trailers: true}")]
    {
        let _ = write!(
            text,
            "  - name: {name}\n    load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: \
             {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n    \
             typed_extension_protocol_options:\n      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \
             {TYPE}.upstreams.http.v3.HttpProtocolOptions\n        explicit_http_config: {{{protocol}}}\n        \
             http_filters: [{filters}]\n"
        );
    }
    text
}
