//! The worker's clock: read once a poll, and replaceable by a virtual one.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nuncio_message::Tick;

/// Monotonic and wall time of one worker. Owner: the worker.
pub struct Clock {
    source: Source,
    /// Microseconds since the clock was made, as last read.
    now_micros: Cell<u64>,
    /// The same in milliseconds: asked for far more often than the clock is read.
    now: Cell<Tick>,
}

enum Source {
    Real { start: Instant, wall_start_micros: u64 },
    Virtual(VirtualClock),
}

/// Time that moves only when the simulation says so.
#[derive(Clone, Default)]
pub struct VirtualClock {
    micros: Rc<Cell<u64>>,
}

/// The wall time at which virtual clocks start: 2026-01-01T00:00:00Z, in microseconds.
const VIRTUAL_EPOCH_MICROS: u64 = 1_767_225_600_000_000;

impl VirtualClock {
    /// A clock that stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves on to `at`; never backwards.
    pub fn advance_to(&self, at: Tick) {
        self.micros.set(self.micros.get().max(at.0.saturating_mul(1000)));
    }

    /// Moves on by `micros`.
    pub fn advance_micros(&self, micros: u64) {
        self.micros.set(self.micros.get() + micros);
    }
}

impl Clock {
    /// The machine's clock, starting now.
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    pub fn real() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let source = Source::Real { start: Instant::now(), wall_start_micros: wall.as_micros() as u64 };
        Self { source, now_micros: Cell::new(0), now: Cell::new(Tick(0)) }
    }

    /// A clock that the simulation moves.
    pub fn simulated(clock: VirtualClock) -> Self {
        Self { source: Source::Virtual(clock), now_micros: Cell::new(0), now: Cell::new(Tick(0)) }
    }

    /// Reads the source. Done once at the start of each poll.
    pub fn refresh(&self) -> Tick {
        let micros = match &self.source {
            Source::Real { start, .. } => start.elapsed().as_micros() as u64,
            Source::Virtual(clock) => clock.micros.get(),
        };
        let now = Tick(micros / 1000);
        self.now_micros.set(micros);
        self.now.set(now);
        now
    }

    /// The time as last read, in milliseconds.
    #[inline]
    pub fn now(&self) -> Tick {
        self.now.get()
    }

    /// The time as last read, in microseconds since the clock was made.
    pub fn now_micros(&self) -> u64 {
        self.now_micros.get()
    }

    /// The wall time as last read, in microseconds since 1970.
    pub fn wall_micros(&self) -> u64 {
        let start = match &self.source {
            Source::Real { wall_start_micros, .. } => *wall_start_micros,
            Source::Virtual(_) => VIRTUAL_EPOCH_MICROS,
        };
        start + self.now_micros.get()
    }

    /// The reactor's time `span` after the last reading; at once for a virtual clock, which sockets never see.
    pub fn instant_after(&self, span: std::time::Duration) -> Instant {
        match &self.source {
            Source::Real { start, .. } => *start + std::time::Duration::from_micros(self.now_micros.get()) + span,
            #[expect(clippy::disallowed_methods, reason = "a value that nothing waits for")]
            Source::Virtual(_) => Instant::now(),
        }
    }

    /// When the clock will show `tick`, for the reactor; `None` for a virtual clock.
    pub(crate) fn instant_of(&self, tick: Tick) -> Option<Instant> {
        match &self.source {
            Source::Real { start, .. } => start.checked_add(tick - Tick(0)),
            Source::Virtual(_) => None,
        }
    }
}

/// Measures from when it was made, on any thread; real time, for pages and start-up only.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place where clocks are read")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}
