use nuncio_config::Diagnostics;
use nuncio_message::HeaderMapKind;
use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
use pb::header_matcher::HeaderMatchSpecifier as S;

use super::*;

/// Values of the header `x-v` that each matcher is asked about.
const VALUES: [&[&str]; 7] = [&[], &[""], &["a"], &["b"], &["A"], &["a", "b"], &["a,b"]];

#[derive(Clone, Copy, Default)]
struct Flags {
    invert: bool,
    missing_is_empty: bool,
}

const PLAIN: Flags = Flags { invert: false, missing_is_empty: false };
const INVERT: Flags = Flags { invert: true, missing_is_empty: false };
const MISSING: Flags = Flags { invert: false, missing_is_empty: true };
const BOTH: Flags = Flags { invert: true, missing_is_empty: true };

fn parse(name: &str, specifier: Option<S>, flags: Flags) -> HeaderMatcher {
    let proto = pb::HeaderMatcher {
        name: name.into(),
        invert_match: flags.invert,
        treat_missing_header_as_empty: flags.missing_is_empty,
        header_match_specifier: specifier,
    };
    HeaderMatcher::parse(proto, &At::root(&Diagnostics::new())).expect("a valid matcher")
}

fn list(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
    }
    headers
}

fn matches(matcher: &HeaderMatcher, values: &[&str]) -> bool {
    matcher.matches(&list(&values.iter().map(|value| ("x-v", *value)).collect::<Vec<_>>()))
}

/// `expected` has a `+` for each of [`VALUES`] that matches.
fn check(specifier: Option<S>, flags: Flags, expected: &str) {
    let matcher = parse("x-v", specifier, flags);
    let shown: String = VALUES.iter().map(|values| if matches(&matcher, values) { '+' } else { '-' }).collect();
    assert_eq!(shown, expected, "{matcher:?}");
}

fn string(pattern: matcher::string_matcher::MatchPattern) -> Option<S> {
    Some(S::StringMatch(matcher::StringMatcher { ignore_case: false, match_pattern: Some(pattern) }))
}

fn exact(text: &str) -> Option<S> {
    string(matcher::string_matcher::MatchPattern::Exact(text.into()))
}

fn regex(text: &str) -> matcher::RegexMatcher {
    matcher::RegexMatcher { regex: text.into(), engine_type: None }
}

#[test]
fn one_of_several_values_is_enough() {
    check(exact("a"), PLAIN, "--+--+-");
    check(exact("a,b"), PLAIN, "------+");
    check(string(matcher::string_matcher::MatchPattern::Prefix("a".into())), PLAIN, "--+--++");
    check(string(matcher::string_matcher::MatchPattern::Suffix("b".into())), PLAIN, "---+-++");
    check(string(matcher::string_matcher::MatchPattern::Contains(",".into())), PLAIN, "------+");
    check(string(matcher::string_matcher::MatchPattern::SafeRegex(regex("[^a]*"))), MISSING, "++-+++-");
}

#[test]
fn a_missing_header_never_matches_a_value_not_even_inverted() {
    check(exact("a"), INVERT, "-+-++-+");
    check(exact("a"), BOTH, "++-++-+");
    check(exact(""), MISSING, "++-----");
}

#[test]
fn presence_counts_empty_values() {
    check(Some(S::PresentMatch(true)), PLAIN, "-++++++");
    check(Some(S::PresentMatch(false)), PLAIN, "+------");
    check(Some(S::PresentMatch(true)), INVERT, "+------");
    check(Some(S::PresentMatch(false)), INVERT, "-++++++");
    check(Some(S::PresentMatch(true)), MISSING, "+++++++");
    check(Some(S::PresentMatch(false)), MISSING, "-------");
    check(None, PLAIN, "-++++++");
    check(None, INVERT, "+------");
    check(None, MISSING, "+++++++");
}

#[test]
fn deprecated_kinds_work_as_before() {
    check(Some(S::ExactMatch("a".into())), PLAIN, "--+--+-");
    check(Some(S::ExactMatch(String::new())), PLAIN, "-++++++");
    check(Some(S::PrefixMatch("a".into())), PLAIN, "--+--++");
    check(Some(S::SuffixMatch("a".into())), PLAIN, "--+--+-");
    check(Some(S::ContainsMatch("b".into())), PLAIN, "---+-++");
    check(Some(S::SafeRegexMatch(regex("a"))), PLAIN, "--+--+-");
    check(Some(S::SafeRegexMatch(regex("a.*"))), PLAIN, "--+--++");
}

#[test]
fn a_range_is_half_open_and_takes_whole_decimal_numbers() {
    let range = |start, end| Some(S::RangeMatch(Int64Range { start, end }));
    let plain = parse("x-v", range(5, 10), PLAIN);
    let inverted = parse("x-v", range(5, 10), INVERT);
    for value in ["5", "9", "+5", "05"] {
        assert!(matches(&plain, &[value]) && !matches(&inverted, &[value]), "{value}");
    }
    for value in ["4", "10", "-5", "5 5", "5x", "", "0x5", "5.0", "99999999999999999999", "x"] {
        assert!(!matches(&plain, &[value]) && matches(&inverted, &[value]), "{value}");
    }
    assert!(matches(&plain, &["5", "6"]) && !matches(&inverted, &["5", "6"]));
    assert!(!matches(&plain, &[]) && !matches(&inverted, &[]));
    // An empty value is no number, so a missing header that counts as empty is in no range.
    let missing = parse("x-v", range(-6, 10), MISSING);
    assert!(!matches(&missing, &[]) && matches(&missing, &["-5"]));
    assert!(matches(&parse("x-v", range(5, 10), BOTH), &[]));
}

#[test]
fn pseudo_headers_and_host_are_headers() {
    let headers = list(&[
        (":method", "GET"),
        (":path", "/a?q=1"),
        (":authority", "h.test"),
        (":scheme", "http"),
        ("accept", "a"),
        ("accept", "b"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ]);
    let cases = [
        (":method", "GET", true),
        (":path", "/a?q=1", true),
        (":path", "/a", false),
        (":authority", "h.test", true),
        (":Authority", "h.test", true),
        ("host", "h.test", true),
        (":scheme", "http", true),
        ("Accept", "a,b", true),
        ("accept", "a", false),
        ("cookie", "a=1", true),
        ("cookie", "b=2", true),
        ("cookie", "a=1,b=2", false),
        ("cookie", "a=1; b=2", false),
    ];
    for (name, value, expected) in cases {
        assert_eq!(parse(name, exact(value), PLAIN).matches(&headers), expected, "{name} {value}");
    }
}
