//! `RegexMatchAndSubstitute`: RE2's global replacement.

use std::fmt;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::diagnostic;
use nuncio_proto::envoy::r#type::matcher::v3 as pb;
use regex::bytes::Captures;
use regex::bytes::Regex;

use super::compile;
use super::translate::translate;

/// `envoy.type.matcher.v3.RegexMatchAndSubstitute`: replaces every match.
#[derive(Clone)]
pub struct RegexRewrite {
    regex: Regex,
    substitution: Substitution,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Substitution {
    Pieces(Box<[Piece]>),
    /// It names a group that the expression has not: RE2 then replaces nothing.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<[u8]>),
    Group(usize),
}

impl RegexRewrite {
    /// Parses the pattern and its substitution.
    ///
    /// # Errors
    /// When the expression is not one of RE2's. A bad substitution is a warning, as in Envoy, which logs it per request.
    pub fn parse(proto: pb::RegexMatchAndSubstitute, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::RegexMatchAndSubstitute { pattern, substitution } = proto;
        let mut f = at.fields();
        let regex = f.required("pattern", pattern, |pb::RegexMatcher { regex, engine_type: _ }, at| {
            let translated = translate(&regex).map_err(|error| at.field("regex").invalid(error))?;
            compile(&translated, &at.field("regex"))
        });
        let groups = regex.as_ref().map_or(usize::MAX, Regex::captures_len);
        let substitution =
            f.value("substitution", substitution, |text, at| Ok(Substitution::parse(text.as_bytes(), groups, at)));
        f.finish(|| Self { regex: regex.take(), substitution: substitution.take() })
    }

    /// Appends `text` with every match replaced to `out`.
    pub fn rewrite(&self, text: &[u8], out: &mut Vec<u8>) {
        let Substitution::Pieces(pieces) = &self.substitution else { return out.extend_from_slice(text) };
        let mut copied = 0;
        for captures in self.regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            out.extend_from_slice(&text[copied..whole.start()]);
            copied = whole.end();
            expand(pieces, &captures, out);
        }
        out.extend_from_slice(&text[copied..]);
    }
}

impl Substitution {
    /// Takes a substitution apart: `\0` to `\9` are groups, `\\` is a backslash.
    fn parse(text: &[u8], groups: usize, at: &At<'_>) -> Self {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = text.iter();
        while let Some(&byte) = bytes.next() {
            match (byte, if byte == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(&digit @ b'0'..=b'9')) => {
                    push_text(&mut pieces, &mut literal);
                    pieces.push(Piece::Group(usize::from(digit - b'0')));
                }
                (b'\\', Some(b'\\')) => literal.push(b'\\'),
                (b'\\', _) => {
                    let why = "a backslash must be followed by a digit or a backslash; the text ends before it";
                    at.warning(diagnostic::code::NO_EFFECT, why);
                    break;
                }
                _ => literal.push(byte),
            }
        }
        push_text(&mut pieces, &mut literal);
        let highest = pieces.iter().map(|piece| if let Piece::Group(group) = piece { *group } else { 0 }).max();
        match highest {
            Some(group) if group >= groups => {
                let why = format!("nothing is replaced: '\\{group}' names a group, but the pattern has {}", groups - 1);
                at.warning(diagnostic::code::NO_EFFECT, why);
                Self::Nothing
            }
            _ => Self::Pieces(pieces.into_boxed_slice()),
        }
    }
}

fn expand(pieces: &[Piece], captures: &Captures<'_>, out: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Group(group) => out.extend_from_slice(captures.get(*group).map_or(&[], |m| m.as_bytes())),
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, literal: &mut Vec<u8>) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal).into_boxed_slice()));
    }
}

impl fmt::Debug for RegexRewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegexRewrite")
            .field("regex", &self.regex.as_str())
            .field("substitution", &self.substitution)
            .finish()
    }
}
