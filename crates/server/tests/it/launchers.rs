//! What starts Envoy today starts this proxy without a change: the arguments, files and names of each launcher.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::running::{ADMIN, Folder, Running, ask};

/// The body of an answer in chunks of which there is one.
fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("it has a head").1
}

fn is_ready(address: &str) {
    let answer = ask(address, "GET", "/ready");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && body(&answer).contains("LIVE\n"), "{answer}");
}

fn ends(running: Running) {
    running.signal("TERM");
    let (code, _, log) = running.wait();
    assert_eq!(code, Some(0), "{log}");
}

/// func-e adds a file for the admin's address, and a mark behind the end of options.
#[test]
fn func_e() {
    let folder = Folder::new();
    let config = folder.file("envoy.yaml", ADMIN);
    let file = folder.path("admin-address.txt");
    let path = file.to_str().expect("plain");
    let mut running = Running::start(["-c", &config, "--admin-address-path", path, "--", "--run-id", "1732460000"]);
    let address = running.address("admin address: ");
    is_ready(&address);
    assert_eq!(std::fs::read_to_string(&file).ok(), Some(address));
    ends(running);
}

/// Consul gives a named pipe that can be read once, and names it so that it is JSON.
#[test]
fn consul_connect_envoy() {
    let folder = Folder::new();
    let pipe = folder.path("envoy-1f-bootstrap.json");
    let path = pipe.to_str().expect("plain").to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let writer = std::thread::spawn(move || {
        let text = r#"{"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
                       "node": {"cluster": "web", "id": "web-sidecar-proxy", "metadata": {"namespace": "default"}}}"#;
        // Opening it waits for the reader; the reader then sees the end.
        std::fs::write(pipe, text)
    });
    let mut running = Running::start(["--config-path", &path, "--disable-hot-restart"]);
    let address = running.address("admin address: ");
    writer.join().expect("it does not panic").expect("the pipe was read");
    is_ready(&address);
    let answer = ask(&address, "GET", "/server_info");
    for expected in ["\"id\": \"web-sidecar-proxy\"", "\"user_agent_name\": \"envoy\"", "\"minor_number\": 40"] {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
    ends(running);
}

#[test]
fn kuma_dp() {
    let folder = Folder::new();
    let config = folder.file("bootstrap.yaml", ADMIN);
    let drain = ["--drain-time-s", "30", "--drain-strategy", "immediate", "--disable-hot-restart"];
    let log = ["--log-level", "info", "--component-log-level", "http:debug", "--concurrency", "2"];
    let mut running = Running::start([&["--config-path", &config], &drain[..], &log].concat());
    is_ready(&running.address("admin address: "));
    ends(running);
    // It takes what stands behind `version:`, in five parts.
    let output = Running::command().arg("--version").output().expect("it was built");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.split_once("version:")).expect("it tells its version").1;
    let parts: Vec<_> = line.trim().split('/').collect();
    assert_eq!((parts.len(), parts[1]), (5, "1.40.0"), "{text}");
}

/// pilot-agent gives a path relative to its folder, and lets fields pass that this version does not know.
#[test]
fn pilot_agent() {
    let folder = Folder::new();
    let text = r#"{"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}, "unheard_of": 1},
                   "node": {"id": "sidecar~10.0.0.1~a.b~b.svc.cluster.local", "cluster": "a.b",
                            "metadata": {"ENVOY_STATUS_PORT": 15021}, "locality": {},},}"#;
    folder.file("etc/istio/proxy/envoy-rev.json", text);
    let arguments = "-c etc/istio/proxy/envoy-rev.json --drain-time-s 45 --drain-strategy immediate \
                     --local-address-ip-version v4 --file-flush-interval-msec 1000 --disable-hot-restart \
                     --allow-unknown-static-fields -l warning --component-log-level misc:error,admin:info \
                     --skip-deprecated-logs --concurrency 2";
    let mut running =
        Running::spawn(Running::command().args(arguments.split_whitespace()).current_dir(folder.path("")));
    let address = running.address("admin address: ");
    assert!(running.seen.contains("unknown field 'unheard_of'"), "{}", running.seen);
    is_ready(&address);
    let answer = ask(&address, "GET", "/stats?usedonly&filter=^(server\\.state|listener_manager\\.workers_started)");
    assert!(body(&answer).contains("listener_manager.workers_started: 1\nserver.state: 0\n"), "{answer}");
    ends(running);
    // Without the option the same is refused.
    let output =
        Running::command().args(["-c", "etc/istio/proxy/envoy-rev.json"]).current_dir(folder.path("")).output();
    assert_eq!(output.expect("it was built").status.code(), Some(1));
}

