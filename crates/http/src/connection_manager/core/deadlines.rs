//! A stream's deadlines, and what is answered when one of the connection manager's has passed.

use std::time::Duration;

use nuncio_message::Tick;
use nuncio_telemetry::ResponseFlag;

use super::Core;
use crate::connection_manager::Deadline;
use crate::filter::LocalReply;

impl Core {
    pub(crate) fn touch(&mut self) {
        let now = self.now();
        self.deadlines.touch(now);
    }

    pub(crate) fn next_deadline(&self) -> Tick {
        self.deadlines.next()
    }

    pub(crate) fn passed_deadline(&mut self) -> Option<Deadline> {
        let now = self.now();
        self.deadlines.passed(now)
    }

    /// One of the connection manager's deadlines has passed.
    pub(crate) fn time_out(&mut self, deadline: Deadline) {
        let stats = &self.manager.stats;
        let reply = match deadline {
            Deadline::Idle => {
                stats.downstream_rq_idle_timeout.inc();
                self.info.flags.set(ResponseFlag::StreamIdleTimeout);
                // Envoy: 408 blames the client while its request is incomplete, 504 the upstream afterwards.
                let status = if self.is_request_complete { 504 } else { 408 };
                LocalReply::new(status, "stream timeout", "stream_idle_timeout")
            }
            Deadline::RequestHeaders => {
                stats.downstream_rq_header_timeout.inc();
                LocalReply::new(408, "request header timeout", "request_header_timeout")
            }
            Deadline::Request => {
                stats.downstream_rq_timeout.inc();
                LocalReply::new(408, "request timeout", "request_overall_timeout")
            }
            Deadline::Duration | Deadline::Route | Deadline::PerTry | Deadline::Retry => {
                stats.downstream_rq_max_duration_reached.inc();
                let mut reply = LocalReply::new(504, "downstream duration timeout", "max_duration_timeout");
                // DEADLINE_EXCEEDED, not what the status would be told as.
                reply.grpc_status = Some(4);
                reply
            }
        };
        self.reply(reply);
    }

    pub(crate) fn set_timeout(&mut self, deadline: Deadline, span: Duration) {
        let now = self.now();
        self.deadlines.set(deadline, now + span);
    }
}
