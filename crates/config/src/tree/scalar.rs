//! What a plain YAML scalar means, by yaml-cpp's conversions and Envoy's order of trying them.

use std::borrow::Cow;

use crate::tree::Scalar;

/// Resolves an unquoted scalar: null, boolean, integer, else text.
pub(super) fn resolve_plain(text: Cow<'_, str>) -> Scalar<'_> {
    if is_null(&text) {
        return Scalar::Null;
    }
    if let Some(value) = boolean(&text) {
        return Scalar::Bool(value);
    }
    match integer(&text) {
        None => Scalar::Text(text),
        // Envoy writes what a JSON number cannot carry exactly as a string.
        Some(value) => match i32::try_from(value) {
            Ok(value) => Scalar::Int(value),
            Err(_) => Scalar::Text(Cow::Owned(value.to_string())),
        },
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML 1.1 booleans in lower case, UPPER case or Capitalised, but not mIxed.
fn boolean(text: &str) -> Option<bool> {
    if text.len() > "false".len() {
        return None;
    }
    let rest = text.get(1..)?;
    let is_lower = |s: &str| !s.bytes().any(|b| b.is_ascii_uppercase());
    let is_upper = |s: &str| !s.bytes().any(|b| b.is_ascii_lowercase());
    if !(is_lower(rest) || is_upper(text)) {
        return None;
    }
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A C++ stream's integer of 64 bits with any base: `0x10`, octal `010`, decimal.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match hexadecimal {
        Some(rest) => (rest, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        None => (digits, 10),
    };
    // A second sign, which Rust would accept here, is not a digit.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, base).ok()?;
    i64::try_from(sign * magnitude).ok()
}

#[cfg(test)]
mod tests {
    use super::{Scalar, resolve_plain};

    /// Verdicts of Envoy 1.40 for `node: {id: <text>}`, which takes text only, and for a 32-bit field.
    #[test]
    fn plain_scalars_are_resolved_as_envoy_does() {
        let check = |text: &str, expected: Scalar<'_>| {
            assert_eq!(resolve_plain(text.into()), expected, "{text}");
        };
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, Scalar::Null);
        }
        for text in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            check(text, Scalar::Bool(true));
        }
        for text in ["n", "N", "no", "NO", "false", "False", "off", "Off"] {
            check(text, Scalar::Bool(false));
        }
        for (text, value) in [
            ("5", 5),
            ("-5", -5),
            ("+5", 5),
            ("0x10", 16),
            ("0777", 511),
            ("00", 0),
            ("-0", 0),
            ("2147483647", i32::MAX),
            ("-2147483648", i32::MIN),
        ] {
            check(text, Scalar::Int(value));
        }
        for text in [
            "nULL",
            "yES",
            "nO",
            "oN",
            "yes please",
            "0x",
            "0xZZ",
            "08",
            "08.5",
            "1_000",
            "0b11",
            "0o7",
            ".inf",
            ".nan",
            "1.0",
            "1e3",
            "1:30",
            "=",
            "<<",
            "+",
            "-",
            "--5",
            "0x-1",
            "2024-01-01",
            "99999999999999999999",
        ] {
            check(text, Scalar::Text(text.into()));
        }
        check("2147483648", Scalar::Text("2147483648".into()));
        check("0xffffffff", Scalar::Text("4294967295".into()));
        check("-2147483649", Scalar::Text("-2147483649".into()));
    }
}
