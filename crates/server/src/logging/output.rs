//! Where entries go: standard error or a file, in the form that was asked for.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use nuncio_admin::pages::{Level, Loggers};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::escape;
use super::local_time::LocalTime;
use super::pattern::Pattern;
use super::record::{Record, Said};

/// The process's log. Shared; every thread that logs locks it, as it would standard error.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Inner>>);

struct Inner {
    pattern: Pattern,
    /// `--log-format-escaped`
    is_escaped: bool,
    /// `--log-path`; standard error without one.
    file: Option<(PathBuf, File)>,
    /// When the entry before was written.
    last: SystemTime,
}

impl Output {
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(pattern: Pattern, is_escaped: bool, path: Option<PathBuf>) -> anyhow::Result<Self> {
        let file = path.map(open).transpose()?;
        Ok(Self(Arc::new(Mutex::new(Inner { pattern, is_escaped, file, last: now() }))))
    }

    /// Changes the form of lines.
    pub(super) fn set_pattern(&self, pattern: Pattern) {
        self.lock().pattern = pattern;
    }

    /// Opens the file again, after it was moved away. When that fails the old one stays.
    pub(crate) fn reopen(&self) {
        let Some(path) = self.lock().file.as_ref().map(|(path, _)| path.clone()) else { return };
        match open(path) {
            Ok(file) => self.lock().file = Some(file),
            Err(error) => tracing::error!("{error:#}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: PathBuf) -> anyhow::Result<(PathBuf, File)> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("Failed to open log-file '{}'", path.display()))?;
    Ok((path, file))
}

impl Inner {
    fn write(&mut self, record: &Record<'_>) {
        let mut line = String::with_capacity(256);
        self.pattern.append(record, &mut line);
        line.push('\n');
        if self.is_escaped {
            line = escape::c(&line);
        }
        // There is nowhere to tell that the log cannot be written.
        let _ = match &mut self.file {
            Some((_, file)) => file.write_all(line.as_bytes()),
            None => std::io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

impl<S: Subscriber> Layer<S> for Output {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut said = Said::default();
        event.record(&mut said);
        let mut inner = self.lock();
        let now = now();
        let elapsed = now.duration_since(inner.last).unwrap_or_default();
        inner.last = now;
        inner.write(&Record {
            level: level(*metadata.level()),
            component: Loggers::component_of(metadata.target()),
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or_default(),
            module: metadata.module_path().unwrap_or_default(),
            thread: thread_id(),
            time: LocalTime::of(now),
            elapsed,
            message: &said.message,
            tags: &said.tags,
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "any thread may log, and nothing depends on what time it says")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::TRACE => Level::Trace,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::INFO => Level::Info,
        tracing::Level::WARN => Level::Warning,
        tracing::Level::ERROR => Level::Error,
    }
}

/// The system's id of this thread.
fn thread_id() -> u64 {
    thread_local! {
        static ID: Cell<Option<u64>> = const { Cell::new(None) };
    }
    ID.with(|id| {
        let known = id.get().unwrap_or_else(|| {
            let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
            let name = link.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.parse().unwrap_or_else(|_| u64::from(std::process::id()))
        });
        id.set(Some(known));
        known
    })
}
