//! Expected values are what Envoy 1.40 answers to a peer at 127.0.0.1.

use nuncio_config::{At, Diagnostics};
use nuncio_message::HeaderMapKind;
use nuncio_proto::envoy::config::core::v3 as core;

use super::*;

fn internal(prefix: &str, prefix_len: u32) -> InternalAddresses {
    let sink = Diagnostics::new();
    let range = core::CidrRange { address_prefix: prefix.into(), prefix_len: Some(prefix_len) };
    let proto = pb::InternalAddressConfig { unix_sockets: false, cidr_ranges: vec![range] };
    InternalAddresses::parse(proto, &At::root(&sink)).expect("valid ranges")
}

fn identify(rules: &ClientRules, headers: &[(&str, &str)]) -> (Client, Headers) {
    let mut request = Headers::new();
    for (name, value) in headers {
        request.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
    }
    let rules = ClientRules { own_address: "192.0.2.2".parse().ok(), ..rules.clone() };
    let (peer, local) = (([127, 0, 0, 1], 4321).into(), ([127, 0, 0, 1], 8008).into());
    (rules.identify(&mut request, peer, local), request)
}

/// `expected`: the client when it is not the peer, where it comes from, `x-forwarded-for` afterwards.
#[track_caller]
fn check(rules: &ClientRules, forwarded: Option<&str>, expected: (Option<&str>, Origin, Option<&str>)) {
    let headers: Vec<_> = forwarded.map(|value| ("x-forwarded-for", value)).into_iter().collect();
    let (client, request) = identify(rules, &headers);
    let after = request.get(HeaderId::X_FORWARDED_FOR).map(String::from_utf8_lossy);
    let address = client.address.map(|address| address.to_string());
    assert_eq!((address.as_deref(), client.origin, after.as_deref()), expected, "{forwarded:?} by {rules:?}");
}

#[test]
fn behind_a_proxy_the_last_forwarded_address_counts() {
    let rules = ClientRules::default();
    check(&rules, None, (None, Origin::External, None));
    for (forwarded, client) in [
        ("1.2.3.4", Some("1.2.3.4")),
        ("1.2.3.4, 5.6.7.8", Some("5.6.7.8")),
        (",10.0.0.1", Some("10.0.0.1")),
        ("::1", Some("::1")),
        ("bogus", None),
        ("10.0.0.1,", None),
        ("10.0.0.1, bogus", None),
        ("[::1]:80", None),
        ("10.0.0.1:80", None),
        ("", None),
    ] {
        check(&rules, Some(forwarded), (client, Origin::External, Some(forwarded)));
    }
}

#[test]
fn behind_proxies_trusted_hops_are_skipped() {
    let rules = ClientRules { trusted_hops: 1, ..ClientRules::default() };
    for (forwarded, client) in [
        ("1.2.3.4", None),
        ("1.2.3.4, 5.6.7.8", Some("1.2.3.4")),
        ("1.2.3.4,5.6.7.8,10.1.1.1", Some("5.6.7.8")),
        ("10.0.0.1,", Some("10.0.0.1")),
        (",10.0.0.1", None),
    ] {
        check(&rules, Some(forwarded), (client, Origin::External, Some(forwarded)));
    }
}

#[test]
fn at_the_edge_the_peer_is_the_client_and_is_appended() {
    let rules = ClientRules { uses_remote_address: true, ..ClientRules::default() };
    check(&rules, None, (None, Origin::Edge, Some("192.0.2.2")));
    check(&rules, Some(""), (None, Origin::Edge, Some("192.0.2.2")));
    check(&rules, Some("1.2.3.4, 5.6.7.8"), (None, Origin::Edge, Some("1.2.3.4, 5.6.7.8,192.0.2.2")));
    let skips = ClientRules { skips_append: true, ..rules };
    check(&skips, Some("1.2.3.4"), (None, Origin::Edge, Some("1.2.3.4")));
}

#[test]
fn at_the_edge_trusted_hops_name_the_client() {
    let rules = ClientRules { uses_remote_address: true, trusted_hops: 1, ..ClientRules::default() };
    check(&rules, Some("1.2.3.4, 5.6.7.8"), (Some("5.6.7.8"), Origin::Edge, Some("1.2.3.4, 5.6.7.8,192.0.2.2")));
    check(&rules, Some("bogus"), (None, Origin::Edge, Some("bogus,192.0.2.2")));
}

#[test]
fn only_a_single_address_is_internal() {
    let edge = ClientRules { uses_remote_address: true, internal: internal("127.0.0.0", 8), ..ClientRules::default() };
    check(&edge, None, (None, Origin::Internal, Some("192.0.2.2")));
    check(&edge, Some("10.0.0.1"), (None, Origin::Edge, Some("10.0.0.1,192.0.2.2")));
    let behind = ClientRules { internal: internal("10.0.0.0", 8), ..ClientRules::default() };
    check(&behind, Some("10.0.0.1"), (Some("10.0.0.1"), Origin::Internal, Some("10.0.0.1")));
    check(&behind, Some("10.0.0.1,10.0.0.2"), (Some("10.0.0.2"), Origin::External, Some("10.0.0.1,10.0.0.2")));
    check(&behind, None, (None, Origin::External, None));
}

#[test]
fn the_edge_overwrites_what_clients_say_of_scheme_and_port() {
    #[track_caller]
    fn check(rules: &ClientRules, headers: &[(&str, &str)], expected: [Option<&str>; 2]) {
        let (_, request) = identify(rules, headers);
        let ids = [HeaderId::X_FORWARDED_PROTO, HeaderId::X_FORWARDED_PORT];
        let after = ids.map(|id| request.get(id).map(|value| String::from_utf8_lossy(value).into_owned()));
        assert_eq!(after.each_ref().map(Option::as_deref), expected, "{headers:?} by {rules:?}");
    }
    let said = [("x-forwarded-proto", "https"), ("x-forwarded-port", "77")];
    let behind = ClientRules { appends_port: true, ..ClientRules::default() };
    check(&behind, &said, [Some("https"), Some("77")]);
    check(&behind, &[], [Some("http"), Some("8008")]);
    let edge = ClientRules { uses_remote_address: true, ..behind };
    check(&edge, &said, [Some("http"), Some("8008")]);
    let trusting = ClientRules { trusted_hops: 1, ..edge };
    check(&trusting, &said, [Some("https"), Some("77")]);
    check(&ClientRules { appends_port: false, ..trusting }, &[], [Some("http"), None]);
}
