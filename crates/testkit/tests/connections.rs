//! What connections leave behind.

use nuncio_testkit::counted::{Lifetime, Proxy, Setup, Version};

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 80}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: origin}}]}]
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: origin
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 81}}}}]
"#;

#[test]
fn connections_that_are_gone_leave_no_timers() {
    let mut proxy = Proxy::new(Setup {
        downstream: Version::Http1,
        upstream: Version::Http1,
        concurrency: 4,
        lifetime: Lifetime::OneRequest,
        bootstrap: BOOTSTRAP.into(),
        allocations: || 0,
    });
    (0..10).for_each(|_| proxy.exchange());
    let before = proxy.timer_entries();
    (0..500).for_each(|_| proxy.exchange());
    assert_eq!(proxy.counter("http.in.downstream_cx_total"), Some(4 * 510));
    assert!(proxy.timer_entries() <= before, "{} entries, {before} before", proxy.timer_entries());
}
