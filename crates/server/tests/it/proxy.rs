//! The binary under test, and a client for it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Far beyond anything that a passing test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Proxy {
    process: Child,
    port: u16,
}

impl Proxy {
    /// Starts the binary with these routes and a cluster for each name.
    pub(crate) fn start(routes: &str, hosts: &[(&str, u16)]) -> Self {
        Self::start_with(&bootstrap(routes, hosts))
    }

    /// Starts the binary with this bootstrap, which has one listener.
    pub(crate) fn start_with(text: &str) -> Self {
        let file = write(text);
        let mut process = Command::new(env!("CARGO_BIN_EXE_nuncio"))
            .args(["--concurrency", "1", "-c"])
            .arg(&file)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let (mut log, mut output) = (String::new(), Vec::new());
        let stdout = process.stdout.take().expect("it is piped");
        let stderr = process.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(stderr);
        let port = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).expect("the log is text") == 0 {
                let _ = BufReader::new(stdout).read_to_end(&mut output);
                unreachable!("it ended before it listened: {log}{}", String::from_utf8_lossy(&output));
            }
            if let Some(at) = line.find("127.0.0.1:") {
                let digits: String = line[at + 10..].chars().take_while(char::is_ascii_digit).collect();
                break digits.parse().expect("an address has a port");
            }
            log.push_str(&line);
        };
        // The pipe is emptied, so that the log cannot block the proxy.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { process, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sends SIGTERM; the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        self.process.wait().expect("it is our child").code()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the binary on a bootstrap that it refuses: exit code and log.
pub(crate) fn refused(text: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_nuncio")).arg("-c").arg(write(text)).output().expect("it was built");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Sends the pieces and reads until the proxy ends the connection.
pub(crate) fn exchange(port: u16, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time limit");
    for piece in pieces {
        stream.write_all(piece).expect("the proxy reads");
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the proxy answers and closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A bootstrap with one listener on a port that the system chooses.
pub(crate) fn bootstrap(routes: &str, hosts: &[(&str, u16)]) -> String {
    let mut text = String::from(
        "static_resources:\n  listeners:\n  - name: in\n    \
         address: {socket_address: {address: 127.0.0.1, port_value: 0}}\n    filter_chains:\n    - filters:\n      \
         - name: envoy.filters.network.http_connection_manager\n        typed_config:\n          \
         \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
         stat_prefix: in\n          http_filters:\n          - name: envoy.filters.http.router\n            \
         typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}\n          \
         route_config:\n            name: r\n            virtual_hosts:\n            - name: v\n              \
         domains: [\"*\"]\n              routes:\n",
    );
    let _ = writeln!(text, "              {routes}");
    if let Some((name, _)) = hosts.first() {
        let endpoints: Vec<_> = hosts
            .iter()
            .map(|(_, port)| {
                format!("{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}")
            })
            .collect();
        let endpoints = endpoints.join(", ");
        let _ = writeln!(
            text,
            "  clusters:\n  - name: {name}\n    \
             load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{endpoints}]}}]}}"
        );
    }
    text
}

fn write(text: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}.yaml", std::process::id()));
    std::fs::write(&path, text).expect("the target folder can be written");
    path
}
