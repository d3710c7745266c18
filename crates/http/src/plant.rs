//! Bugs on purpose, to show that the simulation would find them.
//!
//! Nothing is planted without the feature `plants`, which only `nuncio-testkit` passes on, and not by default; and with
//! it only where [`plant`] was called.

/// A bug that was known to be easy to make here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plant {
    /// Credit comes back and a driver that had stopped reading for want of it is not told.
    LostWakeup,
    /// A request that gives up its place in the queue keeps its slot of the breaker.
    LeakedBreakerSlot,
    /// Credit for body bytes is given back twice.
    DoubleCredit,
}

#[cfg(feature = "plants")]
mod planted {
    use std::cell::Cell;

    use super::Plant;

    thread_local! {
        static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
    }

    /// Plants a bug on this thread, or takes it out.
    pub fn plant(plant: Option<Plant>) {
        PLANTED.set(plant);
    }

    pub(crate) fn is_planted(plant: Plant) -> bool {
        PLANTED.get() == Some(plant)
    }
}

#[cfg(feature = "plants")]
pub(crate) use planted::is_planted;
#[cfg(feature = "plants")]
pub use planted::plant;

/// Never, in what is shipped.
#[cfg(not(feature = "plants"))]
pub(crate) const fn is_planted(_: Plant) -> bool {
    false
}
