//! What is done once a tick: queued effects first, then every connection that became dirty is flushed once.
//!
//! A tick ends behind all tasks that one poll of the reactor made ready, because the tick's own task is woken by the
//! first of them and queued behind the rest. So what became ready together leaves in one write a connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// Rounds of queued effects in one tick before other tasks get their turn.
const MAX_ROUNDS: usize = 64;

/// Somebody with output to write, usually a connection.
pub trait Flush {
    /// Writes what waits, without blocking and without calling into other connections.
    fn flush(self: Rc<Self>);
}

/// Somebody with effects queued for other connections or streams.
pub trait TickHandler {
    /// Carries out what is queued; returns whether there was anything.
    fn run(&self) -> bool;

    /// The waker that makes a tick happen, also from other threads. Called when it changes.
    fn set_waker(&self, waker: &Waker) {
        let _ = waker;
    }
}

/// Owner: the worker.
#[derive(Default)]
pub(crate) struct TickState {
    handlers: RefCell<Vec<Rc<dyn TickHandler>>>,
    dirty: RefCell<Vec<Rc<dyn Flush>>>,
    flushing: RefCell<Vec<Rc<dyn Flush>>>,
    is_requested: Cell<bool>,
    /// A tick is at work: it sees for itself what is asked for meanwhile.
    is_running: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl TickState {
    pub(crate) fn add_handler(&self, handler: Rc<dyn TickHandler>) {
        if let Some(waker) = &*self.waker.borrow() {
            handler.set_waker(waker);
        }
        self.handlers.borrow_mut().push(handler);
    }

    pub(crate) fn mark_dirty(&self, connection: Rc<dyn Flush>) {
        self.dirty.borrow_mut().push(connection);
        self.request();
    }

    pub(crate) fn request(&self) {
        if self.is_requested.replace(true) || self.is_running.get() {
            return;
        }
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn park(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        match &*slot {
            Some(known) if known.will_wake(waker) => {}
            _ => {
                *slot = Some(waker.clone());
                self.handlers.borrow().iter().for_each(|handler| handler.set_waker(waker));
            }
        }
    }

    pub(crate) fn run(&self) {
        self.is_running.set(true);
        let is_done = (0..MAX_ROUNDS).any(|_| {
            self.is_requested.set(false);
            if self.run_handlers() {
                return false;
            }
            self.flush();
            // Whoever queues something asks for a tick as well.
            !self.is_requested.get()
        });
        self.is_running.set(false);
        if !is_done {
            // Still busy: let other tasks run first, then go on.
            self.is_requested.set(false);
            self.request();
        }
    }

    pub(crate) fn clear(&self) {
        self.handlers.borrow_mut().clear();
        self.dirty.borrow_mut().clear();
        self.waker.borrow_mut().take();
    }

    fn run_handlers(&self) -> bool {
        let count = self.handlers.borrow().len();
        (0..count).fold(false, |is_busy, at| {
            // Handlers are only added at start, but a handler may look at the list: no borrow across the call.
            let handler = Rc::clone(&self.handlers.borrow()[at]);
            handler.run() || is_busy
        })
    }

    fn flush(&self) {
        if self.dirty.borrow().is_empty() {
            return;
        }
        let mut flushing = self.flushing.take();
        std::mem::swap(&mut *self.dirty.borrow_mut(), &mut flushing);
        for connection in flushing.drain(..) {
            connection.flush();
        }
        // Keep the vector's memory for the next tick.
        self.flushing.replace(flushing);
    }
}
