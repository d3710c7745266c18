//! What differs between the two sides of the proxy: how a connection is counted, and what its end means.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use nuncio_codec::{ConnectionError, Protocol, ResetCause, Role};
use nuncio_listener::CountedConnection;
use nuncio_stats::{Counter, Gauge};

use super::{Connection, Event, Manager, Parting};
use crate::codec_stats::CodecStats;
use crate::router::UpstreamEnd;
use crate::router::pool::{HostPool, Upstream};

/// What this side of the connection is for.
pub(crate) enum Side {
    Downstream(Downstream),
    Upstream(Upstream),
}

/// The downstream side of a connection. Owner: the worker.
pub(crate) struct Downstream {
    pub(crate) manager: Rc<Manager>,
    pub(crate) is_remote_close: Cell<bool>,
    /// Until it is closed: its place in the listener's counts.
    counted: Cell<Option<CountedConnection>>,
}

impl Downstream {
    pub(super) fn new(manager: &Rc<Manager>, counted: CountedConnection) -> Self {
        Self { manager: Rc::clone(manager), is_remote_close: Cell::new(false), counted: Cell::new(Some(counted)) }
    }
}

impl Side {
    pub(super) fn buffer_limit(&self) -> usize {
        match self {
            Self::Downstream(side) => no_limit_if_zero(side.manager.config.buffer_limit_bytes),
            Self::Upstream(side) => no_limit_if_zero(side.pool.cluster().config.buffer_limit_bytes as usize),
        }
    }

    /// How long the peer of a connection that is being closed may make no progress; zero is not at all.
    pub(super) fn delayed_close_timeout(&self) -> Duration {
        match self {
            Self::Downstream(side) => side.manager.config.delayed_close_timeout,
            Self::Upstream(_) => Duration::ZERO,
        }
    }

    /// Whether a close waits until everything is written. Upstream there is nobody who waits for it.
    pub(super) fn waits_for_flush(&self) -> bool {
        match self {
            Self::Downstream(_) => true,
            Self::Upstream(_) => false,
        }
    }

    /// The age at which a connection ends; zero is never.
    pub(super) fn max_duration(&self) -> Duration {
        match self {
            Self::Downstream(side) => side.manager.config.max_connection_duration,
            Self::Upstream(side) => side.pool.options().max_connection_duration,
        }
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        match self {
            Self::Downstream(side) => side.manager.config.idle_timeout,
            Self::Upstream(side) => side.pool.options().idle_timeout,
        }
    }

    /// Where bytes that were received are counted, and those of them that stand in a buffer.
    pub(super) fn received(&self) -> (&Counter, &Gauge) {
        match self {
            Self::Downstream(side) => {
                let stats = &side.manager.stats;
                (&stats.downstream_cx_rx_bytes_total, &stats.downstream_cx_rx_bytes_buffered)
            }
            Self::Upstream(side) => {
                let stats = side.pool.stats();
                (&stats.upstream_cx_rx_bytes_total, &stats.upstream_cx_rx_bytes_buffered)
            }
        }
    }

    /// Where bytes that were sent are counted, and those that wait for it.
    pub(super) fn sent(&self) -> (&Counter, &Gauge) {
        match self {
            Self::Downstream(side) => {
                let stats = &side.manager.stats;
                (&stats.downstream_cx_tx_bytes_total, &stats.downstream_cx_tx_bytes_buffered)
            }
            Self::Upstream(side) => {
                let stats = side.pool.stats();
                (&stats.upstream_cx_tx_bytes_total, &stats.upstream_cx_tx_bytes_buffered)
            }
        }
    }

    pub(super) fn codecs(&self) -> &CodecStats {
        match self {
            Self::Downstream(side) => &side.manager.counts.codecs,
            Self::Upstream(side) => side.pool.codecs(),
        }
    }

    pub(super) fn note_remote_close(&self) {
        match self {
            Self::Downstream(side) => side.is_remote_close.set(true),
            Self::Upstream(side) => side.is_remote_close.set(true),
        }
    }

    pub(super) fn note_local_close(&self) {}

    pub(super) fn note_delayed_close(&self) {
        if let Self::Downstream(side) = self {
            side.manager.stats.downstream_cx_delayed_close_timeout.inc();
        }
    }

