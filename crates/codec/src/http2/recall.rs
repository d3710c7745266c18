//! The heads of a connection are alike: while the tables do not change, fields at their beginning that are mere indices
//! need not be looked up again.
//!
//! Invariants:
//! 1. What is remembered belongs to one connection, and to one version of its table: there an index means the same field.
//! 2. It lives with the thread, in a few places that connections share, so that an idle connection holds nothing.

use std::cell::{Cell, RefCell};

use nuncio_message::{HeaderId, Headers};

use super::head::{Beginning, Head, Kind};
use super::streams::Method;

/// A power of two.
const PLACES: usize = 16;
/// Fewer fields are not worth it.
const FEWEST: usize = 3;
/// More fields at the beginning are not remembered.
const MOST: usize = 32;

type Places<T> = RefCell<[Option<Box<T>>; PLACES]>;

thread_local! {
    static RECEIVED: Places<Received> = const { RefCell::new([const { None }; PLACES]) };
    static SENT: Places<Sent> = const { RefCell::new([const { None }; PLACES]) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// A connection's number on its thread, and the versions of its tables at the last head.
#[derive(Debug)]
pub(super) struct Memory {
    number: u64,
    received_version: u64,
    sent_version: u64,
}

/// A beginning of a block, and what it was decoded to.
struct Received {
    number: u64,
    version: u64,
    kind: Kind,
    method: Method,
    indices: Vec<u8>,
    beginning: Beginning,
}

/// Headers with which a list began, and the index that each was encoded to.
struct Sent {
    number: u64,
    version: u64,
    has_authority: bool,
    headers: Headers,
    /// One for each of the first headers; zero for one that is not sent.
    indices: Vec<u8>,
    are_all_sent: bool,
}

/// The indices of a list's first headers, while it is being encoded.
pub(super) struct Trace {
    indices: [u8; MOST],
    len: usize,
    is_over: bool,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { indices: [0; MOST], len: 0, is_over: false }
    }

    /// A header was encoded to `bytes`; none if it is not sent.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let index = match bytes {
            [] => 0,
            &[index] if index >= 0x80 => index,
            _ => return self.is_over = true,
        };
        match self.indices.get_mut(self.len) {
            Some(place) if !self.is_over => {
                *place = index;
                self.len += 1;
            }
            _ => self.is_over = true,
        }
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        let number = NEXT.try_with(|next| next.replace(next.get() + 1)).unwrap_or_default();
        Self { number, received_version: 0, sent_version: 0 }
    }

    fn place(&self) -> usize {
        self.number as usize % PLACES
    }

    /// Whether what these indices mean, with which a block begins, is known. Puts it into `head`, which is empty.
    pub(super) fn receive(&self, indices: &[u8], version: u64, head: &mut Head) -> bool {
        let recall = |places: &Places<Received>| {
            let places = places.borrow();
            let Some(known) = places.get(self.place()).and_then(Option::as_deref) else { return false };
            let is_it = known.number == self.number
                && known.version == version
                && known.indices == indices
                && (known.kind, known.method) == (head.kind, head.method());
            if is_it {
                head.begin_like(&known.beginning);
            }
            is_it
        };
        indices.len() >= FEWEST && RECEIVED.try_with(recall).unwrap_or(false)
    }

    /// These indices, with which a block begins, were decoded to what `head` holds. Remembers it if the table has not
    /// changed lately.
    pub(super) fn received(&mut self, indices: &[u8], version: u64, head: &Head) {
        let is_stable = std::mem::replace(&mut self.received_version, version) == version;
        if !is_stable || !(FEWEST..=MOST).contains(&indices.len()) {
            return;
        }
        let Some(beginning) = head.beginning() else { return };
        let (number, kind, method) = (self.number, head.kind, head.method());
        let known = Received { number, version, kind, method, indices: indices.to_vec(), beginning };
        // After thread-local destructors ran nothing is remembered.
        let _ = RECEIVED.try_with(|places| put(places, self.place(), known));
    }

    /// Appends the indices of the headers with which the list begins, as far as they are known. Returns how many they are.
    pub(super) fn send(&self, headers: &Headers, version: u64, block: &mut Vec<u8>) -> usize {
        let recall = |places: &Places<Sent>| {
            let places = places.borrow();
            let Some(known) = places.get(self.place()).and_then(Option::as_deref) else { return 0 };
            let is_it = known.number == self.number
                && known.version == version
                && known.has_authority == headers.has(HeaderId::AUTHORITY);
            if !is_it {
                return 0;
            }
            let count = headers.common_prefix(&known.headers).min(known.indices.len());
            let indices = known.indices.get(..count).unwrap_or_default();
            if known.are_all_sent {
                block.extend_from_slice(indices);
            } else {
                block.extend(indices.iter().filter(|&&index| index != 0));
            }
            count
        };
        SENT.try_with(recall).unwrap_or(0)
    }

    /// A list was encoded of which nothing was known; `trace` is about its first headers. Remembers them if the table has
    /// not changed lately.
    pub(super) fn sent(&mut self, headers: &Headers, version: u64, trace: &Trace) {
        let is_stable = std::mem::replace(&mut self.sent_version, version) == version;
        if !is_stable || trace.len < FEWEST {
            return;
        }
        let known = Sent {
            number: self.number,
            version,
            has_authority: headers.has(HeaderId::AUTHORITY),
            headers: headers.clone(),
            are_all_sent: !trace.indices[..trace.len].contains(&0),
            indices: trace.indices[..trace.len].to_vec(),
        };
        let _ = SENT.try_with(|places| put(places, self.place(), known));
    }
}

fn put<T>(places: &Places<T>, at: usize, known: T) {
    if let Some(place) = places.borrow_mut().get_mut(at) {
        *place = Some(Box::new(known));
    }
}
