use nuncio_proto::envoy::r#type::v3 as kind;
use pb::route_match::PathSpecifier;

use super::*;

/// `hits` are answered by the route under test, `misses` by the next one.
fn check(r#match: pb::RouteMatch, hits: &[Headers], misses: &[Headers]) {
    let table = parse(with_routes(vec![answer(r#match.clone(), "hit"), answer(prefix(""), "miss")])).expect("valid");
    for (requests, expected) in [(hits, "hit"), (misses, "miss")] {
        for headers in requests {
            assert_eq!(found(&table, headers).as_deref(), Ok(expected), "{headers:?} {:?}", r#match.path_specifier);
        }
    }
}

fn paths(paths: &[&str]) -> Vec<Headers> {
    paths.iter().map(|path| request(path, &[])).collect()
}

#[test]
fn paths_are_matched_without_their_query() {
    check(prefix("/p"), &paths(&["/p", "/p/x", "/px", "/p?x", "/p?xy"]), &paths(&["/", "/P", "//p", "/?/p"]));
    check(prefix("/p?x"), &[], &paths(&["/p?x", "/p?xy", "/p"]));
    check(exact("/e"), &paths(&["/e", "/e?q"]), &paths(&["/e/", "/E", "/e;v=1", "/"]));
    check(exact("/e?x"), &[], &paths(&["/e?x", "/e"]));
    let whole = PathSpecifier::SafeRegex(regex("/r[0-9]"));
    check(path_match(whole), &paths(&["/r1", "/r1?x"]), &paths(&["/r12", "/R1", "/x/r1"]));
}

#[test]
fn a_separated_prefix_ends_at_a_slash() {
    check(separated("/s"), &paths(&["/s", "/s/", "/s/x", "/s?x"]), &paths(&["/sx", "/S", "/"]));
    check(any_case(separated("/T")), &paths(&["/t", "/T/x"]), &paths(&["/tx"]));
}

#[test]
fn letter_case_may_be_ignored_but_not_in_regular_expressions() {
    check(any_case(exact("/Ci")), &paths(&["/ci", "/CI?x"]), &paths(&["/cix"]));
    check(any_case(prefix("/Cp")), &paths(&["/cp/x", "/CPx"]), &paths(&["/c"]));
    let regex = path_match(PathSpecifier::SafeRegex(regex("/I[0-9]")));
    check(any_case(regex), &paths(&["/I1"]), &paths(&["/i1"]));
}

#[test]
fn only_connect_requests_match_a_connect_matcher_and_nothing_else_matches_them() {
    let connect_matcher = path_match(PathSpecifier::ConnectMatcher(pb::route_match::ConnectMatcher {}));
    let table =
        parse(with_routes(vec![answer(prefix(""), "path"), answer(connect_matcher, "connect")])).expect("valid");
    let mut connect = Headers::new();
    for (name, value) in [(":method", "CONNECT"), (":authority", "t:80")] {
        connect.push_name(name.as_bytes(), value.as_bytes());
    }
    assert_eq!(found(&table, &connect).as_deref(), Ok("connect"));
    assert_eq!(found(&table, &request("/", &[])).as_deref(), Ok("path"));
}

#[test]
fn grpc_is_a_content_type() {
    let grpc = pb::RouteMatch { grpc: Some(pb::route_match::GrpcRouteMatchOptions {}), ..prefix("/") };
    let typed = |types: &[&str]| types.iter().map(|t| request("/", &[("content-type", t)])).collect::<Vec<_>>();
    check(
        grpc,
        &typed(&["application/grpc", "application/grpc+x", "application/grpc+"]),
        &typed(&[
            "application/grpcx",
            "application/grpc;x",
            "APPLICATION/GRPC",
            "application/grpc-web",
            "application/grpc ;a",
            "text/plain",
        ]),
    );
}

#[test]
fn all_headers_and_query_parameters_must_match() {
    let header = |name: &str| pb::HeaderMatcher { name: name.into(), ..Default::default() };
    let parameter = |name: &str| pb::QueryParameterMatcher { name: name.into(), ..Default::default() };
    let both = pb::RouteMatch {
        headers: vec![header("x-a"), header("x-b")],
        query_parameters: vec![parameter("q"), parameter("r")],
        ..prefix("/")
    };
    check(
        both,
        &[request("/?r=1&q", &[("x-a", "1"), ("x-b", "")])],
        &[request("/?r=1&q", &[("x-a", "1")]), request("/?q", &[("x-a", "1"), ("x-b", "1")]), request("/", &[])],
    );
}

#[test]
fn a_runtime_fraction_takes_the_random_number() {
    let fraction = kind::FractionalPercent { numerator: 30, denominator: 0 };
    let runtime_fraction = core::RuntimeFractionalPercent { default_value: Some(fraction), runtime_key: String::new() };
    let some = pb::RouteMatch { runtime_fraction: Some(runtime_fraction), ..prefix("/") };
    let table = parse(with_routes(vec![answer(some, "some"), answer(prefix("/"), "rest")])).expect("valid");
    for (random, expected) in [(0, 0), (29, 0), (30, 1), (99, 1), (100, 0), (u64::MAX, 0)] {
        let key = table.find(&request("/", &[]), random).expect("a route");
        assert_eq!(key.route, expected, "{random}");
    }
}

#[test]
fn the_first_matching_route_wins() {
    let routes = vec![answer(exact("/a/b"), "1"), answer(prefix("/a"), "2"), answer(prefix("/a/b"), "3")];
    let table = parse(with_routes(routes)).expect("valid");
    for (path, expected) in [("/a/b", Ok("1")), ("/a/bc", Ok("2")), ("/a", Ok("2")), ("/b", Err(Miss::Route))] {
        assert_eq!(found(&table, &request(path, &[])).as_deref(), expected.as_ref().copied(), "{path}");
    }
}

#[test]
fn in_a_long_list_the_first_that_matches_is_found_too() {
    let kinds = |at: usize| {
        let text = ["/", "/a", "/a/", "/a/b", "/ab", "/b", "/b/c", "/B"][at / 5 % 8];
        let never = |path| pb::RouteMatch { grpc: Some(pb::route_match::GrpcRouteMatchOptions {}), ..path };
        match at % 5 {
            0 => exact(text),
            1 => separated(if text.ends_with('/') { "/s" } else { text }),
            2 => any_case(exact(text)),
            3 => path_match(PathSpecifier::SafeRegex(regex(&format!("{text}[0-9]")))),
            _ => never(prefix(text)),
        }
    };
    let routes: Vec<_> =
        (0..40).rev().map(kinds).chain((0..16).map(|at| prefix(["/b/", "/a/b/", "/B"][at % 3]))).collect();
    let answers = |routes: &[pb::RouteMatch]| {
        let answers = routes.iter().enumerate().map(|(at, route)| answer(route.clone(), &at.to_string())).collect();
        parse(with_routes(answers)).expect("valid")
    };
    let (table, alone) = (answers(&routes), routes.iter().map(|route| answers(std::slice::from_ref(route))));
    let alone: Vec<_> = alone.collect();
    let (mut hits, mut misses) = (0, 0);
    for headers in
        paths(&["/", "/a", "/A", "/a/", "/a/b", "/a/b/c?d", "/ab", "/ab1", "/b", "/b/x", "/B/c", "/b1", "/c", "*"])
    {
        let first = alone.iter().position(|table| found(table, &headers).is_ok());
        assert_eq!(found(&table, &headers), first.map(|at| at.to_string()).ok_or(Miss::Route), "{headers:?}");
        *(if first.is_some() { &mut hits } else { &mut misses }) += 1;
    }
    assert!(hits > 5 && misses > 1, "{hits} {misses}");
}
