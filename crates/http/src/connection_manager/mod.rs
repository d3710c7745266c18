//! The HTTP connection manager: from a connection's bytes to streams, and back.
//!
//! Before: the listener accepted the connection and chose this filter. Next: `serve.rs`, then `driver.rs`, one connection,
//! and `stream.rs`, one request. Beside them: `connection/` and `core/` (what the two know), `sanitize.rs` (request heads),
//! `respond.rs` (response heads), `timeouts.rs`.

mod abandon;
mod answer;
mod body_end;
mod carry_out;
mod client_address;
mod codec_options;
mod config;
mod connection;
mod core;
mod drain;
mod driver;
mod event;
mod flow;
mod host_rules;
mod internal;
mod manager;
mod path_rules;
mod referer;
mod respond;
mod sanitize;
mod serve;
mod side;
mod stats;
mod stream;
mod task;
mod timeouts;
mod upgrades;

pub(crate) use codec_options::{CommonOptions, codec_options_http1, codec_options_http2};
pub use config::{CodecType, ConnectionManager, LocalInfo, ParseContext, ServerHeader};
pub(crate) use connection::{Connection, Parting, Phase, Same};
pub(crate) use core::{Core, Source, Stage};
pub(crate) use event::{Event, Frame};
pub use manager::{ListenerInfo, Manager};
pub(crate) use side::{Downstream, Side};
pub use stats::RouterStats;
pub(crate) use stream::Stream;
pub(crate) use task::run;
pub(crate) use timeouts::Deadline;
