//! Files that lines are written to: batches on the workers, a thread a file.
//!
//! Invariants:
//! 1. A worker never waits for a disk: it takes a file's lock once per tick to copy its lines, and the file's thread
//!    holds that lock only to take them away, never while it writes.
//! 2. What waits is bounded: beyond `MAX_WAITING_BYTES` of a file lines are dropped and counted as failed writes.
//! 3. Lines of one worker stay in order; a line is written whole, also next to other processes (append mode).
//! 4. A file lives as long as a log or a batch with lines for it; then its thread writes what waits and ends.

mod batch;
mod manager;
mod queue;
mod stats;
mod target;
mod writer;

pub use batch::Batches;
pub use manager::File;
pub use manager::FileManager;
pub use manager::Options;
pub use stats::FileStats;
pub use target::OpenError;
pub use target::Target;

#[cfg(test)]
mod tests;
