//! Which bytes names and values may have. The sets are those of nghttp2, as the real Envoy answers for each byte.

use super::options::Options;

const METHOD: u8 = 1;
const SCHEME: u8 = 2;
const PATH: u8 = 4;
const AUTHORITY: u8 = 8;
const NAME: u8 = 16;
const VALUE: u8 = 32;
/// Printable ASCII.
const PLAIN: u8 = 64;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        if is_token(b) {
            class |= METHOD;
            if !b.is_ascii_uppercase() {
                class |= NAME;
            }
        }
        if b.is_ascii_alphanumeric() || b == b'+' || b == b'-' || b == b'.' {
            class |= SCHEME;
        }
        if b > b' ' && b != 0x7f {
            class |= PATH;
        }
        if is_of_authority(b) {
            class |= AUTHORITY;
        }
        if b == b'\t' || (b >= b' ' && b != 0x7f) {
            class |= VALUE;
        }
        if b == b' ' || b.is_ascii_graphic() {
            class |= PLAIN;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
}

/// RFC 9110 section 5.6.2.
const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// RFC 3986 section 3.2 without user information.
const fn is_of_authority(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'-'
                | b'.'
                | b':'
                | b';'
                | b'='
                | b'['
                | b']'
                | b'_'
                | b'~'
        )
}

fn all(text: &[u8], class: u8) -> bool {
    text.iter().all(|&byte| CLASSES[byte as usize] & class != 0)
}

pub(super) fn is_method(value: &[u8]) -> bool {
    !value.is_empty() && all(value, METHOD)
}

pub(super) fn is_scheme(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic) && all(value, SCHEME)
}

pub(super) fn is_path(value: &[u8]) -> bool {
    !value.is_empty() && all(value, PATH)
}

pub(super) fn is_authority(value: &[u8]) -> bool {
    !value.is_empty() && all(value, AUTHORITY)
}

pub(super) fn is_status(value: &[u8]) -> bool {
    value.len() == 3 && value.iter().all(u8::is_ascii_digit)
}

pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && all(name, NAME)
}

pub(super) fn is_value(value: &[u8], options: &Options) -> bool {
    let (words, rest) = value.as_chunks::<8>();
    let is_plain = words.iter().all(|word| is_plain_text(u64::from_le_bytes(*word)));
    if is_plain && all(rest, PLAIN) {
        return true;
    }
    all(value, VALUE) && (!options.disallow_obs_text || value.is_ascii())
}

/// Whether all eight bytes are printable ASCII: no bit 7, none below a blank, none DEL.
fn is_plain_text(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below_blank = word.wrapping_sub(ONES * 0x20);
    let without_del = (word ^ (ONES * 0x7f)).wrapping_sub(ONES);
    (word | below_blank | without_del) & HIGH == 0
}

/// A `content-length`, at most 2^63-1.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit).filter(|&sum| i64::try_from(sum).is_ok())
    })
}
