//! The request's body between attempts: what has been sent is kept for a retry as long as there is room, and goes out
//! again through the next one.

use nuncio_message::Chunk;

use super::Router;
use crate::connection_manager::Core;

impl Router {
    /// Keeps what is sent for a retry, as long as there is room.
    pub(super) fn keep(&mut self, data: &Chunk, core: &Core) {
        let Some(attempt) = &self.attempt else { return };
        if self.retries.is_off() || data.is_empty() {
            return;
        }
        if self.sent.len() + data.len() > core.buffer_limit() {
            attempt.pool.stats().retry_or_shadow_abandoned.inc();
            self.retries.abandon();
            self.sent.clear();
            return;
        }
        self.sent.push(data.clone());
    }

    /// Sends what there is of the request through the attempt.
    pub(super) fn replay(&mut self, core: &mut Core) {
        let has_trailers = core.request_trailers.is_some();
        let ends = self.is_request_complete && !has_trailers;
        if let Some(attempt) = &mut self.attempt {
            attempt.head(core, ends && self.body.is_empty());
        }
        self.replay_body(ends, core);
        if let (Some(attempt), true) = (&mut self.attempt, has_trailers && self.is_request_complete)
            && !core.is_interrupted()
        {
            attempt.trailers(core);
        }
    }

    /// Sends what there is of the body through the attempt, and keeps it if it may be needed again.
    fn replay_body(&mut self, ends: bool, core: &mut Core) {
        let has_filters = self.has_filters();
        // Filters see the end of a body as a piece of its own, as they do the first time.
        let ends_apart = ends && has_filters && !self.body.is_empty();
        while !core.is_interrupted()
            && let Some(piece) = self.body.pop()
        {
            self.keep(&piece, core);
            let is_last = ends && !ends_apart && self.body.is_empty();
            if let Some(attempt) = &mut self.attempt {
                attempt.data(core, piece, is_last);
            }
        }
        if let (true, Some(attempt)) = (ends_apart && !core.is_interrupted(), &mut self.attempt) {
            attempt.data(core, Chunk::empty(), true);
        }
    }
}
