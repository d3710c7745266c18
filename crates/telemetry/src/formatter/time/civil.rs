//! A moment as calendar and clock show it in UTC.

use crate::line::Line;

/// Broken-down time.
#[derive(Debug)]
pub(super) struct Civil {
    pub(super) unix_seconds: u64,
    pub(super) year: u32,
    /// 1 to 12.
    pub(super) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    micros: u32,
    /// 0 for Sunday.
    pub(super) weekday: u32,
}

const DAY_SECONDS: u64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u32 = 719_468;
/// Days in 400 years.
const ERA_DAYS: u32 = 146_097;

impl Civil {
    /// Splits a time in microseconds since the epoch. Years are counted from March, so that leap days come last.
    #[inline]
    pub(super) fn from_micros(time: u64) -> Self {
        let unix_seconds = time / 1_000_000;
        // 2^64 microseconds are 213 million days, which fit.
        let (days, of_day) = ((unix_seconds / DAY_SECONDS) as u32, (unix_seconds % DAY_SECONDS) as u32);
        let shifted = days + EPOCH_DAYS;
        let (era, of_era) = (shifted / ERA_DAYS, shifted % ERA_DAYS);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            unix_seconds,
            year: year_of_era + era * 400 + u32::from(month <= 2),
            month,
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros: (time % 1_000_000) as u32,
            weekday: (days + 4) % 7,
        }
    }

    /// Appends `2026-11-24T08:04:41.728Z`.
    #[inline]
    pub(super) fn append_iso(&self, line: &mut Line) {
        let two = Line::two_digits;
        if self.year > 9_999 {
            line.append_decimal((self.year / 10_000).into());
        }
        let ([c0, c1], [y0, y1]) = (two(self.year / 100), two(self.year));
        let ([m0, m1], [d0, d1]) = (two(self.month), two(self.day));
        let ([h0, h1], [i0, i1], [s0, s1]) = (two(self.hour), two(self.minute), two(self.second));
        let millis = self.micros / 1_000;
        let (f0, [f1, f2]) = (b'0' + (millis / 100) as u8, two(millis));
        let text = [
            c0, c1, y0, y1, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'.', f0, f1, f2,
            b'Z',
        ];
        line.push_padded(text, text.len());
    }

    /// Appends the first digits of the fraction of the second.
    pub(super) fn append_fraction(&self, digits: usize, line: &mut Line) {
        let mut rest = self.micros;
        for _ in 0..digits {
            rest *= 10;
            line.push(b'0' + (rest / 1_000_000) as u8);
            rest %= 1_000_000;
        }
    }

    /// Digits of the fraction up to the last that is not zero.
    pub(super) fn fraction_digits(&self) -> usize {
        let (mut digits, mut micros) = (6, self.micros);
        while digits > 0 && micros.is_multiple_of(10) {
            digits -= 1;
            micros /= 10;
        }
        digits
    }

    /// The day of the year from 0.
    pub(super) fn day_of_year(&self) -> u32 {
        const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = u32::from(self.month > 2 && is_leap(self.year));
        BEFORE[self.month as usize - 1] + leap_day + self.day - 1
    }

    /// The ISO 8601 year and week.
    pub(super) fn iso_week(&self) -> (u32, u32) {
        let from_monday = (self.weekday + 6) % 7;
        // The week belongs to the year of its Thursday; a year's worth is added to stay above zero.
        let before = year_days(self.year - 1);
        let thursday = before + self.day_of_year() + 3 - from_monday;
        if thursday < before {
            (self.year - 1, thursday / 7 + 1)
        } else if thursday - before >= year_days(self.year) {
            (self.year + 1, 1)
        } else {
            (self.year, (thursday - before) / 7 + 1)
        }
    }
}

fn year_days(year: u32) -> u32 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
