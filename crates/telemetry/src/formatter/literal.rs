//! Text between operators.

use crate::line::Line;

/// Text as it is printed. Short text is copied whole and cut, which is cheaper than a copy of varying length.
#[derive(Debug)]
pub(super) enum Literal {
    Short([u8; SHORT], u8),
    Long(Box<[u8]>),
}

const SHORT: usize = 16;

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        let text = text.as_bytes();
        if text.len() > SHORT {
            return Self::Long(text.into());
        }
        let mut short = [0; SHORT];
        short[..text.len()].copy_from_slice(text);
        Self::Short(short, text.len() as u8)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(text, len) => &text[..usize::from(*len)],
            Self::Long(text) => text,
        }
    }

    #[inline]
    pub(super) fn append(&self, line: &mut Line) {
        match self {
            Self::Short(text, len) => line.push_padded(*text, usize::from(*len)),
            Self::Long(text) => line.append(text),
        }
    }
}
