use nuncio_proto::envoy::config::core::v3::header_value_option::HeaderAppendAction as A;

use std::cell::RefCell;

use nuncio_telemetry::StreamInfo;

use super::*;
use crate::header_mutation::Subject;

fn add(name: &str, value: &str, action: A) -> core::HeaderValueOption {
    let header = core::HeaderValue { key: name.into(), value: value.into(), raw_value: Vec::new() };
    core::HeaderValueOption { header: Some(header), append_action: action.into(), ..Default::default() }
}

fn shown(headers: &Headers) -> String {
    let lines = headers.iter().filter(|header| !header.id.is_pseudo());
    let line = |name: &[u8], value: &[u8]| format!("{}: {}", name.escape_ascii(), value.escape_ascii());
    lines.map(|header| line(header.name, header.value)).collect::<Vec<_>>().join("\n")
}

/// Makes the route's changes to the heads.
fn change(found: &RouteRef, request: &mut Headers, response: Option<&mut Headers>) {
    let (info, scratch) = (StreamInfo::default(), RefCell::default());
    let mut subject = Subject {
        info: &info,
        request,
        request_trailers: None,
        response,
        response_trailers: None,
        kind: HeaderMapKind::Request,
        scratch: &scratch,
    };
    found.change_request_headers(&mut subject);
    subject.kind = HeaderMapKind::Response;
    found.change_response_headers(&mut subject);
}

/// What one level would add for its name.
fn level(name: &str) -> Vec<core::HeaderValueOption> {
    vec![
        add("x-l", name, A::AppendIfExistsOrAdd),
        add("x-o", name, A::OverwriteIfExistsOrAdd),
        add("x-ab", name, A::AddIfAbsent),
    ]
}

fn levels(most_specific_wins: bool, is_weighted: bool) -> pb::RouteConfiguration {
    let action = match is_weighted {
        false => to_cluster("a"),
        true => {
            let cluster = pb::weighted_cluster::ClusterWeight {
                name: "a".into(),
                weight: Some(1),
                request_headers_to_add: level("weighted"),
                response_headers_to_add: level("weighted"),
                ..Default::default()
            };
            let clusters = pb::WeightedCluster { clusters: vec![cluster], ..Default::default() };
            let specifier = pb::route_action::ClusterSpecifier::WeightedClusters(clusters);
            pb::RouteAction { cluster_specifier: Some(specifier), ..Default::default() }
        }
    };
    let route = pb::Route {
        request_headers_to_add: level("route"),
        response_headers_to_add: level("route"),
        ..forward(action)
    };
    let host = pb::VirtualHost {
        request_headers_to_add: level("host"),
        response_headers_to_add: level("host"),
        ..virtual_host("v", &["*"], vec![route])
    };
    pb::RouteConfiguration {
        request_headers_to_add: level("config"),
        response_headers_to_add: level("config"),
        most_specific_header_mutations_wins: most_specific_wins,
        ..with_hosts(vec![host])
    }
}

#[test]
fn levels_are_applied_in_order_and_weighted_clusters_first() {
    let cases = [
        (false, false, "x-l: c\nx-l: route\nx-ab: route\nx-l: host\nx-o: config\nx-l: config"),
        (true, false, "x-l: c\nx-l: config\nx-ab: config\nx-l: host\nx-o: route\nx-l: route"),
        (false, true, "x-l: c\nx-l: weighted\nx-ab: weighted\nx-l: route\nx-l: host\nx-o: config\nx-l: config"),
        (true, true, "x-l: c\nx-l: weighted\nx-ab: weighted\nx-l: config\nx-l: host\nx-o: route\nx-l: route"),
    ];
    for (most_specific_wins, is_weighted, expected) in cases {
        let table = parse(levels(most_specific_wins, is_weighted)).expect("a valid table");
        let mut headers = request("/", &[("x-l", "c")]);
        let found = RouteRef::find(&table, &headers, 0).expect("a route");
        let mut response = Headers::new();
        response.push_name(b"x-l", b"c");
        change(&found, &mut headers, Some(&mut response));
        assert_eq!(shown(&headers), expected, "{most_specific_wins} {is_weighted}");
        assert_eq!(shown(&response), expected, "{most_specific_wins} {is_weighted}");
    }
}

