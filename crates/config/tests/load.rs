//! What a bootstrap is split into, and where later findings are placed.

use nuncio_config::diagnostic::{Diagnostic, Path, code};
use nuncio_config::{At, Policy, Schema, Source, Unknown, load_bootstrap};
use nuncio_proto::envoy::config::bootstrap::v3::Bootstrap;
use nuncio_proto::envoy::config::bootstrap::v3::bootstrap::StaticResources;
use prost::Message;

const TEXT: &str = r#"
node: {id: a, cluster: b}
staticResources:
  clusters:
  - name: one
    connectTimeout: 1s
    circuitBreakers:
      thresholds: {maxRetries: 7}
  - name: two
    connect_timeout: 2s
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/xds.type.v3.TypedStruct
        type_url: type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        value:
          sni: example.com
  secrets:
    name: s
    generic_secret: {secret: {inline_string: x}}
"#;

#[test]
fn resources_are_encoded_one_by_one_and_the_rest_is_typed() {
    let source = Source::yaml("a.yaml", TEXT);
    let loaded = load_bootstrap(&source, &Schema::new());
    assert_eq!(loaded.findings(), []);
    assert_eq!(loaded.bootstrap.node.as_ref().map(|n| n.id.as_str()), Some("a"));
    assert_eq!(loaded.bootstrap.static_resources, None);
    assert_eq!((loaded.listeners.len(), loaded.clusters.len(), loaded.secrets.len()), (0, 2, 1));
    let two = &loaded.clusters[1];
    assert_eq!(two.path().to_string(), "static_resources.clusters[1]");
    let cluster = two.message(&At::path(&loaded.diagnostics, two.path())).expect("it was encoded here");
    assert_eq!(cluster.name, "two");
    assert_eq!(cluster.encode_to_vec(), two.wire());
}

#[test]
fn a_bootstrap_in_wire_form_is_the_same() {
    let schema = Schema::new();
    let text = Source::yaml("a.yaml", TEXT);
    let of_text = load_bootstrap(&text, &schema);
    let at = At::root(&of_text.diagnostics);
    let resources = StaticResources {
        clusters: of_text.clusters.iter().map(|c| c.message(&at).expect("valid")).collect(),
        secrets: of_text.secrets.iter().map(|s| s.message(&at).expect("valid")).collect(),
        ..StaticResources::default()
    };
    let whole = Bootstrap { static_resources: Some(resources), ..of_text.bootstrap.clone() };
    let wire = Source::from_bytes("a.pb", whole.encode_to_vec());
    let of_wire = load_bootstrap(&wire, &schema);
    assert_eq!(of_wire.findings(), []);
    assert_eq!(of_wire.bootstrap, of_text.bootstrap);
    assert_eq!(of_wire.clusters[1].wire(), of_text.clusters[1].wire());
    assert_eq!(of_wire.secrets[0].path(), of_text.secrets[0].path());
}

#[test]
fn findings_of_later_parsers_are_placed_by_their_path() {
    let source = Source::yaml("a.yaml", TEXT);
    let loaded = load_bootstrap(&source, &Schema::new());
    let check = |path: Path, expected: (u32, u32)| {
        let place = loaded.locator.locate(&path).expect("the text has a place for it").start;
        assert_eq!((place.line, place.column), expected, "{path}");
    };
    let cluster = |index| Path::root().field("static_resources").field("clusters").index(index);
    check(cluster(0), (5, 5));
    check(cluster(0).field("name"), (5, 5));
    check(cluster(0).field("connect_timeout"), (6, 5));
    let thresholds = cluster(0).field("circuit_breakers").field("thresholds").index(0);
    check(thresholds.clone().field("max_retries"), (8, 20));
    // What was not written is placed at what it is missing from.
    check(thresholds.field("priority"), (8, 7));
    check(cluster(1).field("load_assignment"), (9, 5));
    // The path of a configuration in a TypedStruct does not mention `value`.
    check(cluster(1).field("transport_socket").field("typed_config").field("sni"), (17, 11));
    assert_eq!(loaded.locator.locate(&Path::root()), None);
}

#[test]
fn a_reference_error_is_shown_with_the_others() {
    let source = Source::yaml("a.yaml", "node: {id: a, cluster: b}\ncluster_manager: {local_cluster_name: c}\n");
    let loaded = load_bootstrap(&source, &Schema::new());
    let at = At::root(&loaded.diagnostics);
    at.field("cluster_manager").field("local_cluster_name").dangling("there is no cluster 'c'");
    let findings = loaded.findings();
    let found: Vec<(&str, Option<u32>)> =
        findings.iter().map(|d: &Diagnostic| (d.code, d.span.map(|s| s.start.column))).collect();
    assert_eq!(found, [(code::REFERENCE, Some(19))]);
}

