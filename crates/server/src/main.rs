//! `nuncio`: reads a bootstrap, starts the workers, and runs until it is told to stop.

mod admin;
mod bootstrap;
mod options;
mod process;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

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