/// Envoy Gateway gives the whole bootstrap as one argument, and starts a binary that is called `envoy`.
#[test]
fn envoy_gateway_on_a_host() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("envoy-versions/1.40.0/bin")).expect("the folder can be written");
    let binary = folder.path("envoy-versions/1.40.0/bin/envoy");
    symlink(env!("CARGO_BIN_EXE_nuncio"), &binary).expect("the folder can be written");
    let file = folder.path("admin-address.txt");
    let padding = "# what a bootstrap has more\n".repeat(2000);
    let text = format!("{ADMIN}\nnode: {{locality: {{zone: $(ENVOY_SERVICE_ZONE)}}}}\n{padding}");
    let mut command = Command::new(&binary);
    command.args(["--service-cluster", "default-eg", "--service-node", "eg-0", "--config-yaml", &text]);
    command.args(["--log-level", "info", "--cpuset-threads", "--drain-strategy", "immediate", "--concurrency", "1"]);
    command.args(["--component-log-level", "misc:error", "--drain-time-s", "60", "--admin-address-path"]);
    command.arg(&file).args(["--", "--run-id", "0"]);
    let mut running = Running::spawn(&mut command);
    let address = running.address("admin address: ");
    assert_eq!(std::fs::read_to_string(&file).ok().as_ref(), Some(&address));
    is_ready(&address);
    let answer = ask(&address, "GET", "/server_info");
    for expected in ["\"id\": \"eg-0\"", "\"cluster\": \"default-eg\"", "\"zone\": \"$(ENVOY_SERVICE_ZONE)\""] {
        assert!(answer.contains(expected), "{expected} in {answer}");
    }
    ends(running);
}

/// Contour's provisioner writes an option and its value as one argument.
#[test]
fn contour() {
    let folder = Folder::new();
    let config = folder.file("envoy.json", "{}");
    let mode = Running::command().args([&format!("-c {config}"), "--mode validate", "--log-level error"]).output();
    let output = mode.expect("it was built");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("configuration '{config}' OK\n"));
    let admin = folder.file("admin.yaml", ADMIN);
    let arguments = [&format!("-c {admin}"), "--service-cluster heptio", "--service-node pod-1", "--log-level info"];
    let mut running = Running::start(arguments);
    let address = running.address("admin address: ");
    let answer = ask(&address, "POST", "/healthcheck/fail");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = ask(&address, "GET", "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 ") && body(&answer).contains("DRAINING"), "{answer}");
    let answer = ask(&address, "GET", "/stats/prometheus?filter=^http\\..*\\.downstream_cx_active$");
    assert!(
        body(&answer).contains("envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix=\"admin\"}"),
        "{answer}"
    );
    ends(running);
}

/// What launchers ask of the admin pages that there are.
#[test]
fn pages_that_change_something_must_be_posted() {
    let mut running = Running::start(["--config-yaml", ADMIN]);
    let address = running.address("admin address: ");
    for path in ["/healthcheck/fail", "/healthcheck/ok", "/quitquitquit", "/logging", "/reset_counters"] {
        let answer = ask(&address, "GET", path);
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("POST required."), "{path}: {answer}");
    }
    for path in ["/clusters?format=json", "/listeners?format=json", "/server_info", "/certs", "/memory", "/ready"] {
        let answer = ask(&address, "GET", path);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
    }
    ask(&address, "POST", "/quitquitquit");
    assert_eq!(running.wait().0, Some(0));
}

/// `--config-yaml` is merged over the file.
#[test]
fn a_file_and_a_text_are_one_bootstrap() {
    let folder = Folder::new();
    let config = folder.file("envoy.yaml", &format!("{ADMIN}\nnode: {{id: a, cluster: b}}"));
    let mut running = Running::start(["-c", &config, "--config-yaml", "node: {id: c}"]);
    let address = running.address("admin address: ");
    let answer = ask(&address, "GET", "/server_info");
    assert!(answer.contains("\"id\": \"c\"") && answer.contains("\"cluster\": \"b\""), "{answer}");
    ends(running);
}
