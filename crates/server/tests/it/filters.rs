//! HTTP filters in a chain, as the binary runs them.

use super::origin::{Origin, unused_port};
use super::proxy::{Proxy, bootstrap, exchange, refused};

const TYPE: &str = "\"@type\": type.googleapis.com/envoy.extensions.filters.http";
const ON: &str = "{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}";
const OFF: &str = "{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}";

/// A filter that adds `x-order: <value>` to requests and responses.
fn adds(name: &str, value: &str, is_disabled: bool) -> String {
    let change = format!("[{{append: {{header: {{key: x-order, value: {value}}}}}}}]");
    let mutations = format!("{{request_mutations: {change}, response_mutations: {change}}}");
    let config = format!("{{{TYPE}.header_mutation.v3.HeaderMutation, mutations: {mutations}}}");
    format!("- {{name: {name}, disabled: {is_disabled}, typed_config: {config}}}")
}

fn faults(config: &str) -> String {
    format!("- {{name: fault, typed_config: {{{TYPE}.fault.v3.HTTPFault, {config}}}}}")
}

fn with_filters(filters: &[String], routes: &[String], port: u16) -> String {
    let (filters, routes) = (filters.join("\n          "), routes.join("\n              "));
    let list = "http_filters:\n          ";
    bootstrap(&routes, &[("a", port)]).replacen(list, &format!("{list}{filters}\n          "), 1)
}

fn get(proxy: &Proxy, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    exchange(proxy.port(), &[request.as_bytes()])
}

/// The values of `x-order` in a head.
fn order(head: &str) -> Vec<&str> {
    head.lines().filter_map(|line| line.strip_prefix("x-order: ")).collect()
}

#[test]
fn requests_go_through_filters_in_order_and_responses_in_reverse() {
    let origin = Origin::start();
    let route = |prefix: &str, overrides: &str| {
        format!("- {{match: {{prefix: {prefix}}}, route: {{cluster: a}}, typed_per_filter_config: {{{overrides}}}}}")
    };
    let routes = [
        route("/on", &format!("two: {ON}")),
        route("/off", &format!("one: {OFF}")),
        // Neither names a filter of the chain: no error, and no effect.
        route("/other", &format!("nobody: {OFF}, somebody: {{{TYPE}.fault.v3.HTTPFault}}")),
    ];
    let filters = [adds("one", "first", false), adds("two", "second", true), adds("three", "third", false)];
    let proxy = Proxy::start_with(&with_filters(&filters, &routes, origin.port()));
    for (path, expected) in
        [("/on", &["first", "second", "third"][..]), ("/off", &["third"]), ("/other", &["first", "third"])]
    {
        let answer = get(&proxy, path);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        let reversed: Vec<_> = expected.iter().rev().copied().collect();
        assert_eq!((order(body), order(head)), (expected.to_vec(), reversed), "{path}: {answer}");
    }
}

#[test]
fn aborts_go_through_all_filters_and_reach_no_origin() {
    let abort = faults("abort: {http_status: 418, percentage: {numerator: 100}}");
    let filters = [adds("one", "first", false), abort, adds("three", "third", false)];
    let routes = ["- {match: {prefix: /}, route: {cluster: a}}".to_owned()];
    let proxy = Proxy::start_with(&with_filters(&filters, &routes, unused_port()));
    let answer = get(&proxy, "/");
    assert!(
        answer.starts_with("HTTP/1.1 418 Unknown\r\n") && answer.ends_with("\r\n\r\nfault filter abort"),
        "{answer}"
    );
    assert_eq!(order(&answer), ["third", "first"], "{answer}");
}

#[test]
fn a_delayed_request_arrives_whole() {
    let origin = Origin::start();
    let delay = faults("delay: {fixed_delay: 0.02s, percentage: {numerator: 100}}");
    let routes = ["- {match: {prefix: /}, route: {cluster: a}}".to_owned()];
    let proxy = Proxy::start_with(&with_filters(&[delay], &routes, origin.port()));
    let head: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    let answer = exchange(proxy.port(), &[head, b"he", b"llo"]);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("|hello"), "{answer}");
}

#[test]
fn what_filters_do_not_have_is_named() {
    let check = |filters: &[String], overrides: &str, expected: &str| {
        let route =
            format!("- {{match: {{prefix: /}}, route: {{cluster: a}}, typed_per_filter_config: {{{overrides}}}}}");
        let (code, output) = refused(&with_filters(filters, &[route], 1));
        // The report is wrapped.
        let words = output.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ");
        assert_eq!(code, Some(1), "{output}");
        assert!(words.contains(expected), "{expected} in {output}");
    };
    let unknown = format!("- {{name: x, typed_config: {{{TYPE}.grpc_web.v3.GrpcWeb}}}}");
    check(&[unknown], "", "the HTTP filter 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb' is not supported yet");
    let router = format!("r: {{{TYPE}.router.v3.Router}}");
    check(&[], &router, "The filter r doesn't support virtual host or route specific configurations");
    let empty = "x: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig}";
    check(&[], empty, "Empty route/virtual host per filter configuration for x filter");
}
