//! The chunked coding (RFC 9112 section 7.1), decoded without copying, as leniently as Envoy.

use memchr::memchr;
use nuncio_message::Chunk;

use super::parse::Fault;

/// Where the decoder stands.
///
/// ```text
/// Size ──(blank ;)──► Extension ──CR──► SizeEnd ──LF──► Data ──► DataEnd ──LF──► Size
///   └──────────CR──────────────────────────►┘   └─(size 0)─► last
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decoder {
    /// In the size; `None` before its first digit.
    Size(Option<u64>),
    /// Behind the size, before the line's end: extensions are dropped.
    Extension(u64),
    /// Behind the CR.
    SizeEnd(u64),
    /// So many bytes of data are left.
    Data(u64),
    /// Behind the data. Envoy skips whatever stands before the LF.
    DataEnd,
}

/// What a step of the decoder found.
#[derive(Debug)]
pub(super) enum Step {
    /// More input is needed.
    Dry,
    /// Body bytes.
    Data(Chunk),
    /// The last chunk's size line is over; trailers and an empty line follow.
    Last,
}

impl Decoder {
    /// Before the first chunk.
    pub(super) const START: Self = Self::Size(None);

    /// Consumes `input` up to the next piece of the body.
    ///
    /// # Errors
    /// [`Fault::Syntax`] with a size that is none or does not fit 64 bits, and without CRLF behind it.
    pub(super) fn step(&mut self, input: &mut Chunk) -> Result<Step, Fault> {
        let mut at = 0;
        loop {
            let Some(&byte) = input.get(at) else {
                input.advance(at);
                return Ok(Step::Dry);
            };
            match *self {
                Self::Size(size) => match after_size_byte(size, byte) {
                    Ok(next) => {
                        *self = next;
                        at += 1;
                    }
                    Err(fault) => {
                        input.advance(at);
                        return Err(fault);
                    }
                },
                Self::Extension(size) => match input[at..].iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
                    Some(n) if input[at + n] == b'\n' => return Err(Fault::Syntax),
                    Some(n) => {
                        at += n + 1;
                        *self = Self::SizeEnd(size);
                    }
                    None => at = input.len(),
                },
                Self::SizeEnd(_) if byte != b'\n' => return Err(Fault::Syntax),
                Self::SizeEnd(0) => {
                    input.advance(at + 1);
                    return Ok(Step::Last);
                }
                Self::SizeEnd(size) => {
                    at += 1;
                    *self = Self::Data(size);
                }
                Self::Data(left) => {
                    input.advance(at);
                    return Ok(Step::Data(self.take_data(left, input)));
                }
                Self::DataEnd => match memchr(b'\n', &input[at..]) {
                    Some(n) => {
                        at += n + 1;
                        *self = Self::START;
                    }
                    None => at = input.len(),
                },
            }
        }
    }

    /// Whether what follows a piece of the body can be read, as far as it has come, up to the size of the last chunk.
    ///
    /// # Errors
    /// Those of [`Self::step`].
    pub(super) fn look_ahead(mut self, rest: &Chunk) -> Result<(), Fault> {
        // Nearly always nothing more, or the end.
        if rest.is_empty() || rest[..] == *b"\r\n0\r\n\r\n" {
            return Ok(());
        }
        let mut rest = rest.clone();
        loop {
            match (self.step(&mut rest), self) {
                (Ok(Step::Data(_)), _) => {}
                (Ok(Step::Dry | Step::Last), _) | (Err(_), Self::Extension(0) | Self::SizeEnd(0)) => return Ok(()),
                (Err(_), Self::Size(Some(0))) if rest.first() == Some(&b'\n') => return Ok(()),
                (Err(fault), _) => return Err(fault),
            }
        }
    }

    fn take_data(&mut self, left: u64, input: &mut Chunk) -> Chunk {
        let n = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let left = left - n as u64;
        *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
        input.split_to(n)
    }
}

fn after_size_byte(size: Option<u64>, byte: u8) -> Result<Decoder, Fault> {
    let digit = match (byte, size) {
        (b'0'..=b'9', _) => byte - b'0',
        (b'a'..=b'f', _) => byte - b'a' + 10,
        (b'A'..=b'F', _) => byte - b'A' + 10,
        (b'\r', Some(size)) => return Ok(Decoder::SizeEnd(size)),
        (b' ' | b'\t' | b';', Some(size)) => return Ok(Decoder::Extension(size)),
        _ => return Err(Fault::Syntax),
    };
    let shifted = size.unwrap_or(0).checked_mul(16).ok_or(Fault::Syntax)?;
    Ok(Decoder::Size(Some(shifted | u64::from(digit))))
}

/// Writes `size` in lower-case hexadecimal at the end of `digits`, followed by CRLF, and returns what was written.
pub(super) fn size_line(mut size: usize, digits: &mut [u8; 18]) -> &[u8] {
    let mut at = digits.len() - 2;
    digits[at..].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[size % 16];
        size /= 16;
        if size == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body that `input` decodes to, and whether the last chunk was seen; `None` on a fault.
    fn check(input: &str, expected: Option<(&str, bool)>) {
        for step in [1, 2, 3, input.len().max(1)] {
            assert_eq!(
                decode(input.as_bytes(), step),
                expected.map(|(b, l)| (b.as_bytes().to_vec(), l)),
                "{input:?} by {step}"
            );
        }
    }

    fn decode(input: &[u8], step: usize) -> Option<(Vec<u8>, bool)> {
        let (mut decoder, mut body) = (Decoder::START, Vec::new());
        for piece in input.chunks(step) {
            let mut piece = Chunk::copy_from(piece);
            loop {
                match decoder.step(&mut piece).ok()? {
                    Step::Dry => break,
                    Step::Data(data) => body.extend_from_slice(&data),
                    Step::Last => return Some((body, true)),
                }
            }
            assert!(piece.is_empty(), "a dry decoder has used up its input");
        }
        Some((body, false))
    }

    #[test]
    fn sizes_are_hexadecimal() {
        check("3\r\nabc\r\n0\r\n", Some(("abc", true)));
        check("0003\r\nabc\r\nA\r\n0123456789\r\n000\r\n", Some(("abc0123456789", true)));
        check("3\r\nab", Some(("ab", false)));
        for bad in ["x\r\n", "+3\r\n", " 3\r\n", "\r\n", "3x\r\n", "3\n", "3\r\r\n", "3\rabc", "10000000000000000\r\n"]
        {
            check(bad, None);
        }
        check("ffffffffffffffff\r\nab", Some(("ab", false)));
    }

    #[test]
    fn extensions_and_what_follows_the_data_are_dropped() {
        check("3;a=b\r\nabc\r\n0 x\r\n", Some(("abc", true)));
        check("3\r\nabcdef\r\n0\r\n", Some(("abc", true)));
        check("3\r\nabc\n0\r\n", Some(("abc", true)));
        check("3;a\rb\r\nabc", None);
        check("3;a\nabc", None);
    }

    #[test]
    fn size_lines_round_trip() {
        for (size, text) in [(1, "1\r\n"), (10, "a\r\n"), (65536, "10000\r\n"), (usize::MAX, "ffffffffffffffff\r\n")] {
            assert_eq!(size_line(size, &mut [0; 18]), text.as_bytes());
        }
    }
}
