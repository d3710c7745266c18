//! The ways in which Envoy keeps an entry on one line.

use std::fmt::Write;

/// `text` with its ends of line as `\n`.
pub(super) fn newlines(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// `text` as the inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
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
        assert_eq!(json(text), "a\\n\\\"b\\\"\\\\'c'\\té\\u0001");
        assert_eq!(c(text), "a\\n\\\"b\\\"\\\\\\'c\\'\\t\\303\\251\\001");
        assert_eq!(c("a\nb \n"), "a\\nb \n");
    }
}
