//! Where lines end up.

use std::fmt;
use std::fs;
use std::io;
use std::io::Write;
use std::sync::Arc;

/// What is written to.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Target {
    /// The file with this path, made when it does not exist.
    Path(Arc<str>),
    /// The standard output of the process.
    Stdout,
    /// The standard error of the process.
    Stderr,
}

/// A file could not be opened, or its thread not be started.
#[derive(Debug, thiserror::Error)]
#[error("unable to open file '{target}'")]
pub struct OpenError {
    pub(super) target: Target,
    #[source]
    pub(super) source: io::Error,
}

/// Something open for writing.
pub(super) enum Output {
    File(fs::File),
    Stdout(io::Stdout),
    Stderr(io::Stderr),
}

impl Target {
    pub(super) fn open(&self) -> io::Result<Output> {
        Ok(match self {
            Self::Path(path) => Output::File(fs::OpenOptions::new().append(true).create(true).open(&**path)?),
            Self::Stdout => Output::Stdout(io::stdout()),
            Self::Stderr => Output::Stderr(io::stderr()),
        })
    }
}

impl Output {
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(bytes),
            Self::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
            Self::Stderr(stderr) => stderr.lock().write_all(bytes),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path(path) => path,
            Self::Stdout => "/dev/stdout",
            Self::Stderr => "/dev/stderr",
        })
    }
}
