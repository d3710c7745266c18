//! One world: clients, a whole worker and origins in one thread, from one seed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use nuncio_config::Schema;
use nuncio_http::{HttpWorker, ListenerInfo, Manager};
use nuncio_listener::{Accepted, ListenerCounts};
use nuncio_message::live_blocks;
use nuncio_stats::{Store, WorkerIndex};
use nuncio_upstream::{Cluster, Clusters};
use nuncio_worker::{Clock, Lifecycle, Random, Spawner, Worker};

use super::connector::SimConnector;
use super::executor::{Idle, Sim};
use super::ledger::Ledger;
use super::panicker;
use super::pipe::pipe;
use super::scenario::{Protocol, Scenario, Update};
use super::verdict;
use super::{client, http2_client};
use crate::config;

/// Longer than every timeout of a world together, in microseconds: a day.
const END_OF_TIME: u64 = 24 * 3600 * 1_000_000;

/// What came of one seed.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The rules that were broken; none in a good world.
    pub failures: Vec<String>,
    /// What happened, if that was asked for: one line each, microseconds first.
    pub trace: Vec<String>,
    /// Requests answered by an origin, answered by the proxy, ended visibly, given up by their client.
    pub outcomes: [u64; 4],
    /// Tasks polled.
    pub polls: u64,
}

/// The world of a seed. Owner: the caller.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) ledger: Ledger,
    pub(crate) store: Store,
    pub(crate) registry: Arc<Clusters>,
    /// All clusters that there were, so that their gauges can be read when they have been replaced.
    pub(crate) clusters: RefCell<Vec<Arc<Cluster>>>,
    pub(crate) worker: Worker,
    pub(crate) http: Rc<HttpWorker>,
    pub(crate) lifecycle: Arc<Lifecycle>,
    counts: Rc<ListenerCounts>,
    pub(crate) managers: Vec<Rc<Manager>>,
    pub(crate) scenario: Rc<Scenario>,
    /// The most bytes of one body that were under way, in worlds where that is watched.
    pub(crate) most_held: Cell<u64>,
    next_port: Cell<u16>,
}

thread_local! {
    /// Descriptors are the same for all worlds.
    pub(crate) static SCHEMA: Schema = Schema::new();
}

/// Runs the world of `seed`.
pub fn run(seed: u64, is_tracing: bool) -> Report {
    let sim = Sim::new(seed, is_tracing);
    let blocks = live_blocks();
    let world = Rc::new(World::build(&sim));
    world.start();
    let end = world.run();
    verdict::judge(&world, end, blocks);
    let report = Report {
        seed,
        failures: world.ledger.failures(),
        trace: sim.take_trace(),
        outcomes: world.ledger.tally(),
        polls: sim.polls(),
    };
    world.tear_down();
    report
}

impl World {
    fn build(sim: &Sim) -> Self {
        let scenario = Rc::new(Scenario::draw(sim));
        sim.trace(|| format!("{scenario:?}"));
        let registry = Arc::new(Clusters::default());
        let config = SCHEMA.with(|schema| config::load(&scenario.bootstrap(), schema, &registry, &panicker::find));
        let store = Store::new(2);
        let random = Random::seeded(sim.below(u64::MAX));
        let spawner = Spawner::Simulated(Rc::new(sim.clone()));
        let worker = Worker::new(WorkerIndex(1), Clock::simulated(sim.clock()), random, spawner);
        let ledger = Ledger::new();
        let connector = Rc::new(SimConnector::new(sim, &ledger, &scenario));
        let lifecycle = Arc::<Lifecycle>::default();
        lifecycle.set_live();
        let http = HttpWorker::new(&worker, connector, Arc::clone(&registry), Arc::clone(&lifecycle));
        let counts = Rc::new(ListenerCounts::new(&store.scope(""), "sim", worker.index()));
        let build = |manager| {
            let listener = ListenerInfo { name: None, filter_chain_name: None, scope: counts.scope().clone() };
            Manager::build(&http, manager, &Arc::default(), &store.scope(""), listener)
        };
        let managers = config.managers.iter().map(build).collect();
        let world = Self {
            sim: sim.clone(),
            ledger,
            store,
            registry,
            clusters: RefCell::default(),
            worker,
            http,
            lifecycle,
            counts,
            managers,
            scenario,
            most_held: Cell::new(0),
            next_port: Cell::new(10_000),
        };
        for cluster in config.clusters {
            world.publish(cluster);
        }
        world
    }

