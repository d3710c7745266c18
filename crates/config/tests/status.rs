//! Deprecated fields and work in progress: verdicts of Envoy 1.40.

use nuncio_config::diagnostic::{Severity, code};
use nuncio_config::{Counts, Schema, Source, load_bootstrap};

/// What was found: the code, and whether it is an error.
type Findings<'a> = &'a [(&'a str, Severity)];

const LISTENER: &str = r#"
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          route_config: {ROUTES}
          http_protocol_options: {OPTIONS}
          http_filters:
          - name: k
            typed_config:
              "@type": type.googleapis.com/FILTER
"#;
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const DISALLOWED: &str = "{dynamic_metadata: {descriptor_key: a, metadata_key: {key: k, path: [{key: x}]}}}";
const DISALLOWED_NAME: &str = "envoy.config.route.v3.RateLimit.Action.dynamic_metadata";

fn route(action: &str) -> String {
    let route = format!("{{match: {{prefix: /}}, route: {{cluster: c, {action}}}}}");
    let routes = format!("virtual_hosts: [{{name: a, domains: ['*'], routes: [{route}]}}]");
    LISTENER.replace("ROUTES", &routes).replace("OPTIONS", "").replace("FILTER", ROUTER)
}

fn check(text: &str, expected: Findings<'_>, expected_counts: Counts) {
    let schema = Schema::new();
    let source = Source::yaml("a.yaml", text);
    let findings = load_bootstrap(&source, &schema).findings();
    let found: Vec<_> = findings.iter().map(|d| (d.code, d.severity)).collect();
    assert_eq!((found.as_slice(), schema.counts()), (expected, expected_counts), "{text}\n{findings:?}");
}

#[test]
fn the_runtime_decides_what_deprecated_field_may_be_used() {
    let of = |action: &str, runtime: &str| {
        format!("{}layered_runtime: {{layers: [{{name: s, static_layer: {runtime}}}]}}", route(action))
    };
    let is_allowed = |action: &str, runtime: &str| {
        let counts = Counts { deprecated_feature_use: 1, ..Counts::default() };
        check(&of(action, runtime), &[(code::DEPRECATED, Severity::Warning)], counts);
    };
    let is_refused = |action: &str, runtime: &str| {
        check(&of(action, runtime), &[(code::DISALLOWED, Severity::Error)], Counts::default());
    };
    let disallowed = format!("rate_limits: [{{actions: [{DISALLOWED}]}}]");
    let key = format!("envoy.deprecated_features:{DISALLOWED_NAME}");
    is_refused(&disallowed, "{}");
    is_allowed(&disallowed, &format!("{{\"{key}\": true}}"));
    is_allowed(&disallowed, &format!("{{\"{key}\": 1}}"));
    is_allowed(&disallowed, &format!("{{envoy: {{\"deprecated_features:{DISALLOWED_NAME}\": true}}}}"));
    is_refused(&disallowed, &format!("{{\"{key}\": \"true\"}}"));
    is_refused(&disallowed, &format!("{{\"{key}\": false}}"));
    is_allowed(&disallowed, "{envoy.features.enable_all_deprecated_features: true}");
    is_refused(&disallowed, &format!("{{envoy.features.enable_all_deprecated_features: true, \"{key}\": false}}"));
    let deprecated = "max_grpc_timeout: 1s";
    is_allowed(deprecated, "{}");
    is_refused(deprecated, "{\"envoy.deprecated_features:envoy.config.route.v3.RouteAction.max_grpc_timeout\": false}");
    is_refused(deprecated, "{envoy.features.fail_on_any_deprecated_feature: true}");
}

/// The bootstrap is read before there is a runtime.
#[test]
fn the_runtime_says_nothing_of_the_bootstrap_itself() {
    let text = "
static_resources: {clusters: [{name: c, http2_protocol_options: {}}]}
layered_runtime: {layers: [{name: s, static_layer: {envoy.features.fail_on_any_deprecated_feature: true}}]}";
    check(text, &[(code::DEPRECATED, Severity::Warning)], Counts::default());
}

#[test]
fn work_in_progress_is_told_and_counted() {
    let wip = |count: usize| (vec![(code::WORK_IN_PROGRESS, Severity::Warning); count], count as u64);
    let check = |options: &str, filter: &str, count: usize| {
        let (findings, wip_protos) = wip(count);
        let text = LISTENER.replace("ROUTES", "").replace("OPTIONS", options).replace("FILTER", filter);
        check(&text, &findings, Counts { wip_protos, ..Counts::default() });
    };
    check("allow_custom_methods: true", ROUTER, 1);
    check("allow_custom_methods: false", ROUTER, 0);
    let keys = "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth
              credentials: [{key: a, client: b}]
              key_sources: [{header: k}]";
    check("", keys, 3);
}
