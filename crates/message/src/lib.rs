//! What a request is made of, whatever its protocol: headers, chunks and buffers.
//!
//! Everything here is owned by one worker thread. Memory is recycled through thread-local pools, so that a
//! steady stream of requests allocates nothing; [`live_blocks`] is zero again when nothing is in flight.

mod block;
mod buffer;
mod headers;
mod tick;

pub use block::{Chunk, READ_BLOCK_BYTES, ReadBlock, live_blocks};
pub use buffer::{Buffer, MAX_IO_SLICES};
pub use headers::{
    BLOCK_PADDING, BlockHeaders, Header, HeaderId, HeaderMapKind, HeaderSet, Headers, Line, OtherNames, Piece, Spelling,
};
pub use tick::Tick;
