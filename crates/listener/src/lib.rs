//! Listeners: what is configured, and how connections are accepted.

mod accept;
mod config;
mod shortage;
mod stats;

pub use accept::{Accepted, accept};
pub use config::ListenerConfig;
pub use stats::{CountedConnection, ListenerCounts};
