//! `START_TIME(…)`: strftime in UTC and the C locale, with the fractions of a second that Envoy adds.

mod civil;
mod field;
mod parse;

use civil::Civil;
use field::Field;

use crate::line::Line;

/// A compiled time format.
#[derive(Debug)]
pub(crate) enum TimeFormat {
    /// `2026-11-24T08:04:41.728Z`, the default.
    Iso,
    /// Anything else.
    Pieces(Box<[Piece]>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    /// The first digits of the fraction of a second.
    Fraction(usize),
    /// The fraction of a second without trailing zeros, at least one digit.
    WholeFraction,
    /// Seconds with this many digits behind the point.
    Seconds(usize),
    /// Seconds and what is not zero behind the point.
    WholeSeconds,
    /// A strftime conversion.
    Field(Field),
}

impl TimeFormat {
    /// Compiles a format; empty means the default.
    ///
    /// # Errors
    /// What is wrong, where Envoy refuses it, in its words.
    pub(super) fn parse(format: &str) -> Result<Self, String> {
        if format.is_empty() { Ok(Self::Iso) } else { parse::pieces(format).map(Self::Pieces) }
    }

    /// Appends the text of a time in microseconds since the epoch.
    pub(super) fn append(&self, micros: u64, line: &mut Line) {
        let time = Civil::from_micros(micros);
        match self {
            Self::Iso => time.append_iso(line),
            Self::Pieces(pieces) => pieces.iter().for_each(|piece| piece.append(&time, line)),
        }
    }
}

impl Piece {
    fn append(&self, time: &Civil, line: &mut Line) {
        match self {
            Self::Text(text) => line.append(text.as_bytes()),
            Self::Fraction(digits) => time.append_fraction(*digits, line),
            Self::WholeFraction => match time.fraction_digits() {
                0 => line.push(b'0'),
                digits => time.append_fraction(digits, line),
            },
            Self::Seconds(digits) => append_seconds(time, *digits, line),
            Self::WholeSeconds => append_seconds(time, time.fraction_digits(), line),
            Self::Field(field) => field.append(time, line),
        }
    }
}

fn append_seconds(time: &Civil, digits: usize, line: &mut Line) {
    line.push_padded(Line::two_digits(time.second), 2);
    if digits > 0 {
        line.push(b'.');
        time.append_fraction(digits, line);
    }
}

#[cfg(test)]
mod tests;
