//! Expected values are answers of Envoy 1.40 to the same configuration and requests.

use std::cell::RefCell;

use nuncio_config::{At, Diagnostics};
use nuncio_message::{HeaderMapKind, Headers};
use nuncio_proto::envoy::config::common::mutation_rules::v3 as rules;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
use nuncio_telemetry::StreamInfo;
use rules::header_mutation::{Action, RemoveOnMatch};

use super::{MutationList, Subject};

fn add(name: &str, value: &str, action: i32) -> Action {
    let header = core::HeaderValue { key: name.into(), value: value.into(), raw_value: Vec::new() };
    Action::Append(core::HeaderValueOption { header: Some(header), append_action: action, ..Default::default() })
}

fn keep(action: Action) -> Action {
    match action {
        Action::Append(option) => Action::Append(core::HeaderValueOption { keep_empty_value: true, ..option }),
        other => other,
    }
}

fn remove_on_match(pattern: matcher::string_matcher::MatchPattern, ignore_case: bool) -> Action {
    let key_matcher = Some(matcher::StringMatcher { ignore_case, match_pattern: Some(pattern) });
    Action::RemoveOnMatch(RemoveOnMatch { key_matcher })
}

/// The request's headers after the changes.
fn changed(actions: Vec<Action>, headers: &[(&str, &str)]) -> String {
    let found = Diagnostics::new();
    let protos = actions.into_iter().map(|action| rules::HeaderMutation { action: Some(action) }).collect();
    let list = MutationList::parse(protos, &At::root(&found)).expect("valid mutations");
    let mut request = Headers::new();
    for (name, value) in headers {
        request.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
    }
    let mut subject = Subject {
        info: &StreamInfo::default(),
        request: &mut request,
        request_trailers: None,
        response: None,
        response_trailers: None,
        kind: HeaderMapKind::Request,
        scratch: &RefCell::default(),
    };
    list.apply(&mut subject);
    let shown: Vec<_> =
        request.iter().map(|h| format!("{}: {}", h.name.escape_ascii(), h.value.escape_ascii())).collect();
    shown.join("\n")
}

const APPEND: i32 = 0;
const IF_ABSENT: i32 = 1;
const OVERWRITE: i32 = 2;
const IF_EXISTS: i32 = 3;

#[test]
fn every_action_follows_envoy() {
    let actions = vec![
        add("accept-encoding", "br", APPEND),
        add("x-a", "1", OVERWRITE),
        add("x-b", "", OVERWRITE),
        add("X-Up", "v", APPEND),
        add("content-type", "t2", APPEND),
        add("x-d", "1", IF_ABSENT),
        add("x-d", "2", IF_ABSENT),
        add("x-e", "%REQ(x-d)%", IF_ABSENT),
        keep(add("x-f", "", OVERWRITE)),
        add("user-agent", "ua", IF_EXISTS),
        add("x-g", "1", IF_EXISTS),
        add("x-h", "%REQ(x-none)%", APPEND),
        keep(add("x-i", "%REQ(x-none)%", APPEND)),
        add("x-pct", "100%%", APPEND),
    ];
    let headers = [
        (":path", "/"),
        ("accept-encoding", "gzip"),
        ("x-a", "0"),
        ("x-b", "0"),
        ("content-type", "t1"),
        ("user-agent", "me"),
        ("x-f", "was"),
    ];
    let expected = ":path: /\naccept-encoding: gzip,br\nx-b: 0\ncontent-type: t1,t2\nx-a: 1\nx-up: v\nx-d: 1\nx-e: 1\n\
                    x-f: \nuser-agent: ua\nx-i: \nx-pct: 100%";
    assert_eq!(changed(actions, &headers), expected);
}

#[test]
fn pseudo_headers_and_the_host_can_be_removed() {
    let headers = [(":method", "GET"), (":path", "/"), (":authority", "h"), ("x-Other", "o"), ("x-third", "t")];
    let check = |action: Action, expected: &str| assert_eq!(changed(vec![action], &headers), expected);
    check(Action::Remove("host".into()), ":method: GET\n:path: /\nx-other: o\nx-third: t");
    check(Action::Remove("Host".into()), ":method: GET\n:path: /\nx-other: o\nx-third: t");
    check(Action::Remove(":path".into()), ":method: GET\n:authority: h\nx-other: o\nx-third: t");
    check(Action::Remove("X-Other".into()), ":method: GET\n:path: /\n:authority: h\nx-third: t");
    use matcher::string_matcher::MatchPattern::{Exact, Prefix};
    check(remove_on_match(Prefix(":".into()), false), "x-other: o\nx-third: t");
    // Names are lower case when they are matched.
    check(remove_on_match(Exact("X-Other".into()), false), &changed(Vec::new(), &headers));
    check(remove_on_match(Exact("X-THIRD".into()), true), ":method: GET\n:path: /\n:authority: h\nx-other: o");
}

#[test]
fn a_message_without_trailers_stays_without() {
    let found = Diagnostics::new();
    let protos = vec![rules::HeaderMutation { action: Some(add("x-t", "1", APPEND)) }];
    let list = MutationList::parse(protos, &At::root(&found)).expect("valid mutations");
    let mut request = Headers::new();
    let mut subject = Subject {
        info: &StreamInfo::default(),
        request: &mut request,
        request_trailers: None,
        response: None,
        response_trailers: None,
        kind: HeaderMapKind::RequestTrailers,
        scratch: &RefCell::default(),
    };
    list.apply(&mut subject);
    assert!(subject.headers_mut().is_none() && request.is_empty());
}
