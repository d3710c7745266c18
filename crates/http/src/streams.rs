//! The worker's streams: a slab whose places, boxes and timer entries are reused. Owner: the worker.
//!
//! While a stream handles an event it is out of its place, so that it can be borrowed whole; whoever looks for it then
//! finds nothing, and has to queue an event instead.

use std::cell::RefCell;

use nuncio_message::Tick;
use nuncio_worker::Alarm;

use crate::connection_manager::Stream;

/// A stream of this worker, and never one that took its place later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct StreamKey {
    pub(crate) index: u32,
    generation: u32,
}

/// Streams without a place, kept for their memory.
const MAX_SPARE: usize = 256;

#[derive(Default)]
pub(crate) struct Streams {
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: RefCell<Vec<Box<Stream>>>,
}

struct Slot {
    generation: u32,
    alarm: Alarm,
    stream: Option<Box<Stream>>,
}

impl Streams {
    /// A place and a stream's memory; the caller fills it and puts it there.
    pub(crate) fn reserve(&self) -> (StreamKey, Option<Box<Stream>>) {
        let mut slots = self.slots.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot { generation: 0, alarm: Alarm::default(), stream: None });
            slots.len() as u32 - 1
        });
        let generation = slots[index as usize].generation;
        (StreamKey { index, generation }, self.spare.borrow_mut().pop())
    }

    /// Takes the stream out to work with it.
    pub(crate) fn take(&self, key: StreamKey) -> Option<Box<Stream>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation { slot.stream.take() } else { None }
    }

    /// Puts it back.
    pub(crate) fn put(&self, key: StreamKey, stream: Box<Stream>) {
        self.slots.borrow_mut()[key.index as usize].stream = Some(stream);
    }

    /// Gives the place up for good; the stream has been cleared.
    pub(crate) fn retire(&self, key: StreamKey, stream: Box<Stream>) {
        self.slots.borrow_mut()[key.index as usize].generation += 1;
        self.free.borrow_mut().push(key.index);
        let mut spare = self.spare.borrow_mut();
        if spare.len() < MAX_SPARE {
            spare.push(stream);
        }
    }

    /// The key of the stream whose timer entry with deadline `at` has fired, if it is the current entry of its place.
    pub(crate) fn expired(&self, index: u32, at: Tick) -> Option<StreamKey> {
        let slots = self.slots.borrow();
        let slot = slots.get(index as usize)?;
        let is_current = slot.alarm.take(at);
        (is_current && slot.stream.is_some()).then_some(StreamKey { index, generation: slot.generation })
    }

    /// Runs `f` with the alarm of the stream's place.
    pub(crate) fn with_alarm(&self, key: StreamKey, f: impl FnOnce(&Alarm)) {
        if let Some(slot) = self.slots.borrow().get(key.index as usize) {
            f(&slot.alarm);
        }
    }

    /// Runs `f` on a stream in its place: for leaf work that calls nobody.
    pub(crate) fn with<R>(&self, key: StreamKey, f: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.stream.as_deref_mut().map(f)
    }

    /// Streams under way.
    pub(crate) fn len(&self) -> usize {
        self.slots.borrow().len() - self.free.borrow().len()
    }
}
