//! A thread for bodies that take long to make, so that main stays free for others.
//!
//! It runs while there is something to make and ends then: an idle process has no use for it. One body is made at a
//! time; who waits is a request, so that there are no more of them than streams.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::page::MakeBody;

/// The thread, and who waits for it. Shared.
#[derive(Default)]
pub(crate) struct Renderer(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(MakeBody, Arc<Mutex<Outcome>>)>,
    is_running: bool,
}

/// What has become of a job.
enum Outcome {
    Waiting(Option<Waker>),
    Made(String),
    /// The thread could not be started, or the page panicked.
    Failed,
    Taken,
}

/// A body that is being made.
pub(crate) struct Pending(Arc<Mutex<Outcome>>);

impl Renderer {
    /// Has a body made.
    pub(crate) fn start(&self, make: MakeBody) -> Pending {
        let outcome = Arc::new(Mutex::new(Outcome::Waiting(None)));
        let mut queue = lock(&self.0);
        queue.jobs.push_back((make, Arc::clone(&outcome)));
        if !queue.is_running {
            let shared = Arc::clone(&self.0);
            let started = std::thread::Builder::new().name("admin-render".to_owned()).spawn(move || work(&shared));
            match started {
                Ok(_) => queue.is_running = true,
                Err(error) => {
                    tracing::error!(%error, "cannot start a thread for an admin page");
                    queue.jobs.clear();
                    *lock(&outcome) = Outcome::Failed;
                }
            }
        }
        Pending(outcome)
    }
}

fn work(shared: &Mutex<Queue>) {
    loop {
        let (make, outcome) = {
            let mut queue = lock(shared);
            let Some(job) = queue.jobs.pop_front() else {
                queue.is_running = false;
                return;
            };
            job
        };
        // Who asked may have gone meanwhile.
        if Arc::strong_count(&outcome) == 1 {
            continue;
        }
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(make));
        let made = made.map_or(Outcome::Failed, Outcome::Made);
        if let Outcome::Waiting(Some(waker)) = std::mem::replace(&mut *lock(&outcome), made) {
            waker.wake();
        }
    }
}

impl Pending {
    /// The body, once; `None` when there is none to come.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<String>> {
        let mut outcome = lock(&self.0);
        match std::mem::replace(&mut *outcome, Outcome::Taken) {
            Outcome::Waiting(_) => {
                *outcome = Outcome::Waiting(Some(waker.clone()));
                Poll::Pending
            }
            Outcome::Made(body) => Poll::Ready(Some(body)),
            Outcome::Failed => Poll::Ready(None),
            Outcome::Taken => Poll::Pending,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    struct Unpark(std::thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn wait(pending: &Pending) -> Option<String> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match pending.poll(&waker) {
                Poll::Ready(body) => return body,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    #[test]
    fn bodies_come_from_another_thread_each_to_who_asked() {
        let renderer = Renderer::default();
        let main = std::thread::current().id();
        let make = |body: &'static str| {
            renderer.start(Box::new(move || {
                assert_ne!(std::thread::current().id(), main);
                body.to_owned()
            }))
        };
        let (first, second) = (make("1"), make("2"));
        assert_eq!(wait(&second), Some("2".to_owned()));
        assert_eq!(wait(&first), Some("1".to_owned()));
        assert_eq!(wait(&make("3")), Some("3".to_owned()));
    }

    #[test]
    fn a_page_that_panics_leaves_the_thread_to_others() {
        let renderer = Renderer::default();
        let broken = renderer.start(Box::new(|| panic!("a bug in a page")));
        let whole = renderer.start(Box::new(|| "fine".to_owned()));
        assert_eq!(wait(&broken), None);
        assert_eq!(wait(&whole), Some("fine".to_owned()));
    }
}
