//! How long connections and streams may take.

use std::time::Duration;

use nuncio_config::{At, Invalid, scalar};

/// The timeouts of a connection manager; zero is off.
pub(super) struct Timeouts {
    /// `stream_idle_timeout`, 5 min by default.
    pub(super) stream_idle: Duration,
    /// `stream_flush_timeout`, by default that of idle streams.
    pub(super) flush: Duration,
    /// `request_timeout`
    pub(super) request: Duration,
    /// `request_headers_timeout`
    pub(super) request_headers: Duration,
    /// `delayed_close_timeout`, 1 s by default.
    pub(super) delayed_close: Duration,
    /// `drain_timeout`, 5 s by default.
    pub(super) drain: Duration,
}

/// The connection manager's fields that are timeouts, by their names.
pub(super) struct TimeoutFields {
    pub(super) stream_idle_timeout: Option<prost_types::Duration>,
    pub(super) stream_flush_timeout: Option<prost_types::Duration>,
    pub(super) request_timeout: Option<prost_types::Duration>,
    pub(super) request_headers_timeout: Option<prost_types::Duration>,
    pub(super) delayed_close_timeout: Option<prost_types::Duration>,
    pub(super) drain_timeout: Option<prost_types::Duration>,
}

impl Timeouts {
    pub(super) fn parse(proto: TimeoutFields, at: &At<'_>) -> Result<Self, Invalid> {
        let TimeoutFields {
            stream_idle_timeout,
            stream_flush_timeout,
            request_timeout,
            request_headers_timeout,
            delayed_close_timeout,
            drain_timeout,
        } = proto;
        let mut f = at.fields();
        let (off, second, minute) = (Duration::ZERO, Duration::from_secs(1), Duration::from_secs(60));
        let mut or = |name, value, default| f.optional_or(name, value, default, scalar::duration);
        let stream_idle = or("stream_idle_timeout", stream_idle_timeout, minute * 5);
        let request = or("request_timeout", request_timeout, off);
        let request_headers = or("request_headers_timeout", request_headers_timeout, off);
        let delayed_close = or("delayed_close_timeout", delayed_close_timeout, second);
        let drain = or("drain_timeout", drain_timeout, second * 5);
        let flush = f.optional("stream_flush_timeout", stream_flush_timeout, scalar::duration);
        f.finish(|| {
            let stream_idle = stream_idle.take();
            Self {
                stream_idle,
                flush: flush.take().unwrap_or(stream_idle),
                request: request.take(),
                request_headers: request_headers.take(),
                delayed_close: delayed_close.take(),
                drain: drain.take(),
            }
        })
    }
}
