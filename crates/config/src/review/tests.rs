//! Verdicts and texts are Envoy's, asked with `--mode validate`; the one about LDS is given when it serves.

use crate::{Schema, Severity, Source, diagnostic, load_bootstrap, review};

thread_local! {
    /// Loading it takes longer than most of the tests.
    static SCHEMA: Schema = Schema::new();
}

/// The findings as `severity code field: message`, or `… (help)`.
fn findings(text: &str) -> Vec<String> {
    SCHEMA.with(|schema| findings_by(schema, text))
}

fn findings_by(schema: &Schema, text: &str) -> Vec<String> {
    let source = Source::yaml("a.yaml", text);
    let loaded = load_bootstrap(&source, schema);
    let found = loaded.findings();
    assert!(
        found.iter().all(|d| d.severity == Severity::Warning),
        "{}",
        diagnostic::render_human(&loaded.findings(), &source)
    );
    review(&loaded, schema);
    let told = |d: diagnostic::Diagnostic| {
        assert!(d.span.is_some(), "{d:?}");
        let subject = d.path.subject().map(|subject| subject.to_string()).unwrap_or_default();
        let help = d.help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{} {} {subject}: {}{help}", d.severity.as_str(), d.code, d.message)
    };
    loaded.findings().into_iter().filter(|d| !found.contains(d)).map(told).collect()
}

const TYPE: &str = "\"@type\": type.googleapis.com/envoy";

fn check(text: &str, expected: &[&str]) {
    assert_eq!(findings(text), expected, "{text}");
}

/// A bootstrap with the clusters `orders` and `carts`.
fn bootstrap(listeners: &str, more: &str) -> String {
    format!("{{static_resources: {{clusters: [{{name: orders}}, {{name: carts}}], listeners: [{listeners}]}}{more}}}")
}

fn listener(filters: &str) -> String {
    let address = "address: {socket_address: {address: 127.0.0.1, port_value: 1}}";
    format!("{{name: l, {address}, filter_chains: [{{filters: [{filters}]}}]}}")
}

fn manager(routes: &str, filters: &str) -> String {
    let name = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    format!(
        "{{name: h, typed_config: {{{TYPE}.{name}, stat_prefix: s, route_config: {{{routes}}}, http_filters: [{filters}]}}}}"
    )
}

fn filter(name: &str, kind: &str, fields: &str) -> String {
    format!("{{name: {name}, typed_config: {{{TYPE}.extensions.filters.{kind}, {fields}}}}}")
}

fn router() -> String {
    filter("r", "http.router.v3.Router", "")
}

/// The findings about these fields of a route configuration named `t`.
fn check_routes(fields: &str, expected: &[&str]) {
    let routes = format!("name: t, {fields}");
    check(&bootstrap(&listener(&manager(&routes, &router())), ""), expected);
}

fn check_action(action: &str, expected: &[&str]) {
    let host = format!("{{name: v, domains: ['*'], routes: [{{match: {{prefix: /}}, {action}}}]}}");
    check_routes(&format!("virtual_hosts: [{host}]"), expected);
}

#[test]
fn routes_name_clusters_that_exist() {
    check_action("route: {cluster: orders}", &[]);
    check_action(
        "route: {cluster: order}",
        &["error reference cluster: route: unknown cluster 'order' (did you mean 'orders'?)"],
    );
    check_action(
        "route: {weighted_clusters: {clusters: [{name: carts, weight: 1}, {name: zz, weight: 1}]}}",
        &["error reference name: route: unknown weighted cluster 'zz' (there are 'carts', 'orders')"],
    );
    check_action("route: {weighted_clusters: {clusters: [{cluster_header: zz, weight: 1}]}}", &[]);
    check_action("route: {cluster_header: zz}", &[]);
    check_action(
        "route: {cluster: orders, request_mirror_policies: [{cluster: cart}]}",
        &["error reference cluster: route: unknown shadow cluster 'cart' (did you mean 'carts'?)"],
    );
}

#[test]
fn routes_that_are_not_validated_may_name_any_cluster() {
    let host = "virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: order}}]}]";
    let dangling = "warning dangling cluster: there is no cluster 'order' (did you mean 'orders'?)";
    check_routes(&format!("validate_clusters: false, {host}"), &[dangling]);
    let routes = format!("validate_clusters: false, {host}");
    let listener = listener(&manager(&routes, &router()));
    check(&bootstrap(&listener, ", dynamic_resources: {cds_config: {path: /x}}"), &[]);
}

