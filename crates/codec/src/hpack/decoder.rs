//! From header blocks to fields.

use nuncio_message::HeaderId;

use super::DEFAULT_TABLE_BYTES;
use super::huffman;
use super::integer;
use super::table::{DYNAMIC, DynamicTable, STATIC};

/// One field of a header block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// The well-known number of the name, or [`HeaderId::OTHER`].
    pub id: HeaderId,
    /// The name as it was sent, if it has no number; only names without upper-case letters have one.
    pub other: &'a [u8],
    /// The value as it was sent.
    pub value: &'a [u8],
    /// Whether the sink found this very field to be good before: it comes from a table.
    pub is_checked: bool,
}

impl<'a> Field<'a> {
    /// The name.
    pub fn name(&self) -> &'a [u8] {
        if self.id == HeaderId::OTHER { self.other } else { self.id.name().as_bytes() }
    }
}

/// Why a block cannot be decoded. The tables of both sides differ from here on: a connection error of type
/// COMPRESSION_ERROR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// An integer is out of range.
    Integer,
    /// No entry has this index.
    Index,
    /// A string is longer than the limit.
    StringTooLong,
    /// A Huffman string is not valid.
    Huffman,
    /// A table size update is larger than allowed, missing, or not at the beginning of a block.
    SizeUpdate,
    /// The block ends inside a field.
    Truncated,
}

/// Decodes the header blocks of one direction of a connection, in fragments of any size.
#[derive(Debug)]
pub struct Decoder {
    table: DynamicTable,
    /// Largest table that a size update may ask for.
    max_table: u32,
    /// Longest encoded name or value, in bytes.
    max_string: usize,
    /// The beginning of a field whose end has not come yet: at most two strings and their lengths.
    rest: Vec<u8>,
    /// Decoded Huffman strings of the field at hand.
    strings: Vec<u8>,
    at: BlockStart,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum BlockStart {
    /// Size updates may come.
    Here,
    /// A size update must come: the limit was lowered below the table's size.
    Shrink,
    Passed,
}

/// Where a string stands.
#[derive(Clone, Copy)]
struct Text {
    start: usize,
    len: usize,
    is_huffman: bool,
}

/// A field as it stands in the block, lengths known, strings not decoded yet.
enum Representation {
    Indexed(u32),
    Literal { name_index: u32, name: Option<Text>, value: Text, is_indexed: bool },
    SizeUpdate(u32),
}

impl Decoder {
    /// A decoder whose peer was told `max_table` as SETTINGS_HEADER_TABLE_SIZE; strings are at most `max_string`
    /// bytes as encoded.
    pub fn new(max_table: u32, max_string: usize) -> Self {
        Self {
            table: DynamicTable::new(DEFAULT_TABLE_BYTES),
            max_table: max_table.max(DEFAULT_TABLE_BYTES),
            max_string,
            rest: Vec::new(),
            strings: Vec::new(),
            at: BlockStart::Here,
        }
    }

    /// The peer has acknowledged `max_table`. When it is below the table's size, the next block has to begin with a
    /// size update (RFC 7541 section 4.2).
    pub fn acknowledged(&mut self, max_table: u32) {
        self.max_table = max_table;
        if max_table < self.table.max() {
            self.at = BlockStart::Shrink;
        }
    }

    /// Bytes of an unfinished field that are held.
    pub fn held(&self) -> usize {
        self.rest.len()
    }

    /// Another number after each change of the table.
    pub(crate) fn version(&self) -> u64 {
        self.table.version()
    }

    /// How many fields a block begins with that are an index of one byte each; zero inside a block, or when a size
    /// update has to come first.
    #[inline]
    pub(crate) fn leading_indices(&self, block: &[u8]) -> usize {
        if self.at != BlockStart::Here || !self.rest.is_empty() {
            return 0;
        }
        block.iter().take_while(|byte| (0x81..=0xfe).contains(*byte)).count()
    }

    /// Fields at the beginning of a block are known from an earlier one, and are not to be decoded.
    pub(crate) fn pass(&mut self) {
        self.at = BlockStart::Passed;
    }

    /// Decodes a fragment of a block and calls `sink` for each complete field; `is_last` says that the block ends
    /// with it. The sink answers whether the field is good, see [`Field::is_checked`].
    ///
    /// # Errors
    /// When the block is not valid; the decoder must not be used any further.
    pub fn decode(
        &mut self,
        fragment: &[u8],
        is_last: bool,
        mut sink: impl FnMut(Field<'_>) -> bool,
    ) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            let used = self.fields(fragment, &mut sink)?;
            self.rest.extend_from_slice(&fragment[used..]);
        } else {
            let mut block = std::mem::take(&mut self.rest);
            block.extend_from_slice(fragment);
            let used = self.fields(&block, &mut sink)?;
            block.drain(..used);
            self.rest = block;
        }
        if is_last {
            if !self.rest.is_empty() || self.at == BlockStart::Shrink {
                return Err(DecodeError::Truncated);
            }
            self.at = BlockStart::Here;
            self.give_back();
        }
        Ok(())
    }

    /// An idle connection holds little more than its table.
    fn give_back(&mut self) {
        const KEPT: usize = 512;
        if self.rest.capacity() > 0 {
            self.rest = Vec::new();
        }
        if self.strings.capacity() > KEPT {
            self.strings = Vec::new();
        }
    }

