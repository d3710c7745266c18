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
const FAST_BITS: u32 = 8;
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
        if bits <= FAST_BITS {
            let spare = FAST_BITS - bits;
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
    let mut window = Window { bits: 0, left: 0, rest: input };
    loop {
        window.fill();
        // Whatever these bits begin with is a whole code.
        while window.left >= FAST_BITS {
            let Fast { symbol, bits } = FAST[window.top(FAST_BITS) as usize];
            if bits == 0 {
                break;
            }
            window.skip(bits.into());
            out.push(symbol);
        }
        if window.left >= FAST_BITS {
            window.fill();
            out.push(window.take_long()?);
        } else if window.rest.is_empty() {
            return window.finish(out);
        }
    }
}

/// Up to 64 bits of input, left-aligned; zeros behind the last.
struct Window<'a> {
    bits: u64,
    left: u32,
    rest: &'a [u8],
}

impl Window<'_> {
    /// Fills up to more than the longest code, if there is so much.
    #[inline]
    fn fill(&mut self) {
        if self.left > 32 {
            return;
        }
        if let Some((four, rest)) = self.rest.split_first_chunk::<4>() {
            self.bits |= u64::from(u32::from_be_bytes(*four)) << (32 - self.left);
            self.left += 32;
            self.rest = rest;
            return;
        }
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.bits |= u64::from(byte) << (56 - self.left);
            self.left += 8;
            self.rest = rest;
        }
    }

    #[inline]
    fn top(&self, bits: u32) -> u32 {
        (self.bits >> (64 - bits)) as u32
    }

    #[inline]
    fn skip(&mut self, bits: u32) {
        self.bits <<= bits;
        self.left -= bits;
    }

    /// The last codes, of less than a byte, and the padding: fewer than 8 bits, all ones (RFC 7541 section 5.2).
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Invalid> {
        loop {
            let Fast { symbol, bits } = FAST[self.top(FAST_BITS) as usize];
            if bits == 0 || u32::from(bits) > self.left {
                let padding = !(u64::MAX.checked_shr(self.left).unwrap_or(0));
                return if self.bits == padding { Ok(()) } else { Err(Invalid) };
            }
            self.skip(bits.into());
            out.push(symbol);
        }
    }

    fn take_long(&mut self) -> Result<u8, Invalid> {
        for (bits, length) in (0..).zip(&LONG).skip(FAST_BITS as usize + 1) {
            if bits > self.left {
                return Err(Invalid);
            }
            let index = self.top(bits).wrapping_sub(length.first);
            if index < length.count {
                self.skip(bits);
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
    out.reserve(input.len());
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