#[test]
fn mirrors_above_the_routes_count_where_a_route_takes_them() {
    let check = |mirrors: &str, host: &str, expected: &[&str]| {
        check_routes(&format!("{mirrors} virtual_hosts: [{{name: v, domains: ['*'], {host}}}]"), expected);
    };
    let unknown = ["error reference cluster: route: unknown shadow cluster 'zz' (there are 'carts', 'orders')"];
    let dangling = ["warning dangling cluster: there is no cluster 'zz' (there are 'carts', 'orders')"];
    let mirrors = "request_mirror_policies: [{cluster: zz}],";
    check(mirrors, "routes: [{match: {prefix: /}, route: {cluster: orders}}]", &unknown);
    check(mirrors, "routes: [{match: {prefix: /}, redirect: {https_redirect: true}}]", &unknown);
    let own = "routes: [{match: {prefix: /}, route: {cluster: orders, request_mirror_policies: [{cluster: carts}]}}]";
    check(mirrors, own, &dangling);
    check("", &format!("{mirrors} routes: [{{match: {{prefix: /}}, route: {{cluster: orders}}}}]"), &unknown);
    check("", mirrors, &dangling);
}

#[test]
fn domains_are_unique_and_names_should_be() {
    let check = |first: &str, second: &str, expected: &[&str]| {
        let hosts = format!("[{{name: v, domains: [{first}]}}, {{name: w, domains: [{second}]}}]");
        check_routes(&format!("virtual_hosts: {hosts}"), expected);
    };
    let twice = |domain: &str, place: usize| {
        format!(
            "error invalid domains[{place}]: Only unique values for domains are permitted. Duplicate entry of domain \
             {domain} in route t"
        )
    };
    check("a, b", "c, 'a.*', '*.a'", &[]);
    check("a", "b, A", &[&twice("a", 1)]);
    check("'*.a'", "'*.A'", &[&twice("*.a", 0)]);
    check("'*'", "'*'", &["error invalid domains[0]: Only a single wildcard domain is permitted in route t"]);
    check_routes(
        "virtual_hosts: [{name: v, domains: [a]}, {name: v, domains: [b]}]",
        &["warning duplicate-name name: virtual_hosts[0] has the name 'v' too, and they share their stats"],
    );
}

#[test]
fn a_route_behind_one_that_takes_its_requests_is_never_reached() {
    let check = |matches: &[&str], unreachable: Option<(usize, usize)>| {
        let routes: Vec<String> =
            matches.iter().map(|this| format!("{{match: {{{this}}}, route: {{cluster: orders}}}}")).collect();
        let hosts = format!("[{{name: v, domains: ['*'], routes: [{}]}}]", routes.join(", "));
        let expected: Vec<String> = unreachable
            .iter()
            .map(|(route, first)| {
                format!(
                    "warning unreachable-route routes[{route}]: this route never matches: routes[{first}] takes all its \
                     requests (move it in front of routes[{first}], or remove it)"
                )
            })
            .collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_routes(&format!("virtual_hosts: {hosts}"), &expected);
    };
    check(&["prefix: /", "prefix: /a"], Some((1, 0)));
    check(&["prefix: /a", "prefix: /"], None);
    check(&["prefix: /a", "path: /ab"], Some((1, 0)));
    check(&["path: /b", "prefix: /a", "path_separated_prefix: /a/b"], Some((2, 1)));
    check(&["path_separated_prefix: /a", "prefix: /ab"], None);
    check(&["path_separated_prefix: /a", "prefix: /a/b"], Some((1, 0)));
    check(&["path_separated_prefix: /a", "path: /a"], Some((1, 0)));
    check(&["path: /a", "path: /a"], Some((1, 0)));
    check(&["path: /a", "prefix: /a"], None);
    check(&["prefix: /", "safe_regex: {regex: '/a.*'}"], Some((1, 0)));
    check(&["prefix: /a", "safe_regex: {regex: '/a.*'}"], None);
    check(&["safe_regex: {regex: '/a.*'}", "safe_regex: {regex: '/a.*'}"], Some((1, 0)));
    check(&["prefix: /", "connect_matcher: {}"], None);
    // Conditions of the first that the second has not leave something for it.
    check(&["prefix: /, headers: [{name: x}]", "prefix: /a"], None);
    check(&["prefix: /, headers: [{name: x}]", "prefix: /a, headers: [{name: z}, {name: x}]"], Some((1, 0)));
    check(&["prefix: /, grpc: {}", "prefix: /"], None);
    check(&["prefix: /, query_parameters: [{name: x}]", "prefix: /"], None);
    check(&["prefix: /, runtime_fraction: {default_value: {numerator: 100}}", "prefix: /a"], None);
    check(&["prefix: /, case_sensitive: false", "prefix: /a"], Some((1, 0)));
    check(&["prefix: /a", "prefix: /a, case_sensitive: false"], None);
}

