//! Access logs: which requests are logged, in which form, and where to.
//!
//! [`Config`] is what the configuration says; [`Config::open`] opens the files and gives the [`AccessLogs`] that a
//! listener's streams log to. A worker prints lines into its [`Batches`] and hands them over once per tick; a thread
//! per file writes them.

mod config;
pub mod file;
mod filter;

use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::accesslog::v3::AccessLogFilter;

pub use config::Config;
use filter::Filter;

use self::file::Batches;
use self::file::File;
use crate::formatter::Formatter;
use crate::formatter::Inputs;

/// Shared, immutable: the access logs of one listener or connection manager.
#[derive(Debug, Default)]
pub struct AccessLogs {
    logs: Box<[AccessLog]>,
}

#[derive(Debug)]
struct AccessLog {
    filter: Option<Arc<Filter>>,
    formatter: Arc<Formatter>,
    file: Arc<File>,
}

/// `envoy.config.accesslog.v3.AccessLogFilter`: which streams something is for. Shared, immutable.
#[derive(Debug)]
pub struct StreamFilter(Filter);

impl StreamFilter {
    /// Parses the filter.
    ///
    /// # Errors
    /// When it is invalid, or of a kind that is not supported.
    pub fn parse(proto: AccessLogFilter, at: &At<'_>) -> Result<Self, Invalid> {
        Filter::parse(proto, at).map(Self)
    }

    /// Whether it is for this stream.
    pub fn passes(&self, inputs: &Inputs<'_>) -> bool {
        self.0.passes(inputs)
    }
}

impl AccessLogs {
    /// Whether nothing is ever logged.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Logs a stream: one line in each log whose filter lets it pass. Costs the formatting; nothing is locked, and
    /// nothing is allocated once the batch has its memory.
    pub fn log(&self, inputs: &Inputs<'_>, batches: &Batches) {
        for AccessLog { filter, formatter, file } in &self.logs {
            if filter.as_ref().is_none_or(|filter| filter.passes(inputs)) {
                batches.print(file, |line| formatter.append(inputs, line));
            }
        }
    }
}
