//! The pages.

mod clusters;
mod health_check;
mod listeners;
mod logging;
mod memory;
mod plain;
mod quit;
mod ready;
mod recent_lookups;
mod reopen_logs;
mod reset_counters;
mod runtime;
mod server_info;
mod stats;

pub use clusters::Clusters;
pub use health_check::{HealthCheckFail, HealthCheckOk};
pub use listeners::{Active, Listeners};
pub use logging::{Apply, Level, Loggers, Logging, Refusal};
pub use memory::{Memory, Usage};
pub use plain::Plain;
pub use quit::Quit;
pub use ready::Ready;
pub use recent_lookups::{LookupAction, RecentLookups};
pub use reopen_logs::ReopenLogs;
pub use reset_counters::ResetCounters;
pub use runtime::{Runtime, RuntimeModify};
pub use server_info::{About, Build, Extension, ServerInfo};
pub use stats::{Prometheus, Refresh, Stats};
