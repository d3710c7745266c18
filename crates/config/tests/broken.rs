//! The mistakes that people make, each in a file of its own: where they are found and what is said.

use std::path::PathBuf;

use nuncio_config::diagnostic::render_human;
use nuncio_config::{Schema, Source, load_bootstrap};

/// Line, column, code, the message as shown, and the help.
type Expected<'a> = (u32, u32, &'a str, &'a str, Option<&'a str>);

fn check(schema: &Schema, file: &str, expected: &[Expected<'_>]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken").join(file);
    let source = Source::from_file(&path).expect("a broken configuration");
    let loaded = load_bootstrap(&source, schema);
    let findings = loaded.findings();
    let found: Vec<Expected<'_>> = findings
        .iter()
        .map(|d| {
            let start = d.span.map(|s| s.start).unwrap_or_default();
            (start.line, start.column, d.code, d.message.as_str(), d.help.as_deref())
        })
        .collect();
    assert_eq!(found, expected, "{file}:\n{}", render_human(&findings, &source));
    assert_eq!(loaded.diagnostics.has_errors(), !expected.is_empty(), "{file}");
}

#[test]
fn each_mistake_is_found_at_its_place() {
    let schema = Schema::new();
    let check = |file, expected: Expected<'_>| check(&schema, file, &[expected]);
    let connect_timeout = Some("did you mean 'connect_timeout'?");
    let manager = "did you mean type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager?";
    let router =
        "Envoy's v2 API was removed; did you mean type.googleapis.com/envoy.extensions.filters.http.router.v3.Router?";
    check("01_field_typo.yaml", (39, 5, "unknown-field", "unknown field 'connect_timout' in Cluster", connect_timeout));
    check(
        "02_type_typo.yaml",
        (
            15,
            20,
            "unknown-type",
            "unknown type 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManger'",
            Some(manager),
        ),
    );
    check(
        "03_wrong_indent.yaml",
        (
            21,
            11,
            "unknown-field",
            "unknown field 'virtual_hosts' in HttpConnectionManager",
            Some("'virtual_hosts' is a field of 'route_config': is the indentation right?"),
        ),
    );
    check("04_missing_name.yaml", (37, 5, "string.min_len", "must not be empty", None));
    check("05_port_range.yaml", (49, 17, "number.lte", "must be at most 65535, is 80800", None));
    check(
        "06_enum_typo.yaml",
        (38, 11, "unknown-enum", "'STRICT_DSN' is not a value of DiscoveryType", Some("did you mean 'STRICT_DNS'?")),
    );
    check(
        "07_duration_no_unit.yaml",
        (39, 22, "duration", "expected a duration such as 0.25s, found a number", Some("write 5s")),
    );
    check(
        "08_duration_ms.yaml",
        (39, 22, "duration", "'250ms' is not a duration: seconds and an 's', such as 0.25s", Some("write 0.25s")),
    );
    check(
        "09_route_no_action.yaml",
        (
            32,
            17,
            "oneof-required",
            "one of route, redirect, direct_response, filter_action, non_forwarding_action must be set",
            None,
        ),
    );
    check("10_empty_domains.yaml", (30, 15, "repeated.min_items", "must have at least 1 item, has 0", None));
    check(
        "11_oneof_two.yaml",
        (34, 19, "oneof-conflict", "'prefix' and 'path' are both set, but only one may be", None),
    );
    check("12_yaml_syntax.yaml", (30, 14, "syntax", "while parsing a block mapping, did not find expected key", None));
    check(
        "13_number_for_string.yaml",
        (16, 24, "type-mismatch", "expected a string, found a number", Some("put it in quotes: \"404\"")),
    );
    check(
        "14_v2_type.yaml",
        (20, 24, "unknown-type", "unknown type 'envoy.config.filter.http.router.v2.Router'", Some(router)),
    );
    check(
        "15_missing_at.yaml",
        (20, 15, "missing-type", "a typed configuration must have a '@type'", Some("'type' should be '@type'")),
    );
}

#[test]
fn the_configuration_without_a_mistake_has_no_findings() {
    check(&Schema::new(), "00_ok.yaml", &[]);
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once() {
    check(
        &Schema::new(),
        "16_many_errors.yaml",
        &[
            (16, 11, "string.min_len", "must not be empty", None),
            (30, 15, "repeated.min_items", "must have at least 1 item, has 0", None),
            (
                38,
                11,
                "unknown-enum",
                "'STRICT_DSN' is not a value of DiscoveryType",
                Some("did you mean 'STRICT_DNS'?"),
            ),
            (
                39,
                5,
                "unknown-field",
                "unknown field 'connect_timout' in Cluster",
                Some("did you mean 'connect_timeout'?"),
            ),
            (49, 17, "number.lte", "must be at most 65535, is 80800", None),
        ],
    );
}

#[test]
fn a_path_is_written_in_full() {
    let schema = Schema::new();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken/05_port_range.yaml");
    let source = Source::from_file(&path).expect("a broken configuration");
    let findings = load_bootstrap(&source, &schema).findings();
    assert_eq!(
        findings[0].path.to_string(),
        "static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address\
         .port_value"
    );
}
