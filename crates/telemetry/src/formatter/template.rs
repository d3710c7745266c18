//! A format as text and operators.

use super::Empty;
use super::FormatError;
use super::Inputs;
use super::evaluate::append;
use super::literal::Literal;
use super::operator::Operator;
use super::scan::Scanned;
use super::scan::scan;
use crate::line::Line;

/// A compiled text format.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Box<[Piece]>,
    tail: Literal,
}

/// Text and the operator that follows it.
#[derive(Debug)]
pub(super) struct Piece {
    before: Literal,
    operator: Operator,
}

impl Template {
    pub(super) fn parse(format: &str) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for scanned in scan(format) {
            match scanned? {
                Scanned::Text(more) => text.push_str(more),
                Scanned::Command(command) => match Operator::parse(&command)? {
                    Operator::Constant(value) => text.push_str(&value),
                    operator => pieces.push(Piece { before: Literal::new(&std::mem::take(&mut text)), operator }),
                },
            }
        }
        Ok(Self { pieces: pieces.into(), tail: Literal::new(&text) })
    }

    pub(super) fn append(&self, inputs: &Inputs<'_>, empty: Empty, line: &mut Line) {
        for Piece { before, operator } in &self.pieces {
            before.append(line);
            if !append(operator, inputs, line) && empty == Empty::Dash {
                line.push(b'-');
            }
        }
        self.tail.append(line);
    }

    /// The text, when there is no operator in it.
    pub(super) fn as_text(&self) -> Option<&[u8]> {
        self.pieces.is_empty().then(|| self.tail.as_bytes())
    }

    /// Appends the value of the operator, when there is nothing else; returns whether there is one.
    #[inline(never)]
    pub(super) fn append_value(&self, inputs: &Inputs<'_>, line: &mut Line) -> bool {
        self.as_operator().is_some_and(|operator| append(operator, inputs, line))
    }

    /// The operator, when there is nothing else.
    pub(super) fn as_operator(&self) -> Option<&Operator> {
        match &*self.pieces {
            [only] if only.before.as_bytes().is_empty() && self.tail.as_bytes().is_empty() => Some(&only.operator),
            _ => None,
        }
    }
}
