//! Changes to the parameters of a request's query.
//!
//! Envoy takes the query apart, decodes names and values, and puts it together again sorted by name and without encoding what
//! it decoded; only values that are added are encoded. So does this, for any path once there is a change to be made.

use nuncio_config::{At, Invalid, scalar};
use nuncio_http::{Subject, Value};
use nuncio_message::HeaderId;
use nuncio_proto::envoy::config::core::v3 as pb;
use nuncio_telemetry::Line;
use prost_types::value::Kind;

/// `envoy.config.core.v3.KeyValueMutation`
#[derive(Debug)]
pub(super) enum QueryMutation {
    Append { name: Box<[u8]>, value: Value, action: Append },
    Remove(Box<[u8]>),
}

/// `envoy.config.core.v3.KeyValueAppend.KeyValueAppendAction`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Append {
    Always,
    IfAbsent,
    Overwrite,
    OverwriteIfExists,
}

impl QueryMutation {
    pub(super) fn parse(proto: pb::KeyValueMutation, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::KeyValueMutation { append, remove } = proto;
        match (append, remove.is_empty()) {
            (Some(append), true) => Self::parse_append(append, &at.field("append")),
            (None, false) => Ok(Self::Remove(remove.into_bytes().into())),
            (Some(_), false) => Err(at.invalid("Only one of 'append'/'remove can be specified.")),
            (None, true) => Err(at.invalid("One of 'append'/'remove' must be specified.")),
        }
    }

    fn parse_append(proto: pb::KeyValueAppend, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::KeyValueAppend { record, entry, action } = proto;
        let mut f = at.fields();
        f.without_effect("entry", entry, "only 'record' is looked at here, as in Envoy");
        let record = match record {
            Some(record) => f.value("record", record, |pb::KeyValuePair { key, value }, at| {
                let mut f = at.fields();
                let value = f.value("value", value, |value, at| match value.and_then(|value| value.kind) {
                    Some(Kind::StringValue(text)) => Value::parse(&text, at),
                    _ => Err(at.invalid("Only string value is allowed for record value.")),
                });
                f.finish(|| (key.into_bytes().into(), value.take()))
            }),
            None => f.absent("No record specified for append mutation."),
        };
        let action = f.value("action", action, Append::parse);
        f.finish(|| {
            let (name, value) = record.take();
            Self::Append { name, value, action: action.take() }
        })
    }
}

impl Append {
    fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::key_value_append::KeyValueAppendAction as Action;
        Ok(match scalar::enumeration(number, at)? {
            Action::AppendIfExistsOrAdd => Self::Always,
            Action::AddIfAbsent => Self::IfAbsent,
            Action::OverwriteIfExistsOrAdd => Self::Overwrite,
            Action::OverwriteIfExists => Self::OverwriteIfExists,
        })
    }
}

/// Makes the changes to the path of the request. Without a path there is nothing to do.
pub(super) fn apply(mutations: &[QueryMutation], subject: &mut Subject<'_>) {
    if mutations.is_empty() {
        return;
    }
    subject.with_line(|subject, line| {
        let Some(path) = subject.inputs().request.and_then(|request| request.get(HeaderId::PATH)) else { return };
        let mut parameters = Parameters::of(path);
        for mutation in mutations {
            mutation.apply(&mut parameters, subject, line);
        }
        line.clear();
        let path = subject.inputs().request.and_then(|request| request.get(HeaderId::PATH)).unwrap_or_default();
        line.append(&path[..path.iter().position(|&byte| byte == b'?').unwrap_or(path.len())]);
        parameters.append_to(line);
        if let Some(headers) = subject.headers_mut() {
            headers.set(HeaderId::PATH, line.as_bytes());
        }
    });
}

