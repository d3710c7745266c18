//! The form of the log, and who logs how much.

use regex::Regex;

use crate::running::{ADMIN, Running, ask};

/// Starts, ends, and checks that each line of the log has the form.
fn check(arguments: &[&str], line: &str) -> String {
    let mut running = Running::start(arguments);
    let address = running.address("127.0.0.1:");
    assert!(ask(&address, "POST", "/quitquitquit").contains("OK\n"));
    let (code, _, log) = running.wait();
    assert_eq!(code, Some(0), "{log}");
    let form = Regex::new(&format!("^{line}$")).expect("a valid expression");
    let other: Vec<_> = log.lines().filter(|line| !form.is_match(line)).collect();
    assert!(other.is_empty(), "{arguments:?}: {other:#?}");
    log
}

#[test]
fn lines_have_envoys_form() {
    let line =
        r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[\d+\]\[(info|warning)\]\[[a-z_]+\] \[crates/[a-z_/]+\.rs:\d+\] .+";
    let log = check(&["--config-yaml", ADMIN], line);
    assert!(log.contains("][info][main] [crates/server/src/process.rs:"), "{log}");
}

#[test]
fn the_form_is_the_command_lines() {
    check(&["--config-yaml", ADMIN, "--log-format", "<%L|%-8n|%s> %v"], r"<[IW]\|[a-z ]{8}\|[a-z]+\.rs> .+");
    check(&["--config-yaml", ADMIN, "--log-format-escaped", "--log-format", "'%v'"], r"\\'.+\\'");
}

#[test]
fn the_form_is_the_bootstraps() {
    let text = format!("{ADMIN}\napplication_log_config: {{log_format: {{text_format: 'T[%l] %v'}}}}");
    check(&["--config-yaml", &text], r"T\[(info|warning)\] .+");
    let json = format!("{ADMIN}\napplication_log_config: {{log_format: {{json_format: {{l: '%l', m: '%j'}}}}}}");
    let log = check(&["--config-yaml", &json], r#"\{"l":"(info|warning)","m":"[^"]*"(,"[a-z]+":"[^"]*")*\}"#);
    assert!(log.contains("\"m\":\"admin address: 127.0.0.1:"), "{log}");
}

#[test]
fn two_forms_are_one_too_many() {
    let text = "application_log_config: {log_format: {text_format: '%v'}}";
    let (code, _, log) = Running::start(["--config-yaml", text, "--log-format", "%v"]).wait();
    assert_eq!(code, Some(1));
    assert!(log.contains("Only one of ApplicationLogConfig.log_format or CLI option"), "{log}");
}

#[test]
fn levels_are_the_command_lines_and_then_the_pages() {
    let levels = ["-l", "off", "--component-log-level", "admin:info,main:warn"];
    let mut running = Running::start([&["--config-yaml", ADMIN], &levels[..]].concat());
    let address = running.address("admin address: ");
    let list = ask(&address, "POST", "/logging");
    for line in ["\n  admin: info\n", "\n  main: warning\n", "\n  http: off\n"] {
        assert!(list.contains(line), "{line} in {list}");
    }
    ask(&address, "POST", "/logging?main=info");
    ask(&address, "POST", "/quitquitquit");
    let (_, _, log) = running.wait();
    assert!(log.contains("[info][main]") && log.contains("exiting"), "{log}");
}
