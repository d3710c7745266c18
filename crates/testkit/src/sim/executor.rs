//! One thread that runs all tasks of a world, in an order that the seed decides, under a clock that only it moves.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use nuncio_worker::{Executor, Random, VirtualClock};

/// Polls without the clock moving after which a world counts as spinning.
const MAX_POLLS_AT_ONCE: u32 = 200_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What all parts of a world share. Cloning is cheap. Owner: the world.
#[derive(Clone)]
pub(crate) struct Sim {
    inner: Rc<Inner>,
}

struct Inner {
    clock: VirtualClock,
    micros: Cell<u64>,
    random: Random,
    shuffles: Cell<bool>,
    tasks: RefCell<Vec<Option<Task>>>,
    wakers: RefCell<Vec<(Arc<TaskWaker>, Waker)>>,
    ready: Arc<Ready>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    next_timer: Cell<u64>,
    is_tracing: bool,
    trace: RefCell<Vec<String>>,
    polls: Cell<u64>,
    next_number: Cell<u64>,
}

#[derive(Default)]
struct Ready {
    // A lock, since a waker must be `Sync`; nobody else ever takes it.
    queue: Mutex<VecDeque<usize>>,
}

struct TaskWaker {
    id: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

/// Something that happens at a time; `order` keeps those at the same time in order.
struct Timer {
    at: u64,
    order: u64,
    action: Box<dyn FnOnce()>,
}

/// How a run of the world's tasks ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Idle {
    /// Nothing is left that could ever happen.
    Quiet,
    /// The time limit was reached and something is still to happen.
    OutOfTime,
    /// Tasks woke each other for ever without the clock moving.
    Spinning,
}

impl Sim {
    pub(crate) fn new(seed: u64, is_tracing: bool) -> Self {
        let random = Random::seeded(seed);
        let shuffles = Cell::new(random.below(2) == 0);
        Self {
            inner: Rc::new(Inner {
                clock: VirtualClock::new(),
                micros: Cell::new(0),
                random,
                shuffles,
                tasks: RefCell::default(),
                wakers: RefCell::default(),
                ready: Arc::default(),
                timers: RefCell::default(),
                next_timer: Cell::new(0),
                is_tracing,
                trace: RefCell::default(),
                polls: Cell::new(0),
                next_number: Cell::new(1),
            }),
        }
    }

    pub(crate) fn clock(&self) -> VirtualClock {
        self.inner.clock.clone()
    }

    /// Microseconds since the world began.
    pub(crate) fn now(&self) -> u64 {
        self.inner.micros.get()
    }

    /// Tasks polled so far.
    pub(crate) fn polls(&self) -> u64 {
        self.inner.polls.get()
    }

