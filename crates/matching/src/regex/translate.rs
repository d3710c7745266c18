//! From RE2's syntax to that of the `regex` crate's byte mode.

use std::iter::Peekable;
use std::slice::Iter;

/// RE2's limit of a counted repetition.
const MAX_REPETITIONS: u32 = 1000;
/// RE2's white space has no vertical tab, Perl's has one.
const SPACE: &str = r"\t\n\f\r ";
const CLASS_NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Rewrites an RE2 pattern, or says in RE2's words what is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let translator = Translator {
        pattern,
        input: pattern.as_bytes().iter().peekable(),
        out: String::new(),
        depth: 0,
        last: Last::Nothing,
    };
    translator.run()
}

/// What the last thing was, since an operator must not follow an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    /// An operator, which starts here in the output.
    Operator(usize),
}

struct Translator<'p> {
    pattern: &'p str,
    input: Peekable<Iter<'p, u8>>,
    out: String,
    depth: u32,
    last: Last,
}

impl<'p> Translator<'p> {
    fn run(mut self) -> Result<String, String> {
        while let Some(&byte) = self.input.next() {
            match byte {
                b'\\' => self.escape()?,
                b'(' => self.open()?,
                b')' => self.close()?,
                b'[' => self.class()?,
                b'{' => self.brace()?,
                b'*' | b'+' | b'?' => self.operator(&char::from(byte).to_string())?,
                b'|' => {
                    self.out.push('|');
                    self.last = Last::Nothing;
                }
                b'.' | b'^' | b'$' => {
                    self.out.push(char::from(byte));
                    self.last = Last::Item;
                }
                _ => self.literal(byte),
            }
        }
        if self.depth > 0 {
            return Err(format!("missing ): {}", self.pattern));
        }
        Ok(self.out)
    }

    fn literal(&mut self, byte: u8) {
        push_byte(&mut self.out, byte);
        self.last = Last::Item;
    }

    fn operator(&mut self, operator: &str) -> Result<(), String> {
        match self.last {
            Last::Nothing => return Err(format!("no argument for repetition operator: {operator}")),
            Last::Operator(at) => return Err(format!("bad repetition operator: {}{operator}", &self.out[at..])),
            Last::Item => {}
        }
        let at = self.out.len();
        self.out.push_str(operator);
        if self.input.next_if(|&&b| b == b'?').is_some() {
            self.out.push('?');
        }
        self.last = Last::Operator(at);
        Ok(())
    }

    /// A counted repetition, or a brace that stands for itself.
    fn brace(&mut self) -> Result<(), String> {
        let Some((text, low, high)) = repetition(self.rest()) else {
            self.literal(b'{');
            return Ok(());
        };
        if low > MAX_REPETITIONS || high.is_some_and(|high| high > MAX_REPETITIONS || high < low) {
            return Err(format!("invalid repetition size: {{{text}"));
        }
        self.input.by_ref().take(text.len()).for_each(drop);
        self.operator(&format!("{{{text}"))
    }