#[test]
fn a_text_that_cannot_be_read_is_refused() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let source = Source::from_bytes(name, bytes.to_vec());
        let findings = load_bootstrap(&source, &Schema::new()).findings();
        let messages: Vec<&str> = findings.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(messages, [expected]);
    };
    check("a.json", b"{\"node\": \"\xff\"}", "the file is not valid UTF-8 behind byte 10");
    check("a.pb_text", b"node { id: \"\xff\" }", "the file is not valid UTF-8 behind byte 12");
    check("a.yaml", b"# nothing", "the file is empty");
    check("a.yaml", b"null", "a bootstrap must be a mapping, found null");
    check(
        "a.pb",
        b"\x0a\x7f",
        "the file is not an encoded bootstrap: failed to decode Protobuf message: buffer underflow",
    );
}

/// Verdicts of Envoy 1.40.
#[test]
fn protobuf_text_is_read() {
    const FULL: &str = r#"# comment
        node: { id: "a" "b" 'c' cluster: "\x41\101" }
        admin < address { socket_address { address: "127.0.0.1"; port_value: 0x5211, } } >
        static_resources {
          clusters { name: "one" connect_timeout { seconds: 1 } lb_policy: 1 }
          clusters: [ { name: "two" type: STATIC }, { name: "three" } ]
          listeners { filter_chains { filters { name: "h" typed_config {
            [type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy] {
              stat_prefix: "x" cluster: "one" } } } } }
        }"#;
    let check = |text: &str, expected: &[(&str, Option<(u32, u32)>)]| {
        let source = Source::from_bytes("a.pb_text", text.into());
        let findings = load_bootstrap(&source, &Schema::new()).findings();
        let place = |d: &Diagnostic| d.span.map(|s| (s.start.line, s.start.column));
        let found: Vec<_> = findings.iter().map(|d| (d.code, place(d))).collect();
        assert_eq!(found, expected, "{findings:?}");
    };
    check(FULL, &[]);
    check("", &[]);
    check(&FULL.replace("type: STATIC", "type: static"), &[(code::SYNTAX, Some((6, 43)))]);
    check("node { id: \"x\" bogus: 1 }", &[(code::SYNTAX, Some((1, 16)))]);
    check("node { id: \"x\" }\nnode { id: \"y\" }", &[(code::SYNTAX, Some((2, 6)))]);
    check("{\"node\": {}}", &[(code::SYNTAX, Some((1, 1)))]);
    check(&FULL.replace("stat_prefix: \"x\"", ""), &[("string.min_len", None)]);
    check(&"node { metadata { fields { value { struct_value ".repeat(30), &[(code::TOO_DEEP, Some((1, 1206)))]);

    let source = Source::from_bytes("a.pb_text", FULL.into());
    let loaded = load_bootstrap(&source, &Schema::new());
    assert_eq!(loaded.bootstrap.node.as_ref().map(|n| (&*n.id, &*n.cluster)), Some(("abc", "AA")));
    assert_eq!(loaded.clusters[2].path().to_string(), "static_resources.clusters[2]");
}

/// What Envoy 1.40 shows in `/config_dump` for the same two texts.
#[test]
fn an_overlay_is_merged_as_protobuf_merges() {
    const BASE: &str = "
node: {id: base, cluster: c, metadata: {a: 1, b: {x: 1}, l: [1]}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}
static_resources:
  clusters:
  - {name: one, connect_timeout: 1s, type: STATIC}
";
    let check = |overlay: &str, expected: &str| {
        let load = |source: &Source| {
            let loaded = load_bootstrap(source, &Schema::new());
            assert_eq!(loaded.findings(), [], "{overlay}");
            let names = loaded.clusters.iter().map(|c| {
                let at = At::path(&loaded.diagnostics, c.path());
                format!("{}={}", c.path(), c.message(&at).expect("valid").name)
            });
            (loaded.bootstrap.clone(), names.collect::<Vec<_>>())
        };
        let merged = load(&Source::yaml("a.yaml", BASE).with_overlay(Source::yaml("--config-yaml", overlay)));
        assert_eq!(merged, load(&Source::yaml("b.yaml", expected)), "{overlay}");
    };
    let with = |from: &str, to: &str| BASE.replace(from, to);
    check(
        "node: {id: over, metadata: {b: {y: 2}, l: [2], a: 3}}",
        &with("id: base", "id: over").replace("{a: 1, b: {x: 1}, l: [1]}", "{a: 3, b: {y: 2}, l: [2]}"),
    );
    check(
        "{\"static_resources\":{\"clusters\":{\"name\":\"two\",\"connect_timeout\":\"2s\"}}}",
        &with("STATIC}\n", "STATIC}\n  - {name: two, connect_timeout: 2s}\n"),
    );
    check(
        "admin: {address: {pipe: {path: x}}}",
        &with("{socket_address: {address: 127.0.0.1, port_value: 1}}", "{pipe: {path: x}}"),
    );
    check("admin: {address: {socket_address: {port_value: 2}}}", &with("port_value: 1", "port_value: 2"));
    check("admin: null", BASE);
    check("node: {id: \"\"}", BASE);
    check("statsFlushInterval: 3s", &format!("{BASE}stats_flush_interval: 3s"));
}