#[test]
fn a_chain_ends_with_its_terminal_filter() {
    let check_http = |filters: &[String], expected: &[&str]| {
        check(&bootstrap(&listener(&manager("", &filters.join(", "))), ""), expected);
    };
    let buffer = || filter("b", "http.buffer.v3.Buffer", "max_request_bytes: 1");
    check_http(&[buffer(), router()], &[]);
    let not_last = "Error: terminal filter named r of type envoy.filters.http.router must be the last filter in a http \
                    filter chain.";
    check_http(&[router(), buffer()], &[&format!("error invalid http_filters[0]: {not_last}")]);
    check_http(&[router(), router()], &[&format!("error invalid http_filters[0]: {not_last}")]);
    check_http(&[router(), buffer(), buffer()], &[&format!("error invalid http_filters[0]: {not_last}")]);
    check_http(
        &[buffer()],
        &[
            "error invalid http_filters[0]: Error: non-terminal filter named b of type envoy.filters.http.buffer is the last \
           filter in a http filter chain.",
        ],
    );
    check_http(
        &[],
        &["warning no-router http_filters: there are no HTTP filters, so that no request is ever answered"],
    );
    let check_network = |filters: &[String], expected: &[&str]| {
        check(&bootstrap(&listener(&filters.join(", ")), ""), expected);
    };
    let tcp = || filter("t", "network.tcp_proxy.v3.TcpProxy", "stat_prefix: s, cluster: orders");
    let rbac = || filter("b", "network.rbac.v3.RBAC", "stat_prefix: s");
    check_network(&[], &[]);
    check_network(&[rbac(), tcp()], &[]);
    check_network(
        &[tcp(), rbac()],
        &[
            "error invalid filters[0]: Error: terminal filter named t of type envoy.filters.network.tcp_proxy must be the \
           last filter in a network filter chain.",
        ],
    );
    check_network(
        &[rbac()],
        &[
            "error invalid filters[0]: Error: non-terminal filter named b of type envoy.filters.network.rbac is the last \
           filter in a network filter chain.",
        ],
    );
}

#[test]
fn other_references_to_clusters_are_told_where_envoy_lets_them_pass() {
    let help = "(there are 'carts', 'orders')";
    let tcp = filter("t", "network.tcp_proxy.v3.TcpProxy", "stat_prefix: s, cluster: zz");
    check(&bootstrap(&listener(&tcp), ""), &[&format!("warning dangling cluster: there is no cluster 'zz' {help}")]);
    let authorise = filter("a", "http.ext_authz.v3.ExtAuthz", "grpc_service: {envoy_grpc: {cluster_name: zz}}");
    check(
        &bootstrap(&listener(&manager("", &[authorise, router()].join(", "))), ""),
        &[&format!("warning dangling cluster_name: there is no cluster 'zz' {help}")],
    );
}

#[test]
fn what_the_process_itself_needs_must_exist() {
    let check = |more: &str, field: &str, message: &str| {
        let expected = format!("error reference {field}: {message} (there are 'carts', 'orders')");
        check(&bootstrap("", &format!(", {more}")), &[&expected]);
    };
    let grpc = "{api_type: GRPC, transport_api_version: V3, grpc_services: {envoy_grpc: {cluster_name: zz}}}";
    let source =
        "envoy.config.core.v3.ApiConfigSource must have a statically defined non-EDS cluster: 'zz' does not exist";
    check("cluster_manager: {local_cluster_name: zz}", "local_cluster_name", "local cluster 'zz' must be defined");
    check(&format!("dynamic_resources: {{ads_config: {grpc}}}"), "cluster_name", "Unknown gRPC client cluster 'zz'");
    check(&format!("dynamic_resources: {{cds_config: {{api_config_source: {grpc}}}}}"), "cluster_name", source);
    check(&format!("dynamic_resources: {{lds_config: {{api_config_source: {grpc}}}}}"), "cluster_name", source);
    let rest = "{api_type: REST, transport_api_version: V3, cluster_names: [zz], refresh_delay: 1s}";
    check(&format!("dynamic_resources: {{cds_config: {{api_config_source: {rest}}}}}"), "cluster_names[0]", source);
    let statsd = format!("{{name: s, typed_config: {{{TYPE}.config.metrics.v3.StatsdSink, tcp_cluster_name: zz}}}}");
    check(&format!("stats_sinks: [{statsd}]"), "tcp_cluster_name", "tcp statsd: unknown cluster 'zz'");
}

