//! The many spellings of a number.
//!
//! Verdicts of Envoy 1.40: quoted, or plain YAML that is not a 32-bit integer, a number is read as C's `strtod` reads it:
//! `"0x10"`, `"+5"`, `"5."`, `"1e3"` are numbers, and for a floating-point field also `" 5"`, `"inf"`, `"nan"`. Unquoted in
//! JSON it follows the JSON grammar, which the reader has checked.

use crate::tree::Scalar;

/// A whole number, by its value: `1024.0` is one.
pub(super) fn whole(scalar: &Scalar<'_>) -> Option<i128> {
    match scalar {
        Scalar::Int(value) => Some(i128::from(*value)),
        Scalar::Number(text) | Scalar::Text(text) => {
            let is_trimmed = text.trim() == text.as_ref();
            text.parse().ok().or_else(|| to_whole(strtod(text)?)).filter(|_| is_trimmed)
        }
        Scalar::Null | Scalar::Bool(_) => None,
    }
}

/// A floating-point number.
pub(super) fn float(scalar: &Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Int(value) => Some(f64::from(*value)),
        Scalar::Number(text) => text.parse().ok(),
        Scalar::Text(text) => strtod(text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])),
        Scalar::Null | Scalar::Bool(_) => None,
    }
}

/// Beyond this a float has no digit behind the point, nor a 64-bit integer a place.
const MAX_WHOLE: f64 = 1e20;

fn to_whole(value: f64) -> Option<i128> {
    let is_whole = value.fract() == 0.0 && value.abs() < MAX_WHOLE;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e20")]
    let whole = value as i128;
    is_whole.then_some(whole)
}

/// What `strtod` takes, if it takes all of the text.
fn strtod(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if magnitude.starts_with(['+', '-']) {
        return None;
    }
    let hexadecimal = magnitude.strip_prefix("0x").or_else(|| magnitude.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) => hexadecimal_float(digits)?,
        None => magnitude.parse().ok()?,
    };
    Some(sign * value)
}

/// `1f.8p-3` without its `0x`.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let mut weight = 1.0;
    for digit in fraction.chars() {
        weight /= 16.0;
        value += f64::from(digit.to_digit(16)?) * weight;
    }
    Some(value * 2.0_f64.powi(exponent))
}

#[cfg(test)]
mod tests {
    use super::{float, whole};
    use crate::tree::Scalar;

    #[test]
    fn quoted_whole_numbers_are_read_as_by_strtod_but_without_space() {
        let check = |text: &str, expected| {
            assert_eq!(whole(&Scalar::Text(text.into())), expected, "{text:?}");
        };
        for (text, value) in [
            ("0x10", 16),
            ("01", 1),
            ("00", 0),
            ("+5", 5),
            ("5.", 5),
            ("5.0", 5),
            ("5.0e0", 5),
            (".5e1", 5),
            ("1e3", 1000),
            ("+1e3", 1000),
            ("0e0", 0),
            ("-0", 0),
            ("0x1p3", 8),
            ("+0x10", 16),
            ("18446744073709551615", u64::MAX.into()),
        ] {
            check(text, Some(value));
        }
        for text in
            ["", " 5", "5 ", ".5", "0.5", "1_0", "5f", "Infinity", "nan", "0x", "0o7", "+", "-", "--5", "0b11", "1:30"]
        {
            check(text, None);
        }
    }

    #[test]
    fn quoted_floats_are_read_as_by_strtod() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(float(&Scalar::Text(text.into())), expected, "{text:?}");
        };
        check(" 5", Some(5.0));
        check("5 ", Some(5.0));
        check("+5", Some(5.0));
        check(".5", Some(0.5));
        check("0x10", Some(16.0));
        check("0x1.8p1", Some(3.0));
        check("-Infinity", Some(f64::NEG_INFINITY));
        check("inf", Some(f64::INFINITY));
        check("1e400", Some(f64::INFINITY));
        check("", None);
        check(".inf", None);
        check("x", None);
        assert!(float(&Scalar::Text("nan".into())).is_some_and(f64::is_nan));
    }
}
