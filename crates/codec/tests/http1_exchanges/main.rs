//! Whole exchanges through the HTTP/1 codecs of both roles: against tables that were recorded from Envoy, and as
//! properties.

#![expect(clippy::panic, reason = "a test fails by panicking, in its world too")]

mod properties;
mod requests;
mod responses;
mod world;
