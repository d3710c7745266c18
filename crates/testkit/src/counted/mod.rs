//! A worker between a client and an origin in memory, on a fixed schedule: what its costs are counted with.
//!
//! The same requests in the same order give the same instructions, allocations and writes each time. Everything that the
//! worker does happens inside `counted_turn`, which the instruction bench counts in; client and origin, and the bytes'
//! way between them, are outside of it but for one copy a read and a write.

mod proxy;
mod run_queue;
mod wire;

pub use proxy::{Lifetime, Proxy, Setup, Version};
