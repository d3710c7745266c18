//! Wakers of filters' asynchronous work: waking queues the filter, and the next tick polls it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::chain::ChainId;
use crate::streams::StreamKey;

/// A filter to be polled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FilterKey {
    pub(crate) key: StreamKey,
    pub(crate) chain: ChainId,
    pub(crate) index: u8,
}

/// The filters of one worker that were woken. A waker may be used from any thread, so this is locked; only
/// asynchronous filters come here, and only when something happened.
#[derive(Default)]
pub(crate) struct Woken {
    /// Whether the list holds anything: looked at in each tick, so that the lock is taken only then.
    is_any: AtomicBool,
    list: Mutex<(Vec<FilterKey>, Option<Waker>)>,
}

struct FilterWaker {
    filter: FilterKey,
    woken: Arc<Woken>,
}

impl Woken {
    /// The filters woken since the last call.
    #[inline]
    pub(crate) fn take(&self) -> Vec<FilterKey> {
        if !self.is_any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_any.store(false, Ordering::Relaxed);
        std::mem::take(&mut list.0)
    }

    /// Who is woken with the first filter: the worker's tick.
    pub(crate) fn set_tick(&self, waker: &Waker) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(waker.clone());
    }

    /// A waker for `filter`.
    pub(crate) fn waker(self: &Arc<Self>, filter: FilterKey) -> Waker {
        Waker::from(Arc::new(FilterWaker { filter, woken: Arc::clone(self) }))
    }
}

impl Wake for FilterWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let tick = {
            let mut list = self.woken.list.lock().unwrap_or_else(PoisonError::into_inner);
            if !list.0.contains(&self.filter) {
                list.0.push(self.filter);
            }
            self.woken.is_any.store(true, Ordering::Release);
            list.1.clone()
        };
        if let Some(tick) = tick {
            tick.wake();
        }
    }
}
