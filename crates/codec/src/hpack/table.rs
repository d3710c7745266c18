//! The static table (RFC 7541 appendix A) and the dynamic one, a bounded queue of fields.

use nuncio_message::HeaderId;

use super::Field;

/// What an entry counts beyond its name and value (RFC 7541 section 4.1).
pub(super) const OVERHEAD: usize = 32;
/// The first index of the dynamic table.
pub(super) const DYNAMIC: u32 = STATIC.len() as u32 + 1;

const fn named(id: HeaderId, value: &'static str) -> Static {
    Static { id, name: "", value }
}

const fn other(name: &'static str) -> Static {
    Static { id: HeaderId::OTHER, name, value: "" }
}

pub(super) struct Static {
    id: HeaderId,
    name: &'static str,
    value: &'static str,
}

/// Index 1 stands at 0.
pub(super) static STATIC: [Static; 61] = [
    named(HeaderId::AUTHORITY, ""),
    named(HeaderId::METHOD, "GET"),
    named(HeaderId::METHOD, "POST"),
    named(HeaderId::PATH, "/"),
    named(HeaderId::PATH, "/index.html"),
    named(HeaderId::SCHEME, "http"),
    named(HeaderId::SCHEME, "https"),
    named(HeaderId::STATUS, "200"),
    named(HeaderId::STATUS, "204"),
    named(HeaderId::STATUS, "206"),
    named(HeaderId::STATUS, "304"),
    named(HeaderId::STATUS, "400"),
    named(HeaderId::STATUS, "404"),
    named(HeaderId::STATUS, "500"),
    other("accept-charset"),
    named(HeaderId::ACCEPT_ENCODING, "gzip, deflate"),
    named(HeaderId::ACCEPT_LANGUAGE, ""),
    named(HeaderId::ACCEPT_RANGES, ""),
    named(HeaderId::ACCEPT, ""),
    named(HeaderId::ACCESS_CONTROL_ALLOW_ORIGIN, ""),
    named(HeaderId::AGE, ""),
    other("allow"),
    named(HeaderId::AUTHORIZATION, ""),
    named(HeaderId::CACHE_CONTROL, ""),
    other("content-disposition"),
    named(HeaderId::CONTENT_ENCODING, ""),
    other("content-language"),
    named(HeaderId::CONTENT_LENGTH, ""),
    other("content-location"),
    other("content-range"),
    named(HeaderId::CONTENT_TYPE, ""),
    named(HeaderId::COOKIE, ""),
    named(HeaderId::DATE, ""),
    named(HeaderId::ETAG, ""),
    named(HeaderId::EXPECT, ""),
    named(HeaderId::EXPIRES, ""),
    other("from"),
    named(HeaderId::HOST, ""),
    named(HeaderId::IF_MATCH, ""),
    named(HeaderId::IF_MODIFIED_SINCE, ""),
    named(HeaderId::IF_NONE_MATCH, ""),
    named(HeaderId::IF_RANGE, ""),
    named(HeaderId::IF_UNMODIFIED_SINCE, ""),
    named(HeaderId::LAST_MODIFIED, ""),
    other("link"),
    named(HeaderId::LOCATION, ""),
    other("max-forwards"),
    other("proxy-authenticate"),
    other("proxy-authorization"),
    other("range"),
    named(HeaderId::REFERER, ""),
    other("refresh"),
    named(HeaderId::RETRY_AFTER, ""),
    named(HeaderId::SERVER, ""),
    named(HeaderId::SET_COOKIE, ""),
    other("strict-transport-security"),
    named(HeaderId::TRANSFER_ENCODING, ""),
    named(HeaderId::USER_AGENT, ""),
    named(HeaderId::VARY, ""),
    named(HeaderId::VIA, ""),
    named(HeaderId::WWW_AUTHENTICATE, ""),
];

impl Static {
    pub(super) fn id(&self) -> HeaderId {
        self.id
    }

    pub(super) fn field(&self) -> Field<'_> {
        Field { id: self.id, other: self.name.as_bytes(), value: self.value.as_bytes(), is_checked: true }
    }
}

/// The dynamic table: newest entry first. Owner: one direction of one connection.
///
/// Invariants:
/// 1. `size` is the sum of name, value and [`OVERHEAD`] of all entries, and at most `max`.
/// 2. `bytes` holds the entries' bytes one behind the other; what stands before the oldest is garbage, at most as
///    much as `max`, so that memory stays below twice the bound.
/// 3. `entries` is a ring of a power of two, or empty; the newest stands at `newest`, older ones before it.
#[derive(Debug)]
pub(super) struct DynamicTable {
    bytes: Vec<u8>,
    /// Position, in all bytes ever inserted, of the first byte in `bytes`. Wraps.
    base: u32,
    entries: Vec<Entry>,
    newest: usize,
    count: usize,
    size: usize,
    max: usize,
    /// Entries ever inserted; wraps.
    inserted: u16,
    /// Changes so far.
    version: u64,
}

