use nuncio_config::Diagnostics;

use super::*;

fn parse(regex: &str) -> Result<RegexMatcher, String> {
    let sink = Diagnostics::new();
    let proto = pb::RegexMatcher { regex: regex.into(), engine_type: None };
    RegexMatcher::parse(proto, &At::root(&sink)).map_err(|_| sink.sorted()[0].message.clone())
}

fn check(regex: &str, matching: &[&[u8]], other: &[&[u8]]) {
    let matcher = parse(regex).unwrap_or_else(|error| panic!("{regex}: {error}"));
    for (texts, expected) in [(matching, true), (other, false)] {
        for text in texts {
            assert_eq!(matcher.matches(text), expected, "{regex} on {}", text.escape_ascii());
        }
    }
}

#[test]
fn the_whole_text_must_match() {
    check("a", &[b"a"], &[b"aa", b"ab", b"ba", b""]);
    check("a|ab", &[b"a", b"ab"], &[b"abb", b"b"]);
    check("/re/[0-9]+(/x)?", &[b"/re/12", b"/re/12/x"], &[b"/re/12/xy", b"/re/"]);
    check("^a$", &[b"a"], &[b"a\n", b"aa"]);
    check("a*?", &[b"", b"aaa"], &[b"b"]);
}

#[test]
fn a_character_is_a_byte() {
    check(".", &[b"e", b"\xc9"], &["É".as_bytes(), b"ee", b"\n"]);
    check(r"\C", &[b"e", b"\xc9", b"\n"], &["É".as_bytes()]);
    check("É", &["É".as_bytes()], &[b"\xc9"]);
    check("[é]", &[b"\xc3", b"\xa9"], &["é".as_bytes()]);
    check("é*", &[b"\xc3", b"\xc3\xa9\xa9"], &[b"", "éé".as_bytes()]);
    check("(?i)k", &[b"k", b"K"], &["\u{212a}".as_bytes()]);
    check(r"\d\w\s?\b", &[b"1a"], &["\u{661}a".as_bytes(), "1é".as_bytes()]);
}

#[test]
fn what_re2_takes_literally_is_literal() {
    check("a{,3}", &[b"a{,3}"], &[b"a", b"aaa"]);
    check("a{x}", &[b"a{x}"], &[b"a"]);
    check("[[a]", &[b"[", b"a"], &[b"]", b"[a"]);
    check("[a&&b]", &[b"a", b"&", b"b"], &[b"c"]);
    check("[]a]", &[b"]", b"a"], &[b"b"]);
    check("[^]a]", &[b"b", b"\n"], &[b"]", b"a"]);
    check("[a-]", &[b"a", b"-"], &[b"b"]);
    check("[[:digit:]x]", &[b"1", b"x"], &[b"a", b":"]);
    check(r"\<\>\_\.", &[b"<>_."], &[b"a"]);
    check(r"\Qa.b\E.", &[b"a.bc"], &[b"axbc", b"a.b"]);
    check(r"[\d\-x]+", &[b"1-x"], &[b"a"]);
    check(r"\x41\x{42}\103", &[b"ABC"], &[b"abc"]);
    check(r"a #b", &[b"a #b"], &[b"a"]);
    check("(?P<n>a)(?:b)(?i:c)", &[b"abc", b"abC"], &[b"aBc"]);
}

#[test]
fn errors_are_those_of_re2() {
    let cases = [
        ("[", "missing ]: ["),
        ("x[a", "missing ]: [a"),
        ("(a", "missing ): (a"),
        ("a)(b", "unexpected ): a)(b"),
        ("a**", "bad repetition operator: **"),
        ("*a", "no argument for repetition operator: *"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("a{2,1}", "invalid repetition size: {2,1}"),
        ("x{1000}{1000}", "bad repetition operator: {1000}{1000}"),
        ("a{1000}{2}", "bad repetition operator: {1000}{2}"),
        (r"\1", r"invalid escape sequence: \1"),
        (r"\8", r"invalid escape sequence: \8"),
        (r"\Z", r"invalid escape sequence: \Z"),
        (r"\e", r"invalid escape sequence: \e"),
        ("\\", "trailing \\"),
        ("(?<=a)b", "invalid perl operator: (?<="),
        ("(?x)a", "invalid perl operator: (?x"),
        ("(?u)a", "invalid perl operator: (?u"),
        ("(?i", "invalid perl operator: (?i"),
        ("(?P<n>a", "missing ): (?P<n>a"),
        ("[b-a]", "invalid character class range: b-a"),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
    ];
    for (regex, expected) in cases {
        assert_eq!(parse(regex).expect_err(regex), expected, "{regex}");
    }
}

#[test]
fn unicode_classes_are_refused_by_name() {
    for regex in [r"\pL", r"[\p{Greek}]"] {
        assert_eq!(parse(regex).expect_err(regex), "unicode character classes are not supported yet");
    }
}

#[test]
fn every_match_is_replaced() {
    let check = |pattern: &str, substitution: &str, text: &str, expected: &str| {
        let sink = Diagnostics::new();
        let pattern = pb::RegexMatcher { regex: pattern.into(), engine_type: None };
        let proto = pb::RegexMatchAndSubstitute { pattern: Some(pattern), substitution: substitution.into() };
        let rewrite = RegexRewrite::parse(proto, &At::root(&sink)).expect("a valid rewrite");
        let mut out = Vec::new();
        rewrite.rewrite(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected, "{rewrite:?} on {text}");
    };
    check("^/re/([^/]+)/(.*)$", r"/\2/for/\1", "/re/one/two", "/two/for/one");
    check("^/re/([^/]+)/(.*)$", r"/\2/for/\1", "/re/one", "/re/one");
    check("a", r"\\b", "/rs/aaa", r"/rs/\b\b\b");
    check("a*", "-", "/re2/baac", "-/-r-e-2-/-b-c-");
    check(".*", "", "/x", "");
    // RE2 ends a text at a bad escape, and replaces nothing when a group is missing.
    check("(a)", r"\x", "/rx/aaa", "/rx/");
    check("(a)", "x\\", "/rt/aaa", "/rt/xxx");
    check("(a)", r"\2x", "/rg/aaa", "/rg/aaa");
}
