//! The cells that a worker's block is made of.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::histogram::Histogram;

/// One worker's part of a counter. Starts at zero and wraps at 2^63.
///
/// The highest bit tells whether zero was ever added, which makes a counter that is still zero a used one.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    const USED: u64 = 1 << 63;

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    #[inline]
    pub fn add(&self, amount: u64) {
        let used = if amount == 0 { Self::USED } else { 0 };
        // Not fetch_add: this worker is the only writer (invariant 1), so nothing can come between the two.
        self.0.store(self.0.load(Relaxed).wrapping_add(amount) | used, Relaxed);
    }

    /// This worker's part of the value.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed) & !Self::USED
    }

    pub(crate) fn is_used(&self) -> bool {
        self.0.load(Relaxed) != 0
    }
}

/// One worker's part of a gauge: what this worker added less what it took away, which may be negative.
///
/// The lowest bit tells whether the gauge was ever touched, as `/stats?usedonly` needs; the others hold the value.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    const USED: u64 = 1;

    /// Adds one. Where the end of what is counted can be missed, prefer [`Local::guard`](crate::Local::guard).
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds `amount`, which may be negative.
    #[inline]
    pub fn add(&self, amount: i64) {
        let shifted = amount.cast_unsigned() << 1;
        self.0.store(self.0.load(Relaxed).wrapping_add(shifted) | Self::USED, Relaxed);
    }

    /// Takes `amount` away.
    #[inline]
    pub fn sub(&self, amount: i64) {
        self.add(amount.wrapping_neg());
    }

    /// This worker's part of the value.
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed).cast_signed() >> 1
    }

    pub(crate) fn is_used(&self) -> bool {
        self.0.load(Relaxed) & Self::USED != 0
    }
}

/// A gauge that is set, not counted; it belongs to main.
#[derive(Debug, Default)]
pub struct SetGauge {
    value: AtomicU64,
    used: AtomicBool,
}

impl SetGauge {
    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: u64) {
        self.value.store(value, Relaxed);
        self.used.store(true, Relaxed);
    }

    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: i64) {
        self.set(self.value().wrapping_add_signed(amount));
    }

    /// The value last set, zero at first.
    pub fn value(&self) -> u64 {
        self.value.load(Relaxed)
    }

    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }
}

/// A text among the stats, such as a version; it belongs to main.
#[derive(Debug, Default)]
pub struct TextReadout(
    // A lock, since a text cannot be an atomic; main alone takes it, and no worker ever waits for it.
    Mutex<Option<Arc<str>>>,
);

impl TextReadout {
    /// Replaces the text.
    pub fn set(&self, text: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::from(text));
    }

    /// The text last set; `None` when it never was.
    pub fn value(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A cell of a block, seen by a reader.
#[derive(Debug, Clone, Copy)]
pub enum CellRef<'a> {
    /// A counter's part.
    Counter(&'a Counter),
    /// A gauge's part.
    Gauge(&'a Gauge),
    /// A gauge of main.
    SetGauge(&'a SetGauge),
    /// A histogram's part.
    Histogram(&'a Histogram),
    /// A text of main.
    TextReadout(&'a TextReadout),
}

macro_rules! from_cell {
    ($($cell:ident)*) => {$(
        impl<'a> From<&'a $cell> for CellRef<'a> {
            fn from(cell: &'a $cell) -> Self {
                Self::$cell(cell)
            }
        }
    )*};
}
from_cell! { Counter Gauge SetGauge Histogram TextReadout }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_is_used_when_zero_was_added() {
        let counter = Counter::default();
        assert!(!counter.is_used());
        counter.add(0);
        assert_eq!((counter.value(), counter.is_used()), (0, true));
        counter.inc();
        counter.add(0);
        assert_eq!((counter.value(), counter.is_used()), (1, true));
        let counter = Counter::default();
        counter.inc();
        assert_eq!((counter.value(), counter.is_used()), (1, true));
    }

    #[test]
    fn gauge_goes_below_zero_and_knows_that_it_was_used() {
        let gauge = Gauge::default();
        assert!(!gauge.is_used());
        gauge.dec();
        gauge.add(-4);
        assert_eq!(gauge.value(), -5);
        gauge.sub(-7);
        assert_eq!((gauge.value(), gauge.is_used()), (2, true));
        gauge.sub(2);
        assert_eq!((gauge.value(), gauge.is_used()), (0, true));
    }

    #[test]
    fn set_gauge_holds_all_64_bits() {
        let gauge = SetGauge::default();
        assert!(!gauge.is_used());
        gauge.set(u64::MAX);
        gauge.add(-1);
        assert_eq!((gauge.value(), gauge.is_used()), (u64::MAX - 1, true));
    }
}