#[test]
fn findings_are_placed_in_the_layer_they_are_about() {
    let check = |base: Source, overlay: &str, expected: &[(&str, Option<(&str, u32)>)]| {
        let source = base.with_overlay(Source::yaml("--config-yaml", overlay));
        let findings = load_bootstrap(&source, &Schema::new()).findings();
        let place = |d: &Diagnostic| d.span.map(|s| source.place(s.start.line));
        let found: Vec<_> = findings.iter().map(|d| (d.path.to_string(), place(d))).collect();
        let found: Vec<_> = found.iter().map(|(path, place)| (path.as_str(), *place)).collect();
        assert_eq!(found, expected);
    };
    let base = || Source::yaml("a.yaml", "static_resources:\n  clusters:\n  - name: a\n");
    let over = Some(("--config-yaml", 1));
    check(base(), "nod: {}", &[("nod", over)]);
    check(base(), "node: [}", &[("", over)]);
    check(base(), "static_resources: {clusters: [{name: ''}]}", &[("static_resources.clusters[1].name", over)]);
    check(base(), "admin: {address: {pipe: {path: ''}}}", &[("admin.address.pipe.path", over)]);
    check(
        Source::yaml("a.yaml", "admin:\n  address:\n    pipe: {path: ''}"),
        "admin: {address: {pipe: {mode: 1}}}",
        &[("admin.address.pipe.path", Some(("a.yaml", 3)))],
    );
    let wire = Bootstrap { static_resources: Some(StaticResources::default()), ..Bootstrap::default() };
    check(
        Source::from_bytes("a.pb", wire.encode_to_vec()),
        "static_resources: {clusters: [{}]}",
        &[("static_resources.clusters[0].name", over)],
    );
}

/// What Envoy 1.40 counts: a text once, in wire form each message.
#[test]
fn unknown_fields_may_be_let_pass() {
    const TEXT: &str = r#"
node: {id: x, bogus: 1, bogus2: 2}
bogus3: {a: 1}
static_resources:
  clusters:
  - {name: one, foo: 1, lb_policy: FOO, common_lb_config: {override_host_status: {statuses: [FOO, HEALTHY]}}}
  listeners:
  - filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/xds.type.v3.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          value: {stat_prefix: x, cluster: one, zork: 1}
"#;
    let check = |source: Source, static_unknown: Unknown, errors: usize, warnings: usize, counted: u64| {
        let schema = Schema::with_policy(Policy { static_unknown, ..Policy::default() });
        let loaded = load_bootstrap(&source, &schema);
        let findings = loaded.findings();
        assert!(findings.iter().all(|d| matches!(d.code, code::UNKNOWN_FIELD | code::UNKNOWN_ENUM)), "{findings:?}");
        let found = (loaded.diagnostics.errors(), findings.len() - loaded.diagnostics.errors());
        assert_eq!((found, schema.counts().static_unknown_fields), ((errors, warnings), counted), "{findings:?}");
    };
    let text = || Source::yaml("a.yaml", TEXT);
    check(text(), Unknown::Reject, 7, 0, 0);
    check(text(), Unknown::Warn, 0, 7, 1);
    check(text(), Unknown::Ignore, 0, 0, 0);
    check(text().with_overlay(Source::yaml("--config-yaml", "bogus: 1\nbogus4: 2")), Unknown::Warn, 0, 9, 2);
    // node { id: "x", 9999: 5 }, 9998: 5
    let wire = b"\x0a\x07\x0a\x01x\xf8\xf0\x04\x05\xf0\xf0\x04\x05".to_vec();
    check(Source::from_bytes("a.pb", wire.clone()), Unknown::Reject, 2, 0, 0);
    check(Source::from_bytes("a.pb", wire), Unknown::Warn, 0, 2, 2);

    let schema = Schema::with_policy(Policy { static_unknown: Unknown::Warn, ..Policy::default() });
    let source = text();
    let loaded = load_bootstrap(&source, &schema);
    let cluster = loaded.clusters[0].message(&At::root(&loaded.diagnostics)).expect("valid");
    let statuses = cluster.common_lb_config.and_then(|c| c.override_host_status).map(|o| o.statuses);
    assert_eq!((cluster.lb_policy, statuses), (0, Some(vec![1])));
}

#[test]
fn findings_at_the_end_are_about_a_line_that_exists() {
    let lenient = Schema::with_policy(Policy { static_unknown: Unknown::Warn, dynamic_unknown: Unknown::Ignore });
    for text in [" ?    ", "?", "node: {id: [", "a:\n  ?  "] {
        let source = Source::from_bytes("a.yaml", text.as_bytes().to_vec());
        let loaded = load_bootstrap(&source, &lenient);
        let findings = loaded.findings();
        assert!(!findings.is_empty(), "{text:?}");
        for span in findings.iter().filter_map(|finding| finding.span) {
            assert!(span.start <= span.end && source.line(span.start.line).is_some(), "{text:?}: {span:?}");
        }
    }
}