/// A known name takes no bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u32,
    name_len: u32,
    value_len: u32,
    id: HeaderId,
    is_checked: bool,
}

const NONE: Entry = Entry { at: 0, name_len: 0, value_len: 0, id: HeaderId::OTHER, is_checked: false };
const FEWEST_ENTRIES: usize = 16;

impl DynamicTable {
    /// Holds no memory until something is inserted.
    pub(super) fn new(max: u32) -> Self {
        Self {
            bytes: Vec::new(),
            base: 0,
            entries: Vec::new(),
            newest: 0,
            count: 0,
            size: 0,
            max: max as usize,
            inserted: 0,
            version: 0,
        }
    }

    pub(super) fn max(&self) -> u32 {
        self.max as u32
    }

    /// Another number after each change: as long as it is the same, indices mean the same.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    #[inline]
    pub(super) fn inserted(&self) -> u16 {
        self.inserted
    }

    /// Changes the bound and evicts what no longer fits.
    pub(super) fn set_max(&mut self, max: u32) {
        self.max = max as usize;
        self.version += 1;
        self.evict(0);
    }

    /// The entry at `index`, 0 being the newest.
    #[inline(always)]
    pub(super) fn at(&self, index: usize) -> Option<Field<'_>> {
        if index >= self.count {
            return None;
        }
        let entry = self.entries.get(self.newest.wrapping_sub(index) & (self.entries.len() - 1))?;
        let start = entry.at.wrapping_sub(self.base) as usize;
        let end_of_name = start + entry.name_len as usize;
        let value = self.bytes.get(end_of_name..end_of_name + entry.value_len as usize)?;
        let other = if entry.name_len == 0 { &[] } else { self.bytes.get(start..end_of_name)? };
        Some(Field { id: entry.id, other, value, is_checked: entry.is_checked })
    }

    /// Adds an entry as the newest; one larger than the bound empties the table (RFC 7541 section 4.4).
    pub(super) fn insert(&mut self, field: Field<'_>) {
        let needed = field.name().len() + field.value.len() + OVERHEAD;
        self.version += 1;
        self.evict(needed);
        if needed > self.max {
            return;
        }
        self.collect_garbage();
        let at = self.base.wrapping_add(self.bytes.len() as u32);
        self.bytes.extend_from_slice(field.other);
        self.bytes.extend_from_slice(field.value);
        let (name_len, value_len) = (field.other.len() as u32, field.value.len() as u32);
        self.push(Entry { at, name_len, value_len, id: field.id, is_checked: field.is_checked });
        self.size += needed;
        self.inserted = self.inserted.wrapping_add(1);
    }

    fn push(&mut self, entry: Entry) {
        if self.count == self.entries.len() {
            if self.count > 0 {
                // Straightens the ring: the oldest stands behind the newest.
                self.entries.rotate_left((self.newest + 1) % self.count);
            }
            self.entries.resize((self.count * 2).max(FEWEST_ENTRIES), NONE);
            self.newest = self.count.wrapping_sub(1);
        }
        self.newest = self.newest.wrapping_add(1) & (self.entries.len() - 1);
        self.entries[self.newest] = entry;
        self.count += 1;
    }

    fn oldest(&self) -> Option<&Entry> {
        let back = self.count.checked_sub(1)?;
        self.entries.get(self.newest.wrapping_sub(back) & (self.entries.len() - 1))
    }

    fn evict(&mut self, needed: usize) {
        while self.size + needed > self.max {
            let Some(entry) = self.oldest() else { return };
            let name_len = if entry.id == HeaderId::OTHER { entry.name_len as usize } else { entry.id.name().len() };
            self.size -= name_len + entry.value_len as usize + OVERHEAD;
            self.count -= 1;
        }
    }

    fn collect_garbage(&mut self) {
        let Some(oldest) = self.oldest() else {
            self.base = self.base.wrapping_add(self.bytes.len() as u32);
            self.bytes.clear();
            return;
        };
        let garbage = oldest.at.wrapping_sub(self.base) as usize;
        if garbage > self.max / 2 {
            self.bytes.drain(..garbage);
            self.base = self.base.wrapping_add(garbage as u32);
        }
    }
}
