//! What a loader accepts: files and short texts, with the verdict of Envoy 1.40 for each.

use std::fs;
use std::path::PathBuf;

use nuncio_config::diagnostic::render_human;
use nuncio_config::{Schema, Source, load_bootstrap};

/// Files that pass the schema in Envoy too and are rejected by whatever uses the value.
const LATER: [(&str, &str); 4] = [
    ("loader/any_empty.yaml", "no filter has an empty configuration"),
    ("loader/any_struct.yaml", "no filter is configured by a Struct"),
    ("loader/any_wrongtype.yaml", "no filter is configured by a Node"),
    ("loader/double_nan.yaml", "the percentage is compared once more when it is used"),
];

/// Loads and compares with the expected verdict; the findings if it differs.
fn differs(source: &Source, schema: &Schema, is_accepted: bool) -> Option<String> {
    let loaded = load_bootstrap(source, schema);
    let differs = loaded.diagnostics.has_errors() == is_accepted;
    differs.then(|| format!("{}: {}", source.name(), render_human(&loaded.findings(), source)))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/quirks")
}

#[test]
fn every_quirk_file_has_envoys_verdict() {
    let table = fs::read_to_string(folder().join("verdicts.tsv")).expect("the table of verdicts");
    let schema = Schema::new();
    let mut wrong = Vec::new();
    for row in table.lines() {
        let (name, verdict) = row.split_once('\t').expect("a name and a verdict");
        let is_later = LATER.iter().any(|(file, _)| *file == name);
        let source = Source::from_file(&folder().join(name)).expect("a quirk file");
        wrong.extend(differs(&source, &schema, verdict == "ok" || is_later));
    }
    assert_eq!(table.lines().count(), 155);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// `probes.tsv` has a name, a verdict and the text as a JSON string. The verdicts beside Envoy's `ok` and `reject`:
/// `later`, Envoy rejects it behind the schema; and two differences: `depth`, free structures deeper than prost decodes
/// (Envoy: 98 levels), and `unprintable`, a control character in YAML outside quotes. We reject both, Envoy does not.
#[test]
fn every_probe_has_envoys_verdict() {
    let table = fs::read_to_string(folder().join("probes.tsv")).expect("the table of probes");
    let schema = Schema::new();
    let mut wrong = Vec::new();
    for row in table.lines() {
        let mut columns = row.splitn(3, '\t');
        let (Some(name), Some(verdict), Some(text)) = (columns.next(), columns.next(), columns.next()) else {
            panic!("three columns in {row}");
        };
        let text: String = serde_json::from_str(text).expect("a JSON string");
        let is_accepted = match verdict {
            "ok" | "later" => true,
            "reject" | "depth" | "unprintable" => false,
            other => panic!("unknown verdict {other}"),
        };
        wrong.extend(differs(&Source::from_bytes(name, text.into_bytes()), &schema, is_accepted));
    }
    assert!(table.lines().count() > 400);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_released_schema_loads_again() {
    let schema = Schema::new();
    let source = Source::yaml("a", "node: {id: a, cluster: b}");
    for _ in 0..2 {
        let loaded = load_bootstrap(&source, &schema);
        assert_eq!(loaded.bootstrap.node.expect("it has a node").id, "a");
        schema.release();
    }
}

/// Ten aliases of ten aliases of …: eight lines that stand for ten million values.
#[test]
fn an_alias_bomb_is_refused_before_it_goes_off() {
    let mut text = "!ignore a0: &a0 x\n".to_owned();
    for level in 1..8 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("!ignore a{level}: &a{level} [{aliases}]\n"));
    }
    text.push_str("node: {id: a, cluster: b, metadata: {x: *a7}}\n");
    let source = Source::yaml("bomb", text);
    let findings = load_bootstrap(&source, &Schema::new()).findings();
    let messages: Vec<&str> = findings.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(messages, ["the aliases stand for more than 300000 values"]);
}
