//! For tests only: what a proxy can be run against without a network.

pub mod sim;
