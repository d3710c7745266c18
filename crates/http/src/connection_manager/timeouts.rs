//! A stream's deadlines: plain ticks; the earliest stands in the timer wheel.

use std::time::Duration;

use nuncio_message::Tick;

/// What a deadline is for, in the order in which they are looked at when several have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deadline {
    /// `request_headers_timeout`: the head must be complete.
    RequestHeaders,
    /// `request_timeout`: the request must be complete.
    Request,
    /// `max_stream_duration`.
    Duration,
    /// The route's timeout, over all attempts.
    Route,
    /// The timeout of one attempt.
    PerTry,
    /// The pause before the next attempt is over.
    Retry,
    /// `stream_idle_timeout`: nothing happened for too long. Derived from the last activity.
    Idle,
}

const ALL: [Deadline; 7] = [
    Deadline::RequestHeaders,
    Deadline::Request,
    Deadline::Duration,
    Deadline::Route,
    Deadline::PerTry,
    Deadline::Retry,
    Deadline::Idle,
];

pub(crate) struct Deadlines {
    at: [Tick; ALL.len()],
    earliest: Tick,
    idle: Duration,
    active: Tick,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { at: [Tick::NEVER; ALL.len()], earliest: Tick::NEVER, idle: Duration::ZERO, active: Tick(0) }
    }
}

impl Deadlines {
    pub(crate) fn set(&mut self, deadline: Deadline, at: Tick) {
        let before = std::mem::replace(&mut self.at[deadline as usize], at);
        if at < self.earliest {
            self.earliest = at;
        } else if before == self.earliest {
            self.find_earliest();
        }
    }

    fn find_earliest(&mut self) {
        self.earliest = self.at.iter().copied().min().unwrap_or(Tick::NEVER);
    }

    pub(crate) fn clear(&mut self, deadline: Deadline) {
        self.at[deadline as usize] = Tick::NEVER;
        // The entry in the wheel stays, and is found to be too early.
    }

    /// Sets the idle timeout; zero switches it off.
    pub(crate) fn set_idle(&mut self, idle: Duration, now: Tick) {
        self.idle = idle;
        self.active = now;
        self.set(Deadline::Idle, if idle.is_zero() { Tick::NEVER } else { now + idle });
    }

    /// Something happened. A store: nothing is re-armed.
    pub(crate) fn touch(&mut self, now: Tick) {
        self.active = now;
    }

    /// When they must be looked at: at the earliest, or before it if an earlier one was cleared.
    pub(crate) fn next(&self) -> Tick {
        self.earliest
    }

    /// A deadline that has passed; each is reported once.
    pub(crate) fn passed(&mut self, now: Tick) -> Option<Deadline> {
        if self.at[Deadline::Idle as usize] <= now {
            self.at[Deadline::Idle as usize] = self.active + self.idle;
        }
        let passed = ALL.into_iter().find(|deadline| self.at[*deadline as usize] <= now);
        if let Some(deadline) = passed {
            self.at[deadline as usize] = Tick::NEVER;
        }
        self.find_earliest();
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_moves_the_idle_deadline_without_rearming() {
        let mut deadlines = Deadlines::default();
        deadlines.set_idle(Duration::from_millis(100), Tick(0));
        deadlines.touch(Tick(60));
        assert_eq!((deadlines.next(), deadlines.passed(Tick(100)), deadlines.next()), (Tick(100), None, Tick(160)));
        assert_eq!(deadlines.passed(Tick(160)), Some(Deadline::Idle));
        assert_eq!(deadlines.passed(Tick(500)), None);
    }

    #[test]
    fn cleared_deadlines_do_not_fire_and_others_still_do() {
        let mut deadlines = Deadlines::default();
        deadlines.set(Deadline::Route, Tick(50));
        deadlines.set(Deadline::PerTry, Tick(20));
        deadlines.clear(Deadline::PerTry);
        assert_eq!(deadlines.passed(Tick(30)), None);
        assert_eq!((deadlines.next(), deadlines.passed(Tick(50))), (Tick(50), Some(Deadline::Route)));
        assert_eq!(deadlines.next(), Tick::NEVER);
    }
}