impl QueryMutation {
    fn apply(&self, parameters: &mut Parameters, subject: &Subject<'_>, line: &mut Line) {
        match self {
            Self::Remove(name) => parameters.remove(name),
            Self::Append { name, value, action } => {
                line.clear();
                value.append(subject, line);
                let is_wanted = match action {
                    Append::Always | Append::Overwrite => true,
                    Append::IfAbsent => !parameters.has(name),
                    Append::OverwriteIfExists => parameters.has(name),
                };
                if !is_wanted {
                    return;
                }
                if matches!(action, Append::Overwrite | Append::OverwriteIfExists) {
                    parameters.remove(name);
                }
                parameters.0.push((name.to_vec(), encode(line.as_bytes())));
            }
        }
    }
}

/// Names and values.
struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// What follows the first question mark. A name without a value has an empty one.
    fn of(path: &[u8]) -> Self {
        let Some(at) = path.iter().position(|&byte| byte == b'?') else { return Self(Vec::new()) };
        let query = &path[at + 1..];
        // One ampersand at the end begins nothing.
        let query = query.strip_suffix(b"&").unwrap_or(query);
        if query.is_empty() && path.len() == at + 1 {
            return Self(Vec::new());
        }
        let parts = query.split(|&byte| byte == b'&');
        Self(
            parts
                .map(|part| match part.iter().position(|&byte| byte == b'=') {
                    Some(at) => (decode(&part[..at]), decode(&part[at + 1..])),
                    None => (decode(part), Vec::new()),
                })
                .collect(),
        )
    }

    fn has(&self, name: &[u8]) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    fn remove(&mut self, name: &[u8]) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Appends the query with its question mark, if there is anything in it.
    fn append_to(&mut self, line: &mut Line) {
        // Values of one name stay in their order.
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut before = b'?';
        for (name, value) in &self.0 {
            line.push(before);
            line.append(name);
            line.push(b'=');
            line.append(value);
            before = b'&';
        }
    }
}

/// Decodes `%41` and the like; what is not followed by two hexadecimal digits stays.
fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

/// Encodes all but letters, digits and the four characters that Envoy leaves, which are those of HTML forms.
fn encode(text: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Envoy 1.40's answers to a filter that removes a parameter which is not there.
    #[test]
    fn a_query_is_decoded_and_sorted_by_name() {
        let check = |path: &str, expected: &str| {
            let mut line = Line::new();
            Parameters::of(path.as_bytes()).append_to(&mut line);
            assert_eq!(String::from_utf8_lossy(line.as_bytes()), expected, "{path}");
        };
        check("/x", "");
        check("/x?", "");
        check("/x?x", "?x=");
        check("/x?b=2&a=1", "?a=1&b=2");
        check("/x?k=0&a=1&k=5", "?a=1&k=0&k=5");
        check("/x?a=1&&b=2&", "?=&a=1&b=2");
        check("/x?a&&", "?=&a=");
        check("/x?&", "?=");
        check("/x?=v", "?=v");
        check("/x?=&=", "?=&=");
        check("/x?a=%20x+y%2Fz&b=%zz&c=a=b", "?a= x+y/z&b=%zz&c=a=b");
        check("/x?%6b=0", "?k=0");
        check("/x?a=%C3%A9", "?a=é");
        check("/x?a%3Db=c%26d", "?a=b=c&d");
        check("/x?a=%2", "?a=%2");
        check("/x&a?b", "?b=");
    }

    #[test]
    fn added_values_are_encoded_as_envoy_does() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&encode(text.as_bytes())), expected, "{text}");
        };
        check(
            "~*'()!@:,;$[]{}|\\^`\"<>?#+/-_.A9 =&",
            "%7E*%27%28%29%21%40%3A%2C%3B%24%5B%5D%7B%7D%7C%5C%5E%60%22%3C%3E%3F%23%2B%2F-_.A9%20%3D%26",
        );
        check("a b&c=d%e/é", "a%20b%26c%3Dd%25e%2F%C3%A9");
        check("", "");
    }
}
