//! Configurations broken at random: the mistake is found where it was made, and nothing else is.
//!
//! What must be found is known from what was done, not from what the loader says.

mod mutations;
mod random;

use std::path::PathBuf;

use mutations::{Expected, Mutation};
use nuncio_config::diagnostic::render_human;
use nuncio_config::{Schema, Severity, Source, load_bootstrap};
use random::Random;

/// Of each kind of mistake, in each file.
const TRIES: usize = 60;

/// Files in block style that Envoy takes.
const FILES: &[&str] = &[
    "config/tests/broken/00_ok.yaml",
    "server/tests/control_planes/envoy-gateway.yaml",
    "server/tests/control_planes/go-control-plane-delta.yaml",
    "server/tests/control_planes/kuma.yaml",
];

fn break_files(mutation: Mutation, at_least: usize) {
    let schema = Schema::new();
    let mut random = Random::new(7);
    let mut count = 0;
    for file in FILES {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let lines: Vec<&str> = text.lines().collect();
        for _ in 0..TRIES {
            let line = random.below(lines.len());
            if let Some((broken, expected)) = mutation(&lines, line, &mut random) {
                check(&schema, file, &broken.join("\n"), &expected);
                count += 1;
            }
        }
    }
    assert!(count >= at_least, "only {count} could be broken");
}

fn check(schema: &Schema, file: &str, text: &str, expected: &Expected) {
    let source = Source::yaml(file, text);
    let findings = load_bootstrap(&source, schema).findings();
    let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let rendered = || render_human(&findings, &source);
    assert_eq!(errors.len(), 1, "{expected:?}\n{}", rendered());
    let error = errors[0];
    let start = error.span.expect("an error in a text has a place").start;
    assert_eq!((error.code, start.line as usize), (expected.code, expected.line), "{expected:?}\n{}", rendered());
    if let Some(column) = expected.column {
        assert_eq!(start.column as usize, column, "{expected:?}\n{}", rendered());
    }
    let help = error.help.as_deref().unwrap_or_default();
    assert!(help.contains(&expected.help), "{expected:?}\n{}", rendered());
}

#[test]
fn a_misspelt_key_is_found_and_its_name_suggested() {
    break_files(mutations::misspell_key, 60);
}

#[test]
fn a_key_one_level_too_high_is_found_and_its_parent_named() {
    break_files(mutations::raise_key, 6);
}

#[test]
fn a_value_of_another_kind_is_found() {
    break_files(mutations::mistype_value, 12);
}

#[test]
fn a_missing_key_is_found_where_it_should_be() {
    break_files(mutations::delete_key, 6);
}

#[test]
fn a_line_out_of_line_is_found() {
    break_files(mutations::indent_line, 20);
}