#[test]
fn a_secret_without_a_source_is_in_the_file() {
    let check_context = |context: &str, expected: &[&str]| {
        let tls = format!("{TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext");
        let socket = format!("{{name: t, typed_config: {{{tls}, common_tls_context: {{{context}}}}}}}");
        let secrets = "[{name: key, generic_secret: {secret: {inline_string: x}}}, {name: ca, validation_context: {}}]";
        let cluster = format!("{{name: c, transport_socket: {socket}}}");
        let text = format!("{{static_resources: {{clusters: [{cluster}], secrets: {secrets}}}}}");
        check(&text, expected);
    };
    check_context("validation_context_sds_secret_config: {name: ca}", &[]);
    check_context("validation_context_sds_secret_config: {name: zz, sds_config: {path: /x}}", &[]);
    check_context(
        "validation_context_sds_secret_config: {name: key}",
        &[
            "error reference name: Unknown static certificate validation context: key ('key' is a generic_secret, not a \
           validation_context)",
        ],
    );
    check_context(
        "tls_certificate_sds_secret_configs: {name: zz}",
        &["error reference name: Unknown static secret: zz (there is no tls_certificate in static_resources.secrets)"],
    );
}

#[test]
fn a_name_or_address_is_given_once() {
    let listener = |name: &str, port: u32| {
        format!("{{name: '{name}', address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}")
    };
    let check_listeners =
        |listeners: &[String], expected: &[&str]| check(&bootstrap(&listeners.join(", "), ""), expected);
    let taken = |name: &str| {
        format!(
            "error invalid address: error adding listener: '{name}' has duplicate address '127.0.0.1:5' as existing \
             listener (static_resources.listeners[0] has it)"
        )
    };
    check_listeners(&[listener("a", 5), listener("b", 6)], &[]);
    check_listeners(&[listener("a", 0), listener("b", 0)], &[]);
    check_listeners(&[listener("a", 5), listener("b", 5)], &[&taken("b")]);
    check_listeners(&[listener("", 5), listener("", 5)], &[&taken("")]);
    check_listeners(
        &[listener("a", 5), listener("a", 6)],
        &["warning duplicate-name name: the listener 'a' is there already: this one takes its place"],
    );
    let secret = "{name: g, generic_secret: {secret: {inline_string: x}}}";
    check(
        &format!("static_resources: {{secrets: [{secret}, {secret}]}}"),
        &["error invalid name: Duplicate static GenericSecret secret name g"],
    );
}

#[test]
fn a_public_listener_has_limits() {
    let check = |address: &str, limits: &str, options: &str, expected: &[&str]| {
        let name = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
        let fields = format!("stat_prefix: s, route_config: {{}}, http_filters: [{}], {options}", router());
        let chain = format!("filter_chains: [{{filters: [{{name: h, typed_config: {{{TYPE}.{name}, {fields}}}}}]}}]");
        let socket = format!("address: {{socket_address: {{address: '{address}', port_value: 1}}}}");
        let found = findings(&bootstrap(&format!("{{name: l, {socket}, {chain}, {limits}}}"), ""));
        let mut codes: Vec<&str> = found.iter().filter_map(|told| told.split(' ').nth(1)).collect();
        codes.sort_unstable();
        assert_eq!(codes, expected, "{address} {limits} {options}");
    };
    let all = ["edge-buffer-limit", "edge-http2-streams"];
    for public in ["0.0.0.0", "::", "8.8.8.8", "2001:4860::1", "::ffff:8.8.8.8"] {
        check(public, "", "", &all);
    }
    for private in ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.0.1", "::1", "fd00::1"]
    {
        check(private, "", "", &[]);
    }
    check("0.0.0.0", "traffic_direction: OUTBOUND", "", &[]);
    check("0.0.0.0", "per_connection_buffer_limit_bytes: 32768", "", &all[1..]);
    check("0.0.0.0", "", "http2_protocol_options: {max_concurrent_streams: 100}", &all[..1]);
    check("0.0.0.0", "", "codec_type: HTTP1", &all[..1]);
}