    pub(super) fn note_idle_timeout(&self) {
        match self {
            Self::Downstream(side) => side.manager.stats.downstream_cx_idle_timeout.inc(),
            Self::Upstream(side) => side.pool.stats().upstream_cx_idle_timeout.inc(),
        }
    }

    pub(super) fn note_max_duration(&self) {
        match self {
            Self::Downstream(side) => side.manager.stats.downstream_cx_max_duration_reached.inc(),
            Self::Upstream(side) => side.pool.stats().upstream_cx_max_duration_reached.inc(),
        }
    }

    pub(super) fn reset_event(&self, cause: ResetCause) -> Event {
        match self {
            Self::Downstream(_) => Event::DownstreamReset(cause),
            Self::Upstream(_) => Event::UpstreamReset(UpstreamEnd::Reset(cause)),
        }
    }

    /// The codec cannot go on: its streams end with the error as their cause.
    pub(super) fn protocol_error(&self, connection: &Rc<Connection>, error: ConnectionError) {
        match self {
            // Envoy counts floods apart.
            Self::Downstream(_) if error.is_flood => {}
            Self::Downstream(side) => side.manager.stats.downstream_cx_protocol_error.inc(),
            Self::Upstream(side) => side.pool.stats().upstream_cx_protocol_error.inc(),
        }
        let streams = connection.take_streams();
        connection.had_streams.set(!streams.is_empty() || connection.had_streams.get());
        for (id, key) in streams {
            let is_other = error.stream.is_some_and(|stream| stream != id);
            let details = if is_other { "codec_error:The_user_callback_function_failed" } else { error.details };
            connection.http.post(key, self.reset_event(ResetCause::Protocol(details)));
        }
        connection.close_after_flush(Parting::FlushAndWait);
    }

    pub(super) fn going_away(&self, connection: &Rc<Connection>) {
        if let Self::Upstream(side) = self {
            side.pool.stats().upstream_cx_close_notify.inc();
            side.pool.leave(connection);
            side.pool.connect_if_wanted();
        }
    }

    pub(super) fn capacity_changed(&self, connection: &Rc<Connection>) {
        if let Self::Upstream(_) = self {
            HostPool::settle(connection);
        }
    }

    /// The connection is closed.
    pub(super) fn closed(&self, connection: &Rc<Connection>, had_streams: bool) {
        match self {
            Self::Downstream(side) => {
                let stats = &side.manager.stats;
                let is_remote = side.is_remote_close.get();
                stats.downstream_cx_active.dec();
                stats.downstream_cx_destroy.inc();
                if is_remote {
                    stats.downstream_cx_destroy_remote.inc();
                } else {
                    stats.downstream_cx_destroy_local.inc();
                }
                if had_streams {
                    stats.downstream_cx_destroy_active_rq.inc();
                    if is_remote {
                        stats.downstream_cx_destroy_remote_active_rq.inc();
                    } else {
                        stats.downstream_cx_destroy_local_active_rq.inc();
                    }
                }
                let now = connection.http.worker().now();
                if let Some(counted) = side.counted.take() {
                    counted.end(now);
                }
                let lived = now - connection.opened;
                stats.downstream_cx_length_ms.record(lived.as_millis() as u64);
                match connection.protocol_counted() {
                    Some(Protocol::Http2) => stats.downstream_cx_http2_active.dec(),
                    Some(Protocol::Http10 | Protocol::Http11) => stats.downstream_cx_http1_active.dec(),
                    None => {}
                }
            }
            Self::Upstream(side) => side.closed(connection, had_streams),
        }
    }

    /// The version is known.
    pub(super) fn count_protocol(&self, protocol: Protocol) {
        let Self::Downstream(side) = self else { return };
        side.manager.counts.codecs.begin(protocol, Role::Server);
        let stats = &side.manager.stats;
        match protocol {
            Protocol::Http2 => {
                stats.downstream_cx_http2_total.inc();
                stats.downstream_cx_http2_active.inc();
            }
            Protocol::Http10 | Protocol::Http11 => {
                stats.downstream_cx_http1_total.inc();
                stats.downstream_cx_http1_active.inc();
            }
        }
    }
}

fn no_limit_if_zero(bytes: usize) -> usize {
    if bytes == 0 { usize::MAX } else { bytes }
}
