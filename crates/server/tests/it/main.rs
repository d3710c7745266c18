//! The binary from outside: a bootstrap in, bytes through it, an exit code.

mod application_log;
mod command_line;
mod commands;
mod filters;
mod launchers;
mod lifetime;
mod origin;
mod proxy;
mod running;
mod validate;

use origin::Origin;
use proxy::{Proxy, exchange};

fn route(action: &str) -> String {
    format!("- {{match: {{prefix: /}}, {action}}}")
}

#[test]
fn a_request_passes_to_the_origin_and_back() {
    let origin = Origin::start();
    let proxy = Proxy::start(&route("route: {cluster: a}"), &[("a", origin.port())]);
    let answer = exchange(
        proxy.port(),
        &[b"POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"],
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for expected in
        ["\r\nserver: envoy\r\n", "\r\nconnection: close\r\n", "POST /p?q HTTP/1.1", "x-forwarded-proto: http"]
    {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
    assert!(answer.ends_with("|hello"), "{answer}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start();
    let proxy = Proxy::start(&route("route: {cluster: a}"), &[("a", origin.port())]);
    let request = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = exchange(proxy.port(), &[request.as_bytes()]);
    let order: Vec<_> = ["GET /1", "GET /2", "GET /3"].iter().map(|line| answer.find(line)).collect();
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {answer}");
}

#[test]
fn continue_is_answered_here_and_not_passed_on() {
    let origin = Origin::start();
    let proxy = Proxy::start(&route("route: {cluster: a}"), &[("a", origin.port())]);
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    let answer = exchange(proxy.port(), &[head, b"ok"]);
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!answer.contains("expect:") && answer.ends_with("|ok"), "{answer}");
}

#[test]
fn a_host_that_is_down_is_a_503_with_envoys_words() {
    let proxy = Proxy::start(&route("route: {cluster: a}"), &[("a", origin::unused_port())]);
    let answer = exchange(proxy.port(), &[b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]);
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    let body = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
    assert!(answer.ends_with(body), "{answer}");
}

#[test]
fn a_retry_goes_through_weighted_clusters_too() {
    let origin = Origin::start();
    let action = "route: {weighted_clusters: {clusters: [{name: a, weight: 1}]}, \
                  retry_policy: {retry_on: connect-failure, num_retries: 3}}";
    // Round robin alternates between the two hosts, so that of two requests at least one meets the dead one first.
    let hosts = [("a", origin::unused_port()), ("a", origin.port())];
    let proxy = Proxy::start(&route(action), &hosts);
    for _ in 0..2 {
        let answer = exchange(
            proxy.port(),
            &[b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", b"abc"],
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("|abc"), "{answer}");
    }
}

#[test]
fn hosts_are_rewritten_and_the_old_one_is_told() {
    let origin = Origin::start();
    let action = "route: {cluster: a, host_rewrite_literal: new.host, append_x_forwarded_host: true}";
    let proxy = Proxy::start(&route(action), &[("a", origin.port())]);
    let answer = exchange(proxy.port(), &[b"GET / HTTP/1.1\r\nHost: old\r\nConnection: close\r\n\r\n"]);
    for expected in ["\r\nhost: new.host\r\n", "\r\nx-envoy-original-host: old", "\r\nx-forwarded-host: old"] {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
}

#[test]
fn direct_responses_and_misses_need_no_cluster() {
    let routes = "- {match: {path: /d}, direct_response: {status: 418, body: {inline_string: tea}}}";
    let proxy = Proxy::start(routes, &[]);
    let answer = exchange(proxy.port(), &[b"GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]);
    assert!(answer.starts_with("HTTP/1.1 418 Unknown\r\n") && answer.ends_with("\r\n\r\ntea"), "{answer}");
    let answer = exchange(proxy.port(), &[b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]);
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn garbage_is_a_400_and_ends_the_connection() {
    let proxy = Proxy::start("- {match: {path: /d}, direct_response: {status: 200}}", &[]);
    let answer = exchange(proxy.port(), &[b"GARBAGE\r\n\r\n"]);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.ends_with("Bad Request"), "{answer}");
}

#[test]
fn sigterm_ends_it_with_code_zero() {
    let proxy = Proxy::start("- {match: {path: /d}, direct_response: {status: 200}}", &[]);
    assert_eq!(proxy.terminate(), Some(0));
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let text = proxy::bootstrap(
        &route("route: {cluster: a, hash_policy: [{terminal: true, header: {header_name: x}}]}"),
        &[("a", 1)],
    );
    let (code, output) = proxy::refused(&format!("{text}\nhds_config: {{api_type: GRPC}}\n"));
    assert_eq!(code, Some(1), "{output}");
    for expected in ["hash_policy", "hds_config", "is not supported yet"] {
        assert!(output.contains(expected), "{expected} in {output}");
    }
}
