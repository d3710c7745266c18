//! The process's own log: where it goes, and how its levels change while it runs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use nuncio_admin::pages::{Apply, Level, Loggers};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, reload};

use crate::options::Options;

/// Starts logging as the command line says.
///
/// # Errors
/// When the log file cannot be opened, or `--component-log-level` names what is not there.
pub(crate) fn start(options: &Options) -> anyhow::Result<(Loggers, Option<LogFile>)> {
    let file = options.log_path.as_deref().map(LogFile::open).transpose()?;
    let (filter, handle) = reload::Layer::new(Targets::new());
    let layer = tracing_subscriber::fmt::layer();
    let layer = match &file {
        Some(file) => layer.with_ansi(false).with_writer(file.clone()).boxed(),
        None => layer.with_ansi(false).with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    let apply: Apply = Box::new(move |others, modules| {
        // It fails only when the subscriber is gone, at the end of the process.
        let _ = handle.reload(targets(others, modules));
    });
    let loggers = Loggers::new(options.log_level, apply);
    let components = &options.component_log_level;
    loggers
        .set_some(components)
        .map_err(|refusal| anyhow::anyhow!("{refusal} in --component-log-level {components}"))?;
    Ok((loggers, file))
}

fn targets(others: Level, modules: &[(&'static str, Level)]) -> Targets {
    modules.iter().fold(Targets::new().with_default(filter(others)), |targets, (module, level)| {
        targets.with_target(*module, filter(*level))
    })
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warning => LevelFilter::WARN,
        // There is no level above error; what Envoy logs there is printed when the process ends.
        Level::Error | Level::Critical => LevelFilter::ERROR,
        Level::Off => LevelFilter::OFF,
    }
}

/// `--log-path`. Shared: every thread that logs locks it, as it would standard error.
#[derive(Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = append(path).with_context(|| format!("cannot open log file '{}'", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Arc::new(Mutex::new(file)) })
    }

    /// Opens the file again, after it was moved away. When that fails the old one stays.
    pub(crate) fn reopen(&self) {
        match append(&self.path) {
            Ok(file) => *self.lock() = file,
            Err(error) => tracing::error!(path = %self.path.display(), %error, "cannot reopen the log file"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Locked<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Locked(self.lock())
    }
}

/// The log file while one line is written.
pub(crate) struct Locked<'a>(MutexGuard<'a, File>);

impl Write for Locked<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level as Of;

    use super::*;

    #[test]
    fn the_nearest_module_s_level_counts() {
        let modules = [("nuncio_http", Level::Info), ("nuncio_http::router", Level::Debug), ("nuncio", Level::Off)];
        let targets = targets(Level::Error, &modules);
        let check =
            |target, level, expected| assert_eq!(targets.would_enable(target, &level), expected, "{target} {level}");
        check("nuncio_http::streams", Of::DEBUG, false);
        check("nuncio_http::streams", Of::INFO, true);
        check("nuncio_http::router::pool", Of::DEBUG, true);
        check("nuncio::process", Of::ERROR, false);
        check("mio::poll", Of::WARN, false);
        check("mio::poll", Of::ERROR, true);
    }
}
