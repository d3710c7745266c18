//! Credit and watermarks: bytes that were received earn credit when they have left, and so much may be held back.

use super::{Core, Source};
use crate::chain::ChainId;
use crate::connection_manager::Stream;
use crate::connection_manager::flow::Flow;
use crate::filter::{Direction, LocalReply};

impl Stream {
    /// Body bytes have reached the socket of the side they go to: gives credit to the side they came from.
    pub(crate) fn left(&mut self, direction: Direction, bytes: u32) {
        let due = self.core.credit_for_left(direction, bytes);
        match direction {
            Direction::Request => self.core.release_request(due),
            Direction::Response => self.router.release(due),
        }
    }
}

impl Core {
    /// Gives credit for request body bytes back to the client.
    pub(crate) fn release_request(&mut self, bytes: u32) {
        let bytes = bytes.min(self.unreleased);
        if bytes == 0 {
            return;
        }
        self.unreleased -= bytes;
        match &self.source {
            Source::Connection { connection, id } => connection.release(*id, bytes),
            Source::Call(exchange) => exchange.left(bytes),
            Source::None => {}
        }
    }

    /// A callback changed the number of bytes under way.
    pub(crate) fn note_change(&mut self, direction: Direction, before: usize, after: usize) {
        if before != after {
            self.flow(direction).note(before, after);
        }
    }

    /// The callback is over: bytes that it took earn credit.
    pub(crate) fn account(&mut self) {
        let limit = self.buffer_limit();
        let request = self.flow(Direction::Request).settle(limit);
        self.release_request(request);
        self.response_credit += self.flow(Direction::Response).settle(limit);
    }

    /// Bytes have reached the socket of the other side: the credit that is due.
    pub(crate) fn credit_for_left(&mut self, direction: Direction, bytes: u32) -> u32 {
        let limit = self.buffer_limit();
        let due = self.flow(direction).left(bytes, limit);
        if !self.drained.is_empty() && !self.flow(direction).is_above(limit / 2) {
            self.wake_drained(direction);
        }
        due
    }

    fn wake_drained(&mut self, direction: Direction) {
        for (_, chain, filter) in self.drained.extract_if(.., |(it, _, _)| *it == direction).collect::<Vec<_>>() {
            self.filter_waker(chain, filter).wake();
        }
    }

    pub(crate) fn poll_when_drained(&mut self, direction: Direction, chain: ChainId, filter: u8) {
        if !self.drained.contains(&(direction, chain, filter)) {
            self.drained.push((direction, chain, filter));
        }
    }

    /// Credit for response bytes that filters took since the last call.
    pub(crate) fn take_response_credit(&mut self) -> u32 {
        std::mem::take(&mut self.response_credit)
    }

    pub(crate) fn is_above_watermark(&self, direction: Direction) -> bool {
        self.flows[direction as usize].is_above(self.buffer_limit())
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        &mut self.flows[direction as usize]
    }

    /// Bytes that may be held back in a direction.
    pub(crate) fn buffer_limit(&self) -> usize {
        if self.buffer_limit == 0 { usize::MAX } else { self.buffer_limit }
    }

    pub(crate) fn configured_buffer_limit(&self) -> usize {
        self.buffer_limit
    }

    pub(crate) fn set_buffer_limit(&mut self, bytes: usize) {
        self.buffer_limit = bytes;
    }

    /// A filter of `chain` held back more than it may. Envoy counts this for the connection manager's filters only.
    pub(crate) fn overflow(&mut self, direction: Direction, chain: ChainId) {
        let is_counted = chain == ChainId::Downstream;
        match direction {
            Direction::Request => {
                if is_counted {
                    self.manager.stats.downstream_rq_too_large.inc();
                }
                self.reply(LocalReply::new(413, "Payload Too Large", "request_payload_too_large"));
            }
            Direction::Response => {
                if is_counted {
                    self.manager.stats.rs_too_large.inc();
                }
                self.reply(LocalReply::new(500, "Internal Server Error", "response_payload_too_large"));
            }
        }
    }
}
