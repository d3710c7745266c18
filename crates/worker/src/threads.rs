//! The worker threads of the process.

use std::io;
use std::num::NonZeroUsize;
use std::thread::JoinHandle;

use nuncio_stats::WorkerIndex;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::Clock;
use crate::random::Random;
use crate::spawn::Spawner;
use crate::worker::Worker;

type Message<S> = Box<dyn FnOnce(&Worker, &S) + Send>;

/// The way into a worker from another thread: what is posted runs there between two tasks.
/// Its messages are configuration events and page requests, a few a second: never one per request.
pub struct Mailbox<S> {
    sender: UnboundedSender<Message<S>>,
}

impl<S> Clone for Mailbox<S> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<S> Mailbox<S> {
    /// Runs `message` on the worker; returns false when the worker has ended.
    pub fn post(&self, message: impl FnOnce(&Worker, &S) + Send + 'static) -> bool {
        self.sender.send(Box::new(message)).is_ok()
    }
}

/// Running worker threads; dropping ends and joins them.
pub struct Threads<S> {
    mailboxes: Vec<Mailbox<S>>,
    handles: Vec<JoinHandle<()>>,
}

impl<S: 'static> Threads<S> {
    /// Starts `count` threads, numbered from 1; each builds its state with `start`.
    ///
    /// # Errors
    /// When a thread or its reactor cannot be made.
    pub fn start(count: u16, start: impl Fn(&Worker) -> S + Clone + Send + 'static) -> io::Result<Self> {
        let mut threads = Self { mailboxes: Vec::new(), handles: Vec::new() };
        for index in 1..=count {
            let (sender, receiver) = unbounded_channel();
            let start = start.clone();
            let name = format!("wrk:worker_{}", index - 1);
            let runtime = move || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let body = move || match runtime() {
                Ok(runtime) => runtime.block_on(run(WorkerIndex(index), receiver, start)),
                Err(error) => tracing::error!(%error, worker = index, "worker could not start its reactor"),
            };
            threads.handles.push(std::thread::Builder::new().name(name).spawn(body)?);
            threads.mailboxes.push(Mailbox { sender });
        }
        Ok(threads)
    }

    /// The mailboxes in order of the workers.
    pub fn mailboxes(&self) -> &[Mailbox<S>] {
        &self.mailboxes
    }
}

impl<S> Drop for Threads<S> {
    fn drop(&mut self) {
        self.mailboxes.clear();
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

/// One worker's life: until all mailboxes are dropped.
async fn run<S: 'static>(index: WorkerIndex, mut inbox: UnboundedReceiver<Message<S>>, start: impl Fn(&Worker) -> S) {
    let worker = Worker::new(index, Clock::real(), Random::from_system(), Spawner::Tokio);
    worker.clock().refresh();
    let state = start(&worker);
    let ticker = worker.clone();
    worker.spawn(async move { ticker.run().await });
    while let Some(message) = inbox.recv().await {
        worker.clock().refresh();
        message(&worker, &state);
    }
    drop(state);
    worker.shut_down();
}

/// How many workers Envoy would start here: the processors that this process may use, within the cgroup's quota.
pub fn available_parallelism() -> u16 {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(usize::from(u16::MAX - 1)) as u16
}
