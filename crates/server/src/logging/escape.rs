//! The ways in which Envoy keeps an entry on one line.

use std::fmt;
use std::fmt::Write;

/// `text` with its ends of line as `\n`.
pub(super) fn newlines(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// Displays a text as the inside of a JSON string.
pub(super) fn json(text: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        for letter in text.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                letter if (letter as u32) < 0x20 => write!(f, "\\u{:04x}", letter as u32)?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    })
}

/// `--log-format-escaped`: the line as C would write it, but for the white space at its end.
pub(super) fn c(line: &str) -> String {
    let text = line.trim_end_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let mut out = String::with_capacity(line.len());
    for byte in text.bytes() {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\'' | b'\\' => out.extend(['\\', char::from(byte)]),
            0x20..0x7f => out.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "\\{byte:03o}")),
        }
    }
    out + &line[text.len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_keeps_an_entry_on_one_line() {
        let text = "a\n\"b\"\\'c'\té\u{1}";
        assert_eq!(newlines(text), "a\\n\"b\"\\'c'\té\u{1}");
        assert_eq!(json(text).to_string(), "a\\n\\\"b\\\"\\\\'c'\\té\\u0001");
        assert_eq!(c(text), "a\\n\\\"b\\\"\\\\\\'c\\'\\t\\303\\251\\001");
        assert_eq!(c("a\nb \n"), "a\\nb \n");
    }
}
