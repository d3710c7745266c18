//! The time of day where the process runs: `TZ`, or the system's time zone.
#![expect(unsafe_code, reason = "the C library alone knows the time zone")]

use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, as clocks on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalTime {
    /// Since 1970 in UTC.
    pub(super) epoch_seconds: i64,
    pub(super) year: i32,
    /// 1 to 12.
    pub(super) month: usize,
    /// 1 to 31.
    pub(super) day: i32,
    pub(super) hour: i32,
    pub(super) minute: i32,
    /// 0 to 60: there are leap seconds.
    pub(super) second: i32,
    pub(super) nanos: u32,
    /// 0 is Sunday.
    pub(super) weekday: usize,
    /// East of UTC.
    pub(super) offset_minutes: i64,
}

impl LocalTime {
    /// Where the process runs.
    pub(super) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let mut parts = MaybeUninit::<libc::tm>::zeroed();
        // SAFETY: both pointers are valid for the call; `localtime_r` writes nothing but `parts`, of which every bit
        // pattern is valid, all zeros too, which it stays where the year is out of range.
        let parts = unsafe {
            libc::localtime_r(&raw const seconds, parts.as_mut_ptr());
            parts.assume_init()
        };
        Self {
            epoch_seconds: seconds,
            year: parts.tm_year + 1900,
            month: usize::try_from(parts.tm_mon).unwrap_or(0).min(11) + 1,
            day: parts.tm_mday,
            hour: parts.tm_hour,
            minute: parts.tm_min,
            second: parts.tm_sec,
            nanos: since.subsec_nanos(),
            weekday: usize::try_from(parts.tm_wday).unwrap_or(0).min(6),
            offset_minutes: parts.tm_gmtoff / 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever zone the test runs in, an hour in it is an hour.
    #[test]
    fn a_moment_and_its_offset_agree() {
        let time = LocalTime::of(UNIX_EPOCH + Duration::new(1_793_781_306, 123_456_789));
        assert_eq!((time.epoch_seconds, time.nanos), (1_793_781_306, 123_456_789));
        let seconds_of_day = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
        assert_eq!((time.epoch_seconds + time.offset_minutes * 60).rem_euclid(86_400), seconds_of_day);
    }
}
