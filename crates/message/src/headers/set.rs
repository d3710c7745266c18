//! Sets of well-known names, looked for all at once.

use super::{HeaderId, Headers};

/// A set of well-known names, without [`HeaderId::OTHER`].
#[derive(Clone, Copy, Debug)]
pub struct HeaderSet([u64; 2]);

impl HeaderSet {
    /// The set of these names.
    pub const fn of(ids: &[HeaderId]) -> Self {
        let mut bits = [0; 2];
        let mut at = 0;
        while at < ids.len() {
            let number = ids[at].0;
            assert!(number != HeaderId::OTHER.0, "names without a number cannot be told apart");
            bits[(number >> 6) as usize & 1] |= 1 << (number & 63);
            at += 1;
        }
        Self(bits)
    }
}

impl Headers {
    /// Whether any header of the set is there.
    #[inline]
    pub fn has_any(&self, set: &HeaderSet) -> bool {
        self.list.as_deref().is_some_and(|list| list.common(&set.0) != [0; 2])
    }

    /// Removes all headers of the set.
    #[inline]
    pub fn remove_all(&mut self, set: &HeaderSet) {
        let Some(list) = self.list.as_deref_mut() else { return };
        for (word, mut bits) in (0..).zip(list.common(&set.0)) {
            while bits != 0 {
                list.remove(HeaderId(word * 64 + bits.trailing_zeros() as u8));
                bits &= bits - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_set_is_found_and_removed_and_nothing_else() {
        const SET: HeaderSet = HeaderSet::of(&[HeaderId::CONNECTION, HeaderId::TE, HeaderId::X_ENVOY_MAX_RETRIES]);
        let mut headers = Headers::new();
        headers.remove_all(&SET);
        assert!(!headers.has_any(&SET));
        for id in [HeaderId::PATH, HeaderId::TE, HeaderId::UPGRADE, HeaderId::TE, HeaderId::X_ENVOY_MAX_RETRIES] {
            headers.push(id, b"1");
        }
        headers.push_other(b"x-a", b"1");
        assert!(headers.has_any(&SET));
        headers.remove_all(&SET);
        assert!(!headers.has_any(&SET));
        let left: Vec<_> = headers.iter().map(|header| header.id).collect();
        assert_eq!(left, [HeaderId::PATH, HeaderId::UPGRADE, HeaderId::OTHER]);
    }
}
