use std::time::Duration;

use pb::route_action::ClusterSpecifier as C;
use pb::route_action::HostRewriteSpecifier as H;

use super::*;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn only_route(action: pb::RouteAction) -> RouteRef {
    let table = parse(with_routes(vec![forward(action)])).expect("a valid table");
    RouteRef::find(&table, &request("/", &[]), 0).expect("a route")
}

#[test]
fn what_is_not_set_has_envoys_default() {
    let found = only_route(to_cluster("a"));
    let forward = found.route().forward().expect("it forwards");
    assert_eq!(forward.timeout, Some(Duration::from_secs(15)));
    assert!(forward.idle_timeout.is_none() && forward.retry.is_none());
    assert_eq!(forward.cluster_not_found_status, 503);
    assert_eq!(forward.priority, Priority::Default);
    assert_eq!(forward.max_stream_duration, MaxStreamDuration::default());
    assert!(forward.host_rewrite.is_none() && forward.path_rewrite.is_none() && !forward.append_x_forwarded_host);
}

#[test]
fn what_is_set_is_kept() {
    let max_stream_duration = Some(pb::route_action::MaxStreamDuration {
        max_stream_duration: seconds(9),
        grpc_timeout_header_max: seconds(0),
        grpc_timeout_header_offset: None,
    });
    let found = only_route(pb::RouteAction {
        timeout: seconds(3),
        idle_timeout: seconds(0),
        cluster_not_found_response_code: pb::route_action::ClusterNotFoundResponseCode::NotFound.into(),
        priority: core::RoutingPriority::High.into(),
        host_rewrite_specifier: Some(H::HostRewriteHeader("X-H".into())),
        max_stream_duration,
        ..to_cluster("a")
    });
    let forward = found.route().forward().expect("it forwards");
    // As in Envoy: a route with 'max_stream_duration' has no timeout.
    assert_eq!(forward.timeout, None);
    assert_eq!(forward.idle_timeout, Some(Duration::ZERO));
    assert_eq!(found.route().idle_timeout(), Some(Duration::ZERO));
    assert_eq!(forward.cluster_not_found_status, 404);
    assert_eq!(forward.priority, Priority::High);
    assert_eq!(forward.host_rewrite, Some(HostRewrite::Header(Box::from(&b"x-h"[..]))));
    assert_eq!(forward.max_stream_duration.max_stream_duration, Some(Duration::from_secs(9)));
    assert_eq!(forward.max_stream_duration.grpc_timeout_header_max, Some(Duration::ZERO));
}

#[test]
fn upgrades_are_allowed_by_name_in_any_case() {
    let upgrade = |upgrade_type: &str, enabled| pb::route_action::UpgradeConfig {
        upgrade_type: upgrade_type.to_owned(),
        enabled,
        connect_config: None,
    };
    let upgrades = vec![upgrade("WebSocket", None), upgrade("off", Some(false))];
    let found = only_route(pb::RouteAction { upgrade_configs: upgrades.clone(), ..to_cluster("a") });
    let forward = found.route().forward().expect("it forwards");
    for (kind, expected) in [("WEBSOCKET", Some(true)), ("Off", Some(false)), ("other", None)] {
        assert_eq!(forward.allows_upgrade(kind.as_bytes()), expected, "{kind}");
    }
    assert!(!forward.terminates_connect);
    let connect_config = Some(pb::route_action::upgrade_config::ConnectConfig::default());
    let connect =
        |kind| pb::route_action::UpgradeConfig { connect_config: connect_config.clone(), ..upgrade(kind, None) };
    let found = only_route(pb::RouteAction { upgrade_configs: vec![connect("connect")], ..to_cluster("a") });
    assert!(found.route().forward().is_some_and(|forward| forward.terminates_connect));
    let other = super::forward(pb::RouteAction { upgrade_configs: vec![connect("websocket")], ..to_cluster("a") });
    assert!(parse(with_routes(vec![other])).is_err());
    let twice = [upgrades, vec![upgrade("websocket", Some(false))]].concat();
    let twice = super::forward(pb::RouteAction { upgrade_configs: twice, ..to_cluster("a") });
    assert!(parse(with_routes(vec![twice])).is_err());
}

#[test]
fn a_zero_timeout_is_none() {
    let found = only_route(pb::RouteAction { timeout: seconds(0), ..to_cluster("a") });
    assert_eq!(found.route().forward().and_then(|forward| forward.timeout), None);
}

