//! `nuncio`: reads a bootstrap, starts the workers, and runs until it is told to stop.

mod bootstrap;
mod process;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// The command line, as far as it is supported: every other option of Envoy is refused by name.
#[derive(Parser, Debug)]
#[command(name = "nuncio", version, about = "A proxy that takes Envoy v3 configurations")]
struct Options {
    /// The bootstrap file (.yaml, .yml, .json).
    #[arg(short = 'c', long = "config-path", value_name = "FILE")]
    config_path: PathBuf,
    /// Worker threads; by default one for each processor that may be used.
    #[arg(long, value_name = "N")]
    concurrency: Option<u16>,
    /// serve or validate.
    #[arg(long, default_value = "serve", value_parser = ["serve", "validate"])]
    mode: String,
    /// Log level: trace, debug, info, warning, error, off.
    #[arg(short = 'l', long = "log-level", default_value = "info")]
    log_level: String,
    /// Accepted for Envoy's sake: there is no hot restart yet, so that nothing is shared by it.
    #[arg(long, default_value_t = 0)]
    base_id: u32,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let level = match options.log_level.as_str() {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .init();
    match process::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
