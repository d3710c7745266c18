use pb::redirect_action::PathRewriteSpecifier as P;
use pb::redirect_action::SchemeRewriteSpecifier as S;

use super::*;

fn https() -> pb::RedirectAction {
    pb::RedirectAction { scheme_rewrite_specifier: Some(S::HttpsRedirect(true)), ..Default::default() }
}

fn scheme(name: &str) -> pb::RedirectAction {
    pb::RedirectAction { scheme_rewrite_specifier: Some(S::SchemeRedirect(name.into())), ..Default::default() }
}

fn host(name: &str) -> pb::RedirectAction {
    pb::RedirectAction { host_redirect: name.into(), ..Default::default() }
}

fn to_path(specifier: P) -> pb::RedirectAction {
    pb::RedirectAction { path_rewrite_specifier: Some(specifier), ..Default::default() }
}

fn stripped(redirect: pb::RedirectAction) -> pb::RedirectAction {
    pb::RedirectAction { strip_query: true, ..redirect }
}

fn table(r#match: pb::RouteMatch, redirect: pb::RedirectAction) -> Arc<Table> {
    parse(with_routes(vec![route(r#match, pb::route::Action::Redirect(redirect))])).expect("a valid redirect")
}

/// Cases are the scheme of the request, its authority, and the scheme and authority of the location.
fn check_authority(redirect: pb::RedirectAction, cases: &[(&str, &str, &str)]) {
    let table = table(prefix("/"), redirect.clone());
    for (scheme, authority, expected) in cases {
        let headers =
            request("/p?a=1", &[(":scheme", scheme), (":authority", authority), ("x-forwarded-proto", scheme)]);
        let expected = format!("301 {expected}/p?a=1");
        assert_eq!(found(&table, &headers), Ok(expected), "{scheme} {authority} {redirect:?}");
    }
}

/// Cases are the path of the request and the location without `http://t`.
fn check_path(r#match: pb::RouteMatch, redirect: pb::RedirectAction, cases: &[(&str, &str)]) {
    let table = table(r#match, redirect.clone());
    for (path, expected) in cases {
        assert_eq!(found(&table, &request(path, &[])), Ok(format!("301 http://t{expected}")), "{path} {redirect:?}");
    }
}

#[test]
fn a_default_port_goes_when_its_scheme_does() {
    check_authority(
        https(),
        &[
            ("http", "t", "https://t"),
            ("http", "t:80", "https://t"),
            ("http", "t:443", "https://t:443"),
            ("http", "t:8080", "https://t:8080"),
            ("http", "T.Test", "https://T.Test"),
            ("http", "[::1]", "https://[::1]"),
            ("http", "[::1]:80", "https://[::1]"),
            ("http", "[::1]:8080", "https://[::1]:8080"),
            ("https", "t:80", "https://t:80"),
            ("https", "t:443", "https://t:443"),
        ],
    );
    check_authority(
        scheme("http"),
        &[
            ("http", "t:80", "http://t:80"),
            ("https", "t:80", "http://t:80"),
            ("https", "t:443", "http://t"),
            ("https", "[::1]:80", "http://[::1]:80"),
        ],
    );
    check_authority(scheme("HTTPS"), &[("http", "t:80", "HTTPS://t"), ("http", "t:443", "HTTPS://t:443")]);
    check_authority(scheme("ftp"), &[("http", "t:80", "ftp://t"), ("http", "t:443", "ftp://t:443")]);
    let no = pb::RedirectAction { scheme_rewrite_specifier: Some(S::HttpsRedirect(false)), ..Default::default() };
    check_authority(no, &[("http", "t:80", "http://t:80"), ("https", "t:443", "https://t:443")]);
    check_authority(pb::RedirectAction::default(), &[("http", "t:80", "http://t:80"), ("https", "t", "https://t")]);
}

#[test]
fn which_port_is_the_default_follows_x_forwarded_proto() {
    let table = table(prefix("/"), https());
    for (forwarded, expected) in [("ftp", "301 https://t:80/p"), ("HTTP", "301 https://t/p")] {
        let headers = request("/p", &[(":authority", "t:80"), ("x-forwarded-proto", forwarded)]);
        assert_eq!(found(&table, &headers).as_deref(), Ok(expected), "{forwarded}");
    }
}

#[test]
fn a_port_is_replaced_and_always_written() {
    let port = |port_redirect, redirect| pb::RedirectAction { port_redirect, ..redirect };
    let none = pb::RedirectAction::default;
    check_authority(
        port(8443, none()),
        &[
            ("http", "t", "http://t:8443"),
            ("http", "t:80", "http://t:8443"),
            ("http", "t:8080", "http://t:8443"),
            ("http", "[::1]", "http://[::1]:8443"),
            ("http", "[::1]:8080", "http://[::1]:8443"),
        ],
    );
    check_authority(port(443, https()), &[("http", "t", "https://t:443"), ("http", "t:443", "https://t:443")]);
    check_authority(port(80, none()), &[("http", "t", "http://t:80"), ("https", "t:443", "https://t:80")]);
}

#[test]
fn a_host_is_taken_as_it_is_written() {
    let with_https = |host| pb::RedirectAction { host_redirect: host, ..https() };
    check_authority(host("new.test"), &[("http", "t:8080", "http://new.test"), ("http", "[::1]", "http://new.test")]);
    check_authority(host("new.test:99"), &[("http", "t:80", "http://new.test:99")]);
    check_authority(with_https("new.test:80".into()), &[("http", "t:80", "https://new.test:80")]);
    let both = pb::RedirectAction { port_redirect: 77, ..host("new.test:99") };
    check_authority(both, &[("http", "t:80", "http://new.test:99:77")]);
}

#[test]
fn a_new_path_keeps_the_query_unless_it_has_its_own() {
    let path = |text: &str| to_path(P::PathRedirect(text.into()));
    check_path(
        prefix("/"),
        path("/other"),
        &[("/p", "/other"), ("/p?a=1", "/other?a=1"), ("/p?", "/other?"), ("/p?a=1&b=?", "/other?a=1&b=?")],
    );
    check_path(prefix("/"), path("/other?new=1"), &[("/p", "/other?new=1"), ("/p?a=1", "/other?new=1")]);
    check_path(prefix("/"), path("/other?"), &[("/p", "/other?"), ("/p?a=1", "/other?")]);
    check_path(prefix("/"), path("other"), &[("/p", "/other"), ("/p?a=1", "/other?a=1")]);
    check_path(prefix("/"), path("/other#frag"), &[("/p", "/other#frag"), ("/p?a=1", "/other#frag?a=1")]);
}

#[test]
fn the_query_of_the_request_may_be_stripped() {
    let path = |text: &str| stripped(to_path(P::PathRedirect(text.into())));
    check_path(prefix("/"), path("/other"), &[("/p", "/other"), ("/p?a=1", "/other"), ("/p?", "/other")]);
    check_path(prefix("/"), path("/other?z=1"), &[("/p?a=1", "/other?z=1")]);
    check_path(prefix("/"), stripped(pb::RedirectAction::default()), &[("/p?a=1&b=?", "/p")]);
    let prefix_rewrite = stripped(to_path(P::PrefixRewrite("/p?x=1".into())));
    check_path(exact("/pre"), prefix_rewrite, &[("/pre", "/p"), ("/pre?a=1", "/p")]);
}

#[test]
fn a_prefix_rewrite_replaces_what_matched() {
    let rewrite = |text: &str| to_path(P::PrefixRewrite(text.into()));
    check_path(
        prefix("/pre/"),
        rewrite("/post/"),
        &[("/pre/x", "/post/x"), ("/pre/x?", "/post/x?"), ("/pre/", "/post/"), ("/pre/x/y?a", "/post/x/y?a")],
    );
    check_path(prefix("/pre"), rewrite("/"), &[("/pre/x", "//x"), ("/pre", "/"), ("/pre?x", "/?x")]);
    check_path(any_case(prefix("/pre")), rewrite("/p"), &[("/PRE/x?y", "/p/x?y")]);
    check_path(exact("/pre"), rewrite("/p"), &[("/pre", "/p"), ("/pre?a=1", "/p?a=1")]);
    check_path(
        separated("/pre"),
        rewrite("/p"),
        &[("/pre", "/p"), ("/pre?a=1", "/p?a=1"), ("/pre/", "/p/"), ("/pre/x?y", "/p/x?y")],
    );
    check_path(separated("/pre"), rewrite("/"), &[("/pre", "/"), ("/pre/", "//"), ("/pre/x?y", "//x?y")]);
    let by_regex = path_match(pb::route_match::PathSpecifier::SafeRegex(regex("/pre.*")));
    check_path(by_regex, rewrite("/p"), &[("/pre/x?y", "/p?y"), ("/pre", "/p")]);
    check_path(prefix("/pre"), rewrite(""), &[("/pre/x", "/pre/x")]);
}

#[test]
fn a_regular_expression_rewrites_the_path_without_query() {
    let rewrite = |pattern: &str, text: &str| to_path(P::RegexRewrite(substitution(pattern, text)));
    check_path(
        prefix("/"),
        rewrite("^/re/([^/]+)/(.*)$", r"/\2/for/\1"),
        &[("/re/one/two?three", "/two/for/one?three"), ("/re/one", "/re/one")],
    );
    check_path(prefix("/"), stripped(rewrite("a", r"\\b")), &[("/rs/aaa?a=a", r"/rs/\b\b\b")]);
}

#[test]
fn the_status_is_that_of_the_response_code() {
    for (code, status) in [(0, 301), (1, 302), (2, 303), (3, 307), (4, 308)] {
        let redirect = pb::RedirectAction { response_code: code, ..host("h") };
        let shown = found(&table(prefix("/"), redirect), &request("/p", &[]));
        assert_eq!(shown, Ok(format!("{status} http://h/p")));
    }
}
