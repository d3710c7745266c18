//! Prefixed integers (RFC 7541 section 5.1).

use super::DecodeError;

/// Beyond this no length or index is plausible; also keeps the arithmetic far from overflow.
const MAX: u32 = 1 << 28;

/// Reads an integer with a prefix of `bits`. Returns its value and the bytes used, or `None` when the input ends
/// inside it.
pub(super) fn decode(input: &[u8], bits: u32) -> Result<Option<(u32, usize)>, DecodeError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let mask = (1u32 << bits) - 1;
    let mut value = u32::from(first) & mask;
    if value < mask {
        return Ok(Some((value, 1)));
    }
    for (at, &byte) in input.iter().enumerate().skip(1) {
        let shift = 7 * (at as u32 - 1);
        // Five continuation bytes would pass the bound whatever they hold, unless they are padded with zeros.
        if shift > 21 {
            return Err(DecodeError::Integer);
        }
        value += (u32::from(byte) & 0x7f) << shift;
        if value > MAX {
            return Err(DecodeError::Integer);
        }
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    Ok(None)
}

/// Appends `value` with a prefix of `bits`; `flags` are the bits above the prefix.
#[inline]
pub(super) fn encode(value: u32, bits: u32, flags: u8, out: &mut Vec<u8>) {
    let mask = (1u32 << bits) - 1;
    if value < mask {
        out.push(flags | low_byte(value));
        return;
    }
    out.push(flags | low_byte(mask));
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}
