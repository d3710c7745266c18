//! From fields to header blocks.
//!
//! A field goes into the dynamic table when it is sent the second time in a row with the same value: repeated heads
//! shrink to an index a field, and values that are new each time (request ids, dates, lengths) never push those out.
//! A name that no table has goes in at once, whatever its value, so that it need not be spelled out again.

use nuncio_message::{Header, HeaderId};

use super::huffman;
use super::integer;
use super::table::{DYNAMIC, DynamicTable, OVERHEAD, STATIC};
use super::{DEFAULT_TABLE_BYTES, Field};

/// Known names and a few slots for others; a power of two more.
const KNOWN: usize = 128;
const OTHERS: usize = 32;
/// Short cookies are easily guessed by probing the compression (RFC 7541 section 7.1).
const SHORT_COOKIE_BYTES: usize = 20;

/// Encodes the header blocks of one direction of a connection.
#[derive(Debug)]
pub struct Encoder {
    table: DynamicTable,
    /// What was sent last under each name; made with the first field.
    last: Option<Box<[Last; KNOWN + OTHERS]>>,
    update: Option<SizeUpdate>,
    strings: Strings,
}

/// How names and values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Strings {
    Huffman,
    Plain,
}

/// The table was resized since the last block: to `lowest`, then to its present size.
#[derive(Clone, Copy, Debug)]
struct SizeUpdate {
    lowest: u32,
}

/// `inserted` says which entry of the table holds the name's last indexed value: the one after so many insertions.
/// It may be stale; what it finds is compared.
#[derive(Clone, Copy, Default, Debug)]
struct Last {
    inserted: u16,
    /// Of the value last sent as a literal; 0 for none.
    hash: u16,
}

impl Encoder {
    /// An encoder with the default table; `is_huffman` says whether strings that get shorter by it are compressed.
    pub fn new(is_huffman: bool) -> Self {
        Self {
            table: DynamicTable::new(DEFAULT_TABLE_BYTES),
            last: None,
            update: None,
            strings: if is_huffman { Strings::Huffman } else { Strings::Plain },
        }
    }

    /// Another number after each change of the table.
    pub(crate) fn version(&self) -> u64 {
        self.table.version()
    }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE. A larger table than the default is not used, as in Envoy.
    pub fn set_max_table(&mut self, bytes: u32) {
        let bytes = bytes.min(DEFAULT_TABLE_BYTES);
        if bytes == self.table.max() {
            return;
        }
        let lowest = self.update.map_or(u32::MAX, |update| update.lowest).min(bytes);
        self.update = Some(SizeUpdate { lowest });
        self.table.set_max(bytes);
    }

    /// Begins a block: announces a change of the table's size.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(update) = self.update.take() {
            if update.lowest < self.table.max() {
                integer::encode(update.lowest, 5, 0x20, out);
            }
            integer::encode(self.table.max(), 5, 0x20, out);
        }
    }

    /// Appends one field; its name must be lower case.
    #[inline]
    pub fn field(&mut self, header: Header<'_>, out: &mut Vec<u8>) {
        let slot = match header.id {
            HeaderId::OTHER => return self.other(header, out),
            id => id.number() as usize % KNOWN,
        };
        // Only these have static entries with values.
        if (header.id.is_pseudo() || header.id == HeaderId::ACCEPT_ENCODING)
            && let Some(index) = static_entry(header.id, header.value)
        {
            out.push(0x80 | index);
            return;
        }
        let distance = self.distance(slot);
        if let Some(entry) = self.table.at(distance)
            && entry.id == header.id
            && entry.value == header.value
        {
            indexed(distance, out);
            return;
        }
        self.literal(header, slot, u32::from(static_name(header.id)), out);
    }

    /// A field whose name has no number.
    fn other(&mut self, header: Header<'_>, out: &mut Vec<u8>) {
        let slot = KNOWN + hash(header.name) as usize % OTHERS;
        let distance = self.distance(slot);
        if let Some(entry) = self.table.at(distance)
            && entry.other == header.name
            && entry.value == header.value
        {
            indexed(distance, out);
            return;
        }
        self.literal(header, slot, 0, out);
    }

    /// How many entries ago the last indexed value of a name went into the table, if it still is there.
    #[inline]
    fn distance(&mut self, slot: usize) -> usize {
        let last = self.last.get_or_insert_with(|| Box::new([Last::default(); KNOWN + OTHERS]));
        self.table.inserted().wrapping_sub(last[slot % (KNOWN + OTHERS)].inserted) as usize
    }

    #[inline(never)]
    fn literal(&mut self, header: Header<'_>, slot: usize, static_name: u32, out: &mut Vec<u8>) {
        let distance = self.distance(slot);
        let has_name = |entry: &Field<'_>| entry.id == header.id && entry.name() == header.name;
        let name_index = match static_name {
            0 if self.table.at(distance).is_some_and(|entry| has_name(&entry)) => DYNAMIC + distance as u32,
            index => index,
        };
        let last = self.last.as_mut().and_then(|last| last.get_mut(slot));
        match (indexing(header), last) {
            (Indexing::Never, _) | (_, None) => integer::encode(name_index, 4, 0x10, out),
            (Indexing::Allowed, Some(last)) => {
                let hash = hash(header.value) | 1;
                let fits = header.name.len() + header.value.len() + OVERHEAD <= self.table.max() as usize / 4 * 3;
                if fits && (last.hash == hash || name_index == 0) {
                    let other = if header.id == HeaderId::OTHER { header.name } else { &[] };
                    self.table.insert(Field { id: header.id, other, value: header.value, is_checked: true });
                    last.inserted = self.table.inserted();
                    last.hash = hash;
                    integer::encode(name_index, 6, 0x40, out);
                } else {
                    last.hash = hash;
                    integer::encode(name_index, 4, 0x00, out);
                }
            }
        }
        if name_index == 0 {
            string(self.strings, header.name, out);
        }
        string(self.strings, header.value, out);
    }
}

