//! From start to end: signals, what is written where, what the service manager hears.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::running::{ADMIN, Folder, Running, ask};

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--config-yaml", ADMIN, "--concurrency", "1"], more].concat()
}

#[test]
fn signals_end_it_or_are_told_as_by_envoy() {
    for (signal, told) in [("TERM", "caught ENVOY_SIGTERM"), ("INT", "caught SIGINT")] {
        let mut running = Running::start(arguments(&[]));
        running.line_with("admin address: ");
        running.signal("HUP");
        running.line_with("caught and eating SIGHUP");
        running.signal("USR1");
        running.line_with("caught SIGUSR1. Reopening access logs.");
        running.signal(signal);
        let (code, output, log) = running.wait();
        assert_eq!((code, output.as_str()), (Some(0), ""), "{log}");
        assert!(log.contains(told) && log.contains("exiting"), "{log}");
    }
}

#[test]
fn init_only_starts_and_ends() {
    let listener = crate::proxy::bootstrap("- {match: {path: /}, direct_response: {status: 200}}", &[]);
    let running = Running::start(["--config-yaml", &listener, "--mode", "init_only"]);
    let (code, _, log) = running.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("127.0.0.1:"), "it listened: {log}");
}

#[test]
fn what_others_wait_for_is_written_to_files() {
    let folder = Folder::new();
    let (address, base) = (folder.path("address"), folder.path("base"));
    let (address, base) = (address.to_str().expect("plain"), base.to_str().expect("plain"));
    let more = ["--admin-address-path", address, "--base-id-path", base, "--base-id", "7"];
    let mut running = Running::start(arguments(&more));
    let bound = running.address("admin address: ");
    // The file is there before the listener answers.
    assert!(ask(&bound, "GET", "/ready").ends_with("\r\n\r\n5\r\nLIVE\n\r\n0\r\n\r\n"));
    assert_eq!(std::fs::read_to_string(address).ok(), Some(bound));
    assert_eq!(std::fs::read_to_string(base).ok().as_deref(), Some("7"));
}

#[test]
fn files_that_cannot_be_written_do_not_keep_it_from_starting() {
    let more = ["--admin-address-path", "/there/is/no/address", "--base-id-path", "/there/is/no/base"];
    let mut running = Running::start(arguments(&more));
    running.line_with("cannot open base id output file /there/is/no/base for writing.");
    running.line_with("cannot open admin address output file /there/is/no/address for writing.");
    running.signal("TERM");
    assert_eq!(running.wait().0, Some(0));
}

#[test]
fn the_service_manager_hears_when_it_serves_and_when_it_ends() {
    let folder = Folder::new();
    let name = folder.path("notify");
    let manager = UnixDatagram::bind(&name).expect("the folder can be written");
    manager.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a time limit");
    let heard = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).expect("it is told in time");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let running = Running::spawn(Running::command().args(arguments(&[])).env("NOTIFY_SOCKET", &name));
    assert_eq!(heard(), "READY=1\nSTATUS=serving\n");
    running.signal("TERM");
    assert_eq!(heard(), "STOPPING=1\nSTATUS=ending\n");
    assert_eq!(running.wait().0, Some(0));
}

#[test]
fn a_log_file_that_was_moved_away_is_made_again() {
    let folder = Folder::new();
    let (log, old) = (folder.path("log"), folder.path("log.1"));
    let address = folder.path("address");
    let paths = [log.to_str().expect("plain"), address.to_str().expect("plain")];
    let name = folder.path("notify");
    let manager = UnixDatagram::bind(&name).expect("the folder can be written");
    let more = arguments(&["--log-path", paths[0], "--admin-address-path", paths[1]]);
    let running = Running::spawn(Running::command().args(more).env("NOTIFY_SOCKET", &name));
    manager.recv(&mut [0; 64]).expect("it is told");
    std::fs::rename(&log, &old).expect("it logs");
    let address = std::fs::read_to_string(address).expect("it was written");
    assert!(ask(&address, "POST", "/reopen_logs").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(&address, "POST", "/quitquitquit").starts_with("HTTP/1.1 200 OK\r\n"));
    let (code, _, stderr) = running.wait();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let read = |path| std::fs::read_to_string(path).expect("it is there");
    assert!(read(&old).contains(&address) && !read(&old).contains("exiting"), "{}", read(&old));
    assert!(read(&log).contains("exiting"), "{}", read(&log));
}
