//! Worker threads and what each of them owns: clock, timers, tick, random source, per-worker halves of slots.
//!
//! A [`Worker`] is one thread's context. Nothing in it is shared: other threads reach it through its [`Mailbox`].
//! The simulation builds workers by hand, with a virtual clock and its own executor.

mod clock;
mod lifecycle;
mod random;
mod slot;
mod spawn;
mod threads;
mod tick;
mod timers;
mod worker;

pub use clock::{Clock, Stopwatch, VirtualClock};
pub use lifecycle::{Lifecycle, ServerState};
pub use nuncio_stats::WorkerIndex;
pub use random::Random;
pub use slot::{Locals, Slot};
pub use spawn::{Executor, Spawner};
pub use threads::{Mailbox, Threads, available_parallelism};
pub use tick::{Flush, TickHandler};
pub use timers::{Alarm, Expire, TimerClass};
pub use worker::Worker;
