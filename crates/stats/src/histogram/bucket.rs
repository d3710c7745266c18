//! The buckets: two significant decimal digits, as in circllhist.

/// A bucket: zero, or the values that begin with the same two decimal digits and have the same length.
///
/// Of an integer below ten the second digit is zero, so that its bucket is a tenth wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket(u16);

impl Bucket {
    /// The bucket of zero alone, zero wide.
    pub(crate) const ZERO: Self = Self(0);
    /// Buckets in a decade: first digits 10 to 99.
    pub(crate) const PER_DECADE: usize = 90;
    /// Decades that a 64-bit integer can lie in.
    pub(crate) const DECADES: usize = 20;

    /// The bucket that `value` falls in.
    #[inline]
    pub(crate) fn of(value: u64) -> Self {
        let Some(decade) = value.checked_ilog10() else { return Self::ZERO };
        let digits = match decade.checked_sub(1) {
            None => value * 10,
            Some(cut) => value / 10_u64.pow(cut),
        };
        Self::at(decade as usize, digits as usize - 10)
    }

    /// The bucket `step` steps into `decade`.
    #[inline]
    pub(crate) const fn at(decade: usize, step: usize) -> Self {
        // At most 20 * 90, which fits.
        Self((1 + decade * Self::PER_DECADE + step) as u16)
    }

    /// The decade and the step in it; `None` for zero.
    #[inline]
    pub(crate) const fn position(self) -> Option<(usize, usize)> {
        match (self.0 as usize).checked_sub(1) {
            None => None,
            Some(index) => Some((index / Self::PER_DECADE, index % Self::PER_DECADE)),
        }
    }

    /// The least value in the bucket. Computed as circllhist does, so that it is off in the same last digits.
    pub(crate) fn lower(self) -> f64 {
        self.position().map_or(0.0, |(decade, step)| (step + 10) as f64 / 10.0 * POWERS[decade])
    }

    /// The distance between its bounds.
    pub(crate) fn width(self) -> f64 {
        self.position().map_or(0.0, |(decade, _)| POWERS[decade] / 10.0)
    }

    /// The value that stands for all in the bucket when they are summed: nearer to its lower bound, since small
    /// values are more common than big ones.
    pub(crate) fn middle(self) -> f64 {
        let (lower, width) = (self.lower(), self.width());
        if lower == 0.0 { 0.0 } else { lower + width * (lower / (lower + lower + width)) }
    }
}

const POWERS: [f64; Bucket::DECADES] =
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_in_the_bucket_of_their_first_two_digits() {
        let check = |value: u64, lower: f64, width: f64| {
            let bucket = Bucket::of(value);
            assert_eq!((bucket.lower(), bucket.width()), (lower, width), "{value}");
        };
        check(0, 0.0, 0.0);
        check(1, 1.0, 0.1);
        check(9, 9.0, 0.1);
        check(10, 10.0, 1.0);
        check(99, 99.0, 1.0);
        check(100, 100.0, 10.0);
        check(109, 100.0, 10.0);
        check(120, 120.0, 10.0);
        check(110, 110.000_000_000_000_01, 10.0);
        check(999, 990.0, 10.0);
        check(123_456, 120_000.0, 10_000.0);
        check(u64::MAX, 18e18, 1e18);
    }
}
