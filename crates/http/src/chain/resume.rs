//! Going on after a filter has held a direction.
//!
//! Before: the filter let go, by itself or with its next callback. Next: the filters behind it, as in `iterate.rs`.

use super::{Chain, Terminal};
use crate::connection_manager::Core;
use crate::filter::Direction;

impl Chain {
    /// Lets everything go that the filter at `position` holds.
    pub(super) fn let_go<T: Terminal>(
        &mut self,
        direction: Direction,
        position: usize,
        core: &mut Core,
        terminal: &mut T,
    ) {
        let Some(hold) = self.holds_mut(direction).take(position) else { return };
        // Trailers that a filter added while it held the end are new to the next filter, not to itself.
        let has_new_trailers = hold.end_stream && !hold.trailers && core.has_trailers(direction);
        let has_trailers = hold.trailers || has_new_trailers;
        let has_rest = hold.has_body || has_trailers;
        if hold.head {
            // While data is at hand in the caller, the end comes with it, not with the head.
            self.head(direction, position + 1, hold.end_stream && !has_rest, core, terminal);
        }
        // What was kept unseen starts at the filter itself.
        let next = if hold.unseen { position } else { position + 1 };
        let ends_with_data = hold.end_stream && !has_trailers && (has_rest || !hold.head);
        self.pieces(direction, next, hold.data, ends_with_data, core, terminal);
        if has_trailers && !core.is_interrupted() {
            let next = if has_new_trailers { position + 1 } else { next };
            self.trailers(direction, next, core, terminal);
        }
    }

    /// The filter with this index lets go of a direction.
    pub(crate) fn resume<T: Terminal>(&mut self, direction: Direction, index: u8, core: &mut Core, terminal: &mut T) {
        if !self.filters.is_empty() {
            self.let_go(direction, self.index(direction, usize::from(index)), core, terminal);
        }
    }
}