    /// Adds or replaces a cluster.
    pub(crate) fn publish(&self, config: nuncio_upstream::ClusterConfig) {
        let slot = self.registry.reference(&config.name);
        let cluster = Arc::new(Cluster::build(config, &self.store.scope("")));
        self.clusters.borrow_mut().push(Arc::clone(&cluster));
        slot.publish(Some(cluster));
    }

    fn start(self: &Rc<Self>) {
        self.schedule_updates();
        for client in self.scenario.clients.clone() {
            let requests: VecDeque<u32> = client
                .exchanges
                .iter()
                .map(|draw| self.ledger.add(|id| super::ledger::Exchange { id, ..draw.clone() }))
                .collect();
            let requests = Rc::new(RefCell::new(requests));
            let accept = self.acceptor();
            let (sim, ledger, habits) = (self.sim.clone(), self.ledger.clone(), client.habits);
            let scenario = Rc::clone(&self.scenario);
            self.sim.start(async move {
                sim.sleep(sim.below(20_000)).await;
                while !requests.borrow().is_empty() {
                    let (near, far) = pipe(&sim, "down", scenario.weather(&sim));
                    accept(far);
                    let (sim, ledger, requests) = (sim.clone(), ledger.clone(), Rc::clone(&requests));
                    match client.protocol {
                        Protocol::Http1 => client::run(sim, ledger, near, habits, requests).await,
                        Protocol::Http2 => {
                            let manners = scenario.manners(&sim, habits.reads_slowly);
                            http2_client::run(sim, ledger, near, habits, manners, requests).await;
                        }
                    }
                }
            });
        }
    }

    fn schedule_updates(self: &Rc<Self>) {
        for (at, update) in self.scenario.updates.clone() {
            let world = Rc::downgrade(self);
            self.sim.after(at, move || {
                if let Some(world) = world.upgrade() {
                    world.update(update);
                }
            });
        }
    }

    fn update(&self, update: Update) {
        self.sim.trace(|| format!("update: {update:?}"));
        self.worker.clock().refresh();
        match update {
            Update::ReplaceCluster => {
                let text = self.scenario.bootstrap();
                let config = SCHEMA.with(|schema| config::load(&text, schema, &self.registry, &panicker::find));
                config.clusters.into_iter().for_each(|cluster| self.publish(cluster));
            }
            Update::RemoveCluster => drop(self.registry.reference("a").publish(None)),
            Update::DrainConnections => self.http.drain(),
            Update::FailHealthChecks => self.lifecycle.fail_health_checks(true),
            Update::PassHealthChecks => self.lifecycle.fail_health_checks(false),
        }
    }

    /// Hands connections to the worker, as the listener would.
    fn acceptor(&self) -> impl Fn(super::pipe::End) + 'static {
        let (http, manager, counts) = (Rc::clone(&self.http), Rc::clone(&self.managers[0]), Rc::clone(&self.counts));
        let port = self.next_port.get();
        self.next_port.set(port + 1);
        move |end| {
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
            let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            http.worker().clock().refresh();
            let counted = counts.begin(http.worker().now());
            manager.serve(&http, Accepted { transport: Box::new(end), local, remote, counted });
        }
    }

    fn run(self: &Rc<Self>) -> Idle {
        let waker = Rc::new(RefCell::new(None));
        let (place, worker) = (Rc::clone(&waker), self.worker.clone());
        self.sim.start(poll_fn(move |cx| {
            *place.borrow_mut() = Some(cx.waker().clone());
            worker.poll_turn(cx);
            Poll::Pending
        }));
        let turn = || {
            let waker: Option<std::task::Waker> = waker.borrow().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        let deadline = || self.worker.next_deadline().map(|at| at.0.saturating_mul(1000));
        self.sim.run(END_OF_TIME, deadline, turn, || verdict::look(self))
    }

    /// Lets go of everything, in the order in which a process ends.
    fn tear_down(&self) {
        self.http.shut_down();
        self.sim.stop();
        self.worker.shut_down();
    }
}
