//! How an attempt ends: with its response, given up, or lost with its connection.

use nuncio_codec::{ErrorCode, ResetCause};

use super::{Attempt, State};
use crate::connection_manager::Core;
use crate::router::end::UpstreamEnd;
use crate::router::pool::HostPool;

impl Attempt {
    /// The response is received: the connection is free for others, or is of no use any more.
    pub(in crate::router) fn leave_connection(&mut self, is_request_complete: bool) {
        let State::Sending { connection, id } = std::mem::replace(&mut self.codec.state, State::Done) else { return };
        self.pool.end_request(self.request_slot.take().is_some());
        if self.unreleased > 0 {
            connection.release(id, std::mem::take(&mut self.unreleased));
        }
        let counts_streams = self.pool.is_http2();
        if is_request_complete {
            connection.detach(id);
        } else {
            if counts_streams {
                self.pool.stats().upstream_rq_tx_reset.inc();
            }
            connection.reset(id, ErrorCode::NO_ERROR);
        }
        let was_open = connection.is_open();
        HostPool::settle(&connection);
        connection.after_stream(!is_request_complete);
        if counts_streams && was_open && !connection.is_open() {
            // Envoy closes within a callback of its codec, and takes that for the peer's error.
            self.pool.stats().upstream_cx_protocol_error.inc();
        }
    }

    /// The response has passed the attempt's filters.
    pub(in crate::router) fn finish(&mut self, core: &mut Core) {
        self.complete_filters(core);
    }

    /// Gives the attempt up, which counts as a reset by us.
    pub(in crate::router) fn abandon(self, code: ErrorCode, core: &mut Core) {
        // On HTTP/1 the connection ends instead, and is counted.
        if self.is_sending() && self.pool.is_http2() {
            self.pool.stats().upstream_rq_tx_reset.inc();
        }
        self.give_up(code, core);
    }

    /// Gives the attempt up.
    pub(in crate::router) fn give_up(mut self, code: ErrorCode, core: &mut Core) {
        self.complete_filters(core);
        self.pool.end_request(self.request_slot.is_some());
        match self.codec.state {
            State::Idle | State::Done => {}
            State::Waiting(ticket) => self.pool.cancel(ticket),
            State::Sending { connection, id } => {
                if self.unreleased > 0 {
                    connection.release(id, self.unreleased);
                }
                connection.reset(id, code);
                HostPool::settle(&connection);
                connection.after_stream(true);
            }
        }
    }

    /// The connection or the stream ended by itself.
    pub(in crate::router) fn lost(mut self, end: &UpstreamEnd, core: &mut Core) {
        self.complete_filters(core);
        self.pool.end_request(self.request_slot.is_some());
        if let State::Sending { connection, id } = &self.codec.state {
            connection.detach(*id);
            if self.unreleased > 0 {
                connection.release(*id, self.unreleased);
            }
            let stats = self.pool.stats();
            match end {
                UpstreamEnd::Reset(ResetCause::Remote(_)) => stats.upstream_rq_rx_reset.inc(),
                // As Envoy's pools of HTTP/2 connections count it.
                UpstreamEnd::Reset(ResetCause::ConnectionTermination) if self.pool.is_http2() => {
                    stats.upstream_rq_pending_failure_eject.inc();
                }
                UpstreamEnd::Reset(ResetCause::Protocol(_)) if self.pool.is_http2() => {
                    stats.upstream_rq_tx_reset.inc();
                }
                UpstreamEnd::Reset(_) | UpstreamEnd::ConnectFailed(_) | UpstreamEnd::ConnectTimeout => {}
            }
            HostPool::settle(connection);
            connection.after_stream(false);
        }
    }

    fn complete_filters(&mut self, core: &mut Core) {
        if let Some(mut chain) = self.chain.take() {
            chain.complete(core);
            core.actions.drop_upstream();
            core.spare_chain = Some(chain);
        }
    }
}
