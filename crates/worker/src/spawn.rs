//! Who runs a worker's tasks: tokio, or the simulation.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// An executor for one thread, as the simulation has it.
pub trait Executor {
    /// Runs `task` to its end, polled on this thread.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()>>>);
}

/// The worker's way to start a task.
#[derive(Clone)]
pub enum Spawner {
    /// The tokio runtime that the worker's thread runs.
    Tokio,
    /// The simulation's executor.
    Simulated(Rc<dyn Executor>),
}

impl Spawner {
    /// Starts `task` on this thread.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are made")]
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        match self {
            Self::Tokio => drop(tokio::task::spawn_local(task)),
            Self::Simulated(executor) => executor.spawn(Box::pin(task)),
        }
    }
}
