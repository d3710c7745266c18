//! Bytes that filters put into a direction of a stream or took out of it.
//!
//! Credit belongs to bytes that were received, and returns when they have left. Bytes that a filter made have none; so
//! that their number is bounded all the same, nothing that a filter takes earns credit while too many of them are on
//! their way.

/// One direction's account. Owner: the stream.
#[derive(Default)]
pub(crate) struct Flow {
    /// Change of the bytes under way, not settled yet.
    change: i64,
    /// Bytes made by filters that have not left.
    made: u64,
    /// Credit that is due once fewer of them are on their way.
    owed: u64,
}

impl Flow {
    /// A callback changed the number of bytes under way.
    pub(crate) fn note(&mut self, before: usize, after: usize) {
        self.change += after as i64 - before as i64;
    }

    /// The callback is over: the credit to give back now, above `limit` none.
    pub(crate) fn settle(&mut self, limit: usize) -> u32 {
        match std::mem::take(&mut self.change) {
            0 => 0,
            more @ 1.. => {
                self.made += more as u64;
                0
            }
            less if self.is_above(limit) => {
                self.owed += less.unsigned_abs();
                0
            }
            less => as_credit(less.unsigned_abs()),
        }
    }

    /// Bytes have left: the credit to give back now.
    pub(crate) fn left(&mut self, bytes: u32, limit: usize) -> u32 {
        if self.made == 0 {
            return bytes;
        }
        let made = self.made.min(u64::from(bytes));
        self.made -= made;
        let mut due = u64::from(bytes) - made;
        if self.made <= limit as u64 / 2 {
            due += std::mem::take(&mut self.owed);
        }
        as_credit(due)
    }

    pub(crate) fn is_above(&self, limit: usize) -> bool {
        self.made > limit as u64
    }
}

fn as_credit(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    /// A callback that turns `before` bytes into `after`: the credit that comes of it.
    fn call(flow: &mut Flow, before: usize, after: usize) -> u32 {
        flow.note(before, after);
        flow.settle(LIMIT)
    }

    #[test]
    fn what_is_taken_earns_credit_at_once_and_what_is_moved_none() {
        let mut flow = Flow::default();
        assert_eq!(call(&mut flow, 10, 4), 6);
        flow.note(10, 0);
        flow.note(0, 10);
        assert_eq!((flow.settle(LIMIT), flow.left(14, LIMIT)), (0, 14));
    }

    #[test]
    fn what_is_made_has_no_credit_of_its_own() {
        let mut flow = Flow::default();
        assert_eq!((call(&mut flow, 10, 40), flow.left(35, LIMIT), flow.left(5, LIMIT)), (0, 5, 5));
    }

    #[test]
    fn above_the_limit_credit_waits_until_half_of_it_has_left() {
        let mut flow = Flow::default();
        call(&mut flow, 0, 150);
        assert!(flow.is_above(LIMIT));
        assert_eq!(call(&mut flow, 30, 0), 0);
        assert_eq!((flow.left(90, LIMIT), flow.left(10, LIMIT), flow.left(50, LIMIT)), (0, 30, 0));
        assert_eq!(flow.left(1, LIMIT), 1);
    }
}
