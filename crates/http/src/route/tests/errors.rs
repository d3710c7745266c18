use pb::route_action::ClusterSpecifier as C;

use super::*;

const ROUTE: &str = "virtual_hosts[0].routes[0]";

fn check(proto: pb::RouteConfiguration, expected: &str) {
    assert_eq!(parse(proto).err().as_deref(), Some(expected));
}

fn check_action(action: pb::RouteAction, field: &str, message: &str) {
    check(with_routes(vec![forward(action)]), &format!("{ROUTE}.route{field}: {message}"));
}

#[test]
fn a_domain_belongs_to_one_virtual_host() {
    let duplicate = |domains: &[&[&str]], field: &str, expected: &str| {
        let hosts = domains.iter().map(|domains| virtual_host("v", domains, vec![])).collect();
        check(with_hosts(hosts), &format!("virtual_hosts{field}: {expected} in route r"));
    };
    let twice = "Only unique values for domains are permitted. Duplicate entry of domain";
    duplicate(&[&["a"], &["b", "a"]], "[1].domains[1]", &format!("{twice} a"));
    duplicate(&[&["a"], &["A"]], "[1].domains[0]", &format!("{twice} a"));
    duplicate(&[&["a", "a"]], "[0].domains[1]", &format!("{twice} a"));
    duplicate(&[&["*.a"], &["*.A"]], "[1].domains[0]", &format!("{twice} *.a"));
    duplicate(&[&["a.*"], &["a.*"]], "[1].domains[0]", &format!("{twice} a.*"));
    duplicate(&[&["*"], &["*"]], "[1].domains[0]", "Only a single wildcard domain is permitted");
    let fine = vec![virtual_host("v", &["a", "*.a", "a.*", "*"], vec![]), virtual_host("v", &["b"], vec![])];
    assert!(parse(with_hosts(fine)).is_ok());
}

#[test]
fn weights_must_add_up() {
    let weighted = |clusters: Vec<(&str, &str, Option<u32>)>| {
        let cluster = |(name, header, weight): (&str, &str, Option<u32>)| pb::weighted_cluster::ClusterWeight {
            name: name.into(),
            cluster_header: header.into(),
            weight,
            ..Default::default()
        };
        let clusters = clusters.into_iter().map(cluster).collect();
        let specifier = C::WeightedClusters(pb::WeightedCluster { clusters, ..Default::default() });
        pb::RouteAction { cluster_specifier: Some(specifier), ..Default::default() }
    };
    let sum = "Sum of weights in the weighted_cluster must be greater than 0.";
    check_action(weighted(vec![("a", "", Some(0))]), ".weighted_clusters.clusters", sum);
    let much = "The sum of weights of all weighted clusters exceeds 4294967295";
    check_action(weighted(vec![("a", "", Some(u32::MAX)), ("b", "", Some(1))]), ".weighted_clusters.clusters", much);
    check_action(weighted(vec![("a", "", None)]), ".weighted_clusters.clusters[0].weight", "must be set");
    let none = "At least one of name or cluster_header need to be specified";
    check_action(weighted(vec![("", "", Some(1))]), ".weighted_clusters.clusters[0]", none);
    let both = "Only one of name or cluster_header can be specified";
    check_action(weighted(vec![("a", "x", Some(1))]), ".weighted_clusters.clusters[0]", both);
}

#[test]
fn a_body_may_not_be_longer_than_the_limit() {
    let long = |bytes: usize, limit| pb::RouteConfiguration {
        max_direct_response_body_size_bytes: limit,
        ..with_routes(vec![answer(prefix("/"), &"x".repeat(bytes))])
    };
    let field = format!("{ROUTE}.direct_response.body");
    check(long(4097, None), &format!("{field}: response body size is 4097 bytes; maximum is 4096"));
    assert!(parse(long(4096, None)).is_ok() && parse(long(4097, Some(4097))).is_ok());
    let file = |limit| {
        let specifier = Some(core::data_source::Specifier::Filename("/f".into()));
        let body = Some(core::DataSource { watched_directory: None, specifier });
        let response = pb::DirectResponseAction { status: 200, body, body_format: None };
        let proto = with_routes(vec![route(prefix("/"), pb::route::Action::DirectResponse(response))]);
        pb::RouteConfiguration { max_direct_response_body_size_bytes: limit, ..proto }
    };
    check(file(Some(10)), &format!("{field}: file /f size is 11 bytes; maximum is 10"));
    let table = parse(file(None)).expect("a valid table");
    assert_eq!(found(&table, &request("/", &[])).as_deref(), Ok("from a file"));
}

#[test]
fn a_path_is_rewritten_in_one_way() {
    let action =
        pb::RouteAction { prefix_rewrite: "/x".into(), regex_rewrite: Some(substitution("a", "b")), ..to_cluster("a") };
    check_action(action, "", "Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy");
}

#[test]
fn every_error_is_reported_with_its_place() {
    let bad_regex = path_match(pb::route_match::PathSpecifier::SafeRegex(regex("(")));
    let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let routes = vec![
        answer(bad_regex, "x"),
        forward(pb::RouteAction { timeout: negative, append_x_forwarded_host: true, ..to_cluster("a") }),
        pb::Route { stat_prefix: "s".into(), ..answer(prefix("/"), "x") },
    ];
    let error = parse(pb::RouteConfiguration { vhost_header: "x".into(), ..with_routes(routes) }).err();
    let error = error.unwrap_or_default();
    for expected in [
        "virtual_hosts[0].routes[0].match.safe_regex.regex: missing ): (",
        "virtual_hosts[0].routes[1].route.timeout: ",
        "virtual_hosts[0].routes[2].stat_prefix: 'stat_prefix' is not supported yet",
        "vhost_header: 'vhost_header' is not supported yet",
    ] {
        assert!(error.lines().any(|line| line.starts_with(expected)), "{expected} in\n{error}");
    }
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn filters_reject_what_is_not_theirs() {
    let wrapper = prost_types::Any {
        type_url: "type.googleapis.com/envoy.config.route.v3.FilterConfig".into(),
        value: Vec::new(),
    };
    let cases = [
        ("bad", prost_types::Any { type_url: "t/x".into(), value: Vec::new() }, "not for this filter"),
        ("foo", wrapper, "Empty route/virtual host per filter configuration for foo filter"),
    ];
    for (name, any, message) in cases {
        let typed_per_filter_config = [(name.to_owned(), any)].into();
        let route = pb::Route { typed_per_filter_config, ..forward(to_cluster("a")) };
        let error = parse(with_routes(vec![route])).err().unwrap_or_default();
        assert!(error.starts_with(ROUTE) && error.ends_with(message), "{error}");
    }
}
