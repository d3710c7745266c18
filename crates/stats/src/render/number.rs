//! Floating-point numbers in the three ways that Envoy writes them.

use std::fmt::Write;

/// The shortest digits that read back as `value`, in scientific notation from 1e16 and below 1e-4: as `{fmt}` does.
pub(super) fn push_shortest(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("nan");
        return;
    }
    push_shortest_digits(out, &format!("{value:e}"));
}

/// The same for a number that is rounded to single precision first.
pub(super) fn push_shortest_single(out: &mut String, value: f64) {
    push_shortest_digits(out, &format!("{:e}", value as f32));
}

fn push_shortest_digits(out: &mut String, scientific: &str) {
    let (digits, exponent) = parse_scientific(scientific);
    if (-4..16).contains(&exponent) {
        push_fixed(out, &digits, exponent)
    } else {
        push_scientific(out, &digits, exponent)
    }
}

/// The shortest digits that read back as `value`, in whichever notation is shorter, `null` when not a number: as
/// `std::to_chars` does.
pub(super) fn push_json(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("null");
        return;
    }
    let (digits, exponent) = parse_scientific(&format!("{value:e}"));
    let (mut fixed, mut scientific) = (String::new(), String::new());
    push_fixed(&mut fixed, &digits, exponent);
    push_scientific(&mut scientific, &digits, exponent);
    out.push_str(if scientific.len() < fixed.len() { &scientific } else { &fixed });
}

/// At most `count` significant digits: as `printf`'s `%g` does.
pub(super) fn push_significant(out: &mut String, value: f64, count: usize) {
    if value.is_nan() {
        out.push_str("nan");
        return;
    }
    let (digits, exponent) = parse_scientific(&format!("{value:.*e}", count - 1));
    if exponent >= -4 && exponent < count as i32 {
        push_fixed(out, &digits, exponent);
    } else {
        push_scientific(out, &digits, exponent);
    }
}

/// Digits without the point and trailing zeros, and the exponent of the first.
fn parse_scientific(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_end_matches('0');
    let digits = if significant.is_empty() { "0" } else { significant };
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

fn push_fixed(out: &mut String, digits: &str, exponent: i32) {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        out.push_str("0.");
        out.extend((exponent + 1..0).map(|_| '0'));
        out.push_str(digits);
        return;
    };
    if whole == 0 {
        out.push_str("0.");
        out.push_str(digits);
    } else if digits.len() <= whole {
        out.push_str(digits);
        out.extend((digits.len()..whole).map(|_| '0'));
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
}

fn push_scientific(out: &mut String, digits: &str, exponent: i32) {
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    // Writing to a string cannot fail.
    _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_goes_scientific_at_1e16() {
        let check = |value: f64, expected: &str| {
            let mut out = String::new();
            push_shortest(&mut out, value);
            assert_eq!(out, expected);
        };
        check(f64::NAN, "nan");
        check(0.0, "0");
        check(1.025, "1.025");
        check(50500.0, "50500");
        check(112.500_000_000_000_01, "112.50000000000001");
        check(1e15, "1000000000000000");
        check(1.8e19, "1.8e+19");
        check(0.000_1, "0.0001");
        check(0.000_01, "1e-05");
        check(0.5, "0.5");
        check(0.105, "0.105");
    }

    #[test]
    fn single_precision_hides_the_last_digits() {
        let check = |value: f64, expected: &str| {
            let mut out = String::new();
            push_shortest_single(&mut out, value);
            assert_eq!(out, expected);
        };
        check(110.000_000_000_000_01, "110");
        check(0.1, "0.1");
        check(1e6, "1000000");
    }

    #[test]
    fn json_takes_the_shorter_notation_and_fixed_when_equal() {
        let check = |value: f64, expected: &str| {
            let mut out = String::new();
            push_json(&mut out, value);
            assert_eq!(out, expected);
        };
        check(f64::NAN, "null");
        check(0.0, "0");
        check(0.5, "0.5");
        check(60_000.0, "60000");
        check(300_000.0, "3e+05");
        check(1_800_000.0, "1800000");
        check(110.000_000_000_000_01, "110.00000000000001");
    }

    #[test]
    fn significant_digits_are_exact_and_without_trailing_zeros() {
        let check = |value: f64, count: usize, expected: &str| {
            let mut out = String::new();
            push_significant(&mut out, value, count);
            assert_eq!(out, expected);
        };
        check(0.5, 6, "0.5");
        check(600_000.0, 6, "600000");
        check(1_800_000.0, 6, "1.8e+06");
        check(110.000_000_000_000_01, 6, "110");
        check(1_800_000.0, 32, "1800000");
        check(5.05, 32, "5.049999999999999822364316059975");
        check(0.0, 32, "0");
    }
}
