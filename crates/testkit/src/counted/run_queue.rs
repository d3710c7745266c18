//! Runs the worker's tasks in the order in which they were woken.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use nuncio_worker::Executor;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of a worker. Owner: its thread.
#[derive(Default)]
pub(super) struct RunQueue {
    tasks: RefCell<Vec<(Option<Task>, Waker)>>,
    ready: Arc<Ready>,
}

#[derive(Default)]
struct Ready {
    // A waker must be `Sync`; only this thread ever takes the lock.
    queue: Mutex<VecDeque<usize>>,
}

struct TaskWaker {
    id: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl RunQueue {
    /// Polls tasks until none is ready.
    pub(super) fn run(&self) {
        loop {
            let next = self.ready.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(id) = next else { return };
            let (task, waker) = {
                let (task, waker) = &mut self.tasks.borrow_mut()[id];
                (task.take(), waker.clone())
            };
            let Some(mut task) = task else { continue };
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.tasks.borrow_mut()[id].0 = Some(task);
            }
        }
    }

    /// Drops all tasks.
    pub(super) fn stop(&self) {
        let tasks = self.tasks.take();
        drop(tasks);
    }
}

impl Executor for RunQueue {
    fn spawn(&self, task: Task) {
        let id = self.tasks.borrow().len();
        let waker =
            Waker::from(Arc::new(TaskWaker { id, is_queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) }));
        self.tasks.borrow_mut().push((Some(task), waker.clone()));
        waker.wake();
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The queue's order is the wakers' order; a task that is queued already keeps its place.
        let mut queue = self.ready.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_queued.load(Ordering::Relaxed) || !queue.contains(&self.id) {
            self.is_queued.store(true, Ordering::Relaxed);
            queue.push_back(self.id);
        }
    }
}
