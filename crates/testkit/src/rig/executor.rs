//! Runs tasks in order until none is ready.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use nuncio_worker::Executor;

/// Polls after which tasks count as waking each other for ever.
const MAX_POLLS: u32 = 1_000_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of a rig. Cloning is cheap.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    tasks: Rc<RefCell<Vec<Option<Task>>>>,
    ready: Arc<Ready>,
}

#[derive(Default)]
struct Ready {
    // A lock, since a waker must be `Sync`; nobody else ever takes it.
    queue: Mutex<VecDeque<usize>>,
}

struct TaskWaker {
    id: usize,
    ready: Arc<Ready>,
}

impl Tasks {
    pub(super) fn start(&self, task: impl Future<Output = ()> + 'static) {
        self.spawn(Box::pin(task));
    }

    pub(super) fn run(&self) {
        for _ in 0..MAX_POLLS {
            let Some(id) = self.ready.lock().pop_front() else { return };
            let Some(mut task) = self.tasks.borrow_mut()[id].take() else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { id, ready: Arc::clone(&self.ready) }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.tasks.borrow_mut()[id] = Some(task);
            }
        }
        unreachable!("tasks wake each other for ever");
    }

    /// Drops all tasks, as a runtime does at its end.
    pub(super) fn stop(&self) {
        let tasks = self.tasks.take();
        drop(tasks);
    }
}

impl Executor for Tasks {
    fn spawn(&self, task: Task) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.push(Some(task));
        self.ready.put(tasks.len() - 1);
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, id: usize) {
        let mut queue = self.lock();
        if !queue.contains(&id) {
            queue.push_back(id);
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.put(self.id);
    }
}
