//! Credit for response bodies: it goes back to the host when their bytes have left downstream.

use super::{Attempt, State};
use crate::router::Router;

impl Router {
    /// Body bytes of the response have left: credit goes back to the host.
    pub(crate) fn release(&mut self, bytes: u32) {
        if let (Some(attempt), true) = (&mut self.attempt, bytes > 0) {
            attempt.release(bytes);
        }
    }
}

impl Attempt {
    /// So many bytes have come of it.
    pub(in crate::router) fn received(&mut self, bytes: usize) {
        self.unreleased += bytes as u32;
    }

    /// Body bytes of the response have left: credit goes back to the host.
    fn release(&mut self, bytes: u32) {
        let bytes = bytes.min(self.unreleased);
        self.unreleased -= bytes;
        if let (State::Sending { connection, id }, true) = (&self.codec.state, bytes > 0) {
            connection.release(*id, bytes);
        }
    }
}
