//! One strftime conversion with the flags and the width that glibc knows.

use super::civil::Civil;
use crate::calendar::{MONTHS, WEEKDAYS};
use crate::line::Line;

/// A conversion such as `%d` or `%-5d`.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Field {
    pub(super) conversion: u8,
    pub(super) style: Style,
}

/// The flags and width of a conversion.
#[derive(Debug, PartialEq, Eq, Default, Clone, Copy)]
pub(super) struct Style {
    pub(super) pad: Option<Pad>,
    pub(super) case: Case,
    pub(super) width: usize,
}

/// How a value is filled up to its width.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Pad {
    /// `-`
    Not,
    /// `0`
    Zero,
    /// `_`
    Space,
}

/// How letters are changed.
#[derive(Debug, PartialEq, Eq, Default, Clone, Copy)]
pub(super) enum Case {
    /// As they are.
    #[default]
    Kept,
    /// `^`
    Upper,
    /// `#`
    Swapped,
}

/// The conversions that print something.
pub(super) const CONVERSIONS: &[u8] = b"aAbBcCdDeFgGhHIjklmMpPrRsStTuUVwWxXyYzZ%";

impl Field {
    pub(super) fn plain(conversion: u8) -> Self {
        Self { conversion, style: Style::default() }
    }

    pub(super) fn append(self, time: &Civil, line: &mut Line) {
        let weekday = WEEKDAYS[time.weekday as usize];
        let month = MONTHS[time.month as usize - 1];
        let half_day = if time.hour < 12 { "AM" } else { "PM" };
        let hour_of_half = (time.hour + 11) % 12 + 1;
        match self.conversion {
            b'a' => self.name(&weekday[..3], line),
            b'A' => self.name(weekday, line),
            b'b' | b'h' => self.name(&month[..3], line),
            b'B' => self.name(month, line),
            b'c' => self.compound("a b e T Y", time, line),
            b'C' => self.number(time.year / 100, 2, Pad::Zero, line),
            b'd' => self.number(time.day, 2, Pad::Zero, line),
            b'D' | b'x' => self.compound("m/d/y", time, line),
            b'e' => self.number(time.day, 2, Pad::Space, line),
            b'F' => self.compound("Y-m-d", time, line),
            b'g' => self.number(time.iso_week().0 % 100, 2, Pad::Zero, line),
            b'G' => self.number(time.iso_week().0, 1, Pad::Zero, line),
            b'H' => self.number(time.hour, 2, Pad::Zero, line),
            b'I' => self.number(hour_of_half, 2, Pad::Zero, line),
            b'j' => self.number(time.day_of_year() + 1, 3, Pad::Zero, line),
            b'k' => self.number(time.hour, 2, Pad::Space, line),
            b'l' => self.number(hour_of_half, 2, Pad::Space, line),
            b'm' => self.number(time.month, 2, Pad::Zero, line),
            b'M' => self.number(time.minute, 2, Pad::Zero, line),
            b'p' => self.text(half_day, self.style.case == Case::Swapped, line),
            b'P' => self.text(half_day, true, line),
            b'r' => self.compound("I:M:S p", time, line),
            b'R' => self.compound("H:M", time, line),
            b's' => self.number(time.unix_seconds, 1, Pad::Zero, line),
            b'S' => self.number(time.second, 2, Pad::Zero, line),
            b't' => self.text("\t", false, line),
            b'T' | b'X' => self.compound("H:M:S", time, line),
            b'u' => self.number((time.weekday + 6) % 7 + 1, 1, Pad::Zero, line),
            b'U' => self.number((time.day_of_year() + 7 - time.weekday) / 7, 2, Pad::Zero, line),
            b'V' => self.number(time.iso_week().1, 2, Pad::Zero, line),
            b'w' => self.number(time.weekday, 1, Pad::Zero, line),
            b'W' => self.number((time.day_of_year() + 7 - (time.weekday + 6) % 7) / 7, 2, Pad::Zero, line),
            b'y' => self.number(time.year % 100, 2, Pad::Zero, line),
            b'Y' => self.number(time.year, 1, Pad::Zero, line),
            b'z' => self.text("+0000", false, line),
            b'Z' => self.text("UTC", self.style.case == Case::Swapped, line),
            other => self.text(char::from(other).encode_utf8(&mut [0; 4]), false, line),
        }
    }

    fn number(self, value: impl Into<u64>, digits: usize, pad: Pad, line: &mut Line) {
        let start = line.len();
        line.append_decimal(value.into());
        let width = digits.max(self.style.width);
        match self.style.pad.unwrap_or(pad) {
            Pad::Not => {}
            Pad::Zero => fill(start, width, b'0', line),
            Pad::Space => fill(start, width, b' ', line),
        }
    }

    /// A name whose case `#` turns to capitals.
    fn name(self, text: &str, line: &mut Line) {
        let start = line.len();
        self.text(text, false, line);
        if self.style.case == Case::Swapped {
            line.since(start).make_ascii_uppercase();
        }
    }

    fn text(self, text: &str, is_lower: bool, line: &mut Line) {
        let start = line.len();
        line.append(text.as_bytes());
        if is_lower {
            line.since(start).make_ascii_lowercase();
        } else if self.style.case == Case::Upper {
            line.since(start).make_ascii_uppercase();
        }
        self.pad_text(start, line);
    }

    /// Letters of `parts` are conversions, the rest is text.
    fn compound(self, parts: &str, time: &Civil, line: &mut Line) {
        let start = line.len();
        for part in parts.bytes() {
            if part.is_ascii_alphabetic() {
                Self::plain(part).append(time, line);
            } else {
                line.push(part);
            }
        }
        if self.style.case == Case::Upper {
            line.since(start).make_ascii_uppercase();
        }
        self.pad_text(start, line);
    }

    fn pad_text(self, start: usize, line: &mut Line) {
        match self.style.pad {
            Some(Pad::Not) => {}
            Some(Pad::Zero) => fill(start, self.style.width, b'0', line),
            None | Some(Pad::Space) => fill(start, self.style.width, b' ', line),
        }
    }
}

/// Fills what begins at `start` up to `width` bytes from the left.
fn fill(start: usize, width: usize, with: u8, line: &mut Line) {
    let missing = width.saturating_sub(line.len() - start);
    if missing > 0 {
        line.insert(start, with, missing);
    }
}
