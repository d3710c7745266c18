//! Lists whose headers are parts of one received block, copied once; and the lines of such a block, to be sent on as
//! they came.

use super::list::{Entry, Form, List, Part};
use super::{Header, HeaderId, Headers, spare};

/// Bytes behind a block that may be read, so that a search need not look for the end at each step.
pub const BLOCK_PADDING: usize = 64;

/// Where a header stands in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// The well-known number of the name, or [`HeaderId::OTHER`].
    pub id: HeaderId,
    /// The first byte of the name.
    pub name_at: u32,
    /// Bytes of the name.
    pub name_len: u32,
    /// The first byte of the value.
    pub value_at: u32,
    /// Bytes of the value.
    pub value_len: u32,
    /// Whether name and value stand in a line just as HTTP/1 writes it: the name in lower case, a colon, one blank, the
    /// value, and CRLF.
    pub is_whole: bool,
}

impl Line {
    /// The name, in the block.
    #[inline]
    pub fn name(self, block: &[u8]) -> &[u8] {
        Part { at: self.name_at, len: self.name_len }.of(block)
    }

    /// The value, in the block.
    #[inline]
    pub fn value(self, block: &[u8]) -> &[u8] {
        Part { at: self.value_at, len: self.value_len }.of(block)
    }
}

/// What to write of a list on HTTP/1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Whole lines.
    Lines(&'a [u8]),
    /// A header for which a line has to be made.
    Header(Header<'a>),
}

/// A list whose headers are being read out of a block.
pub struct BlockHeaders {
    list: Box<List>,
}

impl BlockHeaders {
    /// An empty list over a copy of `block`. Zeros follow the copy: see [`BLOCK_PADDING`].
    #[inline]
    pub fn over(block: &[u8]) -> Self {
        let mut list = spare::take();
        list.begin_block(block, BLOCK_PADDING);
        Self { list }
    }

    /// The block, what follows it, and whatever else the list has copied.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.list.store_mut()
    }

    /// Number of headers.
    #[inline]
    pub fn len(&self) -> usize {
        self.list.live as usize
    }

    /// Whether there is no header.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.live == 0
    }

    /// Whether the well-known header is there.
    #[inline]
    pub fn has(&self, id: HeaderId) -> bool {
        self.list.has(id)
    }

    /// Adds a header that stands in the block, also when there is one already; a name without a number has to be in
    /// lower case.
    #[inline]
    pub fn push_line(&mut self, line: Line) {
        let form = if line.is_whole { Form::Line } else { Form::Parts };
        let name = Part { at: line.name_at, len: line.name_len };
        let value = Part { at: line.value_at, len: line.value_len };
        self.list.push(Entry { id: line.id, form, name, value });
    }

    /// Adds a well-known header whose value stands in the block.
    #[inline]
    pub fn push_part(&mut self, id: HeaderId, value_at: u32, value_len: u32) {
        debug_assert!(id != HeaderId::OTHER, "a header without a number needs a name");
        let value = Part { at: value_at, len: value_len };
        self.list.push(Entry { id, form: Form::Parts, name: Part::default(), value });
    }

    /// Adds a well-known header with a copy of `value`.
    pub fn push(&mut self, id: HeaderId, value: &[u8]) {
        self.list.push_known(id, value);
    }

    /// Adds a header whose lower-case name has no number, and copies both.
    pub fn push_other(&mut self, name: &[u8], value: &[u8]) {
        self.list.push_other(name, value);
    }

    /// Joins a copy of `value` onto the header, see [`Headers::append`].
    pub fn join(&mut self, id: HeaderId, value: &[u8]) {
        self.list.join(id, b",", value);
    }

    /// The list; nothing is read out of the block any more.
    #[inline]
    pub fn finish(self) -> Headers {
        Headers { list: Some(self.list) }
    }
}

impl Headers {
    /// Of the block that the list was made over, only the first `len` bytes are needed any longer.
    #[inline]
    pub fn end_block(&mut self, len: usize) {
        self.list_mut().end_block(len);
    }

    /// What to write on HTTP/1, in order, without the headers that are skipped.
    #[inline]
    pub fn pieces(&self, is_skipped: impl Fn(HeaderId) -> bool) -> impl Iterator<Item = Piece<'_>> {
        let (store, entries) = self.parts();
        let mut rest = entries;
        std::iter::from_fn(move || {
            loop {
                let (entry, behind) = rest.split_first()?;
                rest = behind;
                if !entry.is_live() || is_skipped(entry.id) {
                    continue;
                }
                if entry.form == Form::Parts {
                    return self.header(entry).map(Piece::Header);
                }
                let start = entry.name.at;
                let mut end = entry.line_end();
                while let Some((next, behind)) = rest.split_first()
                    && next.form == Form::Line
                    && next.name.at == end
                    && !is_skipped(next.id)
                {
                    end = next.line_end();
                    rest = behind;
                }
                return store.get(start as usize..end as usize).map(Piece::Lines);
            }
        })
    }
}
