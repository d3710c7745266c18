//! The Huffman code of RFC 7541 appendix B. It is canonical, so that the code lengths say everything.

/// Bits of the code of each symbol; 256 is the end of string.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const SYMBOLS: usize = 257;
const MIN_BITS: usize = 5;
const MAX_BITS: usize = 30;
/// Codes up to this length, which cover nearly all text, are found with one look-up.
const FAST_BITS: usize = 8;
const END_OF_STRING: u16 = 256;

static CODES: [Code; SYMBOLS] = codes();
static FAST: [Fast; 1 << FAST_BITS] = fast();
static LONG: [Length; MAX_BITS + 1] = lengths();
/// Symbols by length of code, then by value: the order of a canonical code.
static ORDERED: [u16; SYMBOLS] = ordered();

#[derive(Clone, Copy)]
struct Code {
    code: u32,
    bits: u32,
}

/// What eight bits begin with; no bits when the code is longer.
#[derive(Clone, Copy)]
struct Fast {
    symbol: u8,
    bits: u8,
}

/// The codes of one length: `count` of them from `first` on, whose symbols stand in [`ORDERED`] from `at` on.
#[derive(Clone, Copy)]
struct Length {
    first: u32,
    count: u32,
    at: u32,
}

const fn lengths() -> [Length; MAX_BITS + 1] {
    let mut all = [Length { first: 0, count: 0, at: 0 }; MAX_BITS + 1];
    let (mut bits, mut code, mut at) = (MIN_BITS, 0, 0);
    while bits <= MAX_BITS {
        let mut count = 0;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            count += (LENGTHS[symbol] as usize == bits) as u32;
            symbol += 1;
        }
        all[bits] = Length { first: code, count, at };
        at += count;
        code = (code + count) << 1;
        bits += 1;
    }
    all
}

const fn ordered() -> [u16; SYMBOLS] {
    let mut all = [0; SYMBOLS];
    let (mut bits, mut at) = (MIN_BITS, 0);
    while bits <= MAX_BITS {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == bits {
                all[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    all
}

const fn codes() -> [Code; SYMBOLS] {
    let (lengths, ordered) = (lengths(), ordered());
    let mut all = [Code { code: 0, bits: 0 }; SYMBOLS];
    let mut at = 0;
    while at < SYMBOLS {
        let symbol = ordered[at] as usize;
        let bits = LENGTHS[symbol] as usize;
        all[symbol] = Code { code: lengths[bits].first + at as u32 - lengths[bits].at, bits: bits as u32 };
        at += 1;
    }
    all
}

const fn fast() -> [Fast; 1 << FAST_BITS] {
    let codes = codes();
    let mut all = [Fast { symbol: 0, bits: 0 }; 1 << FAST_BITS];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let Code { code, bits } = codes[symbol];
        if bits as usize <= FAST_BITS {
            let spare = FAST_BITS - bits as usize;
            let mut at = (code as usize) << spare;
            let end = (code as usize + 1) << spare;
            while at < end {
                all[at] = Fast { symbol: symbol as u8, bits: bits as u8 };
                at += 1;
            }
        }
        symbol += 1;
    }
    all
}

/// The string is not valid: end of string in it, or padding that is longer than 7 bits or not all ones.
#[derive(Debug)]
pub(super) struct Invalid;

/// Appends the decoded `input` to `out`.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    // The shortest code has 5 bits.
    out.reserve(input.len() * 8 / MIN_BITS);
    let mut bytes = input.iter();
    let mut window = Window { bits: 0, left: 0 };
    loop {
        window.fill(&mut bytes);
        let Fast { symbol, bits } = FAST[window.top(FAST_BITS) as usize];
        if bits != 0 && u32::from(bits) <= window.left {
            window.drop(bits.into());
            out.push(symbol);
            continue;
        }
        if bits != 0 || window.left < FAST_BITS as u32 {
            return window.is_padding().then_some(()).ok_or(Invalid);
        }
        out.push(window.take_long()?);
    }
}

/// Up to 64 bits of input, left-aligned; zeros behind the last.
struct Window {
    bits: u64,
    left: u32,
}

impl Window {
    fn fill(&mut self, bytes: &mut std::slice::Iter<'_, u8>) {
        if self.left >= MAX_BITS as u32 {
            return;
        }
        while self.left <= 56 {
            let Some(&byte) = bytes.next() else { return };
            self.bits |= u64::from(byte) << (56 - self.left);
            self.left += 8;
        }
    }

    fn top(&self, bits: usize) -> u32 {
        (self.bits >> (64 - bits)) as u32
    }

    fn drop(&mut self, bits: u32) {
        self.bits <<= bits;
        self.left -= bits;
    }

    /// RFC 7541 section 5.2: fewer than 8 bits, all ones.
    fn is_padding(&self) -> bool {
        self.left < 8 && self.bits == !(u64::MAX.checked_shr(self.left).unwrap_or(0))
    }

    fn take_long(&mut self) -> Result<u8, Invalid> {
        for (bits, length) in LONG.iter().enumerate().skip(FAST_BITS + 1) {
            if bits > self.left as usize {
                return Err(Invalid);
            }
            let index = self.top(bits).wrapping_sub(length.first);
            if index < length.count {
                self.drop(bits as u32);
                return match ORDERED[(length.at + index) as usize] {
                    END_OF_STRING => Err(Invalid),
                    symbol => Ok(symbol as u8),
                };
            }
        }
        Err(Invalid)
    }
}

/// Bytes that `input` takes when encoded.
pub(super) fn encoded_len(input: &[u8]) -> usize {
    let bits: usize = input.iter().map(|&byte| LENGTHS[byte as usize] as usize).sum();
    bits.div_ceil(8)
}

/// Appends the encoded `input` to `out`.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) {
    let (mut window, mut used) = (0u64, 0u32);
    for &byte in input {
        let Code { code, bits } = CODES[byte as usize];
        window = (window << bits) | u64::from(code);
        used += bits;
        if used >= 32 {
            used -= 32;
            out.extend_from_slice(&((window >> used) as u32).to_be_bytes());
        }
    }
    while used >= 8 {
        used -= 8;
        out.push((window >> used) as u8);
    }
    if used > 0 {
        // Padded with ones, the beginning of the end of string.
        out.push(((window << (8 - used)) as u8) | (0xff >> used));
    }
}
