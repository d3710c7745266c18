//! What a filter has stopped goes into its hold.

use nuncio_message::{Buffer, Chunk};

use super::Chain;
use super::hold::{Hold, Limit};
use crate::connection_manager::Core;
use crate::filter::{DataStatus, Direction, HeadersStatus};

impl Chain {
    pub(super) fn hold_head(
        &mut self,
        direction: Direction,
        position: usize,
        status: HeadersStatus,
        end_stream: bool,
        core: &mut Core,
    ) {
        let limit = match status {
            HeadersStatus::StopAllIterationAndWatermark => Limit::Wait,
            _ => Limit::Fail,
        };
        let added = core.held.take(direction);
        let hold = self.hold_at(direction, position);
        hold.head = true;
        hold.end_stream = end_stream;
        hold.unseen = status != HeadersStatus::StopIteration;
        hold.limit = limit;
        if !added.is_empty() {
            self.hold_data(direction, position, None, added, false, core);
        }
    }

    pub(super) fn hold_unseen(
        &mut self,
        direction: Direction,
        position: usize,
        data: Chunk,
        end_stream: bool,
        core: &mut Core,
    ) {
        let mut body = Buffer::new();
        body.push(data);
        self.hold_data(direction, position, None, body, end_stream, core);
    }

    /// A piece that the filter has stopped, and the end behind it.
    pub(super) fn hold_stopped(
        &mut self,
        direction: Direction,
        position: usize,
        status: DataStatus,
        data: Chunk,
        end_stream: bool,
        core: &mut Core,
    ) {
        let limit = match status {
            DataStatus::StopIterationAndBuffer => Some(Limit::Fail),
            DataStatus::StopIterationAndWatermark => Some(Limit::Wait),
            // What the filter left of the piece goes nowhere.
            DataStatus::StopIterationNoBuffer | DataStatus::Continue => None,
        };
        // Trailers that were not there with the end of the body are the filter's.
        let has_trailers = end_stream && core.has_trailers(direction);
        let mut body = core.held.take(direction);
        if limit.is_some() {
            body.push(data);
        }
        self.hold_data(direction, position, limit, body, end_stream && !has_trailers, core);
        self.hold_at(direction, position).trailers |= has_trailers;
    }

    /// Trailers that the filter has stopped, and the data that it `added` before them.
    pub(super) fn hold_trailers(&mut self, direction: Direction, position: usize, added: Buffer, core: &mut Core) {
        if !added.is_empty() {
            self.hold_data(direction, position, None, added, false, core);
        }
        self.hold_at(direction, position).trailers = true;
    }

    /// Puts pieces behind what the filter holds. `limit`: what happens above the buffer limit, from now on.
    fn hold_data(
        &mut self,
        direction: Direction,
        position: usize,
        limit: Option<Limit>,
        mut body: Buffer,
        end_stream: bool,
        core: &mut Core,
    ) {
        let hold = self.hold_at(direction, position);
        hold.add(Chunk::empty(), end_stream);
        hold.data.append(&mut body);
        hold.limit = limit.unwrap_or(hold.limit);
        let (limit, bytes) = (hold.limit, hold.data.len());
        if limit == Limit::Fail && bytes > core.buffer_limit() {
            core.overflow(direction, self.id);
        }
    }

    /// The hold of the filter at `position`, made if there is none.
    pub(super) fn hold_at(&mut self, direction: Direction, position: usize) -> &mut Hold {
        let holds = self.holds_mut(direction);
        if holds.at(position).is_none() {
            return holds.add(Hold::new(position));
        }
        holds.at(position).expect("looked up just before")
    }
}
