//! JSON as Envoy's pages write it: one space of indent, keys in the order of the proto's fields.

use std::fmt::Write;

/// A JSON value to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number that is written as one: at most 32 bits.
    Number(i64),
    /// A `double`.
    Double(f64),
    /// A text; also numbers of 64 bits, as protobuf writes them.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object, in the order given.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number of 64 bits, which protobuf writes as a text.
    pub fn wide(number: impl ToString) -> Self {
        Self::Text(number.to_string())
    }

    /// An object of these fields.
    pub fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// An object without those of these fields that have the proto's default, as protobuf leaves them out: zero, false,
    /// no text, an empty list.
    pub fn sparse<const N: usize>(fields: [(&str, Self); N]) -> Self {
        let kept = fields.into_iter().filter(|(_, value)| !value.is_default());
        Self::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn is_default(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Number(number) => *number == 0,
            Self::Double(number) => *number == 0.0,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(_) => false,
        }
    }

    /// The document, with a line break at its end.
    pub fn document(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out.push('\n');
        out
    }

    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Double(number) if number.is_finite() => {
                let _ = write!(out, "{number}");
            }
            Self::Double(number) if number.is_nan() => out.push_str("\"NaN\""),
            Self::Double(number) => out.push_str(if *number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => write_all(('[', ']'), items, depth, out, |item, out| item.write(depth + 1, out)),
            Self::Object(fields) => write_all(('{', '}'), fields, depth, out, |(name, value), out| {
                write_text(name, out);
                out.push_str(": ");
                value.write(depth + 1, out);
            }),
        }
    }
}

fn write_all<T>(
    (open, close): (char, char),
    items: &[T],
    depth: usize,
    out: &mut String,
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        indent(depth + 1, out);
        write(item, out);
    }
    if !items.is_empty() {
        out.push('\n');
        indent(depth, out);
    }
    out.push(close);
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', depth));
}

/// A string with protobuf's escapes, which keep it safe inside HTML.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_one_space_of_indent() {
        let check = |json: &Json, expected: &str| assert_eq!(json.document(), expected);
        check(&Json::object([]), "{}\n");
        check(&Json::object([("a", Json::List(vec![]))]), "{\n \"a\": []\n}\n");
        let list = Json::List(vec![Json::object([("b", Json::wide(1))]), Json::Null]);
        let expected = "{\n \"a\": [\n  {\n   \"b\": \"1\"\n  },\n  null\n ],\n \"c\": true\n}\n";
        check(&Json::object([("a", list), ("c", Json::Bool(true))]), expected);
    }

    #[test]
    fn defaults_are_left_out_of_sparse_objects() {
        let json = Json::sparse([("a", Json::Number(0)), ("b", Json::text("")), ("c", Json::object([]))]);
        assert_eq!(json.document(), "{\n \"c\": {}\n}\n");
    }

    #[test]
    fn texts_are_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(Json::text(text).document(), format!("\"{expected}\"\n"));
        check("a\"b\\", "a\\\"b\\\\");
        check("<\u{1}\n>", "\\u003c\\u0001\\n\\u003e");
        check("é", "é");
    }
}
