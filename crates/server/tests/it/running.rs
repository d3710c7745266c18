//! A running process, seen by who started it: its log line by line, its signals, its exit code.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Far beyond anything that a passing test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that is removed again.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nuncio-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Folder {
    /// Writes a file; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
        std::fs::write(&path, text).expect("the folder can be written");
        path.to_str().expect("the folder for temporary files has a plain name").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An admin listener on a port that the system chooses.
pub(crate) const ADMIN: &str = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}";

/// A process that serves. Killed when it is dropped.
pub(crate) struct Running {
    process: Child,
    log: BufReader<UnixStream>,
    /// All lines that were read so far.
    pub(crate) seen: String,
}

impl Running {
    /// The binary, to be started with more than arguments.
    pub(crate) fn command() -> Command {
        Command::new(env!("CARGO_BIN_EXE_nuncio"))
    }

    /// Starts the binary with these arguments.
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::spawn(Self::command().args(arguments))
    }

    /// Starts a command.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        // A socket, unlike a pipe, has a time limit.
        let (log, stderr) = UnixStream::pair().expect("there are descriptors");
        log.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time limit");
        let process = command
            .stderr(Stdio::from(OwnedFd::from(stderr)))
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary was built");
        // What the command holds of the socket must go, or its end is never seen.
        command.stderr(Stdio::null());
        Self { process, log: BufReader::new(log), seen: String::new() }
    }

    /// Reads the log up to a line that contains `text`; that line.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.log.read_line(&mut line);
            self.seen.push_str(&line);
            assert!(matches!(read, Ok(1..)), "it did not say '{text}': {read:?} {}", self.seen);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The address that stands in the log behind `before`.
    pub(crate) fn address(&mut self, before: &str) -> String {
        let line = self.line_with(before);
        let at = line.find("127.0.0.1:").expect("it names its address");
        line[at..].chars().take_while(|letter| letter.is_ascii_digit() || ".:".contains(*letter)).collect()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = ["-s", name, &self.pid().to_string()];
        let status = Command::new("kill").args(arguments).status().expect("kill is there");
        assert!(status.success(), "{name}");
    }

    /// Waits for its end: exit code, standard output, and all of its log.
    pub(crate) fn wait(mut self) -> (Option<i32>, String, String) {
        let mut output = String::new();
        self.log.read_to_string(&mut self.seen).expect("it ends in time, and the log is text");
        let mut stdout = self.process.stdout.take().expect("it is piped");
        stdout.read_to_string(&mut output).expect("the output is text");
        (self.process.wait().expect("it is our child").code(), output, std::mem::take(&mut self.seen))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks an admin page: the answer's head and body.
pub(crate) fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time limit");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}
