//! HTTP/2 (RFC 9113), both roles, without I/O.
//!
//! Bytes go through [`Http2::receive`] and [`Http2::next`] (`connection/receive.rs` cuts frames, `connection/frames.rs`
//! and `connection/headers.rs` act on them), commands through the `send_*` methods (`connection/send.rs`) into the
//! [`crate::Outbox`]. What the real Envoy does about each violation, and whether it says goodbye, is matched.

mod connection;
mod flood;
mod flow;
mod frame;
mod head;
mod options;
mod recall;
mod settings;
mod streams;
mod syntax;
mod tally;

pub use connection::Http2;
pub use options::{HeadersWithUnderscores, Keepalive, Options};
pub use tally::Tally;
