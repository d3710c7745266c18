//! What main makes of the workers' parts: the values of the last interval and of all time, and what is told of them.

use crate::histogram::Bucket;

/// The fractions that Envoy reports: P0 to P100.
pub(crate) const QUANTILES: [f64; 10] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0];

/// Envoy's upper bounds where `histogram_bucket_settings` names none.
pub(crate) const DEFAULT_BOUNDS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// Main: a histogram as it was at the last latch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    pub(crate) interval: Distribution,
    pub(crate) cumulative: Distribution,
}

impl Merged {
    /// Takes what is new since the last latch, given all that the workers have `counted`, in any order.
    pub(crate) fn latch(&mut self, mut counted: Vec<(Bucket, u32)>) {
        counted.sort_unstable_by_key(|(bucket, _)| *bucket);
        self.interval.0.clear();
        for same in counted.chunk_by(|one, other| one.0 == other.0) {
            let sum = same.iter().fold(0_u32, |sum, (_, count)| sum.wrapping_add(*count));
            self.add(same[0].0, sum);
        }
    }

    /// Adds the values of a histogram of the same name.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.interval.absorb(&other.interval);
        self.cumulative.absorb(&other.cumulative);
    }

    fn add(&mut self, bucket: Bucket, sum: u32) {
        let all = &mut self.cumulative.0;
        let place = all.binary_search_by_key(&bucket, |(known, _)| *known);
        // Workers count modulo 2^32; so does the low half of what was taken before, and the difference is what is new.
        let before = place.map_or(0, |index| all[index].1);
        let new = u64::from(sum.wrapping_sub(before as u32));
        if new == 0 {
            return;
        }
        match place {
            Ok(index) => all[index].1 += new,
            Err(index) => all.insert(index, (bucket, new)),
        }
        self.interval.0.push((bucket, new));
    }
}

/// How often each bucket was met; sorted, without zeros.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distribution(Vec<(Bucket, u64)>);

impl Distribution {
    fn absorb(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            match self.0.binary_search_by_key(bucket, |(known, _)| *known) {
                Ok(index) => self.0[index].1 += count,
                Err(index) => self.0.insert(index, (*bucket, *count)),
            }
        }
    }

    /// The number of values.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of the values, each taken as its bucket's middle.
    pub(crate) fn sum(&self) -> f64 {
        self.0.iter().fold(0.0, |sum, (bucket, count)| sum + bucket.middle() * *count as f64)
    }

    /// The value at each of [`QUANTILES`]; not a number when there are no values.
    pub(crate) fn quantiles(&self) -> [f64; QUANTILES.len()] {
        let total = self.count() as f64;
        let mut walk = Walk { buckets: self.0.iter(), bucket: None, below: 0.0 };
        QUANTILES.map(|quantile| walk.value_of((total * quantile).ceil().max(1.0)).unwrap_or(f64::NAN))
    }

    /// For each upper bound, the number of values in buckets that begin at or below it.
    pub(crate) fn cumulative_counts(&self, bounds: &[f64]) -> Vec<u64> {
        let mut buckets = self.0.iter().peekable();
        let mut sum = 0;
        let up_to = bounds.iter().map(|bound| {
            while let Some((_, count)) = buckets.next_if(|(bucket, _)| bucket.lower() <= *bound) {
                sum += count;
            }
            sum
        });
        up_to.collect()
    }

    /// Each bucket's lower bound, width and count.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.0.iter().map(move |(bucket, count)| (bucket.lower(), bucket.width(), *count))
    }
}

/// Walks the buckets upwards with the ranks asked for.
struct Walk<'a> {
    buckets: std::slice::Iter<'a, (Bucket, u64)>,
    bucket: Option<(Bucket, f64)>,
    /// Values in the buckets before the current one.
    below: f64,
}

impl Walk<'_> {
    /// The value of that rank, counted from one: a bucket's values are taken as spread evenly, off its edges.
    fn value_of(&mut self, rank: f64) -> Option<f64> {
        loop {
            if let Some((bucket, count)) = self.bucket {
                if rank <= self.below + count || self.buckets.len() == 0 {
                    return Some(bucket.lower() + bucket.width() * (rank - self.below) / (count + 1.0));
                }
                self.below += count;
            }
            let (bucket, count) = self.buckets.next()?;
            self.bucket = Some((*bucket, *count as f64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    #[test]
    fn counts_that_wrap_between_latches_are_taken_once() {
        let mut merged = Merged::default();
        merged.add(Bucket::of(7), u32::MAX - 1);
        merged.interval = Distribution::default();
        merged.add(Bucket::of(7), 3);
        assert_eq!(merged.interval.count(), 5);
        assert_eq!(merged.cumulative.count(), u64::from(u32::MAX) + 4);
    }

    #[test]
    fn latch_splits_all_time_into_intervals_and_sums_workers() {
        let (one, two) = (Histogram::default(), Histogram::default());
        let mut merged = Merged::default();
        let latch = |merged: &mut Merged| {
            let mut counted = Vec::new();
            one.visit(&mut |bucket, count| counted.push((bucket, count)));
            two.visit(&mut |bucket, count| counted.push((bucket, count)));
            merged.latch(counted);
        };
        one.record(7);
        two.record(7);
        two.record(0);
        latch(&mut merged);
        assert_eq!((merged.interval.count(), merged.cumulative.count()), (3, 3));
        one.record(100);
        latch(&mut merged);
        assert_eq!((merged.interval.count(), merged.cumulative.count()), (1, 4));
        latch(&mut merged);
        assert_eq!((merged.interval.count(), merged.cumulative.count()), (0, 4));
    }
}
