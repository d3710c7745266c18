//! The buffer that lines are printed into.

use std::fmt;

/// The numbers below a hundred with two digits each.
const PAIRS: [[u8; 2]; 100] = pairs();

/// Texts up to this length are copied by a few stores.
const SHORT: usize = 32;

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
}

/// Per worker, reused: text that operators append to.
///
/// All of its memory is initialised, so that short texts and numbers, which lines are made of, are plain stores
/// instead of calls into memcpy. It grows when it must and keeps its memory.
#[derive(Default)]
pub struct Line {
    bytes: Vec<u8>,
    /// 32 bits, so that the compiler sees that sums with it do not overflow, and checks bounds once.
    len: u32,
}

impl Line {
    /// An empty line without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was appended.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// Number of bytes appended.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets everything; keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Gives memory beyond `bytes` back, when nothing stands there.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if self.bytes.len() > bytes.max(self.len()) {
            self.bytes.truncate(bytes.max(self.len()));
            self.bytes.shrink_to_fit();
        }
    }

    /// Forgets what was appended after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len().min(len) as u32;
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.push_padded([byte], 1);
    }

    /// Appends `bytes`.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) {
        let room = self.room::<SHORT>();
        let Some(room) = room.filter(|_| bytes.len() <= SHORT) else {
            self.append_long(bytes);
            return;
        };
        if bytes.len() >= 16 {
            copy_ends::<16>(bytes, room);
        } else if bytes.len() >= 8 {
            copy_ends::<8>(bytes, room);
        } else if bytes.len() >= 4 {
            copy_ends::<4>(bytes, room);
        } else {
            room.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = byte);
        }
        self.len += bytes.len() as u32;
    }

    /// Appends `value` in decimal.
    #[inline]
    pub fn append_decimal(&mut self, value: u64) {
        match value {
            0..10 => self.push(b'0' + value as u8),
            10..100 => self.push_padded(PAIRS[value as usize], 2),
            100..1_000 => {
                let [tens, ones] = PAIRS[(value % 100) as usize];
                self.push_padded([b'0' + (value / 100) as u8, tens, ones], 3);
            }
            _ => self.append_long_decimal(value),
        }
    }

    /// Appends the first `len` bytes of `text`.
    #[inline]
    pub(crate) fn push_padded<const N: usize>(&mut self, text: [u8; N], len: usize) {
        match self.room::<N>() {
            Some(room) => *room = text,
            None => self.grow_for(&text),
        }
        self.len += len as u32;
    }

    /// The two digits of a number below a hundred.
    #[inline]
    pub(crate) fn two_digits(value: u32) -> [u8; 2] {
        PAIRS[value as usize % 100]
    }

    /// What was appended after the first `start` bytes.
    pub(crate) fn since(&mut self, start: usize) -> &mut [u8] {
        let len = self.len();
        self.bytes[..len].get_mut(start..).unwrap_or_default()
    }

    /// Puts `count` times `byte` before what was appended after the first `start` bytes.
    pub(crate) fn insert(&mut self, start: usize, byte: u8, count: usize) {
        for _ in 0..count {
            self.push(byte);
        }
        self.since(start).rotate_right(count);
    }

    fn append_long(&mut self, bytes: &[u8]) {
        let len = self.len();
        match self.bytes.get_mut(len..len + bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.grow_for(bytes),
        }
        self.len += bytes.len() as u32;
    }

    /// The next `N` bytes, if there is memory for them.
    #[inline]
    fn room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        let len = self.len();
        self.bytes.get_mut(len..len + N)?.try_into().ok()
    }

    fn append_long_decimal(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        while value >= 10 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        if value > 0 {
            at -= 1;
            digits[at] = b'0' + value as u8;
        }
        self.append(&digits[at..]);
    }

    /// Writes `bytes` behind the text and makes room for as much again.
    #[cold]
    fn grow_for(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.len());
        self.bytes.extend_from_slice(bytes);
        let room = (self.bytes.len() * 2).max(512);
        // What is printed is bounded by the limits of heads and formats, far below this.
        assert!(u32::try_from(room).is_ok(), "a line must stay below 4 GiB");
        self.bytes.resize(room, 0);
    }
}

/// Copies `bytes`, of which there are at least `N` and at most twice as many: the first `N`, and so that they overlap,
/// the last `N`.
#[inline]
fn copy_ends<const N: usize>(bytes: &[u8], room: &mut [u8; SHORT]) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>())
        && let Some(end) = room.get_mut(bytes.len() - N..bytes.len())
    {
        end.copy_from_slice(last);
        room[..N].copy_from_slice(first);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_are_appended_whole() {
        let text: Vec<u8> = (0..100).collect();
        for len in 0..text.len() {
            let mut line = Line::new();
            let mut expected = Vec::new();
            for _ in 0..20 {
                line.append(&text[..len]);
                line.push(b';');
                expected.extend_from_slice(&text[..len]);
                expected.push(b';');
            }
            assert_eq!(line.as_bytes(), expected, "{len}");
        }
    }

    #[test]
    fn decimals_print_like_the_standard_library() {
        let powers = (0..20).map(|power| 10_u64.pow(power)).flat_map(|power| [power - 1, power, power + 1]);
        for value in powers.chain([0, 7, 42, 65_535, 12_345_678_901_234_567_890, u64::MAX]) {
            let mut line = Line::new();
            line.append_decimal(value);
            assert_eq!(line.as_bytes(), value.to_string().into_bytes());
        }
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut line = Line::new();
        line.append(b"keep this, not that");
        line.truncate(9);
        line.insert(5, b'-', 2);
        assert_eq!(line.as_bytes(), b"keep --this");
        line.clear();
        assert!(line.is_empty());
        line.push_padded(*b"abcdef", 2);
        assert_eq!(line.as_bytes(), b"ab");
    }
}
