//! A place where tasks of one thread wait for each other.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Wakes everybody who waits. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct Notify {
    waiting: Rc<RefCell<Vec<Waker>>>,
}

impl Notify {
    pub(crate) fn notify(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until `is_so`; looked at again after each [`Notify::notify`].
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        poll_fn(|cx| {
            if is_so() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
