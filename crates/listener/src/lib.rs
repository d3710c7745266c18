//! Listeners: what is configured, and how connections are accepted.

mod accept;
mod config;

pub use accept::accept;
pub use config::ListenerConfig;
