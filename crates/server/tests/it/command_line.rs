//! What the command line prints and how it ends.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuncio")).args(arguments).output().expect("the binary was built")
}

/// A file that is removed again.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nuncio-command-{}-{number}.yaml", std::process::id()));
        std::fs::write(&path, text).expect("the folder for temporary files can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the folder for temporary files has a plain name")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn admin(port: u16) -> String {
    format!("admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}\n")
}

#[test]
fn questions_are_answered_on_standard_output() {
    let valid = File::new("{}");
    let validated = format!("configuration '{}' OK\n", valid.path());
    let check = |arguments: &[&str], expected: &str| {
        let Output { status, stdout, stderr } = run(arguments);
        assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""), "{arguments:?}");
        let printed = String::from_utf8_lossy(&stdout);
        assert!(printed.contains(expected), "{expected} in {printed}");
    };
    check(&["-c", valid.path(), "--mode", "validate"], &validated);
    check(&["--config-yaml", "{}", "--mode=validate"], "configuration '' OK\n");
    check(&["--version"], "  version: ");
    check(&["--help"], "--config-path <FILE>");
}

/// Envoy, too, tells it there, and without an end of line.
#[test]
fn the_hot_restart_version_is_told_on_standard_error() {
    let Output { status, stdout, stderr } = run(&["--hot-restart-version"]);
    assert_eq!((status.code(), stdout.len(), &*stderr), (Some(0), 0, &b"disabled"[..]));
}

#[test]
fn refusals_are_told_on_standard_error_with_code_one() {
    let held = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let address = held.local_addr().expect("it is bound");
    let taken = File::new(&admin(address.port()));
    let broken = File::new("admin: {foo: 1}\n");
    let in_use = format!("cannot bind '{address}': Address already in use\n");
    let check = |arguments: &[&str], expected: &str| {
        let Output { status, stdout, stderr } = run(arguments);
        assert_eq!((status.code(), String::from_utf8_lossy(&stdout).as_ref()), (Some(1), ""), "{arguments:?}");
        let printed = String::from_utf8_lossy(&stderr);
        assert!(printed.contains(expected), "{expected} in {printed}");
    };
    check(&["-l", "off", "-c", taken.path()], &in_use);
    check(&["-c", broken.path()], "unknown field 'foo'");
    check(&["-c", "/there/is/no/such.yaml"], "Invalid path: /there/is/no/such.yaml");
    check(&["--mode", "validate"], "At least one of --config-path or --config-yaml should be non-empty\n");
    check(&["--bogus"], "PARSE ERROR: Argument: --bogus\n             Couldn't find match for argument\n");
    check(&["--enable-mutex-tracing"], "--enable-mutex-tracing is not supported");
    check(&["-c", taken.path(), "--component-log-level", "nope:debug"], "error: invalid component specified 'nope'\n");
    check(&["-c", taken.path(), "--log-path", "/there/is/no/log"], "Failed to open log-file '/there/is/no/log'");
}
