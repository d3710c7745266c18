//! Reference-counted slices of recycled blocks. Owner: the worker thread that made them (`!Send`).
//!
//! Invariants:
//! 1. A block is written only while it is unique (`ReadBlock`, or the tail of a [`crate::Buffer`]); once it is
//!    shared as [`Chunk`]s it is read-only.
//! 2. The last reference puts the block back into this thread's pool, so nobody who is idle holds one.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, Range};
use std::rc::Rc;

/// Bytes that one read from a socket may fill.
pub const READ_BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of a block that collects small writes.
pub(crate) const SMALL_BLOCK_BYTES: usize = 4 * 1024;
/// Spare blocks kept for each size; more are freed.
const MAX_SPARE_LARGE: usize = 16;
const MAX_SPARE_SMALL: usize = 256;

pub(crate) type Block = Rc<Box<[u8]>>;

struct Pool {
    large: RefCell<Vec<Block>>,
    small: RefCell<Vec<Block>>,
    live: Cell<usize>,
}

thread_local! {
    static POOL: Pool = const {
        Pool { large: RefCell::new(Vec::new()), small: RefCell::new(Vec::new()), live: Cell::new(0) }
    };
}

/// Blocks of this thread that are not in its pool: zero when nothing is in flight.
pub fn live_blocks() -> usize {
    POOL.with(|pool| pool.live.get())
}

fn take(spare: &RefCell<Vec<Block>>, bytes: usize) -> Block {
    spare.borrow_mut().pop().unwrap_or_else(|| Rc::new(vec![0; bytes].into_boxed_slice()))
}

pub(crate) fn take_small() -> Block {
    POOL.with(|pool| {
        pool.live.set(pool.live.get() + 1);
        take(&pool.small, SMALL_BLOCK_BYTES)
    })
}

fn take_large() -> Block {
    POOL.with(|pool| {
        pool.live.set(pool.live.get() + 1);
        take(&pool.large, READ_BLOCK_BYTES)
    })
}

/// Gives back one reference; the last one returns the block to the pool (invariant 2).
pub(crate) fn release(block: Block) {
    if Rc::strong_count(&block) > 1 {
        return;
    }
    // After thread-local destructors ran there is no pool, and the block is simply freed.
    let _ = POOL.try_with(|pool| {
        pool.live.set(pool.live.get() - 1);
        let (spare, limit) = match block.len() {
            SMALL_BLOCK_BYTES => (&pool.small, MAX_SPARE_SMALL),
            READ_BLOCK_BYTES => (&pool.large, MAX_SPARE_LARGE),
            _ => return,
        };
        let mut spare = spare.borrow_mut();
        if spare.len() < limit {
            spare.push(block);
        }
    });
}

/// A block that only its holder can see, to read from a socket into.
pub struct ReadBlock {
    block: Option<Block>,
}

impl ReadBlock {
    /// Takes a block of [`READ_BLOCK_BYTES`] from the thread's pool.
    pub fn take() -> Self {
        Self { block: Some(take_large()) }
    }

    /// The whole block, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let block = self.block.as_mut().expect("held until it is frozen or dropped");
        Rc::get_mut(block).expect("unique until it is frozen (invariant 1)")
    }

    /// Shares the first `len` bytes.
    pub fn freeze(mut self, len: usize) -> Chunk {
        let block = self.block.take().expect("held until it is frozen or dropped");
        assert!(len <= block.len(), "froze {len} bytes of a block of {}", block.len());
        Chunk { block: Some(block), start: 0, end: len as u32 }
    }
}

impl Drop for ReadBlock {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            release(block);
        }
    }
}

/// A read-only slice of a shared block. Cloning and slicing copy no bytes.
pub struct Chunk {
    block: Option<Block>,
    start: u32,
    end: u32,
}

impl Chunk {
    /// No bytes, and no block held.
    pub const fn empty() -> Self {
        Self { block: None, start: 0, end: 0 }
    }

    /// Copies `bytes` into a block of its own (a pooled one when it fits).
    ///
    /// # Panics
    /// With 4 GiB or more; callers bound what they copy.
    pub fn copy_from(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        let end = u32::try_from(bytes.len()).expect("callers copy less than 4 GiB");
        let mut block = if bytes.len() <= SMALL_BLOCK_BYTES {
            take_small()
        } else if bytes.len() <= READ_BLOCK_BYTES {
            take_large()
        } else {
            POOL.with(|pool| pool.live.set(pool.live.get() + 1));
            Rc::new(vec![0; bytes.len()].into_boxed_slice())
        };
        let target = Rc::get_mut(&mut block).expect("a block from the pool is unique (invariant 1)");
        target[..bytes.len()].copy_from_slice(bytes);
        Self { block: Some(block), start: 0, end }
    }

    pub(crate) fn of(block: Block, range: Range<usize>) -> Self {
        Self { block: Some(block), start: range.start as u32, end: range.end as u32 }
    }

    /// Bytes in the chunk.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// A part of the chunk, sharing its block.
    ///
    /// # Panics
    /// When the range reaches past the end.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "slice {range:?} of {} bytes", self.len());
        if range.is_empty() {
            return Self::empty();
        }
        let (start, end) = (self.start + range.start as u32, self.start + range.end as u32);
        Self { block: self.block.clone(), start, end }
    }

    /// For who keeps the chunk beyond the current call: copies a small rest, so that it does not pin a large block.
    #[must_use]
    pub fn detach(self) -> Self {
        let pins_large = self.block.as_ref().is_some_and(|block| block.len() > SMALL_BLOCK_BYTES);
        if pins_large && self.len() <= SMALL_BLOCK_BYTES { Self::copy_from(&self) } else { self }
    }

    /// Drops the first `n` bytes.
    ///
    /// # Panics
    /// With more than there are.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "advance by {n} of {} bytes", self.len());
        self.start += n as u32;
    }

    /// Splits off and returns the first `n` bytes.
    ///
    /// # Panics
    /// With more than there are.
    pub fn split_to(&mut self, n: usize) -> Self {
        let front = self.slice(0..n);
        self.advance(n);
        front
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.block {
            Some(block) => &block[self.start as usize..self.end as usize],
            None => &[],
        }
    }
}

impl Clone for Chunk {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), start: self.start, end: self.end }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            release(block);
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_reference_returns_the_block() {
        let before = live_blocks();
        let mut block = ReadBlock::take();
        block.bytes_mut()[..5].copy_from_slice(b"hello");
        let chunk = block.freeze(5);
        let tail = chunk.slice(1..4);
        assert_eq!(live_blocks(), before + 1);
        drop(chunk);
        assert_eq!(&*tail, b"ell");
        drop(tail);
        assert_eq!(live_blocks(), before);
    }

    #[test]
    fn split_shares_and_keeps_order() {
        let mut chunk = Chunk::copy_from(b"abcdef");
        let front = chunk.split_to(2);
        assert_eq!((&*front, &*chunk), (&b"ab"[..], &b"cdef"[..]));
        assert!(chunk.split_to(4).len() == 4 && chunk.is_empty());
    }
}
