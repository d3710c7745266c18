//! The process's own log: its form, where it goes, and how its levels change while it runs.

mod config;
mod escape;
mod local_time;
mod output;
mod pattern;
mod record;

use nuncio_admin::pages::{Apply, Level, Loggers};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, reload};

use crate::options::{LOG_FORMAT, Options};
pub(crate) use config::LogFormat;
pub(crate) use output::Output;
use pattern::Pattern;

/// The process's log.
#[derive(Clone)]
pub(crate) struct Log {
    /// Who logs how much.
    pub(crate) loggers: Loggers,
    /// Where it goes.
    pub(crate) output: Output,
}

impl Log {
    /// Starts logging as the command line says.
    ///
    /// # Errors
    /// When the log file cannot be opened.
    pub(crate) fn start(options: &Options) -> anyhow::Result<Self> {
        let pattern = Pattern::parse(options.log_format.as_deref().unwrap_or(LOG_FORMAT));
        let path = options.log_path.clone().filter(|path| !path.as_os_str().is_empty());
        let output = Output::open(pattern, options.log_format_escaped, path)?;
        let (filter, handle) = reload::Layer::new(Targets::new());
        tracing_subscriber::registry().with(output.clone().with_filter(filter)).init();
        let apply: Apply = Box::new(move |others, modules| {
            // It fails only when the subscriber is gone, at the end of the process.
            let _ = handle.reload(targets(others, modules));
        });
        let loggers = Loggers::new(options.log_level, apply);
        loggers.set_levels(&options.component_log_level.levels);
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Ok(Self { loggers, output })
    }

    /// Writes the entries that follow in the form that the bootstrap asks for.
    pub(crate) fn set_format(&self, LogFormat(pattern): LogFormat) {
        self.output.set_pattern(pattern);
    }
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
