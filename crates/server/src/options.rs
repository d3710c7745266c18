//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The command line, as far as it is supported: every other option of Envoy is refused by name.
#[derive(Parser, Debug)]
#[command(name = "nuncio", version, about = "A proxy that takes Envoy v3 configurations")]
pub(crate) struct Options {
    /// The bootstrap file (.yaml, .yml, .json).
    #[arg(short = 'c', long = "config-path", value_name = "FILE")]
    pub(crate) config_path: PathBuf,
    /// Worker threads; by default one for each processor that may be used.
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u16>,
    /// serve or validate.
    #[arg(long, default_value = "serve", value_parser = ["serve", "validate"])]
    pub(crate) mode: String,
    /// Log level: trace, debug, info, warning, error, off.
    #[arg(short = 'l', long = "log-level", default_value = "info")]
    pub(crate) log_level: String,
    /// Milliseconds after which what is in an access log's buffer is written.
    #[arg(long, default_value_t = 10_000, value_name = "MS")]
    file_flush_interval_msec: u64,
    /// Accepted for Envoy's sake: there is no hot restart yet, so that nothing is shared by it.
    #[arg(long, default_value_t = 0)]
    pub(crate) base_id: u32,
}

impl Options {
    /// `--file-flush-interval-msec`
    pub(crate) fn file_flush_interval(&self) -> Duration {
        Duration::from_millis(self.file_flush_interval_msec)
    }
}
