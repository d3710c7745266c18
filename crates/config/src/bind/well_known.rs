//! The types of `google.protobuf` that have a JSON form of their own.

use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, Value};

use crate::at::At;
use crate::bind::Binder;
use crate::diagnostic::code;
use crate::tree::{Kind as NodeKind, Node, Scalar};

/// Which JSON form a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Any,
    Duration,
    Timestamp,
    FieldMask,
    Struct,
    Value,
    ListValue,
    Wrapper,
}

impl Form {
    pub(super) fn of(descriptor: &MessageDescriptor) -> Self {
        if descriptor.package_name() != "google.protobuf" {
            return Self::Plain;
        }
        match descriptor.name() {
            "Any" => Self::Any,
            "Duration" => Self::Duration,
            "Timestamp" => Self::Timestamp,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
            _ => Self::Plain,
        }
    }
}

impl Binder<'_> {
    /// Reads a message in the form that its type has. Duration, Timestamp, FieldMask and wrappers may also be written as
    /// mappings of their fields.
    pub(super) fn message_value(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let form = Form::of(descriptor);
        if node.is_null() && form != Form::Value {
            return Some(Value::Message(DynamicMessage::new(descriptor.clone())));
        }
        let is_map = node.as_map().is_some();
        let message = match form {
            Form::Any => self.any(descriptor, node, at),
            Form::Struct => self.structure(descriptor, node, at),
            Form::Value => self.any_value(descriptor, node, at),
            Form::ListValue => self.list_value(descriptor, node, at),
            Form::Duration if !is_map => self.duration(descriptor, node, at),
            Form::Timestamp if !is_map => self.timestamp(descriptor, node, at),
            Form::FieldMask if !is_map => self.field_mask(descriptor, node, at),
            Form::Wrapper if !is_map => self.wrapper(descriptor, node, at),
            Form::Plain | Form::Duration | Form::Timestamp | Form::FieldMask | Form::Wrapper => {
                self.message(descriptor, node, at, &[])
            }
        };
        message.map(Value::Message)
    }

    fn duration(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let Some(text) = node.as_text() else {
            let message = format!("expected a duration such as 0.25s, found {}", node.description());
            let help = self.quote(node).as_deref().and_then(meant_duration);
            return self.error_with_help(node.span, code::DURATION, at, message, help);
        };
        let Some((seconds, nanos)) = parse_duration(text) else {
            let message = format!("'{text}' is not a duration: seconds and an 's', such as 0.25s");
            return self.error_with_help(node.span, code::DURATION, at, message, meant_duration(text));
        };
        Some(pair(descriptor, seconds, nanos))
    }

    fn timestamp(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let parsed = node.as_text().and_then(|t| t.parse::<prost_types::Timestamp>().ok());
        match parsed {
            Some(time) => Some(pair(descriptor, time.seconds, time.nanos)),
            None => self.mismatch(node, "a time such as 2026-01-31T12:00:00Z", at),
        }
    }

    fn field_mask(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let Some(text) = node.as_text() else {
            return self.mismatch(node, "field paths separated by commas", at);
        };
        let paths = text.split(',').filter(|p| !p.is_empty());
        let paths = paths.map(|p| Value::String(p.to_owned())).collect();
        let mut mask = DynamicMessage::new(descriptor.clone());
        mask.set_field_by_number(1, Value::List(paths));
        Some(mask)
    }

    fn wrapper(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let kind = descriptor.get_field(1)?.kind();
        let value = self.value(&kind, node, at)?;
        let mut wrapper = DynamicMessage::new(descriptor.clone());
        wrapper.set_field_by_number(1, value);
        Some(wrapper)
    }

    fn structure(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let mut message = DynamicMessage::new(descriptor.clone());
        if node.is_null() {
            return Some(message);
        }
        let Some(entries) = node.as_map() else {
            return self.mismatch(node, "a mapping", at);
        };
        let field = descriptor.get_field(1)?;
        let entry = field.kind().as_message()?.clone();
        let Kind::Message(value) = entry.map_entry_value_field().kind() else { return None };
        self.descend(node, at, || {
            let read = |(key, node): &(crate::tree::Key<'_>, Node<'_>)| {
                let read = self.any_value(&value, node, &at.key(&key.text))?;
                Some((MapKey::String(key.text.clone().into_owned()), Value::Message(read)))
            };
            message.set_field(&field, Value::Map(entries.iter().filter_map(read).collect()));
            Some(message)
        })
    }

    fn list_value(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let Some(items) = node.as_list() else {
            return self.mismatch(node, "a list", at);
        };
        let field = descriptor.get_field(1)?;
        let Kind::Message(value) = field.kind() else { return None };
        self.descend(node, at, || {
            let read = |(index, item)| self.any_value(&value, item, &at.index(index)).map(Value::Message);
            let list = items.iter().enumerate().filter_map(read).collect();
            let mut message = DynamicMessage::new(descriptor.clone());
            message.set_field(&field, Value::List(list));
            Some(message)
        })
    }

    /// `google.protobuf.Value`: whatever was written. YAML numbers with a point, or too large for 32 bits, have become
    /// text by now, as in Envoy.
    fn any_value(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        self.count(node, at)?;
        let nested = |name: &str| descriptor.get_field_by_name(name)?.kind().as_message().cloned();
        let (name, value) = match &node.resolved().kind {
            NodeKind::Scalar(Scalar::Null) => ("null_value", Value::EnumNumber(0)),
            NodeKind::Scalar(Scalar::Bool(value)) => ("bool_value", Value::Bool(*value)),
            NodeKind::Scalar(Scalar::Int(value)) => ("number_value", Value::F64(f64::from(*value))),
            NodeKind::Scalar(Scalar::Number(text)) => ("number_value", Value::F64(text.parse().ok()?)),
            NodeKind::Scalar(Scalar::Text(text)) => ("string_value", Value::String(text.clone().into_owned())),
            NodeKind::List(_) => {
                let list = self.list_value(&nested("list_value")?, node, at)?;
                ("list_value", Value::Message(list))
            }
            NodeKind::Map(_) => {
                let structure = self.structure(&nested("struct_value")?, node, at)?;
                ("struct_value", Value::Message(structure))
            }
            NodeKind::Alias(_) => return None, // resolved above
        };
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_name(name, value);
        Some(message)
    }
}

