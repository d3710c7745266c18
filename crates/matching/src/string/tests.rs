use nuncio_config::Diagnostics;
use nuncio_proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

use super::*;

fn parse(pattern: Option<MatchPattern>, ignore_case: bool) -> Result<StringMatcher, String> {
    let sink = Diagnostics::new();
    let proto = pb::StringMatcher { ignore_case, match_pattern: pattern };
    StringMatcher::parse(proto, &At::root(&sink))
        .map_err(|_| sink.sorted().iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "))
}

fn check(pattern: MatchPattern, ignore_case: bool, matching: &[&str], other: &[&str]) {
    let matcher = parse(Some(pattern), ignore_case).expect("a valid matcher");
    for (texts, expected) in [(matching, true), (other, false)] {
        for text in texts {
            assert_eq!(matcher.matches(text.as_bytes()), expected, "{text:?} {matcher:?}");
        }
    }
}

#[test]
fn each_kind_compares_bytes() {
    check(MatchPattern::Exact("aB".into()), false, &["aB"], &["ab", "aBx", "xaB", ""]);
    check(MatchPattern::Exact(String::new()), false, &[""], &["a"]);
    check(MatchPattern::Prefix("aB".into()), false, &["aB", "aBx"], &["ab", "a", "xaB", ""]);
    check(MatchPattern::Suffix("aB".into()), false, &["aB", "xaB"], &["ab", "B", "aBx", ""]);
    check(MatchPattern::Contains("aB".into()), false, &["aB", "xaBx"], &["ab", "xa", ""]);
}

#[test]
fn ignore_case_folds_ascii_letters_only() {
    check(MatchPattern::Exact("aB".into()), true, &["aB", "AB", "ab"], &["abx", ""]);
    check(MatchPattern::Prefix("aB".into()), true, &["ABx", "ab"], &["xab", "a"]);
    check(MatchPattern::Suffix("aB".into()), true, &["xAB", "ab"], &["abx", "b"]);
    check(MatchPattern::Contains("aB".into()), true, &["xABx", "xabx", "ab", "éAb"], &["xa", ""]);
    check(MatchPattern::Contains("É".into()), true, &["É", "xÉ"], &["é", "E"]);
}

#[test]
fn what_cannot_match_is_an_error() {
    let regex = |text: &str| MatchPattern::SafeRegex(pb::RegexMatcher { regex: text.into(), engine_type: None });
    let cases = [
        (None, false, "one of exact, prefix, suffix, safe_regex or contains must be set"),
        (Some(regex("a")), true, "ignore_case has no effect for safe_regex"),
        (Some(regex("(")), false, "missing ): ("),
        (Some(MatchPattern::Custom(Default::default())), false, "'custom' is not supported yet"),
    ];
    for (pattern, ignore_case, expected) in cases {
        assert_eq!(parse(pattern, ignore_case).expect_err("an error"), expected);
    }
}
