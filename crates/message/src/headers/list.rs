//! What stands behind a [`super::Headers`] that is not empty.
//!
//! Invariants:
//! 1. Names and values of all entries, dead ones too, are ranges of `store`.
//! 2. `present` has the bit of each number that a live entry has. `hot` has the position, counted from one, of the first
//!    of them for the first numbers; zero when there is none, or none before the 256th.
//! 3. While a block is being read, what was copied stays where it is.
//! 4. A whole line (`Form::Line`) stands in the store as HTTP/1 writes it: name in lower case, `: `, value, CRLF.

use super::known::HOT;
use super::{Header, HeaderId, Spelling};

/// Below this much garbage compaction is not worth it.
const COMPACT_FLOOR_BYTES: u32 = 1024;
/// A power of two, so that clearing takes two stores.
const HOT_PLACES: usize = 32;
const _: () = assert!(HOT <= HOT_PLACES, "every hot number has its place");

#[derive(Default)]
pub(super) struct List {
    store: Vec<u8>,
    entries: Vec<Entry>,
    present: [u64; 2],
    hot: [u8; HOT_PLACES],
    pub(super) live: u32,
    pub(super) live_bytes: u32,
    dead_bytes: u32,
    /// Where a block ends that is still being read; nothing moves until it is.
    block_end: u32,
    pub(super) spelling: Option<Box<Spelling>>,
}

/// A range of the store.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) at: u32,
    pub(super) len: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: HeaderId,
    pub(super) form: Form,
    /// Of a known name only when the entry is a whole line.
    pub(super) name: Part,
    pub(super) value: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Removed.
    Dead,
    /// A value, and a name if that has no number.
    Parts,
    /// A whole line (invariant 4).
    Line,
}

impl Entry {
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.form != Form::Dead
    }

    #[inline]
    fn name_bytes(&self) -> u32 {
        if self.id == HeaderId::OTHER { self.name.len } else { self.id.name().len() as u32 }
    }

    /// What follows the line that this entry is.
    #[inline]
    pub(super) fn line_end(&self) -> u32 {
        self.value.at + self.value.len + 2
    }
}

impl Part {
    #[inline]
    pub(super) fn of(self, store: &[u8]) -> &[u8] {
        &store[self.at as usize..][..self.len as usize]
    }
}

impl List {
    pub(super) fn capacity(&self) -> usize {
        self.store.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.store.clear();
        self.entries.clear();
        self.present = [0; 2];
        self.hot = [0; HOT_PLACES];
        (self.live, self.live_bytes, self.dead_bytes, self.block_end) = (0, 0, 0, 0);
        self.spelling = None;
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.store.extend_from_slice(&other.store);
        self.entries.extend_from_slice(&other.entries);
        (self.present, self.hot) = (other.present, other.hot);
        (self.live, self.live_bytes, self.dead_bytes) = (other.live, other.live_bytes, other.dead_bytes);
        self.spelling.clone_from(&other.spelling);
    }

    #[inline]
    pub(super) fn store(&self) -> &[u8] {
        &self.store
    }

    #[inline]
    pub(super) fn store_mut(&mut self) -> &mut Vec<u8> {
        &mut self.store
    }

    /// Copies a block and so many zeros, to be read in place.
    #[inline]
    pub(super) fn begin_block(&mut self, block: &[u8], padding: usize) {
        self.store.reserve(block.len() + padding);
        self.store.extend_from_slice(block);
        self.store.resize(self.store.len() + padding, 0);
        self.block_end = self.store.len() as u32;
    }

    /// Of the block only the first `len` bytes are needed any longer.
    #[inline]
    pub(super) fn end_block(&mut self, len: usize) {
        if self.store.len() == self.block_end as usize {
            self.store.truncate(len);
        }
        self.block_end = 0;
    }

    #[inline]
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[inline]
    pub(super) fn has(&self, id: HeaderId) -> bool {
        let number = id.number();
        self.present[usize::from(number >> 6) & 1] & (1 << (number & 63)) != 0
    }

