//! What is told about a stream: the record its steps fill, the operators that print it, and the access logs.
//!
//! A step of the request path writes into [`StreamInfo`]; nothing here stands between the steps. When a stream is
//! over, its owner hands the record and the heads to the access logs, which format one line each.

pub mod access_log;
mod address;
pub mod calendar;
pub mod formatter;
mod host;
mod line;
mod stream_info;

pub use access_log::AccessLogs;
pub use address::Address;
pub use formatter::Formatter;
pub use host::{ClusterNames, HostDescription};
pub use line::Line;
pub use stream_info::{
    ByteMeter, Connection, DynamicMetadata, Moment, ResponseFlag, ResponseFlags, StreamInfo, Timing, Upstream,
};
