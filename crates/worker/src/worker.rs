//! One thread's context, passed down the request path.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use nuncio_message::Tick;
use nuncio_stats::WorkerIndex;

use crate::clock::Clock;
use crate::random::Random;
use crate::spawn::Spawner;
use crate::tick::{Flush, TickHandler, TickState};
use crate::timers::{Alarm, Expire, Fired, TimerClass, Timers};

/// A handle to this thread's context. Owner: the thread (`!Send`); clones are cheap.
#[derive(Clone)]
pub struct Worker {
    inner: Rc<Inner>,
}

struct Inner {
    index: WorkerIndex,
    clock: Clock,
    random: Random,
    spawner: Spawner,
    tick: TickState,
    timers: RefCell<Timers>,
    fired: RefCell<Vec<Fired>>,
}

impl Worker {
    /// A context whose tasks run on `spawner`. [`Worker::run`] has to be polled for as long as it is used.
    pub fn new(index: WorkerIndex, clock: Clock, random: Random, spawner: Spawner) -> Self {
        let timers = RefCell::new(Timers::new());
        let (tick, fired) = (TickState::default(), RefCell::default());
        Self { inner: Rc::new(Inner { index, clock, random, spawner, tick, timers, fired }) }
    }

    /// The worker's number; main is zero.
    pub fn index(&self) -> WorkerIndex {
        self.inner.index
    }

    /// The clock as last read.
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The time as last read.
    #[inline]
    pub fn now(&self) -> Tick {
        self.inner.clock.now()
    }

    /// The random source.
    #[inline]
    pub fn random(&self) -> &Random {
        &self.inner.random
    }

    /// Starts a task on this worker.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.inner.spawner.spawn(task);
    }

    /// Registers who carries out queued effects at each tick.
    pub fn add_tick_handler(&self, handler: Rc<dyn TickHandler>) {
        self.inner.tick.add_handler(handler);
    }

    /// Asks for a tick, because effects were queued.
    #[inline]
    pub fn request_tick(&self) {
        self.inner.tick.request();
    }

    /// Asks for `connection` to be flushed at the end of this tick. The caller avoids marking it twice.
    pub fn mark_dirty(&self, connection: Rc<dyn Flush>) {
        self.inner.tick.mark_dirty(connection);
    }

    /// Registers who is told of timer entries armed with the class that is returned.
    pub fn register_timers(&self, owner: Rc<dyn Expire>) -> TimerClass {
        self.inner.timers.borrow_mut().register(owner)
    }

    /// Makes sure that the owner of `alarm` is told at `deadline` or earlier. Costs a comparison when it will be.
    #[inline]
    pub fn arm(&self, class: TimerClass, index: u32, alarm: &Alarm, deadline: Tick) {
        if !alarm.needs(deadline) {
            return;
        }
        let mut timers = self.inner.timers.borrow_mut();
        let sooner = timers.next_deadline().is_none_or(|next| deadline < next);
        timers.arm(class, index, deadline);
        drop(timers);
        if sooner {
            self.inner.tick.request();
        }
    }

    /// Timer entries that have not fired, those among them that nobody waits for any more.
    pub fn timer_entries(&self) -> usize {
        self.inner.timers.borrow().len()
    }

    /// The next time at which [`Worker::turn`] must run even if nothing else happens.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.inner.timers.borrow().next_deadline()
    }

    /// Reads the clock, fires timers, carries out queued effects and flushes.
    pub fn turn(&self) {
        let now = self.inner.clock.refresh();
        if self.inner.timers.borrow().is_due(now) {
            self.fire(now);
        }
        self.inner.tick.run();
    }

    #[inline(never)]
    fn fire(&self, now: Tick) {
        let mut fired = self.inner.fired.take();
        self.inner.timers.borrow_mut().advance(now, &mut fired);
        for entry in fired.drain(..) {
            entry.owner.expire(entry.index, entry.at);
        }
        self.inner.fired.replace(fired);
    }

    /// Runs ticks and timers for ever. The simulation polls [`Worker::poll_turn`] instead.
    pub async fn run(&self) {
        let mut sleep = pin!(tokio::time::sleep_until(far_future()));
        poll_fn(|cx| {
            loop {
                self.poll_turn(cx);
                let Some(instant) = self.next_deadline().and_then(|at| self.inner.clock.instant_of(at)) else {
                    return Poll::<()>::Pending;
                };
                let instant = tokio::time::Instant::from_std(instant);
                if sleep.deadline() != instant {
                    sleep.as_mut().reset(instant);
                }
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// One turn; the task of `cx` is woken when the next is wanted.
    pub fn poll_turn(&self, cx: &Context<'_>) {
        self.inner.tick.park(cx.waker());
        self.turn();
    }

    /// Breaks the reference cycles between the worker and its handlers. Nothing may run afterwards.
    pub fn shut_down(&self) {
        self.inner.tick.clear();
        self.inner.timers.borrow_mut().clear();
    }
}

/// A placeholder until the first deadline is known.
fn far_future() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(86_400 * 365)
}
