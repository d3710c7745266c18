//! The worker's random source: fast, seedable, not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A wyrand generator. Owner: the worker. Never used for keys or tokens.
pub struct Random {
    state: Cell<u64>,
}

impl Random {
    /// A generator that gives the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// A generator that starts somewhere else each time.
    pub fn from_system() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// 64 random bits.
    pub fn next_u64(&self) -> u64 {
        let state = self.state.get().wrapping_add(0xa076_1d64_78bd_642f);
        self.state.set(state);
        let wide = u128::from(state) * u128::from(state ^ 0xe703_7ed1_a0b4_28db);
        (wide >> 64) as u64 ^ wide as u64
    }

    /// A number below `bound`; zero when `bound` is.
    pub fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A version 4 UUID (RFC 9562) in its text form.
    pub fn uuid(&self) -> [u8; 36] {
        let high = (self.next_u64() & !0xf000) | 0x4000;
        let low = (self.next_u64() & !(3 << 62)) | (2 << 62);
        let [a, b] = [hex((high >> 32) as u32), hex(high as u32)];
        let [c, d] = [hex((low >> 32) as u32), hex(low as u32)];
        let mut text = [b'-'; 36];
        text[..8].copy_from_slice(&a);
        text[9..13].copy_from_slice(&b[..4]);
        text[14..18].copy_from_slice(&b[4..]);
        text[19..23].copy_from_slice(&c[..4]);
        text[24..28].copy_from_slice(&c[4..]);
        text[28..].copy_from_slice(&d);
        text
    }
}

/// The eight lower-case digits of a number, all at once: one is asked for with each request.
fn hex(number: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Each digit to a byte of its own.
    let mut digits = u64::from(number);
    digits = (digits | (digits << 16)) & 0x0000_ffff_0000_ffff;
    digits = (digits | (digits << 8)) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | (digits << 4)) & (0x0f * ONES);
    // One in each byte whose digit is a letter: those that six more carries beyond 15.
    let letters = ((digits + 6 * ONES) >> 4) & ONES;
    (digits + u64::from(b'0') * ONES + letters * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4_and_differ() {
        let random = Random::seeded(1);
        let (a, b) = (random.uuid(), random.uuid());
        assert_ne!(a, b);
        for uuid in [a, b] {
            assert!(uuid[14] == b'4' && matches!(uuid[19], b'8' | b'9' | b'a' | b'b'));
            assert!([8, 13, 18, 23].iter().all(|&at| uuid[at] == b'-'));
        }
    }

    #[test]
    fn hex_digits_are_lower_case() {
        for number in [0, 9, 10, 15, 16, 0x0123_4567, 0x89ab_cdef, 0xfedc_ba98, u32::MAX] {
            assert_eq!(hex(number), format!("{number:08x}").as_bytes());
        }
    }

    #[test]
    fn below_stays_below() {
        let random = Random::seeded(7);
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }
}
