//! What a bootstrap is split into, and where later findings are placed.

use nuncio_config::diagnostic::{Diagnostic, Path, code};
use nuncio_config::{At, Schema, Source, load_bootstrap};
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
fn a_text_form_that_is_not_read_is_refused() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let source = Source::from_bytes(name, bytes.to_vec());
        let findings = load_bootstrap(&source, &Schema::new()).findings();
        let messages: Vec<&str> = findings.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(messages, [expected]);
    };
    check("a.pb_text", b"node {}", "protobuf text format (.pb_text) is not supported yet");
    check("a.json", b"{\"node\": \"\xff\"}", "the file is not valid UTF-8 behind byte 10");
    check("a.yaml", b"# nothing", "the file is empty");
    check("a.yaml", b"null", "a bootstrap must be a mapping, found null");
}