#[test]
fn the_retry_policy_of_a_route_replaces_that_of_its_virtual_host() {
    let policy =
        |retry_on: &str, num_retries| pb::RetryPolicy { retry_on: retry_on.into(), num_retries, ..Default::default() };
    let check = |of_host, of_route, expected: Option<(bool, bool, u32)>| {
        let route = forward(pb::RouteAction { retry_policy: of_route, ..to_cluster("a") });
        let host = pb::VirtualHost { retry_policy: of_host, ..virtual_host("v", &["*"], vec![route]) };
        let table = parse(with_hosts(vec![host])).expect("a valid table");
        let found = RouteRef::find(&table, &request("/", &[]), 0).expect("a route");
        let retry = found.route().forward().and_then(|forward| forward.retry.as_ref());
        let shown = retry.map(|r| {
            let has = |condition| r.retry_on.has(condition);
            (has(RetryOn::CONNECT_FAILURE), has(RetryOn::RESET_BEFORE_REQUEST), r.num_retries)
        });
        assert_eq!(shown, expected);
    };
    let (of_host, of_route) = (policy("connect-failure", Some(5)), policy(" reset-before-request ,", None));
    check(None, None, None);
    check(Some(of_host.clone()), None, Some((true, false, 5)));
    check(None, Some(of_route.clone()), Some((false, true, 1)));
    check(Some(of_host), Some(of_route), Some((false, true, 1)));
    check(None, Some(policy("connect-failure,reset-before-request", Some(0))), Some((true, true, 0)));
}

fn weight(name: &str, weight: u32) -> pb::weighted_cluster::ClusterWeight {
    pb::weighted_cluster::ClusterWeight { name: name.into(), weight: Some(weight), ..Default::default() }
}

#[test]
fn weights_share_the_random_number_or_that_of_a_header() {
    use pb::weighted_cluster::RandomValueSpecifier;
    let clusters = Clusters::default();
    let weighted = pb::WeightedCluster {
        clusters: vec![weight("a", 30), weight("zero", 0), weight("b", 50), weight("c", 20)],
        random_value_specifier: Some(RandomValueSpecifier::HeaderName("X-Random".into())),
        ..Default::default()
    };
    let action = pb::RouteAction { cluster_specifier: Some(C::WeightedClusters(weighted)), ..Default::default() };
    let (table, references) = parse_with(with_routes(vec![forward(action)]), &clusters).expect("a valid table");
    let check = |headers: &Headers, random, expected: &str| {
        let found = RouteRef::find(&table, headers, random).expect("a route");
        match &found.weighted_cluster().expect("weighted").target {
            WeightedTarget::Cluster(cluster) => {
                assert!(Arc::ptr_eq(cluster, &clusters.reference(expected)), "{random} {headers:?} {expected}");
            }
            WeightedTarget::Header(_) => panic!("a header"),
        }
    };
    for (random, expected) in
        [(0, "a"), (29, "a"), (30, "b"), (79, "b"), (80, "c"), (99, "c"), (100, "a"), (12_345_678_901, "a")]
    {
        check(&request("/", &[]), random, expected);
        check(&request("/", &[("x-random", &random.to_string())]), 80, expected);
    }
    for no_number in ["abc", "", "-1", "0x0", "18446744073709551616"] {
        check(&request("/", &[("x-random", no_number)]), 99, "c");
    }
    let names: Vec<_> = references.iter().map(|reference| (reference.unknown(), reference.path.to_string())).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(names[0].0, "route: unknown weighted cluster 'a'");
    assert_eq!(names[0].1, "virtual_hosts[0].routes[0].route.weighted_clusters.clusters[0].name");
}

#[test]
fn named_clusters_are_references_with_their_place() {
    let clusters = Clusters::default();
    let (table, references) = parse_with(with_routes(vec![forward(to_cluster("zz"))]), &clusters).expect("valid");
    let found = RouteRef::find(&table, &request("/", &[]), 0).expect("a route");
    match &found.route().forward().expect("it forwards").cluster {
        ClusterSpecifier::Cluster(cluster) => assert!(Arc::ptr_eq(cluster, &clusters.reference("zz"))),
        ClusterSpecifier::Header(_) | ClusterSpecifier::Weighted(_) => panic!("another kind"),
    }
    assert_eq!(references[0].unknown(), "route: unknown cluster 'zz'");
    assert_eq!(references[0].path.to_string(), "virtual_hosts[0].routes[0].route.cluster");
}

