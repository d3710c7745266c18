//! The request path: connection manager, streams, filter chain, routes, router.
//!
//! One step a file, in the order in which a request meets them: `connection_manager/driver.rs` → `stream.rs` →
//! `chain/iterate.rs` → `route/table.rs` → `router/mod.rs` → `router/attempt/mod.rs` → `router/pool/acquire.rs`, and back
//! the same way.

mod body_format;
mod chain;
mod client;
mod codec_stats;
mod connection_manager;
mod connections;
mod date;
mod filter;
mod header_mutation;
mod http_worker;
mod local_reply;
mod local_reply_config;
pub mod plant;
pub mod route;
mod router;
mod sanitize_hop_by_hop;
mod sleep;
mod streams;
mod upgrade;
mod wake;

pub use body_format::BodyFormat;
pub use chain::StreamCx;
pub use client::{CallError, CallEvent, CallStream, Client, Target, UnaryCall, UnaryResponse};
pub use connection_manager::{
    CodecType, ConnectionManager, ListenerInfo, LocalInfo, Manager, ParseContext, RouterStats, ServerHeader,
};
pub use filter::{
    ChainFilter, DataStatus, Direction, FactoryContext, FilterFactory, FilterLocal, FilterParser, HeadersStatus,
    HttpFilter, Interest, LocalReply, PerRoute, Resume, TrailersStatus,
};
pub use header_mutation::{MutationList, Subject, Value};
pub use http_worker::{Census, HttpWorker};
pub use router::options::UpstreamOptions;
pub use sleep::Sleep;
