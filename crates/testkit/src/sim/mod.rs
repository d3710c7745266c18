//! Deterministic simulation: client, whole worker and origin in one thread, with virtual time, from one seed.
//!
//! The seed decides the configuration, what clients ask and origins answer, how every read and write is cut and delayed,
//! which connections break where, and in which order tasks run. After each seed the rules of `verdict.rs` must hold.

mod client;
mod connector;
mod executor;
mod frame;
mod http1;
mod http2;
mod http2_client;
mod http2_origin;
mod ledger;
mod notify;
mod origin;
mod panicker;
mod pipe;
mod scenario;
mod verdict;
mod world;

pub use world::{Report, run};