    // Chance.

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.inner.random.below(bound)
    }

    /// True `percent` times of a hundred.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.inner.random.below(100) < percent
    }

    /// A number between the two, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.inner.random.below(high - low + 1)
    }

    /// A size: small ones often, sizes near `high` sometimes.
    pub(crate) fn size(&self, high: u64) -> u64 {
        let bits = u64::from(64 - high.leading_zeros());
        let within = 1_u64 << self.below(bits + 1);
        self.below(within.min(high + 1))
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// The next number: for names.
    pub(crate) fn number(&self) -> u64 {
        self.inner.next_number.replace(self.inner.next_number.get() + 1)
    }

    // Time.

    /// Runs `action` in `micros` from now.
    pub(crate) fn after(&self, micros: u64, action: impl FnOnce() + 'static) {
        let order = self.inner.next_timer.replace(self.inner.next_timer.get() + 1);
        let timer = Timer { at: self.now() + micros, order, action: Box::new(action) };
        self.inner.timers.borrow_mut().push(Reverse(timer));
    }

    /// Waits.
    pub(crate) fn sleep(&self, micros: u64) -> impl Future<Output = ()> + 'static {
        let (sim, until, mut is_armed) = (self.clone(), self.now() + micros, false);
        poll_fn(move |cx| {
            if sim.now() >= until {
                return Poll::Ready(());
            }
            if !is_armed {
                is_armed = true;
                let waker = cx.waker().clone();
                sim.after(until - sim.now(), move || waker.wake());
            }
            Poll::Pending
        })
    }

    // Tasks.

    /// Starts a task.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + 'static) {
        self.spawn(Box::pin(task));
    }

    /// Runs tasks, and moves the clock when all of them wait, until nothing can happen or `limit` is reached.
    /// `deadline` tells when the worker wants a turn, and `turn` wakes it; `step` looks at the world between tasks.
    pub(crate) fn run(
        &self,
        limit: u64,
        deadline: impl Fn() -> Option<u64>,
        turn: impl Fn(),
        mut step: impl FnMut(),
    ) -> Idle {
        loop {
            let mut left = MAX_POLLS_AT_ONCE;
            while let Some(id) = self.next_ready() {
                self.poll(id);
                step();
                left -= 1;
                if left == 0 {
                    return Idle::Spinning;
                }
            }
            let timer = self.inner.timers.borrow().peek().map(|timer| timer.0.at);
            let worker = deadline();
            let Some(next) = [timer, worker].into_iter().flatten().min() else { return Idle::Quiet };
            if next > limit {
                return Idle::OutOfTime;
            }
            let now = next.max(self.now());
            self.inner.clock.advance_micros(now - self.now());
            self.inner.micros.set(now);
            self.fire(now);
            if worker.is_some_and(|worker| worker <= now) {
                turn();
            }
        }
    }

    /// Drops all tasks, as a runtime does at its end.
    pub(crate) fn stop(&self) {
        let tasks = self.inner.tasks.take();
        drop(tasks);
        self.inner.timers.borrow_mut().clear();
    }

    fn fire(&self, now: u64) {
        loop {
            let mut timers = self.inner.timers.borrow_mut();
            if timers.peek().is_none_or(|timer| timer.0.at > now) {
                return;
            }
            let timer = timers.pop();
            drop(timers);
            if let Some(Reverse(timer)) = timer {
                (timer.action)();
            }
        }
    }

    fn next_ready(&self) -> Option<usize> {
        let mut queue = self.inner.ready.lock();
        if self.inner.shuffles.get() && queue.len() > 1 {
            let at = self.inner.random.below(queue.len() as u64) as usize;
            return queue.remove(at);
        }
        queue.pop_front()
    }

    fn poll(&self, id: usize) {
        let (waker, task) = {
            let wakers = self.inner.wakers.borrow();
            wakers[id].0.is_queued.store(false, Ordering::Relaxed);
            (wakers[id].1.clone(), self.inner.tasks.borrow_mut()[id].take())
        };
        // Ended, and woken once more.
        let Some(mut task) = task else { return };
        self.inner.polls.set(self.inner.polls.get() + 1);
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            && let Some(place) = self.inner.tasks.borrow_mut().get_mut(id)
        {
            *place = Some(task);
        }
    }

    // Trace.

    /// Remembers what happened, if a trace is wanted.
    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.inner.is_tracing {
            self.inner.trace.borrow_mut().push(format!("{:>12} {}", self.now(), what()));
        }
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.inner.trace.take()
    }
}

impl Executor for Sim {
    fn spawn(&self, task: Task) {
        let mut tasks = self.inner.tasks.borrow_mut();
        let id = tasks.len();
        tasks.push(Some(task));
        let waker = Arc::new(TaskWaker { id, is_queued: AtomicBool::new(false), ready: Arc::clone(&self.inner.ready) });
        self.inner.wakers.borrow_mut().push((Arc::clone(&waker), Waker::from(Arc::clone(&waker))));
        waker.wake();
    }
}

impl Ready {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().push_back(self.id);
        }
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
