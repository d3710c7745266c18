//! Histograms: circllhist's log-linear buckets, counted by workers and merged by main.

mod bucket;
mod merged;

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

pub(crate) use bucket::Bucket;
pub(crate) use merged::DEFAULT_BOUNDS;
pub(crate) use merged::Distribution;
pub(crate) use merged::Merged;
pub(crate) use merged::QUANTILES;

/// One worker's part of a histogram.
///
/// Its buckets only ever grow, modulo 2^32: main takes what is new since it last looked. A histogram without values
/// costs 16 bytes; each decade of values that was met, 360 bytes.
#[derive(Debug, Default)]
pub struct Histogram(OnceLock<Box<Buckets>>);

impl Histogram {
    /// Counts `value`.
    #[inline]
    pub fn record(&self, value: u64) {
        let count = self.0.get_or_init(Box::default).count(Bucket::of(value));
        // Not fetch_add: this worker is the only writer (invariant 1).
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Shows each bucket that was ever counted, in order, with its count modulo 2^32.
    pub(crate) fn visit(&self, visitor: &mut dyn FnMut(Bucket, u32)) {
        let Some(buckets) = self.0.get() else { return };
        visitor(Bucket::ZERO, buckets.zeros.load(Relaxed));
        for (decade, counts) in buckets.decades.iter().enumerate() {
            for (step, count) in counts.get().into_iter().flat_map(|counts| counts.iter().enumerate()) {
                visitor(Bucket::at(decade, step), count.load(Relaxed));
            }
        }
    }
}

#[derive(Debug)]
struct Buckets {
    zeros: AtomicU32,
    decades: [OnceLock<Box<[AtomicU32; Bucket::PER_DECADE]>>; Bucket::DECADES],
}

impl Buckets {
    #[inline]
    fn count(&self, bucket: Bucket) -> &AtomicU32 {
        match bucket.position() {
            None => &self.zeros,
            Some((decade, step)) => {
                &self.decades[decade].get_or_init(|| Box::new(array::from_fn(|_| AtomicU32::new(0))))[step]
            }
        }
    }
}

impl Default for Buckets {
    fn default() -> Self {
        Self { zeros: AtomicU32::new(0), decades: array::from_fn(|_| OnceLock::new()) }
    }
}
