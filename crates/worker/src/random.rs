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
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = {
            let high = (self.next_u64() & !0xf000) | 0x4000;
            let low = (self.next_u64() & !(3 << 62)) | (2 << 62);
            ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
        };
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        text
    }
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
    fn below_stays_below() {
        let random = Random::seeded(7);
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }
}