/// Appends the index of the entry that went into the table `distance` entries ago.
#[inline]
fn indexed(distance: usize, out: &mut Vec<u8>) {
    integer::encode(DYNAMIC + distance as u32, 7, 0x80, out);
}

/// Whether a field may enter a table.
enum Indexing {
    Allowed,
    /// By nobody on the way: secrets.
    Never,
}

fn indexing(header: Header<'_>) -> Indexing {
    match header.id {
        HeaderId::AUTHORIZATION | HeaderId::SET_COOKIE => Indexing::Never,
        HeaderId::COOKIE if header.value.len() < SHORT_COOKIE_BYTES => Indexing::Never,
        HeaderId::OTHER if header.name == b"proxy-authorization" => Indexing::Never,
        _ => Indexing::Allowed,
    }
}

/// The static entry with this very value.
fn static_entry(id: HeaderId, value: &[u8]) -> Option<u8> {
    Some(match (id, value) {
        (HeaderId::METHOD, b"GET") => 2,
        (HeaderId::METHOD, b"POST") => 3,
        (HeaderId::PATH, b"/") => 4,
        (HeaderId::PATH, b"/index.html") => 5,
        (HeaderId::SCHEME, b"http") => 6,
        (HeaderId::SCHEME, b"https") => 7,
        (HeaderId::STATUS, b"200") => 8,
        (HeaderId::STATUS, b"204") => 9,
        (HeaderId::STATUS, b"206") => 10,
        (HeaderId::STATUS, b"304") => 11,
        (HeaderId::STATUS, b"400") => 12,
        (HeaderId::STATUS, b"404") => 13,
        (HeaderId::STATUS, b"500") => 14,
        (HeaderId::ACCEPT_ENCODING, b"gzip, deflate") => 16,
        _ => return None,
    })
}

/// The first static entry with this name; 0 for none. Names without a number are not worth a search.
fn static_name(id: HeaderId) -> u8 {
    static NAMES: std::sync::LazyLock<[u8; KNOWN]> = std::sync::LazyLock::new(|| {
        let mut names = [0; KNOWN];
        for (at, entry) in STATIC.iter().enumerate().rev() {
            names[entry.id().number() as usize] = at as u8 + 1;
        }
        names[0] = 0;
        names
    });
    NAMES[id.number() as usize % KNOWN]
}

fn string(strings: Strings, text: &[u8], out: &mut Vec<u8>) {
    /// Up to here the length of the encoded text, if that is shorter, takes one byte.
    const ONE_BYTE: usize = 127;
    if strings == Strings::Plain {
        return plain(text, out);
    }
    if text.len() <= ONE_BYTE {
        let start = out.len();
        out.push(0);
        huffman::encode(text, out);
        let len = out.len() - start - 1;
        if len < text.len() {
            out[start] = 0x80 | len as u8;
        } else {
            out.truncate(start);
            plain(text, out);
        }
        return;
    }
    let len = huffman::encoded_len(text);
    if len < text.len() {
        integer::encode(len as u32, 7, 0x80, out);
        huffman::encode(text, out);
    } else {
        plain(text, out);
    }
}

fn plain(text: &[u8], out: &mut Vec<u8>) {
    integer::encode(text.len() as u32, 7, 0x00, out);
    out.extend_from_slice(text);
}

/// Mixes eight bytes at a time. Not keyed: it only decides about indexing, and what it finds is compared.
fn hash(bytes: &[u8]) -> u16 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut mix = bytes.len() as u64;
    for word in words {
        mix = (mix ^ u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER).rotate_left(29);
    }
    for &byte in rest {
        mix = (mix ^ u64::from(byte)).wrapping_mul(MULTIPLIER);
    }
    ((mix ^ (mix >> 32)).wrapping_mul(MULTIPLIER) >> 48) as u16
}
