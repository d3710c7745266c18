//! Strings in JSON, escaped as Envoy escapes them.

use crate::line::Line;

/// Appends `text` as a JSON string.
pub(crate) fn append_quoted(text: &[u8], line: &mut Line) {
    let start = line.len();
    line.push(b'"');
    line.append(text);
    quote_from(start, line);
}

/// Makes what stands behind the quotation mark at `start` a JSON string.
pub(super) fn quote_from(start: usize, line: &mut Line) {
    let text = &line.as_bytes()[start + 1..];
    if text.iter().any(|&byte| byte < b' ' || byte == b'"' || byte == b'\\' || byte >= 0x80) {
        escape_from(start + 1, line);
    }
    line.push(b'"');
}

/// Escapes what stands from `start` on. Rare: most values are plain.
#[cold]
fn escape_from(start: usize, line: &mut Line) {
    let text = line.as_bytes()[start..].to_vec();
    line.truncate(start);
    if str::from_utf8(&text).is_ok() {
        text.iter().for_each(|&byte| append_escaped(byte, line));
    } else {
        // No JSON text can hold it, so Envoy takes each byte for a character of its own.
        text.iter().for_each(|&byte| match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => append_code(byte, line),
            plain => line.push(plain),
        });
    }
}

fn append_escaped(byte: u8, line: &mut Line) {
    match byte {
        b'"' => line.append(b"\\\""),
        b'\\' => line.append(b"\\\\"),
        b'\x08' => line.append(b"\\b"),
        b'\x0c' => line.append(b"\\f"),
        b'\n' => line.append(b"\\n"),
        b'\r' => line.append(b"\\r"),
        b'\t' => line.append(b"\\t"),
        0..=0x1f => append_code(byte, line),
        plain => line.push(plain),
    }
}

fn append_code(byte: u8, line: &mut Line) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    line.append(b"\\u00");
    line.push(HEX[usize::from(byte >> 4)]);
    line.push(HEX[usize::from(byte & 15)]);
}
