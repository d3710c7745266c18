//! The pages.

mod health_check;
mod quit;
mod ready;
mod reset_counters;
mod stats;

pub use health_check::{HealthCheckFail, HealthCheckOk};
pub use quit::Quit;
pub use ready::Ready;
pub use reset_counters::ResetCounters;
pub use stats::{Prometheus, Stats};
