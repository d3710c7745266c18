//! What `--mode validate` says, to people and to programs.

use std::path::PathBuf;
use std::process::{Command, Output};

fn validate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    command.args(["--mode", "validate"]).args(arguments).output().expect("the binary was built")
}

/// Standard output and standard error.
fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn broken(file: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config/tests/broken");
    folder.join(file).to_str().expect("the source folder has a plain name").to_owned()
}

#[test]
fn each_finding_is_one_object_on_standard_error() {
    let output = validate(&["-c", &broken("16_many_errors.yaml"), "--error-format", "json"]);
    let (stdout, stderr) = told(&output);
    assert_eq!((output.status.code(), stdout.as_str()), (Some(1), ""));
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 5, "{stderr}");
    assert!(lines.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{stderr}");
    assert!(lines[2].contains(r#""code":"unknown-enum","column":11"#) && lines[2].contains(r#""line":38"#), "{stderr}");
}

#[test]
fn people_get_excerpts_without_colour_in_eighty_columns() {
    let (_, stderr) = told(&validate(&["-c", &broken("16_many_errors.yaml")]));
    assert!(stderr.contains("38 |     type: STRICT_DSN\n   |           ^^^^^^^^^^\n"), "{stderr}");
    assert!(stderr.ends_with("is invalid: 5 errors\n") && !stderr.contains('\x1b'), "{stderr}");
    // But for the name of the file, which is to be copied.
    let is_long = |line: &&str| line.chars().count() > 80 && !line.contains(".yaml");
    assert_eq!(stderr.lines().find(is_long), None);
}

#[test]
fn a_warning_is_told_unless_it_is_switched_off() {
    let check = |extra: &[&str], expected: &str| {
        let twice = "{node: {id: a, cluster: b, id: c}}";
        let output = validate(&[&["--config-yaml", twice], extra].concat());
        let (stdout, stderr) = told(&output);
        assert_eq!((output.status.code(), stdout.as_str()), (Some(0), "configuration '' OK\n"));
        assert_eq!(stderr.lines().last().unwrap_or_default(), expected, "{stderr}");
    };
    check(&[], "--config-yaml is valid: 1 warning");
    check(&["--lint-off", "deprecated,duplicate-key"], "");
}

#[test]
fn an_error_cannot_be_switched_off() {
    let output = validate(&["--config-yaml", "{}", "--lint-off", "reference"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).1.contains("invalid value 'reference'"));
}
