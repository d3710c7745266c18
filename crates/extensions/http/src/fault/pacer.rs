//! How fast a response's body may go.

use std::time::Duration;

use nuncio_message::Tick;

/// How often data is let go, and how much time's worth of it at first, as in Envoy.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// A bucket of bytes that fills steadily and holds a second's worth. Time is passed in.
#[derive(Debug)]
pub(super) struct Pacer {
    bytes_per_second: u64,
    /// In thousandths of a byte, so that no millisecond's share is lost.
    thousandths: u64,
    filled: Tick,
}

impl Pacer {
    /// A bucket with the worth of one interval. `kib_per_second` is above zero.
    pub(super) fn new(kib_per_second: u64, now: Tick) -> Self {
        let bytes_per_second = kib_per_second.saturating_mul(1024);
        let mut pacer = Self { bytes_per_second, thousandths: 0, filled: now };
        pacer.fill(INTERVAL.as_millis() as u64);
        pacer
    }

    /// Takes up to `wanted` bytes out; how many there were.
    pub(super) fn take(&mut self, wanted: usize, now: Tick) -> usize {
        self.fill(now.since(self.filled).as_millis() as u64);
        self.filled = self.filled.max(now);
        let taken = (self.thousandths / 1000).min(wanted as u64);
        self.thousandths -= taken * 1000;
        taken as usize
    }

    fn fill(&mut self, millis: u64) {
        let full = self.bytes_per_second.saturating_mul(1000);
        let more = self.bytes_per_second.saturating_mul(millis);
        self.thousandths = self.thousandths.saturating_add(more).min(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_there_at_once_and_the_rest_comes_with_time() {
        let mut pacer = Pacer::new(10, Tick(0));
        assert_eq!(pacer.take(100, Tick(0)), 100);
        assert_eq!(pacer.take(3000, Tick(0)), 412);
        assert_eq!(pacer.take(3000, Tick(50)), 512);
        assert_eq!(pacer.take(3000, Tick(51)), 10);
        // The fraction of a byte is not lost.
        assert_eq!(pacer.take(3000, Tick(55)), 41);
        assert_eq!(pacer.take(0, Tick(56)), 0);
    }

    #[test]
    fn a_second_is_all_that_is_saved_up() {
        let mut pacer = Pacer::new(1, Tick(0));
        assert_eq!(pacer.take(5000, Tick(10_000)), 1024);
        assert_eq!(pacer.take(5000, Tick(10_000)), 0);
        // Time does not go back.
        assert_eq!(pacer.take(5000, Tick(0)), 0);
        assert_eq!(Pacer::new(u64::MAX, Tick(0)).take(usize::MAX, Tick(5)) as u64, u64::MAX / 1000);
    }
}
