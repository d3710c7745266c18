//! HPACK, the header compression of HTTP/2 (RFC 7541).
//!
//! [`Decoder`] takes header blocks in fragments of any size and hands out fields; [`Encoder`] appends fields to a
//! block. Both keep one bounded dynamic table; neither allocates once its table is warm.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;

pub use decoder::{DecodeError, Decoder, Field};
pub use encoder::Encoder;

/// Table size that both sides assume until SETTINGS_HEADER_TABLE_SIZE says otherwise (RFC 9113 section 6.5.2).
pub const DEFAULT_TABLE_BYTES: u32 = 4096;

#[cfg(test)]
mod tests;