    /// What was not read yet. Only called behind an ASCII character, so never inside of a longer one.
    fn rest(&self) -> &'p str {
        let rest = self.input.clone().count();
        self.pattern.get(self.pattern.len() - rest..).unwrap_or_default()
    }

    fn open(&mut self) -> Result<(), String> {
        self.last = Last::Nothing;
        self.out.push('(');
        if self.input.next_if(|&&b| b == b'?').is_none() {
            self.depth += 1;
            return Ok(());
        }
        self.out.push('?');
        let mut seen = String::from("(?");
        while let Some(&byte) = self.input.next() {
            seen.push(char::from(byte));
            self.out.push(char::from(byte));
            match byte {
                b'i' | b'm' | b's' | b'U' | b'-' => {}
                b'P' | b'<' if seen.len() == 3 => return self.group_name(byte, seen),
                b':' => {
                    self.depth += 1;
                    return Ok(());
                }
                b')' => return Ok(()),
                _ => break,
            }
        }
        Err(format!("invalid perl operator: {seen}"))
    }

    fn group_name(&mut self, first: u8, mut seen: String) -> Result<(), String> {
        if first == b'P' {
            let Some(&bracket @ b'<') = self.input.next() else { return Err(format!("invalid perl operator: {seen}")) };
            seen.push(char::from(bracket));
            self.out.push('<');
        }
        for &byte in self.input.by_ref() {
            seen.push(char::from(byte));
            self.out.push(char::from(byte));
            match byte {
                b'>' => {
                    self.depth += 1;
                    return Ok(());
                }
                b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {}
                // Look-behind, `(?<=` and `(?<!`, ends here too: RE2 has none.
                _ => return Err(format!("invalid perl operator: {seen}")),
            }
        }
        Err(format!("invalid named capture group: {seen}"))
    }

    fn close(&mut self) -> Result<(), String> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| format!("unexpected ): {}", self.pattern))?;
        self.out.push(')');
        self.last = Last::Item;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.input.next() {
            None => return Err("trailing \\".into()),
            Some(b'Q') => return self.quoted(),
            Some(b'C') => self.out.push_str("(?s:.)"),
            Some(b's') => self.out.extend(["[", SPACE, "]"]),
            Some(b'S') => self.out.extend(["[^", SPACE, "]"]),
            Some(&byte @ (b'A' | b'z' | b'b' | b'B' | b'd' | b'D' | b'w' | b'W')) => {
                self.out.extend(['\\', char::from(byte)]);
            }
            Some(&byte) => {
                let byte = self.escaped_byte(byte)?;
                push_byte(&mut self.out, byte);
            }
        }
        self.last = Last::Item;
        Ok(())
    }

    /// What stands between `\Q` and `\E` stands for itself.
    fn quoted(&mut self) -> Result<(), String> {
        while let Some(&byte) = self.input.next() {
            if byte == b'\\' && self.input.next_if(|&&b| b == b'E').is_some() {
                break;
            }
            self.literal(byte);
        }
        Ok(())
    }

    /// The byte that an escape means.
    fn escaped_byte(&mut self, byte: u8) -> Result<u8, String> {
        let invalid = |byte: u8| Err(format!("invalid escape sequence: \\{}", char::from(byte)));
        match byte {
            b'a' => Ok(7),
            b'f' => Ok(12),
            b'n' => Ok(b'\n'),
            b'r' => Ok(b'\r'),
            b't' => Ok(b'\t'),
            b'v' => Ok(11),
            b'x' => self.hex(),
            b'0'..=b'7' => self.octal(byte),
            b'p' | b'P' => Err("unicode character classes are not supported yet".into()),
            b'8' | b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => invalid(byte),
            _ => Ok(byte),
        }
    }

    fn octal(&mut self, first: u8) -> Result<u8, String> {
        let is_octal = |b: &&u8| (b'0'..=b'7').contains(*b);
        // A single digit other than zero would be a back reference, which RE2 has not.
        if first != b'0' && self.input.peek().is_none_or(|b| !is_octal(b)) {
            return Err(format!("invalid escape sequence: \\{}", char::from(first)));
        }
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            let Some(&digit) = self.input.next_if(is_octal) else { break };
            value = value * 8 + u32::from(digit - b'0');
        }
        u8::try_from(value).map_err(|_| format!("invalid escape sequence: \\{value:o}"))
    }

    fn hex(&mut self) -> Result<u8, String> {
        let is_braced = self.input.next_if(|&&b| b == b'{').is_some();
        let mut digits = String::new();
        while let Some(&digit) = self.input.next_if(|b| b.is_ascii_hexdigit() && (is_braced || digits.len() < 2)) {
            digits.push(char::from(digit));
        }
        let is_closed = !is_braced || self.input.next_if(|&&b| b == b'}').is_some();
        let is_whole = if is_braced { !digits.is_empty() } else { digits.len() == 2 };
        u8::from_str_radix(&digits, 16)
            .ok()
            .filter(|_| is_closed && is_whole)
            .ok_or_else(|| format!("invalid escape sequence: \\x{digits}"))
    }

    fn class(&mut self) -> Result<(), String> {
        let missing = format!("missing ]: [{}", self.rest());
        self.out.push('[');
        if self.input.next_if(|&&b| b == b'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let &byte = self.input.next().ok_or_else(|| missing.clone())?;
            match byte {
                b']' if !is_first => break,
                b'[' if self.input.peek() == Some(&&b':') => self.named_class()?,
                b'\\' if self.perl_class() => {}
                _ => self.range(byte, &missing)?,
            }
            is_first = false;
        }
        self.out.push(']');
        self.last = Last::Item;
        Ok(())
    }

    /// `[:alpha:]` and the like, or the two characters for themselves when nothing closes it.
    fn named_class(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let Some(end) = rest[1..].find(":]") else {
            self.out.push_str(r"\[");
            return Ok(());
        };
        let name = &rest[1..=end];
        if !CLASS_NAMES.contains(&name.trim_start_matches('^')) {
            return Err(format!("invalid character class range: [:{name}:]"));
        }
        let text = format!("[:{name}:]");
        self.input.by_ref().take(text.len() - 1).for_each(drop);
        self.out.push_str(&text);
        Ok(())
    }

    /// `\d` and the like inside of a class; `false` when something else follows the backslash.
    fn perl_class(&mut self) -> bool {
        match self.input.next_if(|b| b"dDwWsS".contains(*b)) {
            None => return false,
            Some(b's') => self.out.push_str(SPACE),
            Some(b'S') => self.out.extend(["[^", SPACE, "]"]),
            Some(&byte) => self.out.extend(['\\', char::from(byte)]),
        }
        true
    }

    fn range(&mut self, first: u8, missing: &str) -> Result<(), String> {
        let low = self.class_byte(first, missing)?;
        push_byte(&mut self.out, low);
        let mut ahead = self.input.clone();
        if ahead.next() != Some(&b'-') || matches!(ahead.next(), None | Some(b']')) {
            return Ok(());
        }
        self.input.next();
        let &second = self.input.next().ok_or_else(|| missing.to_owned())?;
        let high = self.class_byte(second, missing)?;
        if high < low {
            return Err(format!("invalid character class range: {}-{}", char::from(low), char::from(high)));
        }
        self.out.push('-');
        push_byte(&mut self.out, high);
        Ok(())
    }

    fn class_byte(&mut self, byte: u8, missing: &str) -> Result<u8, String> {
        if byte != b'\\' {
            return Ok(byte);
        }
        let &escaped = self.input.next().ok_or_else(|| missing.to_owned())?;
        self.escaped_byte(escaped)
    }
}

/// Writes a byte that stands for itself, inside of a class or outside.
fn push_byte(out: &mut String, byte: u8) {
    match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'/' | b' ' => out.push(char::from(byte)),
        _ => out.push_str(&format!(r"\x{byte:02x}")),
    }
}

/// The inside of `{2}`, `{2,}` or `{2,3}` with its closing brace, and its bounds.
fn repetition(rest: &str) -> Option<(&str, u32, Option<u32>)> {
    let end = rest.find('}')?;
    let inside = &rest[..end];
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (low, high) = match inside.split_once(',') {
        None => (number(inside)?, None),
        Some((low, "")) => (number(low)?, None),
        Some((low, high)) => (number(low)?, Some(number(high)?)),
    };
    Some((&rest[..=end], low, high))
}
