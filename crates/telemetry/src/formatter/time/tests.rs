use super::*;

/// 2026-11-24 08:04:41.728506 UTC, a Tuesday: the second at which Envoy printed the expectations below.
const MOMENT: u64 = 1_795_507_481_728_506;

#[track_caller]
fn check_at(micros: u64, format: &str, expected: &str) {
    let mut line = Line::new();
    TimeFormat::parse(format).unwrap().append(micros, &mut line);
    assert_eq!(str::from_utf8(line.as_bytes()).unwrap(), expected, "{format}");
}

#[test]
fn formats_print_as_envoy_prints_them() {
    check("", "2026-11-24T08:04:41.728Z");
    check("%s.%3f", "1795507481.728");
    check("%3f|%6f|%9f|%1f|%2f|%f", "728|728506|728506000|7|72|728506000");
    check("%4f %5f %7f %8f", "7285 72850 7285060 72850600");
    check("%Y/%m/%dT%H:%M:%S%z", "2026/11/24T08:04:41+0000");
    check("%FT%TZ", "2026-11-24T08:04:41Z");
    check("%a %A %b %B %c %C %d %D %e %h", "Tue Tuesday Nov November Tue Nov 24 08:04:41 2026 20 24 11/24/26 24 Nov");
    check("%I %j %k %l %M %p %P %r %R %t", "08 328  8  8 04 AM am 08:04:41 AM 08:04 \t");
    check("%u %U %V %w %W %x %X %y %Z %% %G %g", "2 47 48 2 47 11/24/26 08:04:41 26 UTC % 2026 26");
    check("plain", "plain");
    check("%E4Y %Ez %E*z %E3S %E*S %EY %Od %ET", "2026 +00:00 +00:00:00 41.728 41.728506 2026 24 T");
    check("%s%3f", "1795507481728");
    check("%q %i %J %0f", "%q %i %J %0f");
    check("%E*f %E3f %E6f", "728506 728 728506");
    check("%-d %_d %05d %^a %#Z %10Y %-H %_m %+ %v %N %L", "24 24 00024 TUE utc 0000002026 8 11 %+ %v %N %L");

    #[track_caller]
    fn check(format: &str, expected: &str) {
        check_at(MOMENT, format, expected);
    }
}

#[test]
fn the_calendar_is_right_at_its_edges() {
    // RFC 3339 texts of known Unix times; ISO weeks from the definition in ISO 8601.
    check_at(0, "%FT%T %a %j %G-W%V", "1970-01-01T00:00:00 Thu 001 1970-W01");
    check_at(951_782_400_000_000, "%F %a %j", "2000-02-29 Tue 060");
    check_at(4_107_542_399_000_000, "%FT%T", "2100-02-28T23:59:59");
    check_at(4_107_542_400_000_000, "%F", "2100-03-01");
    check_at(1_609_459_199_999_999, "", "2020-12-31T23:59:59.999Z");
    check_at(1_609_459_200_000_000, "%G-W%V-%u", "2020-W53-5");
    check_at(1_230_768_000_000_000, "%G-W%V-%u", "2009-W01-4");
    check_at(1_230_595_200_000_000, "%G-W%V-%u", "2009-W01-2");
    check_at(1_262_304_000_000_000, "%G-W%V-%u %U %W", "2009-W53-5 00 00");
}

#[test]
fn no_time_panics() {
    for micros in [0, 1, u64::MAX, u64::MAX / 2, 253_402_300_800_000_000] {
        for format in ["", "%c %G %V %j %U %W %s %f %E*S"] {
            TimeFormat::parse(format).unwrap().append(micros, &mut Line::new());
        }
    }
}

#[test]
fn newlines_and_unsupported_forms_are_refused() {
    for format in ["%n", "a%En", "%%n", "%5n", "%-n"] {
        let error = TimeFormat::parse(format).unwrap_err();
        assert_eq!(error, "Invalid header configuration. Format string contains newline.", "{format}");
    }
    check("%10f", "%10f");
    check("%999d", "%999d");
    check("a%Eä", "%Eä");
    check("%-z", "%-z");

    #[track_caller]
    fn check(format: &str, conversion: &str) {
        let expected = format!("the time conversion {conversion} is not supported");
        assert_eq!(TimeFormat::parse(format).unwrap_err(), expected);
    }
}
