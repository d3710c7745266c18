//! Compiles a time format.

use super::Piece;
use super::field::CONVERSIONS;
use super::field::Case;
use super::field::Field;
use super::field::Pad;
use super::field::Style;

/// A width beyond this is a mistake, and would make lines of any length.
const MAX_WIDTH: usize = 255;
/// Finer than femtoseconds nobody asks.
const MAX_FRACTION_DIGITS: usize = 15;

/// What follows a `%`.
enum Conversion {
    Known(Piece),
    /// Unknown to strftime, which prints it as written.
    AsWritten,
    Unsupported,
}

/// Compiles `format`.
///
/// # Errors
/// A conversion to a newline, which Envoy refuses, and forms that are not supported.
pub(super) fn pieces(format: &str) -> Result<Box<[Piece]>, String> {
    if prints_newline(format) {
        return Err("Invalid header configuration. Format string contains newline.".to_owned());
    }
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        push_text(&mut pieces, &rest[..at]);
        let mut cursor = Cursor(&rest[at + 1..]);
        let conversion = cursor.conversion();
        let written = &rest[at..rest.len() - cursor.0.len()];
        match conversion {
            Conversion::Known(piece) => pieces.push(piece),
            Conversion::AsWritten => push_text(&mut pieces, written),
            Conversion::Unsupported => return Err(format!("the time conversion {written} is not supported")),
        }
        rest = cursor.0;
    }
    push_text(&mut pieces, rest);
    Ok(pieces.into())
}

/// Whether a conversion ends in `n`; Envoy takes `%%n` for one too.
fn prints_newline(format: &str) -> bool {
    format.match_indices('%').any(|(at, _)| {
        let rest = format[at + 1..].trim_start_matches(['_', '-', '^', '#', '0']);
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.strip_prefix(['E', 'O']).unwrap_or(rest).starts_with('n')
    })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => *last = [last, text].concat().into(),
        _ => pieces.push(Piece::Text(text.into())),
    }
}

struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn conversion(&mut self) -> Conversion {
        match self.0.as_bytes() {
            [b'f', ..] => self.known(1, Piece::Fraction(9)),
            [digit @ b'1'..=b'9', b'f', ..] => self.known(2, Piece::Fraction(usize::from(digit - b'0'))),
            [b'E', ..] => self.extended(),
            [b'O', plain, ..] if b"deHImMSuUVwWy".contains(plain) => self.plain(2, *plain),
            [b':', b'z', ..] => self.known(2, Piece::Text("+00:00".into())),
            [b':', b':', b'z', ..] => self.known(3, Piece::Text("+00:00:00".into())),
            _ => self.styled(),
        }
    }

    /// `E` and what the time library behind Envoy adds to strftime.
    fn extended(&mut self) -> Conversion {
        let digits = self.0[1..].bytes().take_while(u8::is_ascii_digit).count();
        let count: Option<usize> = self.0[1..=digits].parse().ok().filter(|&count| count <= MAX_FRACTION_DIGITS);
        match (&self.0.as_bytes()[1..], count) {
            ([b'z', ..], _) => self.known(2, Piece::Text("+00:00".into())),
            ([b'*', b'z', ..], _) => self.known(3, Piece::Text("+00:00:00".into())),
            ([b'T', ..], _) => self.known(2, Piece::Text("T".into())),
            ([b'*', b'S', ..], _) => self.known(3, Piece::WholeSeconds),
            ([b'*', b'f', ..], _) => self.known(3, Piece::WholeFraction),
            ([b'4', b'Y', ..], _) => self.plain(3, b'Y'),
            ([plain, ..], _) if b"cCxXyY".contains(plain) => self.plain(2, *plain),
            (rest, Some(count)) if rest.get(digits) == Some(&b'S') => self.known(digits + 2, Piece::Seconds(count)),
            (rest, Some(count)) if rest.get(digits) == Some(&b'f') && count > 0 => {
                self.known(digits + 2, Piece::Fraction(count))
            }
            _ => self.unsupported(2 + digits),
        }
    }

    /// Flags, width and a conversion.
    fn styled(&mut self) -> Conversion {
        let mut style = Style::default();
        let flags = self.0.bytes().take_while(|flag| b"_-^#0".contains(flag)).count();
        for flag in self.0[..flags].bytes() {
            match flag {
                b'_' => style.pad = Some(Pad::Space),
                b'-' => style.pad = Some(Pad::Not),
                b'0' => style.pad = Some(Pad::Zero),
                b'^' => style.case = Case::Upper,
                _ => style.case = Case::Swapped,
            }
        }
        let digits = self.0[flags..].bytes().take_while(u8::is_ascii_digit).count();
        let used = flags + digits;
        style.width = match self.0[flags..used].parse() {
            Ok(width) if width <= MAX_WIDTH => width,
            Err(_) if digits == 0 => 0,
            _ => return self.unsupported(used + 1),
        };
        match self.0.as_bytes().get(used) {
            Some(&conversion) if CONVERSIONS.contains(&conversion) => {
                if used > 0 && b"zt%".contains(&conversion) {
                    return self.unsupported(used + 1);
                }
                self.known(used + 1, Piece::Field(Field { conversion, style }))
            }
            Some(_) if style.width > 0 => self.unsupported(used + 1),
            _ => {
                self.skip(used + 1);
                Conversion::AsWritten
            }
        }
    }

    fn plain(&mut self, used: usize, conversion: u8) -> Conversion {
        self.known(used, Piece::Field(Field::plain(conversion)))
    }

    fn known(&mut self, used: usize, piece: Piece) -> Conversion {
        self.skip(used);
        Conversion::Known(piece)
    }

    fn unsupported(&mut self, used: usize) -> Conversion {
        self.skip(used);
        Conversion::Unsupported
    }

    /// Goes on by `bytes`, to the next character boundary.
    fn skip(&mut self, bytes: usize) {
        let to = (bytes..=self.0.len()).find(|&to| self.0.is_char_boundary(to)).unwrap_or(self.0.len());
        self.0 = &self.0[to..];
    }
}
