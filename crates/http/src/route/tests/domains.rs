use super::*;

fn table(hosts: &[(&str, &[&str])], ignore_port: bool) -> Arc<Table> {
    let hosts = hosts.iter().map(|(name, domains)| virtual_host(name, domains, vec![answer(prefix("/"), name)]));
    let proto = with_hosts(hosts.collect());
    parse(pb::RouteConfiguration { ignore_port_in_host_matching: ignore_port, ..proto }).expect("a valid table")
}

fn check(table: &Arc<Table>, cases: &[(&str, &str)]) {
    for (authority, expected) in cases {
        let shown = found(table, &request("/", &[(":authority", authority)]));
        assert_eq!(shown.as_deref(), Ok(*expected), "{authority}");
    }
}

const HOSTS: [(&str, &[&str]); 11] = [
    ("exact", &["one.test", "one.test:8080", "[::1]", "UPPER.test"]),
    ("suffix", &["*.one.test"]),
    ("longer", &["*.b.one.test", "*-bar.one.test"]),
    ("prefix", &["one.*", "one.te*"]),
    ("port", &["*.test:80"]),
    ("mid", &["a*b"]),
    ("z", &["z*"]),
    ("y", &["*y"]),
    ("dd", &["**"]),
    ("qstar", &["*.star.*"]),
    ("any", &["*"]),
];

#[test]
fn exact_comes_before_the_longest_suffix_the_longest_prefix_and_any() {
    let table = table(&HOSTS, false);
    check(
        &table,
        &[
            ("one.test", "exact"),
            ("ONE.TEST", "exact"),
            ("upper.test", "exact"),
            ("one.test:80", "port"),
            ("one.test:8080", "exact"),
            ("x.one.test", "suffix"),
            ("X.One.Test", "suffix"),
            ("a.b.one.test", "longer"),
            (".one.test", "any"),
            ("one.org", "prefix"),
            ("one.", "any"),
            ("one", "any"),
            ("one.test.", "prefix"),
            ("other", "any"),
            ("foo-bar.one.test", "longer"),
            ("-bar.one.test", "suffix"),
            ("x.one.test:80", "port"),
            ("p.test:80", "port"),
            ("p.test", "any"),
            ("[::1]", "exact"),
            ("[::1]:80", "any"),
            ("one.x:99", "prefix"),
            ("", "any"),
        ],
    );
}

#[test]
fn only_an_asterisk_at_the_start_or_else_at_the_end_stands_for_something() {
    check(
        &table(&HOSTS, false),
        &[
            ("aXb", "any"),
            ("a*b", "mid"),
            ("z*", "dd"),
            ("zq", "z"),
            ("z", "any"),
            ("*y", "y"),
            ("qy", "y"),
            ("**", "dd"),
            ("q.star.*", "qstar"),
            ("q.star.z", "any"),
        ],
    );
}

#[test]
fn a_port_may_be_ignored() {
    check(
        &table(&HOSTS, true),
        &[
            ("one.test:80", "exact"),
            ("one.test:8080", "exact"),
            ("x.one.test:80", "suffix"),
            ("p.test:80", "any"),
            ("[::1]:80", "exact"),
            ("[::1]", "exact"),
            ("one.x:99", "prefix"),
        ],
    );
    let table = table(&[("port", &["one.test:8080", "a:x", "1::2"]), ("x", &["x", "a"])], true);
    check(&table, &[("x:1", "x"), ("a:x", "x"), ("a:", "x")]);
    for authority in ["one.test:8080", "one.test", "1::2"] {
        assert_eq!(found(&table, &request("/", &[(":authority", authority)])), Err(Miss::VirtualHost), "{authority}");
    }
}

#[test]
fn a_long_authority_is_folded_too() {
    let long = "a".repeat(300);
    check(
        &table(&[("long", &[&format!("{long}.test")])], false),
        &[(&format!("{}.TEST", long.to_uppercase()), "long")],
    );
}

#[test]
fn no_route_in_the_virtual_host_does_not_fall_back_to_another() {
    let table = table(&[("any", &["*"])], false);
    assert_eq!(found(&table, &request("no-slash", &[])), Err(Miss::Route));
    let hosts = vec![virtual_host("empty", &["empty.test"], vec![])];
    let empty = parse(with_hosts(hosts)).expect("a valid table");
    assert_eq!(found(&empty, &request("/", &[(":authority", "empty.test")])), Err(Miss::Route));
    assert_eq!(found(&empty, &request("/", &[(":authority", "other.test")])), Err(Miss::VirtualHost));
}

#[test]
fn required_tls_redirects_before_any_route_is_asked() {
    use pb::virtual_host::TlsRequirementType;
    let host = |name: &str, requirement: TlsRequirementType| pb::VirtualHost {
        require_tls: requirement.into(),
        ..virtual_host(name, &[name], vec![answer(prefix("/a"), "a")])
    };
    let proto = with_hosts(vec![host("tls", TlsRequirementType::All), host("ext", TlsRequirementType::ExternalOnly)]);
    let table = parse(proto).expect("a valid table");
    let check = |authority: &str, path: &str, more: (&str, &str), expected: Result<&str, Miss>| {
        let headers = request(path, &[(":authority", authority), more]);
        assert_eq!(found(&table, &headers).as_deref(), expected.as_ref().copied(), "{authority} {path} {more:?}");
    };
    check("tls", "/a?x=1", ("x-forwarded-proto", "http"), Ok("301 https://tls/a?x=1"));
    check("tls", "/nope", ("x-forwarded-proto", "http"), Ok("301 https://tls/nope"));
    check("tls", "/a", ("x-forwarded-proto", "https"), Ok("a"));
    check("tls", "/b", ("x-forwarded-proto", "https"), Err(Miss::Route));
    check("tls", "/a", ("x-forwarded-proto", "HTTPS"), Ok("301 https://tls/a"));
    check("tls", "/a", ("x-envoy-internal", "true"), Ok("301 https://tls/a"));
    check("ext", "/a?b", ("x-forwarded-proto", "http"), Ok("301 https://ext/a?b"));
    check("ext", "/a", ("x-envoy-internal", "true"), Ok("a"));
}
