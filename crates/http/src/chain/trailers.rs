//! Walking the filters of one direction with trailers, as `iterate.rs` does with what comes before them.

use super::plan::Callback;
use super::walk::{Leg, Stop};
use super::{Chain, Terminal};
use crate::connection_manager::Core;
use crate::filter::{Direction, TrailersStatus};

impl Chain {
    /// Takes the trailers, which stand in `core`, from `from` on.
    pub(crate) fn trailers<T: Terminal>(
        &mut self,
        direction: Direction,
        from: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        let mut leg = Leg { direction, callback: Callback::Trailers, from, end_stream: false };
        while let Some((position, stop)) = self.next(leg, core, |filter, cx| match direction {
            Direction::Request => filter.request_trailers(cx),
            Direction::Response => filter.response_trailers(cx),
        }) {
            let Stop::Verdict(status) = stop else {
                self.hold_at(direction, position).trailers = true;
                return;
            };
            if core.is_interrupted() {
                return;
            }
            let added = core.held.take(direction);
            if status == TrailersStatus::StopIteration {
                self.hold_trailers(direction, position, added, core);
                self.settle(direction, position, core, terminal);
                return;
            }
            self.settle(direction, position, core, terminal);
            self.let_go(direction, position, core, terminal);
            // What the filter added goes before the trailers.
            self.pieces(direction, position + 1, added, false, core, terminal);
            if core.is_interrupted() {
                return;
            }
            leg.from = position + 1;
        }
        terminal.trailers(core);
    }
}