    /// Decodes complete fields; returns the bytes used.
    fn fields(&mut self, block: &[u8], sink: &mut impl FnMut(Field<'_>) -> bool) -> Result<usize, DecodeError> {
        let mut used = 0;
        while used < block.len() {
            let field = &block[used..];
            // Most fields of a warm connection are one byte: an index.
            if field[0] & 0x80 != 0 && field[0] != 0xff && self.at != BlockStart::Shrink {
                self.at = BlockStart::Passed;
                sink(self.lookup(u32::from(field[0] & 0x7f))?);
                used += 1;
                continue;
            }
            let Some((representation, len)) = self.measure(field)? else { break };
            self.apply(field, &representation, sink)?;
            used += len;
        }
        Ok(used)
    }

    /// Finds out where a field ends, without decoding its strings: an unfinished one is measured again with every
    /// fragment, which must stay cheap.
    fn measure(&self, field: &[u8]) -> Result<Option<(Representation, usize)>, DecodeError> {
        let first = field[0];
        let (bits, is_indexed) = match first {
            0x80.. => return Ok(integer::decode(field, 7)?.map(|(index, len)| (Representation::Indexed(index), len))),
            0x40.. => (6, true),
            0x20.. => return Ok(integer::decode(field, 5)?.map(|(max, len)| (Representation::SizeUpdate(max), len))),
            _ => (4, false),
        };
        let Some((name_index, mut at)) = integer::decode(field, bits)? else { return Ok(None) };
        let mut name = None;
        if name_index == 0 {
            let Some(text) = self.text(field, at)? else { return Ok(None) };
            at = text.start + text.len;
            name = Some(text);
        }
        let Some(value) = self.text(field, at)? else { return Ok(None) };
        let len = value.start + value.len;
        Ok((len <= field.len()).then_some((Representation::Literal { name_index, name, value, is_indexed }, len)))
    }

    /// The string at `at`, which may reach past the end of the input.
    fn text(&self, field: &[u8], at: usize) -> Result<Option<Text>, DecodeError> {
        let Some(input) = field.get(at..) else { return Ok(None) };
        let Some((len, used)) = integer::decode(input, 7)? else { return Ok(None) };
        if len as usize > self.max_string {
            return Err(DecodeError::StringTooLong);
        }
        Ok(Some(Text { start: at + used, len: len as usize, is_huffman: input[0] & 0x80 != 0 }))
    }

    fn apply(
        &mut self,
        field: &[u8],
        representation: &Representation,
        sink: &mut impl FnMut(Field<'_>) -> bool,
    ) -> Result<(), DecodeError> {
        if let Representation::SizeUpdate(max) = *representation {
            return self.resize(max);
        }
        if self.at == BlockStart::Shrink {
            return Err(DecodeError::SizeUpdate);
        }
        self.at = BlockStart::Passed;
        match *representation {
            Representation::SizeUpdate(_) => Ok(()),
            Representation::Indexed(index) => {
                sink(self.lookup(index)?);
                Ok(())
            }
            Representation::Literal { name_index, name, value, is_indexed } => {
                self.literal(field, name_index, name, value, is_indexed, sink)
            }
        }
    }

    fn resize(&mut self, max: u32) -> Result<(), DecodeError> {
        if self.at == BlockStart::Passed || max > self.max_table {
            return Err(DecodeError::SizeUpdate);
        }
        self.at = BlockStart::Here;
        self.table.set_max(max);
        Ok(())
    }

    #[inline(always)]
    fn lookup(&self, index: u32) -> Result<Field<'_>, DecodeError> {
        match index {
            0 => Err(DecodeError::Index),
            1..DYNAMIC => Ok(STATIC[index as usize - 1].field()),
            _ => self.table.at((index - DYNAMIC) as usize).ok_or(DecodeError::Index),
        }
    }

    fn literal(
        &mut self,
        field: &[u8],
        name_index: u32,
        name: Option<Text>,
        value: Text,
        is_indexed: bool,
        sink: &mut impl FnMut(Field<'_>) -> bool,
    ) -> Result<(), DecodeError> {
        let mut strings = std::mem::take(&mut self.strings);
        strings.clear();
        // A name from the dynamic table is copied: inserting the field may evict it.
        let id = if let Some(name) = name {
            copy(field, name, &mut strings)?;
            HeaderId::of(&strings)
        } else {
            let named = self.lookup(name_index)?;
            strings.extend_from_slice(named.other);
            named.id
        };
        let name_len = strings.len();
        let value = if value.is_huffman {
            copy(field, value, &mut strings)?;
            &strings[name_len..]
        } else {
            &field[value.start..value.start + value.len]
        };
        let other = if id == HeaderId::OTHER { &strings[..name_len] } else { &[] };
        let mut decoded = Field { id, other, value, is_checked: false };
        decoded.is_checked = sink(decoded);
        if is_indexed {
            self.table.insert(decoded);
        }
        self.strings = strings;
        Ok(())
    }
}

fn copy(field: &[u8], text: Text, strings: &mut Vec<u8>) -> Result<(), DecodeError> {
    let bytes = &field[text.start..text.start + text.len];
    if text.is_huffman {
        huffman::decode(bytes, strings).map_err(|_| DecodeError::Huffman)
    } else {
        strings.extend_from_slice(bytes);
        Ok(())
    }
}
