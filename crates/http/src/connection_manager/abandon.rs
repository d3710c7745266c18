//! How a stream ends before its response is complete: a side is gone, a deadline has passed, or a bug was met.

use nuncio_codec::{ErrorCode, ResetCause};

use super::{Deadline, Stream};
use crate::router::UpstreamEnd;

impl Stream {
    /// The client has gone, or has given the stream up.
    pub(super) fn abandon(&mut self, cause: ResetCause) {
        self.core.note_downstream_reset(cause);
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        self.core.end();
    }

    /// The upstream side is gone: try again, answer, or cut the response off.
    pub(super) fn upstream_gone(&mut self, end: UpstreamEnd) {
        self.router.upstream_gone(end, &mut self.core);
    }

    pub(super) fn time_out(&mut self) {
        let Some(deadline) = self.core.passed_deadline() else { return };
        match deadline {
            Deadline::Route | Deadline::PerTry | Deadline::Retry => self.router.time_out(deadline, &mut self.core),
            Deadline::Idle | Deadline::RequestHeaders | Deadline::Request | Deadline::Duration => {
                self.core.time_out(deadline);
            }
        }
    }

    /// A bug was met while an event was handled: what is left of the stream ends.
    pub(crate) fn break_off(&mut self) {
        self.core.actions.clear();
        self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
        if !self.core.is_over() {
            self.core.reset_downstream();
        }
    }
}
