//! What `--mode validate` says, to people and to programs.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

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

/// What control planes start their proxies with; Envoy takes each of these. What nuncio does not have yet is told as that,
/// and nothing else is.
#[test]
fn bootstraps_of_control_planes_load_or_name_what_is_to_come() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/control_planes");
    let files =
        std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is readable").path());
    let mut count = 0;
    for file in files {
        let output = validate(&["-c", file.to_str().expect("a plain name"), "--error-format", "json"]);
        let (stdout, stderr) = told(&output);
        let errors: Vec<&str> = stderr.lines().filter(|line| line.contains(r#""severity":"error""#)).collect();
        let is_known = |line: &&&str| line.contains(r#""code":"not-implemented""#) && line.contains(r#""path":""#);
        let others: Vec<_> = errors.iter().filter(|line| !is_known(line)).collect();
        assert!(others.is_empty(), "{}: {others:#?}", file.display());
        assert_eq!(stdout.ends_with(" OK\n"), errors.is_empty(), "{}: {stdout}{stderr}", file.display());
        count += 1;
    }
    assert_eq!(count, 8);
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
fn a_mistake_is_told_once_through_all_steps() {
    let folder = std::fs::read_dir(broken("")).expect("the folder is there");
    let mut files: Vec<String> =
        folder.map(|entry| entry.expect("it is readable").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    for file in &files {
        let (_, stderr) = told(&validate(&["-c", &broken(file), "--error-format", "json"]));
        let is_mistake = |line: &&str| line.contains(r#""severity":"error""#) && !line.contains("not-implemented");
        let expected = match file.as_str() {
            "00_ok.yaml" => 0,
            // The name, and two routes to a cluster of that name.
            "04_missing_name.yaml" => 3,
            "16_many_errors.yaml" => 5,
            _ => 1,
        };
        assert_eq!(stderr.lines().filter(is_mistake).count(), expected, "{file}: {stderr}");
    }
    assert_eq!(files.len(), 17);
}

#[test]
fn a_report_tells_of_many_files_what_is_to_come() {
    let planes = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/control_planes");
    let contour = planes.join("contour.json").to_str().expect("a plain name").to_owned();
    let files = [contour, broken("00_ok.yaml"), broken("16_many_errors.yaml"), broken("not-there.yaml")];
    let arguments: Vec<&str> = std::iter::once("--report").chain(files.iter().map(String::as_str)).collect();
    let output = validate(&arguments);
    let (stdout, stderr) = told(&output);
    assert_eq!((output.status.code(), stderr.as_str()), (Some(1), "4 of 4 files cannot be run\n"));
    let has = |parts: &[&str]| stdout.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["4 files: 0 can be run, 2 wait", "2 are wrong"]), "{stdout}");
    assert!(has(&["filters.http.router.v3.Router", "supported", "2"]), "{stdout}");
    assert!(has(&["transport_sockets.tls.v3.UpstreamTlsContext", "not yet", "1"]), "{stdout}");
    assert!(has(&["dynamic_resources", "1"]), "{stdout}");
    assert_eq!(stdout.lines().find(|line| line.chars().count() > 80), None);
}

#[test]
fn a_report_of_what_can_be_run_ends_well() {
    let name = format!("nuncio-report-{}.yaml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "static_resources: {clusters: [{name: a}]}").expect("the folder can be written");
    let output = validate(&["--report", path.to_str().expect("a plain name"), "--error-format", "json"]);
    std::fs::remove_file(&path).expect("it was written");
    let (stdout, stderr) = told(&output);
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
    assert!(stdout.lines().next().is_some_and(|line| line.contains(r#""verdict":"runs""#)), "{stdout}");
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

#[test]
fn a_finding_names_the_text_it_is_about() {
    let file = broken("16_many_errors.yaml");
    let check = |extra: &[&str], expected: &[&str]| {
        let yaml = "node: {id: a}\nstats_flush_interval: 5";
        let output = validate(&[&["-c", &file, "--config-yaml", yaml], extra].concat());
        let (_, stderr) = told(&output);
        for part in expected {
            assert!(stderr.contains(part), "{part} in {stderr}");
        }
    };
    check(&[], &["16_many_errors.yaml:38:11", "--> --config-yaml:2:23\n", "2 | stats_flush_interval: 5\n"]);
    let place = r#""file":"--config-yaml","help":"write 5s","line":2,"#;
    check(&["--error-format", "json"], &[place, r#""line":38"#]);
}

/// The end of the name tells the form; what has none is JSON. A pipe is read once, and need not be a file.
#[test]
fn a_bootstrap_may_come_through_a_pipe() {
    let check = |text: &str, overlay: &str, is_valid: bool| {
        let arguments = ["--mode", "validate", "-c", "/dev/stdin", "--config-yaml", overlay];
        let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let mut pipe = child.stdin.take().expect("it is piped");
        pipe.write_all(text.as_bytes()).expect("it is read to its end");
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.success(), is_valid, "{:?}", told(&output));
    };
    check("{\"node\": {\"id\": \"a\"}}", "", true);
    check("{\"node\": {\"id\": \"a\"}}", "node: {cluster: b}", true);
    check("node: {id: a}", "", false);
    check("", "", false);
}
