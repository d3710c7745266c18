//! The end of a stream: its connection is told, it is logged and counted, and forgotten.

use std::rc::Rc;

use nuncio_codec::ErrorCode;
use nuncio_message::Headers;
use nuncio_telemetry::formatter::{Inputs, LogType};
use nuncio_telemetry::{AccessLogs, Moment};

use super::chosen_route::RouteState;
use super::{Core, Source, Stage};
use crate::connection_manager::timeouts::Deadlines;

impl Core {
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The response is complete, or will never be.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Cuts the response off.
    pub(crate) fn reset_downstream(&mut self) {
        // Envoy counts its own resets as received ones as well.
        self.manager.stats.downstream_rq_rx_reset.inc();
        self.manager.stats.downstream_rq_tx_reset.inc();
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection { connection, id } => {
                connection.reset(id, ErrorCode::INTERNAL_ERROR);
                // What was received counts against the connection's window still.
                connection.release(id, std::mem::take(&mut self.unreleased));
                connection.after_stream(true);
            }
            Source::Call(exchange) => exchange.end(&self.info.response_code_details),
            Source::None => {}
        }
        self.end();
    }

    /// Access log and stats: called once, by `finish`.
    pub(crate) fn report(&mut self) {
        let manager = Rc::clone(&self.manager);
        manager.stats.downstream_rq_active.dec();
        if matches!(self.source, Source::Connection { .. }) && !self.is_request_complete {
            // Answered before the request was complete: Envoy resets the stream, and counts that as received.
            manager.stats.downstream_rq_rx_reset.inc();
        }
        if let Some(total) = self.info.timing.between(Moment::DownstreamReceiveBegin, Moment::Complete) {
            manager.stats.downstream_rq_time.record(total.as_millis() as u64);
        }
        if !manager.access_logs.is_empty() {
            self.log(&manager.access_logs);
        }
    }

    fn log(&self, logs: &AccessLogs) {
        let inputs = Inputs {
            info: &self.info,
            request: Some(&self.request),
            response: self.response.as_ref(),
            trailers: self.response_trailers.as_ref(),
            local_reply_body: &[],
            log_type: LogType::DownstreamEnd,
        };
        logs.log(&inputs, self.http.log_batches());
        // The tick hands the line over.
        self.http.worker().request_tick();
    }

    /// Forgets everything of this stream; memory is kept for the next.
    pub(crate) fn clear(&mut self) {
        let unreleased = std::mem::take(&mut self.unreleased);
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection { connection, id } => {
                if unreleased > 0 {
                    connection.release(id, unreleased);
                }
                connection.detach(id);
                let is_broken = !self.is_request_complete || self.is_request_broken;
                connection.after_stream(is_broken);
            }
            Source::Call(exchange) => exchange.end(&self.info.response_code_details),
            Source::None => {}
        }
        self.info.reset();
        self.request = Headers::new();
        self.request_trailers = None;
        self.response = None;
        self.response_trailers = None;
        self.held.clear();
        self.actions.clear();
        self.deadlines = Deadlines::default();
        self.route = RouteState::NotAsked;
        self.is_request_complete = false;
        self.is_request_broken = false;
        self.is_head_request = false;
        self.is_extended_connect = false;
        self.upgrade = None;
        self.is_request_changed = false;
        self.is_request_refused = false;
        self.stage = Stage::Waiting;
        self.is_over = false;
        self.flows = Default::default();
        self.drained.clear();
        self.response_credit = 0;
    }
}
