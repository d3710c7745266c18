//! The streams of a connection: a slab of reused entries, found by id through a small open-addressed table.

use nuncio_message::{Buffer, Headers, Tick};

use super::flow::{ReceiveWindow, SendWindow};
use crate::StreamId;

/// Where a stream stands in the slab.
pub(super) type Slot = u32;

/// An entry of the table that holds nothing: no stream has this id.
const VACANT: StreamId = 0;
const SMALLEST_TABLE: usize = 8;
/// A slab that a burst made larger than this is freed when its last stream goes.
const KEPT_SLOTS: usize = 64;

/// One stream. Owner: its connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// Whether our head has been sent.
    pub(super) is_begun: bool,
    pub(super) receive_window: ReceiveWindow,
    pub(super) send_window: SendWindow,
    /// Body bytes that wait for window.
    pub(super) queue: Buffer,
    /// What follows the queue.
    pub(super) then: Then,
    /// The announced `content-length`.
    pub(super) content_length: Option<u64>,
    pub(super) received: u64,
    /// The request's method, as far as it decides about the response's body (client).
    pub(super) method: Method,
    /// Whether it stands in the queue of streams with data to send.
    pub(super) is_ready: bool,
    /// When its last data must have left.
    pub(super) flush_by: Tick,
}

/// What has come from the peer: `Head (→ FinalHead) → Body → Closed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiving {
    Head,
    /// A 1xx response has come, the final one has not (client).
    FinalHead,
    Body,
    Closed,
}

/// What was sent: `Open → Closed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sending {
    Open,
    Closed,
}

/// What is sent when the queue of a stream is empty.
#[derive(Default, Debug)]
pub(super) enum Then {
    #[default]
    Nothing,
    EndStream,
    Trailers(Box<Headers>),
}

/// Methods whose responses have another body than their headers say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    Head,
    Connect,
    Other,
}

impl Stream {
    fn new(id: StreamId, receive: u32, send: u32) -> Self {
        Self {
            id,
            receiving: Receiving::Head,
            sending: Sending::Open,
            is_begun: false,
            receive_window: ReceiveWindow::new(receive),
            send_window: SendWindow::new(send),
            queue: Buffer::new(),
            then: Then::Nothing,
            content_length: None,
            received: 0,
            method: Method::Other,
            is_ready: false,
            flush_by: Tick::NEVER,
        }
    }

    /// Starts over in place, so that the queue keeps its memory.
    fn reset(&mut self, id: StreamId, receive: u32, send: u32) {
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        *self = Self { queue, ..Self::new(id, receive, send) };
    }
}

/// All streams that are open or half closed.
#[derive(Default, Debug)]
pub(super) struct Streams {
    slots: Vec<Stream>,
    free: Vec<Slot>,
    /// A power of two of pairs, at most half full; empty before the first stream.
    table: Vec<(StreamId, Slot)>,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Stream> {
        self.slots.get(slot as usize).filter(|stream| stream.id != VACANT)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Stream> {
        self.slots.get_mut(slot as usize).filter(|stream| stream.id != VACANT)
    }

    pub(super) fn find(&self, id: StreamId) -> Option<Slot> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = home(id, mask);
        loop {
            match self.table[at] {
                (VACANT, _) => return None,
                (found, slot) if found == id => return Some(slot),
                _ => at = (at + 1) & mask,
            }
        }
    }

    pub(super) fn by_id(&mut self, id: StreamId) -> Option<&mut Stream> {
        let slot = self.find(id)?;
        self.get_mut(slot)
    }

    /// Adds a stream with these windows; its id must be new.
    pub(super) fn insert(&mut self, id: StreamId, receive: u32, send: u32) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize].reset(id, receive, send);
                slot
            }
            None => {
                self.slots.push(Stream::new(id, receive, send));
                self.slots.len() as Slot - 1
            }
        };
        if self.len() * 2 > self.table.len() {
            self.grow();
        }
        self.enter(id, slot);
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(stream) = self.get_mut(slot) else { return };
        let id = std::mem::replace(&mut stream.id, VACANT);
        stream.queue.clear();
        stream.then = Then::Nothing;
        self.leave(id);
        self.free.push(slot);
        if self.len() == 0 && self.slots.len() > KEPT_SLOTS {
            *self = Self::default();
        }
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        0..self.slots.len() as Slot
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.slots.iter().filter(|stream| stream.id != VACANT)
    }

    fn enter(&mut self, id: StreamId, slot: Slot) {
        let mask = self.table.len() - 1;
        let mut at = home(id, mask);
        while self.table[at].0 != VACANT {
            at = (at + 1) & mask;
        }
        self.table[at] = (id, slot);
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(SMALLEST_TABLE);
        let old = std::mem::replace(&mut self.table, vec![(VACANT, 0); size]);
        for (id, slot) in old.into_iter().filter(|&(id, _)| id != VACANT) {
            self.enter(id, slot);
        }
    }

    /// Takes an id out and moves what follows it closer to home, so that no gap breaks a search.
    fn leave(&mut self, id: StreamId) {
        let mask = self.table.len() - 1;
        let mut gap = home(id, mask);
        while self.table[gap].0 != id {
            gap = (gap + 1) & mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let (other, _) = self.table[at];
            if other == VACANT {
                break;
            }
            let is_past_gap = (at.wrapping_sub(home(other, mask)) & mask) >= (at.wrapping_sub(gap) & mask);
            if is_past_gap {
                self.table[gap] = self.table[at];
                gap = at;
            }
        }
        self.table[gap] = (VACANT, 0);
    }
}

/// Ids of one peer are odd or even, and ascend: a multiplication spreads them.
fn home(id: StreamId, mask: usize) -> usize {
    ((id >> 1).wrapping_mul(0x9e37_79b1) >> 16) as usize & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_found_whatever_came_and_went() {
        let mut streams = Streams::default();
        let mut live = std::collections::BTreeMap::new();
        let mut seed = 1u32;
        for id in (1..4000).step_by(2) {
            live.insert(id, streams.insert(id, 1, 1));
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if seed >> 30 != 0 || live.len() > 50 {
                let victim = *live.keys().nth(seed as usize % live.len()).expect("one is live");
                streams.remove(live.remove(&victim).expect("one is live"));
            }
            assert_eq!(streams.len(), live.len());
            for (&id, &slot) in &live {
                assert_eq!(streams.find(id), Some(slot));
            }
            assert_eq!(streams.find(id + 2), None);
        }
    }
}
