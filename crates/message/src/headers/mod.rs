//! One header list for every protocol version: names interned, values in one buffer, order kept.

mod known;
mod spare;

use std::fmt;

use known::HOT;
pub use known::{HeaderId, HeaderMapKind};

/// Below this much garbage compaction is not worth it.
const COMPACT_FLOOR_BYTES: u32 = 1024;

/// The headers (pseudo headers included) or trailers of one message, in order.
///
/// Names are lower case. Well-known names are numbers and take no space. Count and size are kept incrementally.
/// Memory is recycled through the thread's pool when a list is dropped.
pub struct Headers {
    store: Vec<u8>,
    entries: Vec<Entry>,
    present: u128,
    hot: [u16; HOT],
    live: u32,
    live_bytes: u32,
    dead_bytes: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    id: HeaderId,
    is_dead: bool,
    name_at: u32,
    name_len: u32,
    value_at: u32,
    value_len: u32,
}

/// One header of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The well-known number, or [`HeaderId::OTHER`].
    pub id: HeaderId,
    /// The lower-case name.
    pub name: &'a [u8],
    /// The value as it goes on the wire.
    pub value: &'a [u8],
}

impl Headers {
    /// An empty list, from the thread's pool if there is one.
    pub fn new() -> Self {
        spare::take().unwrap_or_else(|| Self {
            store: Vec::new(),
            entries: Vec::new(),
            present: 0,
            hot: [0; HOT],
            live: 0,
            live_bytes: 0,
            dead_bytes: 0,
        })
    }

    /// Number of headers, pseudo headers included.
    pub fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Bytes of all names and values.
    pub fn byte_size(&self) -> usize {
        self.live_bytes as usize
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.store.clear();
        self.entries.clear();
        self.present = 0;
        self.hot = [0; HOT];
        (self.live, self.live_bytes, self.dead_bytes) = (0, 0, 0);
    }

    /// Whether the well-known header is there.
    pub fn has(&self, id: HeaderId) -> bool {
        self.present & (1 << id.number()) != 0 && id != HeaderId::OTHER
    }

    /// The first value of a well-known header.
    pub fn get(&self, id: HeaderId) -> Option<&[u8]> {
        self.first(id).map(|at| self.value_of(&self.entries[at]))
    }

