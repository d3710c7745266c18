//! Futures that are ready after a while, for filters and our own calls: entries of the worker's timer wheel.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nuncio_message::Tick;
use nuncio_worker::{Alarm, Expire, TimerClass, Worker};

/// The sleepers of one worker. Owner: the worker.
#[derive(Default)]
pub(crate) struct Sleepers {
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
}

#[derive(Default)]
struct Slot {
    alarm: Alarm,
    deadline: Option<Tick>,
    waker: Option<Waker>,
}

/// Ready at its deadline. Dropping it gives its place up.
pub struct Sleep {
    sleepers: Rc<Sleepers>,
    worker: Worker,
    class: TimerClass,
    index: u32,
}

impl Sleepers {
    /// A sleeper that is ready `span` from now.
    pub(crate) fn sleep(self: &Rc<Self>, worker: &Worker, class: TimerClass, span: Duration) -> Sleep {
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            slots.push(Slot::default());
            slots.len() as u32 - 1
        });
        let deadline = worker.now() + span;
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[index as usize];
        slot.deadline = Some(deadline);
        worker.arm(class, index, &slot.alarm, deadline);
        Sleep { sleepers: Rc::clone(self), worker: worker.clone(), class, index }
    }

    /// Sleepers that have not been dropped.
    pub(crate) fn len(&self) -> usize {
        self.slots.borrow().len() - self.free.borrow().len()
    }
}

impl Expire for Sleepers {
    fn expire(&self, index: u32, at: Tick) {
        let waker = match self.slots.borrow_mut().get_mut(index as usize) {
            Some(slot) if slot.alarm.take(at) => slot.waker.take(),
            _ => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.sleepers.slots.borrow_mut();
        let slot = &mut slots[self.index as usize];
        match slot.deadline {
            Some(deadline) if deadline > self.worker.now() => {
                slot.waker = Some(cx.waker().clone());
                // A stale entry of a former sleeper in this place may have fired: make sure there is one of ours.
                self.worker.arm(self.class, self.index, &slot.alarm, deadline);
                Poll::Pending
            }
            _ => {
                slot.deadline = None;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut slots = self.sleepers.slots.borrow_mut();
        let slot = &mut slots[self.index as usize];
        (slot.deadline, slot.waker) = (None, None);
        self.sleepers.free.borrow_mut().push(self.index);
    }
}
