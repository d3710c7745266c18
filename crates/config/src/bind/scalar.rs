//! Single values.

use prost_reflect::{EnumDescriptor, Kind, Value};

use crate::at::At;
use crate::bind::{Binder, number};
use crate::diagnostic::code;
use crate::suggest;
use crate::tree::{Node, Scalar};

impl Binder<'_> {
    /// Reads a value of any kind. Null is the kind's default here: inside a list or map something must stand.
    pub(super) fn value(&self, kind: &Kind, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let Kind::Message(descriptor) = kind else {
            return self.descend(node, at, || self.single(kind, node, at));
        };
        self.message_value(descriptor, node, at)
    }

    fn single(&self, kind: &Kind, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let scalar = match node.as_scalar() {
            Some(Scalar::Null) => return Some(Value::default_value(kind)),
            Some(scalar) => scalar,
            None => return self.mismatch(node, expected(kind), at),
        };
        let read = match kind {
            Kind::String => match scalar {
                Scalar::Text(text) => Some(Value::String(text.clone().into_owned())),
                _ => return self.unquoted(node, at),
            },
            Kind::Bytes => match scalar {
                Scalar::Text(text) => match base64(text) {
                    Some(bytes) => Some(Value::Bytes(bytes.into())),
                    None => return self.error(node.span, code::BASE64, at, "is not valid base64"),
                },
                _ => None,
            },
            Kind::Enum(values) => return self.enumeration(values, scalar, node, at),
            Kind::Bool => boolean(scalar).map(Value::Bool),
            Kind::Double => number::float(scalar).map(Value::F64),
            #[expect(clippy::cast_possible_truncation, reason = "the field holds no more")]
            Kind::Float => number::float(scalar).map(|value| Value::F32(value as f32)),
            _ => match number::whole(scalar) {
                Some(value) => return self.sized(kind, value, node, at),
                None => None,
            },
        };
        read.or_else(|| self.mismatch(node, expected(kind), at))
    }

    fn unquoted(&self, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let found = node.description();
        let message = format!("expected a string, found {found}");
        let help = self.quote(node).map(|text| format!("put it in quotes: \"{text}\""));
        self.error_with_help(node.span, code::TYPE_MISMATCH, at, message, help)
    }

    fn sized(&self, kind: &Kind, value: i128, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let fitting = match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => value.try_into().ok().map(Value::I32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => value.try_into().ok().map(Value::I64),
            Kind::Uint32 | Kind::Fixed32 => value.try_into().ok().map(Value::U32),
            _ => value.try_into().ok().map(Value::U64),
        };
        if fitting.is_none() {
            let message = format!("{value} is out of range for {}", expected(kind));
            return self.error(node.span, code::OUT_OF_RANGE, at, message);
        }
        fitting
    }

    /// A name in any case, or a number. Open enums take numbers that they do not name; rules may not.
    fn enumeration(&self, values: &EnumDescriptor, scalar: &Scalar<'_>, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let text = match scalar {
            Scalar::Int(number) => return Some(Value::EnumNumber(*number)),
            Scalar::Text(text) => text,
            Scalar::Number(text) => match text.parse() {
                Ok(number) => return Some(Value::EnumNumber(number)),
                Err(_) => text,
            },
            Scalar::Null | Scalar::Bool(_) => return self.mismatch(node, "the name of an enum value", at),
        };
        let named = values.get_value_by_name(text);
        let named = named.or_else(|| values.values().find(|v| v.name().eq_ignore_ascii_case(text)));
        if let Some(number) = named.map(|v| v.number()).or_else(|| text.parse().ok()) {
            return Some(Value::EnumNumber(number));
        }
        if self.lets_pass(node.span, at, || format!("'{text}' is not a value of {}; it is ignored", values.name())) {
            return None;
        }
        let names: Vec<_> = values.values().collect();
        let meant = suggest::closest(text, names.iter().map(|v| v.name()));
        let help = match meant {
            Some(name) => format!("did you mean '{name}'?"),
            None => {
                let all: Vec<_> = names.iter().map(|v| v.name()).collect();
                format!("one of {}", all.join(", "))
            }
        };
        let message = format!("'{text}' is not a value of {}", values.name());
        self.error_with_help(node.span, code::UNKNOWN_ENUM, at, message, Some(help))
    }

    /// What was written, if it is on one line.
    pub(super) fn quote(&self, node: &Node<'_>) -> Option<String> {
        let (start, end) = (node.span.start, node.span.end);
        if start.line != end.line {
            return None;
        }
        let line = self.source?.line(start.line)?;
        let width = end.column.saturating_sub(start.column) as usize;
        let text: String = line.chars().skip(start.column as usize - 1).take(width).collect();
        Some(text).filter(|t| !t.is_empty())
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::String => "a string",
        Kind::Bool => "true or false",
        Kind::Bytes => "a base64 string",
        Kind::Double | Kind::Float => "a number",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a 32-bit integer",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a 64-bit integer",
        Kind::Enum(_) => "the name of an enum value",
        Kind::Message(_) => "a mapping",
    }
}

/// Also in quotes, in any case.
fn boolean(scalar: &Scalar<'_>) -> Option<bool> {
    let text = match scalar {
        Scalar::Bool(value) => return Some(*value),
        Scalar::Text(text) => text.to_ascii_lowercase(),
        Scalar::Null | Scalar::Int(_) | Scalar::Number(_) => return None,
    };
    match text.as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// RFC 4648 base64 of either alphabet, padding optional, no white space.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.extend(u8::try_from(bits >> held & 0xFF));
        }
    }
    // Six bits left over are not a byte.
    (held < 6).then_some(bytes)
}
