//! What a direction holds, and at which filter.
//!
//! ```text
//!            head stopped            data stopped           trailers stopped
//!  (nothing) ───────────► head ─────────────────► head+data ───────────────► head+data+trailers
//!      │                                              ▲
//!      └──────────── data stopped: data ──────────────┘      each lets go as a whole, in this order
//! ```
//! Usually one filter holds at most; the list is for those that stop behind one another.

use nuncio_message::{Buffer, Chunk};

/// How far what follows a stopped head may pile up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// Above the buffer limit the stream fails: 413 or 500.
    Fail,
    /// Above it the sender waits, because credit is not given back.
    Wait,
}

/// What one filter has stopped.
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
        Self {
            at,
            head: false,
            unseen: false,
            limit: Limit::Fail,
            data: Buffer::new(),
            has_body: false,
            end_stream: false,
            trailers: false,
        }
    }

    /// Puts a piece behind what is here.
    pub(super) fn add(&mut self, data: Chunk, end_stream: bool) {
        self.data.push(data);
        self.has_body = true;
        self.end_stream |= end_stream;
    }
}

/// The holds of a direction, by position.
#[derive(Default)]
pub(super) struct Holds {
    list: Vec<Hold>,
}

impl Holds {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn at(&mut self, position: usize) -> Option<&mut Hold> {
        self.list.iter_mut().find(|hold| hold.at == position)
    }

    pub(super) fn add(&mut self, hold: Hold) -> &mut Hold {
        debug_assert!(self.list.iter().all(|other| other.at != hold.at), "one hold a filter");
        let at = self.list.partition_point(|other| other.at < hold.at);
        self.list.insert(at, hold);
        &mut self.list[at]
    }

    pub(super) fn take(&mut self, position: usize) -> Option<Hold> {
        let at = self.list.iter().position(|hold| hold.at == position)?;
        Some(self.list.remove(at))
    }
}
