//! How names were spelled when they were received, for HTTP/1 to be written in the same way (Envoy's stateful formatter
//! `preserve_case`).

use super::Headers;

/// The spelling of a message's names, and its reason phrase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spelling {
    /// Names as received, one behind the other, a zero byte behind each.
    names: Vec<u8>,
    reason: Vec<u8>,
    others: OtherNames,
}

/// How names are written that were not received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OtherNames {
    /// All lower case.
    #[default]
    Lower,
    /// Upper case at the start and after each character that is no letter or digit.
    ProperWords,
}

const END: u8 = 0;

impl Spelling {
    /// No name yet.
    pub const fn new(others: OtherNames) -> Self {
        Self { names: Vec::new(), reason: Vec::new(), others }
    }

    /// Adds a name as it was received. Of several spellings of one name the first stays. An empty name, and one with a
    /// zero byte, is none.
    pub fn note(&mut self, name: &[u8]) {
        if !name.is_empty() && !name.contains(&END) && self.of(name).is_none() {
            self.names.extend_from_slice(name);
            self.names.push(END);
        }
    }

    /// Sets the reason phrase of the status line.
    pub fn note_reason(&mut self, reason: &[u8]) {
        self.reason = reason.to_vec();
    }

    /// The spelling of `name`, given in any case.
    pub fn of(&self, name: &[u8]) -> Option<&[u8]> {
        self.names.split(|&byte| byte == END).find(|known| !known.is_empty() && known.eq_ignore_ascii_case(name))
    }

    /// The reason phrase; empty when there is none.
    pub fn reason(&self) -> &[u8] {
        &self.reason
    }

    /// How names are written that have no spelling here.
    pub fn others(&self) -> OtherNames {
        self.others
    }
}

impl Headers {
    /// Keeps the spelling with the list, and with its clones.
    pub fn keep_spelling(&mut self, spelling: Spelling) {
        self.list_mut().spelling = Some(Box::new(spelling));
    }

    /// The spelling, where the one who received the list was to keep it.
    #[inline]
    pub fn spelling(&self) -> Option<&Spelling> {
        self.list.as_deref()?.spelling.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_spelling_of_a_name_stays_and_goes_with_clones() {
        let mut spelling = Spelling::new(OtherNames::Lower);
        for name in [&b"X-One"[..], b"x-ONE", b"", b"a\0b", b"hOST"] {
            spelling.note(name);
        }
        let mut headers = Headers::new();
        headers.push_name(b"x-one", b"1");
        headers.keep_spelling(spelling);
        let copy = headers.clone();
        headers.clear();
        assert_eq!(headers.spelling(), None);
        let kept = copy.spelling().expect("goes with the clone");
        for (name, expected) in
            [("x-one", Some("X-One")), ("host", Some("hOST")), ("x-on", None), ("", None), ("a\0b", None)]
        {
            assert_eq!(kept.of(name.as_bytes()), expected.map(str::as_bytes), "{name:?}");
        }
    }
}
