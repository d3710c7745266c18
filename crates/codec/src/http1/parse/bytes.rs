//! Which bytes may stand where.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH_BITS: u64 = ONES * 0x80;

const fn table(is_member: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < is_member.len() {
        table[is_member[at] as usize] = true;
        at += 1;
    }
    table
}

/// RFC 9110 section 5.6.2.
static TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
static NAME_BYTES: [u8; 256] = name_bytes();

const fn name_bytes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if TOKEN[byte] {
            table[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    table
}

/// RFC 3986 section 3.2: what an authority is made of.
static AUTHORITY: [bool; 256] = table(b"-._~%!$&'()*+,;=:@[]");

/// The lower-case form of a byte that may stand in a header name; zero for any other.
pub(crate) fn name_byte(byte: u8) -> u8 {
    NAME_BYTES[byte as usize]
}

/// Whether `bytes` is a token: a header name or a method.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[byte as usize])
}

/// Whether all bytes are visible ASCII. Empty is fine.
#[inline(always)]
pub(crate) fn is_visible(bytes: &[u8]) -> bool {
    let is_visible = |byte: u8| (0x21..=0x7e).contains(&byte);
    let (blocks, rest) = bytes.as_chunks::<16>();
    blocks.iter().all(|block| u128::from_le_bytes(block.map(|byte| if is_visible(byte) { 0 } else { 0xff })) == 0)
        && rest.iter().all(|&byte| is_visible(byte))
}

/// Whether `bytes` consists of what may stand in an authority. Empty is fine.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| AUTHORITY[byte as usize])
}

/// Sets the bit that tells a lower-case letter from its upper-case one in all bytes, eight at a time.
#[inline(always)]
pub(crate) fn set_bit_0x20(bytes: &mut [u8]) {
    let set = |word: &mut [u8; 8]| *word = (u64::from_le_bytes(*word) | (ONES * 0x20)).to_le_bytes();
    if bytes.len() > 16 {
        bytes.as_chunks_mut::<8>().0.iter_mut().for_each(set);
    } else if let Some(first) = bytes.first_chunk_mut() {
        set(first);
    } else {
        bytes.iter_mut().for_each(|byte| *byte |= 0x20);
        return;
    }
    bytes.last_chunk_mut().into_iter().for_each(set);
}

/// The position of the first control character: below 0x20, or DEL; tab, CR and LF included.
pub(crate) fn control_at(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = controls(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(u8::is_ascii_control).map(|at| words.len() * 8 + at)
}

/// Bytes before the first colon in a padded block; all of them when there is none.
#[inline(always)]
pub(crate) fn name_len(block: &[u8]) -> usize {
    len_before(block, |word| zeros(word ^ (ONES * u64::from(b':'))))
}

/// Bytes before the first control character in a padded block; sometimes, with 0xff in them, fewer.
#[inline(always)]
pub(crate) fn value_len(block: &[u8]) -> usize {
    // 0x7f plus one has the high bit, as has less than 0x20 minus that. A carry out of 0xff comes from a byte that is no
    // ASCII, and makes one behind it look like DEL at worst.
    len_before(block, |word| (word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES)) & !word & HIGH_BITS)
}

/// Bytes before the one that `found` marks by the lowest bit that it sets.
#[inline(always)]
fn len_before(block: &[u8], found: impl Fn(u64) -> u64) -> usize {
    let mut at = 0;
    for word in block.as_chunks::<8>().0 {
        let found = found(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    block.len()
}

/// A word whose lowest set bit is in the first byte that is zero. Borrows make what is above unreliable.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// A word whose lowest set bit is in the first byte that is a control character. Borrows make what is above unreliable.
fn controls(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (below_space & HIGH_BITS) | zeros(word ^ (ONES * 0x7f))
}

/// Whether any byte is a control character that Envoy answers with `http1.invalid_characters`: all but tab, CR, LF.
pub(crate) fn has_forbidden(bytes: &[u8]) -> bool {
    let is_forbidden = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
    control_at(bytes).is_some_and(|at| bytes[at..].iter().any(is_forbidden))
}

/// What is trimmed around values. Envoy counts a lone CR in.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without blanks at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_blank(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_blank(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// A non-empty run of decimal digits that fits 64 bits.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether a comma-separated list has `token`, in any case.
pub(crate) fn has_list_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| trim(item).eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_wise_search_agrees_with_the_byte_wise_one() {
        for byte in 0..=255u8 {
            for at in 0..19 {
                let mut bytes = *b"abcdefgh\xff\x80\x20\x7e\xe9xyzA.z";
                bytes[at] = byte;
                assert_eq!(control_at(&bytes), byte.is_ascii_control().then_some(at), "{byte} at {at}");
                bytes[18] = 0;
                assert_eq!(control_at(&bytes), Some(if byte.is_ascii_control() { at } else { 18 }), "{byte} at {at}");
            }
        }
    }

    #[test]
    fn decimals_are_digits_only() {
        let max = u64::MAX.to_string();
        for (text, expected) in [
            ("0", Some(0)),
            ("00003", Some(3)),
            (&max, Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+3", None),
            ("3 ", None),
            ("3,3", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
    }
}