#[test]
fn one_level_removes_then_overwrites_then_adds() {
    let keep = |option| core::HeaderValueOption { keep_empty_value: true, ..option };
    let deprecated =
        |name: &str, append| core::HeaderValueOption { append: Some(append), ..add(name, "v", A::AppendIfExistsOrAdd) };
    let additions = vec![
        add("x-ab", "1", A::AddIfAbsent),
        add("x-ab", "2", A::AddIfAbsent),
        add("x-has", "1", A::AddIfAbsent),
        add("x-oe", "1", A::OverwriteIfExists),
        add("x-has2", "1", A::OverwriteIfExists),
        add("x-ow", "1", A::OverwriteIfExistsOrAdd),
        add("x-ow", "2", A::OverwriteIfExistsOrAdd),
        add("x-ap", "1", A::AppendIfExistsOrAdd),
        add("X-Case", "v", A::AppendIfExistsOrAdd),
        add("x-empty", "", A::AppendIfExistsOrAdd),
        keep(add("x-empty2", "", A::AppendIfExistsOrAdd)),
        add("x-pct", "100%%", A::AppendIfExistsOrAdd),
        add("x-req", "%REQ(x-ap)%|%REQ(x-gone?x-new)%", A::AppendIfExistsOrAdd),
        add("x-none", "%REQ(x-gone)%", A::AppendIfExistsOrAdd),
        keep(add("x-none2", "%REQ(x-gone)%", A::AppendIfExistsOrAdd)),
        add("x-sp", " a ", A::AppendIfExistsOrAdd),
        add("accept-encoding", "br", A::AppendIfExistsOrAdd),
        add("x-ap2", "1", A::AppendIfExistsOrAdd),
        add("x-ap2", "2", A::OverwriteIfExistsOrAdd),
        add("x-has3", "n", A::OverwriteIfExistsOrAdd),
        add("x-gone", "back", A::AppendIfExistsOrAdd),
        add("accept", "z", A::AppendIfExistsOrAdd),
        add("x-has4", "", A::OverwriteIfExistsOrAdd),
        keep(add("x-has5", "", A::OverwriteIfExistsOrAdd)),
        deprecated("x-bool", false),
        deprecated("x-boola", true),
    ];
    let route = pb::Route {
        request_headers_to_remove: vec!["x-gone".into(), "Accept".into()],
        request_headers_to_add: additions,
        ..forward(to_cluster("a"))
    };
    let table = parse(with_routes(vec![route])).expect("a valid table");
    let mut headers = request(
        "/",
        &[
            ("x-has", "c"),
            ("x-has2", "c"),
            ("x-has2", "d"),
            ("x-has3", "c"),
            ("x-has3", "d"),
            ("x-has4", "c"),
            ("x-has5", "c"),
            ("x-gone", "c"),
            ("accept", "q"),
            ("accept-encoding", "gzip"),
            ("x-ap", "c"),
            ("x-bool", "c"),
            ("x-boola", "c"),
        ],
    );
    change(&RouteRef::find(&table, &headers, 0).expect("a route"), &mut headers, None);
    let expected = "x-has: c\nx-has4: c\naccept-encoding: gzip,br\nx-ap: c\nx-boola: c\nx-has2: 1\nx-ow: 2\nx-ap2: 2\n\
                    x-has3: n\nx-has5: \nx-bool: v\nx-ab: 1\nx-ab: 2\nx-ap: 1\nx-case: v\nx-empty2: \nx-pct: 100%\n\
                    x-req: c|\nx-none2: \nx-sp:  a \nx-ap2: 1\nx-gone: back\naccept: z\nx-boola: v";
    assert_eq!(shown(&headers), expected);
}

#[test]
fn errors_are_envoys() {
    let plain = |name: &str, value: &str| add(name, value, A::AppendIfExistsOrAdd);
    let protected = ":-prefixed or host headers may not be modified";
    let cases = [
        (plain("host", "x"), "header.key", protected),
        (plain("Host", "x"), "header.key", protected),
        (plain(":path", "x"), "header.key", protected),
        (
            plain("x-a", "100%"),
            "header.value",
            "Incorrect configuration: 100%. Couldn't find valid command at position 3",
        ),
        (plain("x-a", "%"), "header.value", "Incorrect configuration: %. Couldn't find valid command at position 0"),
        (
            plain("x-a", "%%%"),
            "header.value",
            "Incorrect configuration: %%%. Couldn't find valid command at position 2",
        ),
        (plain("x-a", "%FOO%"), "header.value", "Not supported field in StreamInfo: FOO (at position 0)"),
        (
            core::HeaderValueOption { append: Some(true), ..add("x-a", "b", A::AddIfAbsent) },
            "append_action",
            "Both append and append_action are set and it's not allowed",
        ),
    ];
    for (addition, field, message) in cases {
        let route = pb::Route { request_headers_to_add: vec![addition], ..forward(to_cluster("a")) };
        let expected = format!("virtual_hosts[0].routes[0].request_headers_to_add[0].{field}: {message}");
        assert_eq!(parse(with_routes(vec![route])).err(), Some(expected));
    }
    for name in ["host", "Host", ":path", ":foo"] {
        let route = pb::Route { response_headers_to_remove: vec![name.into()], ..forward(to_cluster("a")) };
        let error = parse(with_routes(vec![route])).err().unwrap_or_default();
        assert!(error.ends_with(":-prefixed or host headers may not be removed"), "{error}");
    }
}
