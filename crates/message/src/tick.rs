//! Time as the data path sees it: read once a poll by the worker and passed down.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Milliseconds of the worker's monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time since `earlier`; zero when it is later.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    /// Rounds up to whole milliseconds, so that a deadline is never early.
    #[inline]
    fn add(self, span: Duration) -> Self {
        let millis = u64::from(span.subsec_nanos().div_ceil(1_000_000));
        Self(self.0.saturating_add(span.as_secs().saturating_mul(1000)).saturating_add(millis))
    }
}

impl Sub<Self> for Tick {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}