    /// The first value of the header with this lower-case name.
    pub fn get_by_name(&self, name: &[u8]) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// All values of the header with this lower-case name, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let id = HeaderId::of(name);
        let is_possible = id == HeaderId::OTHER || self.has(id);
        let entries = if is_possible { self.entries.as_slice() } else { &[] };
        entries
            .iter()
            .filter(move |entry| {
                !entry.is_dead && entry.id == id && (id != HeaderId::OTHER || self.name_of(entry) == name)
            })
            .map(|entry| self.value_of(entry))
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> + '_ {
        self.entries.iter().filter(|entry| !entry.is_dead).map(|entry| Header {
            id: entry.id,
            name: self.name_of(entry),
            value: self.value_of(entry),
        })
    }

    /// The `:status` as a number.
    pub fn status(&self) -> Option<u16> {
        match self.get(HeaderId::STATUS)? {
            &[a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
            }
            _ => None,
        }
    }

    /// Appends a well-known header, also when there is one already.
    pub fn push(&mut self, id: HeaderId, value: &[u8]) {
        debug_assert!(id != HeaderId::OTHER, "a header without a number needs a name");
        let value_at = self.store.len() as u32;
        self.store.extend_from_slice(value);
        self.push_entry(Entry { id, is_dead: false, name_at: 0, name_len: 0, value_at, value_len: value.len() as u32 });
    }

    /// Appends a header with a name in any case, also when there is one already. Returns its number.
    pub fn push_name(&mut self, name: &[u8], value: &[u8]) -> HeaderId {
        let name_at = self.store.len();
        self.store.extend_from_slice(name);
        self.store[name_at..].make_ascii_lowercase();
        let id = HeaderId::of(&self.store[name_at..]);
        if id != HeaderId::OTHER {
            self.store.truncate(name_at);
        }
        let value_at = self.store.len();
        self.store.extend_from_slice(value);
        let name_len = if id == HeaderId::OTHER { name.len() as u32 } else { 0 };
        self.push_entry(Entry {
            id,
            is_dead: false,
            name_at: name_at as u32,
            name_len,
            value_at: value_at as u32,
            value_len: value.len() as u32,
        });
        id
    }

    /// Adds a header that came from the wire or from configuration: a name that Envoy joins in `map` is joined with a
    /// comma onto the one that is there, any other is appended. Returns its number.
    pub fn add(&mut self, map: HeaderMapKind, name: &[u8], value: &[u8]) -> HeaderId {
        let at = self.entries.len();
        let id = self.push_name(name, value);
        if id.is_joined(map) && self.first(id) != Some(at) {
            self.fold_last(id, b",");
        }
        id
    }

    /// Appends `value` to the first one, separated by `separator`, or adds the header.
    pub fn append(&mut self, id: HeaderId, separator: &[u8], value: &[u8]) {
        let is_first = !self.has(id);
        self.push(id, value);
        if !is_first {
            self.fold_last(id, separator);
        }
    }

    /// Sets a well-known header to one value: in the place of the first, or at the end.
    pub fn set(&mut self, id: HeaderId, value: &[u8]) {
        let Some(at) = self.first(id) else {
            self.push(id, value);
            return;
        };
        self.replace_value(at, value);
        self.kill_where(at + 1, |entry, _| entry.id == id);
    }

    /// Sets a header by its lower-case name to one value: in the place of the first, or at the end.
    pub fn set_by_name(&mut self, name: &[u8], value: &[u8]) {
        let id = HeaderId::of(name);
        if id != HeaderId::OTHER {
            self.set(id, value);
            return;
        }
        let Some(at) = self.position(name) else {
            self.push_name(name, value);
            return;
        };
        self.replace_value(at, value);
        self.kill_where(at + 1, |entry, list| entry.id == id && list.name_of(entry) == name);
    }

    /// Sets a well-known header to a decimal number.
    pub fn set_number(&mut self, id: HeaderId, value: u64) {
        let mut digits = [0; 20];
        self.set(id, decimal(value, &mut digits));
    }

    /// Removes all of a well-known header; returns whether there was one.
    pub fn remove(&mut self, id: HeaderId) -> bool {
        if !self.has(id) {
            return false;
        }
        self.kill_where(0, |entry, _| entry.id == id);
        self.present &= !(1 << id.number());
        if (id.number() as usize) < HOT {
            self.hot[id.number() as usize] = 0;
        }
        true
    }

    /// Removes all headers with this lower-case name; returns whether there was one.
    pub fn remove_by_name(&mut self, name: &[u8]) -> bool {
        let id = HeaderId::of(name);
        if id != HeaderId::OTHER {
            return self.remove(id);
        }
        let before = self.live;
        self.kill_where(0, |entry, list| entry.id == id && list.name_of(entry) == name);
        self.live != before
    }

    /// Removes the headers for which `is_unwanted` says so.
    pub fn remove_if(&mut self, mut is_unwanted: impl FnMut(Header<'_>) -> bool) {
        self.kill_where(0, |entry, list| {
            is_unwanted(Header { id: entry.id, name: list.name_of(entry), value: list.value_of(entry) })
        });
        self.index();
    }

    fn name_of(&self, entry: &Entry) -> &[u8] {
        match entry.id {
            HeaderId::OTHER => &self.store[entry.name_at as usize..][..entry.name_len as usize],
            id => id.name().as_bytes(),
        }
    }

    fn value_of(&self, entry: &Entry) -> &[u8] {
        &self.store[entry.value_at as usize..][..entry.value_len as usize]
    }

    fn name_bytes(entry: &Entry) -> u32 {
        match entry.id {
            HeaderId::OTHER => entry.name_len,
            id => id.name().len() as u32,
        }
    }

    fn first(&self, id: HeaderId) -> Option<usize> {
        if !self.has(id) {
            return None;
        }
        match self.hot.get(id.number() as usize) {
            Some(&at) if at != 0 => Some(at as usize - 1),
            _ => self.entries.iter().position(|entry| entry.id == id && !entry.is_dead),
        }
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        let is_match = |entry: &Entry| !entry.is_dead && entry.id == HeaderId::OTHER && self.name_of(entry) == name;
        self.entries.iter().position(is_match)
    }

    fn push_entry(&mut self, entry: Entry) {
        self.live += 1;
        self.live_bytes += Self::name_bytes(&entry) + entry.value_len;
        self.entries.push(entry);
        self.note(entry.id, self.entries.len());
    }

    /// Marks `id` as present, first seen at the one-based position `at`.
    fn note(&mut self, id: HeaderId, at: usize) {
        self.present |= 1 << id.number();
        if let Some(hot @ 0) = self.hot.get_mut(id.number() as usize) {
            // A position beyond u16 stays unindexed and is found by search.
            *hot = u16::try_from(at).unwrap_or(0);
        }
    }

    fn replace_value(&mut self, at: usize, value: &[u8]) {
        let entry = self.entries[at];
        self.live_bytes = self.live_bytes - entry.value_len + value.len() as u32;
        if value.len() <= entry.value_len as usize {
            self.store[entry.value_at as usize..][..value.len()].copy_from_slice(value);
            self.dead_bytes += entry.value_len - value.len() as u32;
        } else {
            self.dead_bytes += entry.value_len;
            self.entries[at].value_at = self.store.len() as u32;
            self.store.extend_from_slice(value);
        }
        self.entries[at].value_len = value.len() as u32;
        self.compact();
    }

    /// Joins the value of the last entry, which has number `id`, onto the first with that number.
    fn fold_last(&mut self, id: HeaderId, separator: &[u8]) {
        let (Some(at), Some(last)) = (self.first(id), self.entries.pop()) else { return };
        let first = self.entries[at];
        self.live -= 1;
        self.live_bytes = self.live_bytes - Self::name_bytes(&last) + separator.len() as u32;
        let start = self.store.len();
        self.store.extend_from_within(first.value_at as usize..(first.value_at + first.value_len) as usize);
        self.store.extend_from_slice(separator);
        self.store.extend_from_within(last.value_at as usize..(last.value_at + last.value_len) as usize);
        self.dead_bytes += first.value_len + last.value_len;
        self.entries[at].value_at = start as u32;
        self.entries[at].value_len = (self.store.len() - start) as u32;
        self.compact();
    }

    fn kill_where(&mut self, from: usize, mut is_match: impl FnMut(&Entry, &Self) -> bool) {
        for at in from..self.entries.len() {
            let entry = self.entries[at];
            if entry.is_dead || !is_match(&entry, self) {
                continue;
            }
            self.entries[at].is_dead = true;
            self.live -= 1;
            self.live_bytes -= Self::name_bytes(&entry) + entry.value_len;
            self.dead_bytes += entry.name_len + entry.value_len;
        }
    }

    /// Rewrites the store when more than half of it is garbage.
    fn compact(&mut self) {
        if self.dead_bytes < COMPACT_FLOOR_BYTES || (self.dead_bytes as usize) < self.store.len() / 2 {
            return;
        }
        let old = std::mem::take(&mut self.store);
        self.store.reserve(self.live_bytes as usize);
        self.entries.retain(|entry| !entry.is_dead);
        for entry in &mut self.entries {
            let name = &old[entry.name_at as usize..][..entry.name_len as usize];
            let value = &old[entry.value_at as usize..][..entry.value_len as usize];
            entry.name_at = self.store.len() as u32;
            self.store.extend_from_slice(name);
            entry.value_at = self.store.len() as u32;
            self.store.extend_from_slice(value);
        }
        self.dead_bytes = 0;
        self.index();
    }

    fn index(&mut self) {
        self.present = 0;
        self.hot = [0; HOT];
        for at in 0..self.entries.len() {
            if !self.entries[at].is_dead {
                self.note(self.entries[at].id, at + 1);
            }
        }
    }
}

/// Writes `value` in decimal at the end of `digits` and returns the written part.
fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[at..];
        }
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Headers {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        copy.store.extend_from_slice(&self.store);
        copy.entries.extend_from_slice(&self.entries);
        (copy.present, copy.hot) = (self.present, self.hot);
        (copy.live, copy.live_bytes, copy.dead_bytes) = (self.live, self.live_bytes, self.dead_bytes);
        copy
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if self.entries.capacity() > 0 {
            spare::put(self);
        }
    }
}

/// Equal when the same headers stand in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.live == other.live && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

#[cfg(test)]
mod tests;
