//! JSON as protobuf's parser reads it in its legacy mode, which Envoy uses: single quotes, bare keys, trailing commas
//! and raw control characters in strings are accepted; comments, a byte-order mark and text behind the value are not.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Diagnostics, Path, Position, Span, code};
use crate::tree::{Key, Kind, MAX_DEPTH, MapBuilder, Node, Scalar};

/// Reads one value, which must be the whole text.
pub(super) fn read<'t>(text: &'t str, before: u32, sink: &Diagnostics) -> Option<Node<'t>> {
    let start = Position { line: before.saturating_add(1), column: 1 };
    let mut reader = Reader { rest: text, place: start, sink };
    let outcome = reader.value(0).and_then(|node| {
        reader.skip_space();
        match reader.rest {
            "" => Ok(node),
            _ => Err(reader.error("unexpected text behind the end of the JSON value")),
        }
    });
    outcome.map_err(|error| sink.push(error)).ok()
}

struct Reader<'t, 's> {
    rest: &'t str,
    place: Position,
    sink: &'s Diagnostics,
}

type Parsed<T> = Result<T, Diagnostic>;

impl<'t> Reader<'t, '_> {
    fn value(&mut self, depth: usize) -> Parsed<Node<'t>> {
        self.skip_space();
        let start = self.place;
        let kind = match self.peek() {
            Some('{') => self.map(depth + 1)?,
            Some('[') => self.list(depth + 1)?,
            Some(quote @ ('"' | '\'')) => Kind::Scalar(Scalar::Text(self.string(quote)?)),
            Some('-' | '0'..='9') => Kind::Scalar(self.number()?),
            Some(_) => Kind::Scalar(self.word()?),
            None => return Err(self.error("unexpected end of the text, expected a value")),
        };
        let span = Span { start, end: self.place };
        Ok(Node { span, kind })
    }

    fn map(&mut self, depth: usize) -> Parsed<Kind<'t>> {
        self.enter(depth)?;
        let mut entries = MapBuilder::default();
        loop {
            self.skip_space();
            if self.eat('}') {
                return Ok(entries.finish());
            }
            let key = self.key()?;
            self.skip_space();
            if !self.eat(':') {
                return Err(self.error("expected ':' after the key"));
            }
            let value = self.value(depth)?;
            entries.insert(key, value, self.sink);
            self.separator('}')?;
        }
    }

    fn list(&mut self, depth: usize) -> Parsed<Kind<'t>> {
        self.enter(depth)?;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.eat(']') {
                items.shrink_to_fit();
                return Ok(Kind::List(items));
            }
            items.push(self.value(depth)?);
            self.separator(']')?;
        }
    }

    /// Consumes the bracket that opens a list or mapping.
    fn enter(&mut self, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            let found = Diagnostic::error(code::TOO_DEEP, Path::root(), message);
            return Err(found.with_span(Span::at(self.place)));
        }
        self.advance();
        Ok(())
    }

    /// A comma, or the end without one.
    fn separator(&mut self, end: char) -> Parsed<()> {
        self.skip_space();
        if self.eat(',') || self.peek() == Some(end) {
            return Ok(());
        }
        Err(self.error(&format!("expected ',' or '{end}'")))
    }

    fn key(&mut self) -> Parsed<Key<'t>> {
        let start = self.place;
        let text = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.string(quote)?,
            _ => Cow::Borrowed(self.bare_word()),
        };
        if text.is_empty() && self.place == start {
            return Err(self.error("expected a key or '}'"));
        }
        let span = Span { start, end: self.place };
        Ok(Key { span, text })
    }

    fn word(&mut self) -> Parsed<Scalar<'t>> {
        let start = self.place;
        match self.bare_word() {
            "null" => Ok(Scalar::Null),
            "true" => Ok(Scalar::Bool(true)),
            "false" => Ok(Scalar::Bool(false)),
            "" => Err(self.error(&format!("unexpected {:?}", self.peek().unwrap_or(' ')))),
            word => {
                let message = format!("'{word}' is not a JSON value; strings must be quoted");
                Err(error(Span { start, end: self.place }, &message))
            }
        }
    }

    fn bare_word(&mut self) -> &'t str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        self.take_while(is_part)
    }

    fn number(&mut self) -> Parsed<Scalar<'t>> {
        let start = self.place;
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let is_finite = |t: &str| t.parse::<f64>().is_ok_and(f64::is_finite);
        if is_json_number(text) && is_finite(text) {
            return Ok(Scalar::Number(Cow::Borrowed(text)));
        }
        let span = Span { start, end: self.place };
        Err(error(span, &format!("'{text}' is not a JSON number")))
    }

    fn string(&mut self, quote: char) -> Parsed<Cow<'t, str>> {
        let start = self.place;
        self.advance();
        let plain = self.take_while(|c| c != quote && c != '\\');
        if self.eat(quote) {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.advance() {
                None => return Err(error(Span::at(start), "the string has no end")),
                Some(c) if c == quote => return Ok(Cow::Owned(text)),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let place = self.place;
        match self.advance() {
            Some(c @ ('"' | '\'' | '\\' | '/')) => Ok(c),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.unicode(place),
            _ => Err(error(Span::at(place), "unknown escape in a string")),
        }
    }

    /// `\uXXXX`, or two of them for a character that UTF-16 writes as a pair.
    fn unicode(&mut self, place: Position) -> Parsed<char> {
        let invalid = || error(Span::at(place), "a \\u escape must have four hexadecimal digits and name a character");
        let first = self.four_digits().ok_or_else(invalid)?;
        if let Some(c) = char::from_u32(first.into()) {
            return Ok(c);
        }
        let second = (self.eat('\\') && self.eat('u')).then(|| self.four_digits()).flatten();
        let units = [first, second.ok_or_else(invalid)?];
        let mut pair = char::decode_utf16(units);
        match (pair.next(), pair.next()) {
            (Some(Ok(c)), None) => Ok(c),
            _ => Err(invalid()),
        }
    }

    fn four_digits(&mut self) -> Option<u16> {
        let digits = self.rest.get(..4)?;
        let is_hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let value = u16::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
        for _ in 0..4 {
            self.advance();
        }
        Some(value)
    }

    fn skip_space(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let text = self.rest;
        while self.peek().is_some_and(&keep) {
            self.advance();
        }
        &text[..text.len() - self.rest.len()]
    }

    fn eat(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.advance();
        }
        is_next
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        match next {
            '\r' if self.rest.starts_with('\n') => {}
            '\n' | '\r' => self.place = Position { line: self.place.line.saturating_add(1), column: 1 },
            _ => self.place.column = self.place.column.saturating_add(1),
        }
        Some(next)
    }

    fn error(&self, message: &str) -> Diagnostic {
        error(Span::at(self.place), message)
    }
}

fn error(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(code::SYNTAX, Path::root(), message).with_span(span)
}

/// RFC 8259's grammar, section 6.
fn is_json_number(text: &str) -> bool {
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.starts_with('0')) {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = &fraction[digits(fraction)..];
        if rest.len() == fraction.len() {
            return false;
        }
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}
