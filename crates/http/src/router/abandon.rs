//! The router's part of a stream ends: the attempt is given up, and everything is forgotten.

use nuncio_codec::ErrorCode;

use super::Router;
use super::charge::Codes;
use super::request_timeouts::RequestTimeouts;
use crate::connection_manager::{Core, Deadline};

impl Router {
    /// Gives the attempt up, if there is one.
    pub(crate) fn abandon(&mut self, core: &mut Core, code: ErrorCode) {
        core.deadlines.clear(Deadline::Route);
        core.deadlines.clear(Deadline::PerTry);
        core.deadlines.clear(Deadline::Retry);
        self.is_retry_due = false;
        self.passed.clear();
        if let Some(attempt) = self.attempt.take() {
            attempt.abandon(code, core);
        }
        let left = self.body.len() as u32;
        self.body.clear();
        core.release_request(left);
    }

    pub(crate) fn clear(&mut self) {
        // Field by field: most of them are as they were.
        let Self {
            attempt,
            attempts,
            retries,
            timeouts,
            body,
            sent,
            is_request_complete,
            is_response_started,
            is_http1,
            has_informed,
            is_handshake_refused,
            is_retry_due,
            codes,
            passed,
        } = self;
        (*attempt, *attempts) = (None, 0);
        retries.clear();
        *timeouts = RequestTimeouts::default();
        body.clear();
        sent.clear();
        (*is_request_complete, *is_response_started, *is_http1) = (false, false, false);
        (*has_informed, *is_handshake_refused, *is_retry_due) = (false, false, false);
        *codes = Codes::default();
        passed.clear();
    }
}