/// Seconds and nanoseconds: the fields of Duration and Timestamp.
fn pair(descriptor: &MessageDescriptor, seconds: i64, nanos: i32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    message.set_field_by_number(1, Value::I64(seconds));
    message.set_field_by_number(2, Value::I32(nanos));
    message
}

/// `-?[0-9]+(\.[0-9]{1,9})?s`, at most ten thousand years.
fn parse_duration(text: &str) -> Option<(i64, i32)> {
    const MAX_SECONDS: i64 = 315_576_000_000;
    let is_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_suffix('s')?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, "0"),
    };
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok().filter(|s| *s <= MAX_SECONDS)?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    Some((i64::from(sign) * seconds, sign * nanos))
}

/// Advice for a duration in another notation: `250ms`, `5`, `1h30m`.
fn meant_duration(text: &str) -> Option<String> {
    let mut rest = text.trim().trim_matches(['"', '\'']);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let amount: f64 = rest[..end].parse().ok()?;
        let unit_end = rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |i| end + i);
        seconds += amount
            * match rest[end..unit_end].trim() {
                "" | "s" | "sec" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "m" | "min" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    // Nine decimals are allowed, and hide what floating-point numbers do to the others.
    let decimal = format!("{seconds:.9}");
    (!text.is_empty()).then(|| format!("write {}s", decimal.trim_end_matches('0').trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::{meant_duration, parse_duration};

    #[test]
    fn a_duration_is_decimal_seconds() {
        let check = |text, expected| assert_eq!(parse_duration(text), expected, "{text}");
        check("5s", Some((5, 0)));
        check("0005s", Some((5, 0)));
        check("0.25s", Some((0, 250_000_000)));
        check("1.000000001s", Some((1, 1)));
        check("-1.5s", Some((-1, -500_000_000)));
        check("-0s", Some((0, 0)));
        check("315576000000s", Some((315_576_000_000, 0)));
        for text in [
            "",
            "s",
            "5",
            "250ms",
            "1m",
            "1h30m",
            ".5s",
            "1.s",
            "+1s",
            "1e1s",
            "5 s",
            "1.5S",
            "0.0000000001s",
            "315576000001s",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn other_notations_are_translated() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(meant_duration(text).as_deref(), expected, "{text}");
        check("250ms", Some("write 0.25s"));
        check("828ms", Some("write 0.828s"));
        check("1us", Some("write 0.000001s"));
        check("100", Some("write 100s"));
        check("5", Some("write 5s"));
        check("1h30m", Some("write 5400s"));
        check("5 s", Some("write 5s"));
        check("soon", None);
    }
}
