//! Expected values are answers of Envoy 1.40 to the same configuration and requests.

use nuncio_config::{At, Diagnostics};
use nuncio_proto::envoy::config::common::mutation_rules::v3 as rules;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::extensions::filters::http::header_mutation::v3 as pb;
use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
use prost_types::value::Kind;
use rules::header_mutation::Action;

use super::config::Config;

fn findings(mutations: pb::Mutations) -> Vec<String> {
    let found = Diagnostics::new();
    let proto = pb::HeaderMutation { mutations: Some(mutations), most_specific_header_mutations_wins: false };
    let parsed = Config::parse(proto, &At::root(&found));
    assert_eq!(parsed.is_err(), found.has_errors());
    found.sorted().iter().map(|found| format!("{}: {}", found.path, found.message)).collect()
}

fn header(key: &str, value: &str) -> core::HeaderValueOption {
    let header = core::HeaderValue { key: key.into(), value: value.into(), raw_value: Vec::new() };
    core::HeaderValueOption { header: Some(header), ..Default::default() }
}

#[test]
fn header_errors_are_envoys_at_their_place() {
    let check = |action: Action, expected: &[&str]| {
        let list = vec![rules::HeaderMutation { action: Some(action) }];
        for (field, mutations) in [
            ("request_mutations", pb::Mutations { request_mutations: list.clone(), ..Default::default() }),
            ("response_mutations", pb::Mutations { response_mutations: list.clone(), ..Default::default() }),
            (
                "request_trailers_mutations",
                pb::Mutations { request_trailers_mutations: list.clone(), ..Default::default() },
            ),
            ("response_trailers_mutations", pb::Mutations { response_trailers_mutations: list, ..Default::default() }),
        ] {
            let expected: Vec<_> = expected.iter().map(|line| format!("mutations.{field}[0].{line}")).collect();
            assert_eq!(findings(mutations), expected);
        }
    };
    let protected = "append.header.key: :-prefixed or host headers may not be modified";
    for name in ["host", "Host", ":path", ":foo", ":authority"] {
        check(Action::Append(header(name, "x")), &[protected]);
    }
    // Removing them is allowed, whatever becomes of the request.
    for name in ["host", ":path", ":status", ""] {
        check(Action::Remove(name.into()), &[]);
    }
    check(
        Action::Append(header("a", "%FOO%")),
        &["append.header.value: Not supported field in StreamInfo: FOO (at position 0)"],
    );
    check(
        Action::Append(header("a", "x%")),
        &["append.header.value: Incorrect configuration: x%. Couldn't find valid command at position 1"],
    );
    check(
        Action::Append(header("a", "%REQ%")),
        &["append.header.value: REQ requires parameters (%REQ% at position 0)"],
    );
    check(
        Action::Append(core::HeaderValueOption { append: Some(true), append_action: 1, ..header("a", "b") }),
        &["append.append_action: Both append and append_action are set and it's not allowed"],
    );
    let all = matcher::StringMatcher {
        match_pattern: Some(matcher::string_matcher::MatchPattern::Prefix(":".into())),
        ignore_case: false,
    };
    check(Action::RemoveOnMatch(rules::header_mutation::RemoveOnMatch { key_matcher: Some(all) }), &[]);
}

#[test]
fn query_errors_are_envoys_at_their_place() {
    let check = |append: Option<core::KeyValueAppend>, remove: &str, expected: &[&str]| {
        let mutation = core::KeyValueMutation { append, remove: remove.into() };
        let mutations = pb::Mutations { query_parameter_mutations: vec![mutation], ..Default::default() };
        let expected: Vec<_> =
            expected.iter().map(|line| format!("mutations.query_parameter_mutations[0]{line}")).collect();
        assert_eq!(findings(mutations), expected);
    };
    let record = |kind: Option<Kind>| {
        let value = kind.map(|kind| prost_types::Value { kind: Some(kind) });
        let record = core::KeyValuePair { key: "k".into(), value };
        core::KeyValueAppend { record: Some(record), ..Default::default() }
    };
    check(None, "", &[": One of 'append'/'remove' must be specified."]);
    check(
        Some(record(Some(Kind::StringValue("v".into())))),
        "k",
        &[": Only one of 'append'/'remove can be specified."],
    );
    check(Some(core::KeyValueAppend::default()), "", &[".append: No record specified for append mutation."]);
    for kind in [None, Some(Kind::NumberValue(1.0)), Some(Kind::BoolValue(true)), Some(Kind::NullValue(0))] {
        check(Some(record(kind)), "", &[".append.record.value: Only string value is allowed for record value."]);
    }
    check(
        Some(record(Some(Kind::StringValue("%FOO%".into())))),
        "",
        &[".append.record.value: Not supported field in StreamInfo: FOO (at position 0)"],
    );
    check(Some(record(Some(Kind::StringValue(String::new())))), "", &[]);
    check(None, "k", &[]);
}

#[test]
fn own_formatters_are_refused_by_name() {
    let formatters = vec![core::TypedExtensionConfig::default()];
    let mutations = pb::Mutations { formatters, ..Default::default() };
    assert_eq!(findings(mutations), ["mutations.formatters: 'formatters' is not supported yet"]);
}
