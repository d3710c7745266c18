//! Expected values are answers of Envoy 1.40 to the same configuration and requests.

use std::sync::Arc;

use matcher::string_matcher::MatchPattern;
use nuncio_config::{At, Diagnostics};
use nuncio_proto::envoy::config::core::v3::RuntimeFractionalPercent;
use nuncio_proto::envoy::extensions::filters::http::cors::v3 as pb;
use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
use nuncio_proto::envoy::r#type::v3::FractionalPercent;

use super::config::{Mode, Policies, Policy};

/// The most specific level first.
fn policies(levels: &[pb::CorsPolicy]) -> Policies {
    let found = Diagnostics::new();
    let parse = |level: &pb::CorsPolicy| Policy::parse(level.clone(), &At::root(&found)).expect("valid");
    Policies(levels.iter().map(|level| Arc::new(parse(level))).collect())
}

fn origins(patterns: &[MatchPattern]) -> pb::CorsPolicy {
    let one =
        |pattern: &MatchPattern| matcher::StringMatcher { match_pattern: Some(pattern.clone()), ignore_case: false };
    pb::CorsPolicy { allow_origin_string_match: patterns.iter().map(one).collect(), ..Default::default() }
}

fn share(numerator: u32) -> Option<RuntimeFractionalPercent> {
    let default_value = Some(FractionalPercent { numerator, denominator: 0 });
    Some(RuntimeFractionalPercent { default_value, runtime_key: "key".into() })
}

#[test]
fn an_origin_is_allowed_by_the_first_level_that_names_any() {
    let check = |levels: &[pb::CorsPolicy], origin: &str, expected| {
        assert_eq!(policies(levels).allows(origin.as_bytes()), expected, "{origin}");
    };
    let exact = |text: &str| origins(&[MatchPattern::Exact(text.into())]);
    check(&[exact("http://a")], "http://a", true);
    check(&[exact("http://a")], "http://A", false);
    check(&[exact("http://a")], "http://a,http://b", false);
    check(&[exact("*")], "http://a", true);
    check(&[origins(&[])], "http://a", false);
    check(&[origins(&[]), exact("http://a")], "http://a", true);
    check(&[exact("http://b"), exact("http://a")], "http://a", false);
    check(&[origins(&[MatchPattern::Prefix("x".into()), MatchPattern::Contains("a.t".into())])], "http://a.test", true);
}

#[test]
fn the_most_specific_level_says_whether_there_is_a_policy() {
    let level =
        |enabled, shadow| pb::CorsPolicy { filter_enabled: enabled, shadow_enabled: shadow, ..Default::default() };
    let check = |levels: &[pb::CorsPolicy], expected| assert_eq!(policies(levels).mode(50), expected, "{levels:?}");
    check(&[], Mode::Off);
    check(&[level(None, None)], Mode::Enforced);
    check(&[level(share(0), None)], Mode::Off);
    check(&[level(share(51), None)], Mode::Enforced);
    check(&[level(None, share(100))], Mode::Enforced);
    check(&[level(share(100), share(100))], Mode::Enforced);
    check(&[level(share(0), share(100))], Mode::Shadow);
    check(&[level(share(0), share(50))], Mode::Off);
    check(&[level(None, None), level(share(0), None)], Mode::Enforced);
    check(&[level(share(0), None), level(share(0), share(100))], Mode::Off);
}

#[test]
fn each_field_is_that_of_the_first_level_that_sets_it() {
    let route = pb::CorsPolicy { allow_methods: "RM".into(), allow_credentials: Some(false), ..Default::default() };
    let host = pb::CorsPolicy {
        allow_methods: "VM".into(),
        allow_headers: "VH".into(),
        expose_headers: "VE".into(),
        max_age: "1".into(),
        allow_credentials: Some(true),
        allow_private_network_access: Some(true),
        forward_not_matching_preflights: Some(false),
        ..Default::default()
    };
    let both = policies(&[route, host]);
    let texts = [both.methods(), both.headers(), both.exposed(), both.max_age()];
    assert_eq!(texts, [&b"RM"[..], b"VH", b"VE", b"1"]);
    assert_eq!(
        (both.allows_credentials(), both.allows_private_network(), both.forwards_not_matching()),
        (false, true, false)
    );
    let none = policies(&[pb::CorsPolicy::default()]);
    assert_eq!(
        (none.allows_credentials(), none.allows_private_network(), none.forwards_not_matching()),
        (false, false, true)
    );
}
