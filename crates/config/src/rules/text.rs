//! The rules for strings.

use prost_reflect::{DynamicMessage, Value};
use regex::Regex;

use crate::rules::constraint::{Violation, written};

/// `validate.StringRules`, as far as Envoy's protos use them.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    exactly: Option<String>,
    min_chars: u64,
    max_chars: Option<u64>,
    min_bytes: u64,
    max_bytes: Option<u64>,
    pattern: Option<Pattern>,
    prefix: String,
    suffix: String,
    contains: String,
    not_contains: Option<String>,
    one_of: Vec<String>,
    none_of: Vec<String>,
    header: Option<Header>,
    ignores_empty: bool,
}

#[derive(Debug)]
enum Pattern {
    Valid(Regex),
    /// Cannot happen with the descriptors that are built in; a test reads them all.
    Broken(String),
}

/// `well_known_regex`, strict or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    StrictName,
    StrictValue,
    /// Name or value: whatever cannot break out of a header line.
    Lenient {
        is_name: bool,
    },
}

impl TextRules {
    pub(super) fn read(rules: &DynamicMessage) -> Self {
        let text = |name| written(rules, name).and_then(|v| v.as_str().map(str::to_owned));
        let number = |name| written(rules, name).and_then(|v| v.as_u64());
        let flag = |name| written(rules, name).and_then(|v| v.as_bool());
        let many = |name| {
            let list = written(rules, name);
            let items = list.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let known = written(rules, "well_known_regex").and_then(|v| v.as_enum_number());
        Self {
            exactly: text("const"),
            min_chars: number("min_len").or_else(|| number("len")).unwrap_or(0),
            max_chars: number("max_len").or_else(|| number("len")),
            min_bytes: number("min_bytes").or_else(|| number("len_bytes")).unwrap_or(0),
            max_bytes: number("max_bytes").or_else(|| number("len_bytes")),
            pattern: text("pattern").map(|p| Regex::new(&p).map_or(Pattern::Broken(p), Pattern::Valid)),
            prefix: text("prefix").unwrap_or_default(),
            suffix: text("suffix").unwrap_or_default(),
            contains: text("contains").unwrap_or_default(),
            not_contains: text("not_contains"),
            one_of: many("in"),
            none_of: many("not_in"),
            header: Header::read(known, flag("strict").unwrap_or(true)),
            ignores_empty: flag("ignore_empty").unwrap_or(false),
        }
    }

    pub(super) fn judge(&self, text: &str) -> Option<Violation> {
        if self.ignores_empty && text.is_empty() {
            return None;
        }
        self.judge_length(text).or_else(|| self.judge_content(text))
    }

    fn judge_length(&self, text: &str) -> Option<Violation> {
        let bytes = text.len() as u64;
        if bytes < self.min_bytes {
            return Some(("string.min_bytes", format!("must have at least {} bytes, has {bytes}", self.min_bytes)));
        }
        if let Some(max) = self.max_bytes.filter(|max| bytes > *max) {
            return Some(("string.max_bytes", format!("must have at most {max} bytes, has {bytes}")));
        }
        if self.min_chars == 0 && self.max_chars.is_none() {
            return None;
        }
        let chars = text.chars().count() as u64;
        if chars < self.min_chars {
            let message = match self.min_chars {
                1 => "must not be empty".to_owned(),
                min => format!("must have at least {min} characters, has {chars}"),
            };
            return Some(("string.min_len", message));
        }
        let max = self.max_chars.filter(|max| chars > *max)?;
        Some(("string.max_len", format!("must have at most {max} characters, has {chars}")))
    }

    fn judge_content(&self, text: &str) -> Option<Violation> {
        if let Some(exactly) = self.exactly.as_ref().filter(|e| *e != text) {
            return Some(("string.const", format!("must be {exactly:?}, is {text:?}")));
        }
        if !text.starts_with(&self.prefix) {
            return Some(("string.prefix", format!("must start with {:?}, is {text:?}", self.prefix)));
        }
        if !text.ends_with(&self.suffix) {
            return Some(("string.suffix", format!("must end with {:?}, is {text:?}", self.suffix)));
        }
        if !text.contains(&self.contains) {
            return Some(("string.contains", format!("must contain {:?}, is {text:?}", self.contains)));
        }
        if let Some(part) = self.not_contains.as_ref().filter(|p| text.contains(*p)) {
            return Some(("string.not_contains", format!("must not contain {part:?}, is {text:?}")));
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|o| o == text) {
            return Some(("string.in", format!("must be one of {}, is {text:?}", self.one_of.join(", "))));
        }
        if self.none_of.iter().any(|o| o == text) {
            return Some(("string.not_in", format!("must not be {text:?}")));
        }
        self.judge_form(text)
    }

    fn judge_form(&self, text: &str) -> Option<Violation> {
        match &self.pattern {
            Some(Pattern::Valid(regex)) if !regex.is_match(text) => {
                return Some(("string.pattern", format!("must match {}, is {text:?}", regex.as_str())));
            }
            Some(Pattern::Broken(pattern)) => {
                return Some(("string.pattern", format!("cannot be checked against {pattern}")));
            }
            Some(Pattern::Valid(_)) | None => {}
        }
        let header = self.header.filter(|h| !h.accepts(text))?;
        Some(("string.well_known_regex", format!("{text:?} is not a valid HTTP header {}", header.noun())))
    }

    #[cfg(test)]
    pub(super) fn broken_pattern(&self) -> Option<&str> {
        match &self.pattern {
            Some(Pattern::Broken(pattern)) => Some(pattern),
            Some(Pattern::Valid(_)) | None => None,
        }
    }
}

impl Header {
    /// By the numbers of `validate.KnownRegex`.
    fn read(known: Option<i32>, is_strict: bool) -> Option<Self> {
        match (known?, is_strict) {
            (1, true) => Some(Self::StrictName),
            (2, true) => Some(Self::StrictValue),
            (number @ (1 | 2), false) => Some(Self::Lenient { is_name: number == 1 }),
            _ => None,
        }
    }

    fn accepts(self, text: &str) -> bool {
        match self {
            Self::StrictName => {
                let name = text.strip_prefix(':').unwrap_or(text);
                !name.is_empty() && name.bytes().all(is_name_byte)
            }
            Self::StrictValue => !text.bytes().any(|b| b == 0x7F || (b < 0x20 && b != b'\t')),
            Self::Lenient { .. } => !text.bytes().any(|b| matches!(b, 0 | b'\n' | b'\r')),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::StrictName | Self::Lenient { is_name: true } => "name",
            Self::StrictValue | Self::Lenient { is_name: false } => "value",
        }
    }
}

/// RFC 9110's token characters, and the comma: protoc-gen-validate writes `+-.` in a character class, which is a range.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+,-.^_|~`".contains(&byte)
}