#[test]
fn paths_are_rewritten_but_never_to_nothing() {
    let check = |r#match: pb::RouteMatch, prefix_rewrite: &str, regex_rewrite, cases: &[(&str, Option<&str>)]| {
        let action = pb::RouteAction { prefix_rewrite: prefix_rewrite.into(), regex_rewrite, ..to_cluster("a") };
        let table = parse(with_routes(vec![route(r#match, pb::route::Action::Route(action))])).expect("valid");
        for (path, expected) in cases {
            let headers = request(path, &[]);
            let rewritten = RouteRef::find(&table, &headers, 0).expect("a route").route().rewritten_path(&headers);
            assert_eq!(rewritten.as_deref(), expected.map(str::as_bytes), "{path}");
        }
    };
    check(prefix("/pre/"), "/post/", None, &[("/pre/x?a", Some("/post/x?a")), ("/pre/", Some("/post/"))]);
    check(any_case(prefix("/pre")), "/p", None, &[("/PRE/x?y", Some("/p/x?y"))]);
    check(exact("/pre"), "/p", None, &[("/pre?a", Some("/p?a")), ("/pre", Some("/p"))]);
    check(separated("/pre"), "/", None, &[("/pre", Some("/")), ("/pre/x?y", Some("//x?y")), ("/pre?q", Some("/?q"))]);
    check(prefix("/same"), "/same", None, &[("/same/x?y", Some("/same/x?y"))]);
    check(prefix("/q"), "/p?z=1", None, &[("/q/x?y", Some("/p?z=1/x?y"))]);
    let swap = substitution("^/re/([^/]+)/(.*)$", r"/\2/for/\1");
    check(prefix("/"), "", Some(swap), &[("/re/one/two?three", Some("/two/for/one?three")), ("/re/x", Some("/re/x"))]);
    check(prefix("/"), "", Some(substitution(".*", "")), &[("/x?a=a", None)]);
    check(prefix("/"), "", None, &[("/x", None)]);
}

#[test]
fn filters_are_told_what_each_level_says() {
    let any = |url: &str| prost_types::Any { type_url: url.into(), value: Vec::new() };
    let wrapped = |config| prost_types::Any {
        type_url: "type.googleapis.com/envoy.config.route.v3.FilterConfig".into(),
        value: prost::Message::encode_to_vec(&config),
    };
    let off = wrapped(pb::FilterConfig { disabled: true, ..Default::default() });
    let on = wrapped(pb::FilterConfig { config: Some(prost_types::Any::default()), ..Default::default() });
    let inner = wrapped(pb::FilterConfig { config: Some(any("t/inner")), ..Default::default() });
    let map = |entries: &[(&str, &prost_types::Any)]| {
        entries.iter().map(|(name, any)| ((*name).to_owned(), (*any).clone())).collect()
    };
    let route = pb::Route {
        typed_per_filter_config: map(&[("f", &inner), ("off", &off), ("on", &on)]),
        ..forward(to_cluster("a"))
    };
    let host = pb::VirtualHost {
        typed_per_filter_config: map(&[("f", &any("t/host")), ("off", &any("t/host"))]),
        ..virtual_host("v", &["*"], vec![route])
    };
    let proto = pb::RouteConfiguration {
        typed_per_filter_config: map(&[("f", &any("t/config")), ("g", &any("t/config"))]),
        ..with_hosts(vec![host])
    };
    let table = parse(proto).expect("a valid table");
    let found = RouteRef::find(&table, &request("/", &[]), 0).expect("a route");
    let all = |name: &str| -> Vec<String> {
        found.per_filter(name).map(|config| config.downcast_ref::<String>().cloned().unwrap_or_default()).collect()
    };
    assert_eq!(all("f"), ["t/config", "t/host", "t/inner"]);
    assert_eq!(all("g"), ["t/config"]);
    assert_eq!(all("off"), ["t/host"]);
    assert!(matches!(found.filter_override("f"), Some(FilterOverride::Config(_))));
    assert!(matches!(found.filter_override("off"), Some(FilterOverride::Disabled)));
    assert!(matches!(found.filter_override("on"), Some(FilterOverride::Enabled)));
    assert!(found.filter_override("other").is_none() && all("other").is_empty());
}
