//! What a filter holds of a direction.
//!
//! Before: `iterate.rs` met a filter that stopped. Next: `resume.rs` lets it go. Beside it: `stop.rs` (what goes in).
//!
//! ```text
//!            head stopped            data stopped           trailers stopped
//!  (nothing) ───────────► head ─────────────────► head+data ───────────────► head+data+trailers
//!      │                                              ▲
//!      └──────────── data stopped: data ──────────────┘      each lets go as a whole, in this order
//! ```

use nuncio_message::{Buffer, Chunk};

/// How far what follows a stopped head may pile up.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// Above the buffer limit the stream fails: 413 or 500.
    #[default]
    Fail,
    /// Above it the sender waits, because credit is not given back.
    Wait,
}

/// What one filter has stopped.
#[derive(Default)]
pub(super) struct Hold {
    /// Position in the direction's order.
    pub(super) at: usize,
    /// The head is here.
    pub(super) head: bool,
    /// What follows is kept unseen by the filter, until it resumes.
    pub(super) unseen: bool,
    pub(super) limit: Limit,
    pub(super) data: Buffer,
    /// A piece of the body came, even if nothing of it is left: the end follows the head as an empty piece.
    pub(super) has_body: bool,
    /// The end of the stream is here, behind the data.
    pub(super) end_stream: bool,
    pub(super) trailers: bool,
}

impl Hold {
    pub(super) fn new(at: usize) -> Self {
        Self { at, ..Self::default() }
    }

    /// Puts a piece behind what is here.
    pub(super) fn add(&mut self, data: Chunk, end_stream: bool) {
        self.data.push(data);
        self.has_body = true;
        self.end_stream |= end_stream;
    }
}