    /// The bits of `set` that live entries have.
    #[inline]
    pub(super) fn common(&self, set: &[u64; 2]) -> [u64; 2] {
        [self.present[0] & set[0], self.present[1] & set[1]]
    }

    #[inline]
    pub(super) fn pseudo_count(&self) -> usize {
        const PSEUDO: u64 = (2 << HeaderId::PROTOCOL.0) - (1 << HeaderId::METHOD.0);
        (self.present[0] & PSEUDO).count_ones() as usize
    }

    #[inline]
    pub(super) fn first(&self, id: HeaderId) -> Option<usize> {
        if !self.has(id) {
            return None;
        }
        match self.hot.get(usize::from(id.number())) {
            Some(&at) if at != 0 => Some(usize::from(at) - 1),
            _ => self.entries.iter().position(|entry| entry.id == id && entry.is_live()),
        }
    }

    #[inline]
    pub(super) fn get(&self, id: HeaderId) -> Option<&[u8]> {
        self.first(id).map(|at| self.value_of(&self.entries[at]))
    }

    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        let is_match =
            |entry: &Entry| entry.is_live() && entry.id == HeaderId::OTHER && entry.name.of(&self.store) == name;
        self.entries.iter().position(is_match)
    }

    #[inline]
    pub(super) fn name_of(&self, entry: &Entry) -> &[u8] {
        if entry.id == HeaderId::OTHER { entry.name.of(&self.store) } else { entry.id.name().as_bytes() }
    }

    #[inline]
    pub(super) fn value_of(&self, entry: &Entry) -> &[u8] {
        entry.value.of(&self.store)
    }

    #[inline]
    pub(super) fn header(&self, entry: &Entry) -> Header<'_> {
        Header { id: entry.id, name: self.name_of(entry), value: self.value_of(entry) }
    }

    /// How many entries, from the first on, are the same in both and stand in the same place.
    pub(super) fn common_prefix(&self, other: &Self) -> usize {
        let same = common_len(&self.store, &other.store);
        let is_same = |(one, other): &(&Entry, &Entry)| {
            let is_within = |part: Part| (part.at + part.len) as usize <= same;
            one == other && one.is_live() && is_within(one.value) && is_within(one.name)
        };
        self.entries.iter().zip(&other.entries).take_while(is_same).count()
    }

    /// Copies a value, to become that of an entry.
    #[inline]
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Part {
        if bytes.is_empty() {
            // Where a block ends is cut off when nothing was copied behind it.
            return Part::default();
        }
        let at = self.store.len() as u32;
        self.store.extend_from_slice(bytes);
        Part { at, len: bytes.len() as u32 }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, entry: Entry) {
        self.live += 1;
        self.live_bytes += entry.name_bytes() + entry.value.len;
        self.entries.push(entry);
        if entry.id != HeaderId::OTHER {
            self.note(entry.id, self.entries.len());
        }
    }

    #[inline]
    pub(super) fn push_known(&mut self, id: HeaderId, value: &[u8]) {
        debug_assert!(id != HeaderId::OTHER, "a header without a number needs a name");
        let value = self.keep(value);
        self.push(Entry { id, form: Form::Parts, name: Part::default(), value });
    }

    #[inline]
    pub(super) fn push_other(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(HeaderId::of(name) == HeaderId::OTHER, "a well-known name goes by its number");
        let (name, value) = (self.keep(name), self.keep(value));
        self.push(Entry { id: HeaderId::OTHER, form: Form::Parts, name, value });
    }

    /// Adds a value to the first with this number, or the header if there is none. As in Envoy an empty value adds
    /// nothing, and no separator comes behind one.
    pub(super) fn join(&mut self, id: HeaderId, separator: &[u8], value: &[u8]) {
        let Some(at) = self.first(id) else {
            self.push_known(id, value);
            return;
        };
        let old = self.entries[at].value;
        if value.is_empty() {
            return;
        }
        if old.len == 0 {
            self.replace_value(at, value);
            return;
        }
        let start = self.store.len();
        self.store.extend_from_within(old.at as usize..(old.at + old.len) as usize);
        self.store.extend_from_slice(separator);
        self.store.extend_from_slice(value);
        let joined = Part { at: start as u32, len: (self.store.len() - start) as u32 };
        self.live_bytes += joined.len - old.len;
        self.dead_bytes += old.len;
        (self.entries[at].value, self.entries[at].form) = (joined, Form::Parts);
        self.compact();
    }

    /// Marks `id` as present, at the position `at`, counted from one (invariant 2).
    #[inline]
    fn note(&mut self, id: HeaderId, at: usize) {
        let number = id.number();
        self.present[usize::from(number >> 6) & 1] |= 1 << (number & 63);
        if let Some(hot @ 0) = self.hot.get_mut(usize::from(number)) {
            *hot = u8::try_from(at).unwrap_or(0);
        }
    }

    pub(super) fn replace_value(&mut self, at: usize, value: &[u8]) {
        let old = self.entries[at].value;
        self.live_bytes = self.live_bytes - old.len + value.len() as u32;
        let new = if value.len() <= old.len as usize {
            self.store[old.at as usize..][..value.len()].copy_from_slice(value);
            self.dead_bytes += old.len - value.len() as u32;
            Part { at: old.at, len: value.len() as u32 }
        } else {
            self.dead_bytes += old.len;
            self.keep(value)
        };
        (self.entries[at].value, self.entries[at].form) = (new, Form::Parts);
        self.compact();
    }

    pub(super) fn kill_where(&mut self, from: usize, mut is_match: impl FnMut(&Entry, &Self) -> bool) {
        for at in from..self.entries.len() {
            let entry = self.entries[at];
            if !entry.is_live() || !is_match(&entry, self) {
                continue;
            }
            self.entries[at].form = Form::Dead;
            self.live -= 1;
            self.live_bytes -= entry.name_bytes() + entry.value.len;
            self.dead_bytes += entry.name.len + entry.value.len;
        }
    }

    /// Removes all with the number `id`.
    pub(super) fn remove(&mut self, id: HeaderId) {
        let from = self.first(id).unwrap_or_default();
        self.kill_where(from, |entry, _| entry.id == id);
        let number = id.number();
        self.present[usize::from(number >> 6) & 1] &= !(1 << (number & 63));
        if let Some(hot) = self.hot.get_mut(usize::from(number)) {
            *hot = 0;
        }
    }

    /// Rewrites the store when more than half of it is garbage.
    fn compact(&mut self) {
        if self.block_end > 0
            || self.dead_bytes < COMPACT_FLOOR_BYTES
            || (self.dead_bytes as usize) < self.store.len() / 2
        {
            return;
        }
        let old = std::mem::take(&mut self.store);
        self.store.reserve(self.live_bytes as usize);
        self.entries.retain(Entry::is_live);
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            let name = if entry.id == HeaderId::OTHER { entry.name } else { Part::default() };
            let (name, value) = (self.keep(name.of(&old)), self.keep(entry.value.of(&old)));
            self.entries[at] = Entry { id: entry.id, form: Form::Parts, name, value };
        }
        self.dead_bytes = 0;
        self.index();
    }

    pub(super) fn index(&mut self) {
        self.present = [0; 2];
        self.hot = [0; HOT_PLACES];
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            if entry.is_live() && entry.id != HeaderId::OTHER {
                self.note(entry.id, at + 1);
            }
        }
    }
}

/// Bytes with which both begin; fewer than 16 at the end are counted only when nothing else follows in either.
fn common_len(one: &[u8], other: &[u8]) -> usize {
    let steps = one.as_chunks::<16>().0.iter().zip(other.as_chunks::<16>().0);
    let mut common = 0;
    for (one, other) in steps {
        if one != other {
            let different = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
            return common + different.trailing_zeros() as usize / 8;
        }
        common += 16;
    }
    let (one, other) = (&one[common..], &other[common..]);
    if one == other { common + one.len() } else { common }
}
