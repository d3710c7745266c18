//! A rope of chunks: bodies that are held back, and what waits to be written to a socket.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

use crate::block::{self, Block, Chunk, SMALL_BLOCK_BYTES};

/// Slices that one vectored write takes at most.
pub const MAX_IO_SLICES: usize = 32;
/// Up to here copying is cheaper than keeping a reference, and does not pin a large block.
const COPY_BYTES: usize = 1024;

/// Bytes in order: small pieces copied together, large ones kept by reference. An empty buffer holds no block.
#[derive(Default)]
pub struct Buffer {
    chunks: VecDeque<Chunk>,
    tail: Option<Tail>,
    len: usize,
}

/// The block that small pieces are collected in: unique to its buffer (block.rs, invariant 1).
struct Tail {
    block: Block,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a chunk: by copy when it is small, by reference otherwise.
    pub fn push(&mut self, chunk: Chunk) {
        if chunk.len() <= COPY_BYTES {
            self.extend_from_slice(&chunk);
            return;
        }
        self.seal_tail();
        self.len += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Appends a copy of `bytes`.
    pub fn extend_from_slice(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            let space = self.tail_space(1);
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.commit(n);
            bytes = &bytes[n..];
        }
    }

    /// Appends one byte.
    pub fn push_byte(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Hands out `n` bytes of contiguous space at the end for `fill`, which returns how many it used. For encoders
    /// that know a bound. Falls back to a scratch vector when `n` is larger than a block.
    ///
    /// # Panics
    /// When `fill` reports more bytes than it was given.
    pub fn write_with(&mut self, n: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        if n > SMALL_BLOCK_BYTES {
            let mut scratch = vec![0; n];
            let used = fill(&mut scratch);
            self.extend_from_slice(&scratch[..used]);
            return;
        }
        let space = self.tail_space(n);
        let used = fill(space);
        assert!(used <= space.len(), "an encoder wrote past its bound");
        self.commit(used);
        self.len += used;
    }

    /// Removes and returns the first piece.
    pub fn pop(&mut self) -> Option<Chunk> {
        if self.chunks.is_empty() {
            self.seal_tail();
        }
        let chunk = self.chunks.pop_front()?;
        self.len -= chunk.len();
        Some(chunk)
    }

    /// Removes at most `limit` bytes from the front, as one chunk; `None` when empty.
    pub fn pop_at_most(&mut self, limit: usize) -> Option<Chunk> {
        if self.chunks.is_empty() {
            self.seal_tail();
        }
        let front = self.chunks.front_mut()?;
        if front.len() <= limit {
            return self.pop();
        }
        self.len -= limit;
        Some(front.split_to(limit))
    }

    /// Drops the first `n` bytes, as after a write.
    ///
    /// # Panics
    /// With more than there are.
    pub fn advance(&mut self, mut n: usize) {
        assert!(n <= self.len, "advance by {n} of {} bytes", self.len);
        self.len -= n;
        while let Some(front) = self.chunks.front_mut() {
            if n < front.len() {
                front.advance(n);
                return;
            }
            n -= front.len();
            self.chunks.pop_front();
        }
        if let Some(tail) = &mut self.tail {
            tail.start += n;
            if tail.start == tail.end {
                self.drop_tail();
            }
        }
    }

    /// Fills `slices` with the bytes from the front on and returns how many slices were filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for chunk in self.chunks.iter().take(slices.len()) {
            slices[count] = IoSlice::new(chunk);
            count += 1;
        }
        if let (Some(tail), true) = (&self.tail, count < slices.len()) {
            slices[count] = IoSlice::new(&tail.block[tail.start..tail.end]);
            count += 1;
        }
        count
    }

    /// Moves everything from `other` to the end.
    pub fn append(&mut self, other: &mut Self) {
        while let Some(chunk) = other.pop() {
            self.push(chunk);
        }
    }

    /// Drops all bytes.
    #[inline]
    pub fn clear(&mut self) {
        if self.len > 0 || self.tail.is_some() {
            self.drop_all();
        }
    }

    fn drop_all(&mut self) {
        self.chunks.clear();
        self.drop_tail();
        self.len = 0;
    }

    /// The pieces in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let tail = self.tail.as_ref().map(|tail| &tail.block[tail.start..tail.end]);
        self.chunks.iter().map(|chunk| &**chunk).chain(tail)
    }

    /// All bytes as one vector: for filters that need a body in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        self.iter().for_each(|piece| all.extend_from_slice(piece));
        all
    }

    /// At least `n` (at most a block's size) bytes of writable space behind the tail.
    fn tail_space(&mut self, n: usize) -> &mut [u8] {
        if self.tail.as_ref().is_some_and(|tail| tail.block.len() - tail.end < n) {
            self.seal_tail();
        }
        let tail = self.tail.get_or_insert_with(|| Tail { block: block::take_small(), start: 0, end: 0 });
        let block = Rc::get_mut(&mut tail.block).expect("a tail is unique to its buffer");
        &mut block[tail.end..]
    }

    fn commit(&mut self, n: usize) {
        if let Some(tail) = &mut self.tail {
            tail.end += n;
        }
    }

    fn seal_tail(&mut self) {
        if let Some(tail) = self.tail.take() {
            if tail.start == tail.end {
                block::release(tail.block);
            } else {
                self.chunks.push_back(Chunk::of(tail.block, tail.start..tail.end));
            }
        }
    }

    fn drop_tail(&mut self) {
        if let Some(tail) = self.tail.take() {
            block::release(tail.block);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.drop_tail();
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes in {} chunks)", self.len, self.chunks.len() + usize::from(self.tail.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live_blocks;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n).map(|i| i as u8).collect()
    }

    #[test]
    fn order_is_kept_across_small_and_large_pieces() {
        let before = live_blocks();
        let mut buffer = Buffer::new();
        let mut expected = Vec::new();
        for n in [3, 5000, 1, 1024, 1025, 70_000, 2] {
            expected.extend(bytes(n));
            buffer.push(Chunk::copy_from(&bytes(n)));
        }
        assert_eq!(buffer.to_vec(), expected);
        let mut rest = expected.as_slice();
        for n in [1, 2, 4000, 1003, 30_000] {
            buffer.advance(n);
            rest = &rest[n..];
            assert_eq!((buffer.len(), buffer.to_vec().as_slice()), (rest.len(), rest));
        }
        let front = buffer.pop_at_most(10).expect("bytes are left");
        assert_eq!(&*front, &rest[..10]);
        drop(front);
        buffer.advance(buffer.len());
        assert_eq!(live_blocks(), before);
    }

    #[test]
    fn io_slices_cover_what_is_held() {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(b"head");
        buffer.push(Chunk::copy_from(&bytes(2000)));
        buffer.extend_from_slice(b"tail");
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let count = buffer.io_slices(&mut slices);
        let total: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        assert_eq!((count, total), (3, buffer.len()));
    }

    #[test]
    fn write_with_takes_only_what_was_used() {
        let mut buffer = Buffer::new();
        buffer.write_with(100, |space| {
            space[..2].copy_from_slice(b"ab");
            2
        });
        buffer.write_with(10_000, |space| {
            space[..1].copy_from_slice(b"c");
            1
        });
        assert_eq!(buffer.to_vec(), b"abc");
    }
}
