//! For tests only: what a proxy can be run against without a network.

mod config;
pub mod counted;
pub mod filters;
pub mod rig;
pub mod sim;
