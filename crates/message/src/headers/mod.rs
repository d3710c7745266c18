//! One header list for every protocol version: names interned, values in one buffer, order kept.

mod block;
mod known;
mod list;
mod set;
mod spare;
mod spelling;

use std::fmt;

pub use block::{BLOCK_PADDING, BlockHeaders, Line, Piece};
pub use known::{HeaderId, HeaderMapKind};
use list::{Entry, Form, List};
pub use set::HeaderSet;
pub use spelling::{OtherNames, Spelling};

/// The headers (pseudo headers included) or trailers of one message, in order.
///
/// Names are lower case. Well-known names are numbers and take no space. Count and size are kept incrementally.
/// An empty list holds no memory; that of a dropped one is recycled through the thread's pool.
#[derive(Default)]
pub struct Headers {
    list: Option<Box<List>>,
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
    /// An empty list.
    #[inline]
    pub const fn new() -> Self {
        Self { list: None }
    }

    #[inline]
    fn list_mut(&mut self) -> &mut List {
        self.list.get_or_insert_with(spare::take)
    }

    #[inline]
    fn parts(&self) -> (&[u8], &[Entry]) {
        self.list.as_deref().map_or((&[], &[]), |list| (list.store(), list.entries()))
    }

    #[inline]
    fn header(&self, entry: &Entry) -> Option<Header<'_>> {
        self.list.as_deref().map(|list| list.header(entry))
    }

    /// Number of headers, pseudo headers included.
    #[inline]
    pub fn len(&self) -> usize {
        self.list.as_deref().map_or(0, |list| list.live as usize)
    }

    /// Whether there is no header.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all names and values.
    #[inline]
    pub fn byte_size(&self) -> usize {
        self.list.as_deref().map_or(0, |list| list.live_bytes as usize)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        if let Some(list) = &mut self.list {
            list.clear();
        }
    }

    /// Whether the well-known header is there.
    #[inline]
    pub fn has(&self, id: HeaderId) -> bool {
        self.list.as_deref().is_some_and(|list| list.has(id))
    }

    /// The first value of a well-known header.
    #[inline]
    pub fn get(&self, id: HeaderId) -> Option<&[u8]> {
        self.list.as_deref()?.get(id)
    }

    /// The first value of the header with this lower-case name.
    pub fn get_by_name(&self, name: &[u8]) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// All values of the header with this lower-case name, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let id = HeaderId::of(name);
        let is_possible = id == HeaderId::OTHER || self.has(id);
        self.iter()
            .take_while(move |_| is_possible)
            .filter(move |header| header.id == id && (id != HeaderId::OTHER || header.name == name))
            .map(|header| header.value)
    }

    /// How many headers, from the first on, are found to be the same in both lists at little cost: they have to stand in
    /// the same places of both. None before them was removed.
    #[inline]
    pub fn common_prefix(&self, other: &Self) -> usize {
        match (self.list.as_deref(), other.list.as_deref()) {
            (Some(one), Some(other)) => one.common_prefix(other),
            _ => 0,
        }
    }

    /// How many different pseudo headers there are.
    #[inline]
    pub fn pseudo_count(&self) -> usize {
        self.list.as_deref().map_or(0, List::pseudo_count)
    }

    /// All headers in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> + '_ {
        self.iter_from(0)
    }

    /// The headers behind the first `count`, of which none was removed: see [`Self::common_prefix`].
    #[inline]
    pub fn iter_from(&self, count: usize) -> impl Iterator<Item = Header<'_>> + '_ {
        let list = self.list.as_deref();
        let entries = list.and_then(|list| list.entries().get(count..)).unwrap_or_default();
        entries.iter().filter(|entry| entry.is_live()).filter_map(move |entry| list.map(|list| list.header(entry)))
    }

    /// The `:status` as a number. HTTP/1 upstreams may send more than three digits, which Envoy passes on.
    #[inline]
    pub fn status(&self) -> Option<u16> {
        match self.get(HeaderId::STATUS)? {
            &[a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
            }
            long => long_status(long),
        }
    }

    /// Appends a well-known header, also when there is one already.
    #[inline]
    pub fn push(&mut self, id: HeaderId, value: &[u8]) {
        self.list_mut().push_known(id, value);
    }

    /// Appends a header with a name in any case, also when there is one already. Returns its number.
    pub fn push_name(&mut self, name: &[u8], value: &[u8]) -> HeaderId {
        let id = HeaderId::of_any_case(name);
        let list = self.list_mut();
        if id != HeaderId::OTHER {
            list.push_known(id, value);
            return id;
        }
        let name = list.keep(name);
        list.store_mut()[name.at as usize..].make_ascii_lowercase();
        let value = list.keep(value);
        list.push(Entry { id, form: Form::Parts, name, value });
        id
    }

    /// Appends a header whose lower-case name has no number, also when there is one already.
    #[inline]
    pub fn push_other(&mut self, name: &[u8], value: &[u8]) {
        self.list_mut().push_other(name, value);
    }

    /// Adds a header that came from the wire or from configuration: a name that Envoy joins in `map` is joined with a
    /// comma onto the one that is there, see [`Self::append`]; any other is appended. Returns its number.
    pub fn add(&mut self, map: HeaderMapKind, name: &[u8], value: &[u8]) -> HeaderId {
        let id = HeaderId::of_any_case(name);
        if id.is_joined(map) {
            self.append(id, b",", value);
            return id;
        }
        self.push_name(name, value)
    }

    /// Appends `value` to the first one, separated by `separator`, or adds the header. As in Envoy an empty value adds
    /// nothing, and no separator comes behind one.
    pub fn append(&mut self, id: HeaderId, separator: &[u8], value: &[u8]) {
        self.list_mut().join(id, separator, value);
    }

    /// Sets a well-known header to one value: in the place of the first, or at the end.
    pub fn set(&mut self, id: HeaderId, value: &[u8]) {
        let list = self.list_mut();
        let Some(at) = list.first(id) else {
            self.push(id, value);
            return;
        };
        list.replace_value(at, value);
        let at = list.first(id).unwrap_or_default();
        list.kill_where(at + 1, |entry, _| entry.id == id);
    }

    /// Sets a header by its lower-case name to one value: in the place of the first, or at the end.
    pub fn set_by_name(&mut self, name: &[u8], value: &[u8]) {
        let id = HeaderId::of(name);
        if id != HeaderId::OTHER {
            self.set(id, value);
            return;
        }
        let list = self.list_mut();
        let Some(at) = list.position(name) else {
            self.push_name(name, value);
            return;
        };
        list.replace_value(at, value);
        let at = list.position(name).unwrap_or_default();
        list.kill_where(at + 1, |entry, list| entry.id == id && list.name_of(entry) == name);
    }

    /// Sets a well-known header to a decimal number.
    pub fn set_number(&mut self, id: HeaderId, value: u64) {
        let mut digits = [0; 20];
        self.set(id, decimal(value, &mut digits));
    }

    /// Removes all of a well-known header; returns whether there was one.
    #[inline]
    pub fn remove(&mut self, id: HeaderId) -> bool {
        match self.list.as_deref_mut() {
            Some(list) if list.has(id) => {
                list.remove(id);
                true
            }
            _ => false,
        }
    }

    /// Removes all headers with this lower-case name; returns whether there was one.
    pub fn remove_by_name(&mut self, name: &[u8]) -> bool {
        let id = HeaderId::of(name);
        if id != HeaderId::OTHER {
            return self.remove(id);
        }
        let Some(list) = self.list.as_deref_mut() else { return false };
        let before = list.live;
        list.kill_where(0, |entry, list| entry.id == id && list.name_of(entry) == name);
        list.live != before
    }

    /// Removes the headers for which `is_unwanted` says so.
    pub fn remove_if(&mut self, mut is_unwanted: impl FnMut(Header<'_>) -> bool) {
        if let Some(list) = self.list.as_deref_mut() {
            list.kill_where(0, |entry, list| is_unwanted(list.header(entry)));
            list.index();
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

/// A status beyond three digits, as far as Envoy can hold it.
#[cold]
fn long_status(text: &[u8]) -> Option<u16> {
    match text {
        [b'1'..=b'9', _, _, _, ..] if text.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(text).ok()?.parse().ok()
        }
        _ => None,
    }
}

impl Clone for Headers {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        if let Some(list) = self.list.as_deref().filter(|list| list.live > 0) {
            copy.list_mut().copy_from(list);
        }
        copy
    }
}

impl Drop for Headers {
    #[inline]
    fn drop(&mut self) {
        if let Some(list) = self.list.take() {
            spare::put(list);
        }
    }
}

/// Equal when the same headers stand in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
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
