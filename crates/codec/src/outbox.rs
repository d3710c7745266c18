//! What waits to be written to the socket, and whose body bytes are in it.

use std::collections::VecDeque;
use std::io::IoSlice;

use nuncio_message::{Buffer, Chunk};

use crate::StreamId;

/// The out buffer of a connection. Remembers where body bytes of each stream end, so that their credit returns when
/// they have left, not before.
#[derive(Default, Debug)]
pub struct Outbox {
    buffer: Buffer,
    /// Bytes ever put in, and ever taken out.
    queued: u64,
    written: u64,
    marks: VecDeque<Mark>,
}

/// `bytes` body bytes of `stream` have left when everything up to `end` has.
#[derive(Debug)]
struct Mark {
    end: u64,
    stream: StreamId,
    bytes: u32,
}

impl Outbox {
    /// An empty one; holds no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Appends framing bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.queued += bytes.len() as u64;
    }

    /// Appends up to `bound` framing bytes that `fill` writes, returning how many.
    ///
    /// # Panics
    /// When `fill` reports more than `bound`.
    pub fn put_with(&mut self, bound: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let before = self.buffer.len();
        self.buffer.write_with(bound, fill);
        self.queued += (self.buffer.len() - before) as u64;
    }

    /// Appends body bytes of `stream`.
    pub fn put_body(&mut self, stream: StreamId, data: Chunk) {
        let bytes = data.len() as u32;
        if bytes == 0 {
            return;
        }
        self.queued += u64::from(bytes);
        self.buffer.push(data);
        match self.marks.back_mut() {
            Some(last) if last.stream == stream && u64::from(last.bytes) + u64::from(bytes) <= 64 * 1024 => {
                last.end = self.queued;
                last.bytes += bytes;
            }
            _ => self.marks.push_back(Mark { end: self.queued, stream, bytes }),
        }
    }

    /// Fills `slices` with what waits, from the front on; returns how many were filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.buffer.io_slices(slices)
    }

    /// Takes out `n` bytes that were written and calls `left(stream, bytes)` for body bytes that have left with them.
    ///
    /// # Panics
    /// With more bytes than wait.
    pub fn wrote(&mut self, n: usize, mut left: impl FnMut(StreamId, u32)) {
        self.buffer.advance(n);
        self.written += n as u64;
        while let Some(mark) = self.marks.front() {
            if mark.end > self.written {
                return;
            }
            left(mark.stream, mark.bytes);
            self.marks.pop_front();
        }
    }

    /// Drops everything that waits, as when the connection is cut.
    pub fn clear(&mut self) {
        self.written = self.queued;
        self.buffer.clear();
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_returns_when_the_last_byte_of_a_piece_left() {
        let mut outbox = Outbox::new();
        outbox.put(b"head");
        outbox.put_body(1, Chunk::copy_from(b"12345"));
        outbox.put(b"frame");
        outbox.put_body(3, Chunk::copy_from(b"abc"));
        let mut seen = Vec::new();
        for n in [4, 4, 1, 5, 2, 1] {
            outbox.wrote(n, |stream, bytes| seen.push((n, stream, bytes)));
        }
        assert_eq!(seen, [(1, 1, 5), (1, 3, 3)]);
        assert!(outbox.is_empty());
    }
}
