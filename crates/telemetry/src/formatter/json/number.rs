//! Numbers in JSON formats.

/// The shorter of the plain and the exponent form, the plain one when they are equally long.
pub(crate) fn text(value: f64) -> String {
    let plain = if value.fract() == 0.0 { format!("{value:.0}") } else { value.to_string() };
    let with_exponent = with_exponent(value);
    if plain.len() <= with_exponent.len() { plain } else { with_exponent }
}

/// As C prints it: a sign and at least two digits in the exponent.
fn with_exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn numbers_print_as_envoy_prints_them() {
        check(1e15, "1e+15");
        check(9_007_199_254_740_992.0, "9007199254740992");
        check(9.3e18, "9.3e+18");
        check(-9.2e18, "-9.2e+18");
        check(1_234_567_890_123_456.5, "1234567890123456.5");
        check(0.0001, "1e-04");
        check(0.00001, "1e-05");
        check(0.000123, "0.000123");
        check(123_456.789, "123456.789");
        check(-0.0, "-0");
        check(0.0, "0");
        check(1e300, "1e+300");
        check(999_999_999_999_999.5, "999999999999999.5");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
        check(12_345_678_901_234_567_890.0, "12345678901234567168");
        check(123_456_789_012.0, "123456789012");
        check(1.0, "1");
        check(-2.5, "-2.5");

        #[track_caller]
        fn check(value: f64, expected: &str) {
            assert_eq!(text(value), expected);
        }
    }
}
