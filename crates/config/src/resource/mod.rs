//! Resources that arrive in wire form: from a control plane, or from a bootstrap in `.pb`.

use std::borrow::Cow;

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use prost_types::Any;

use crate::at::{At, Invalid, type_name};
use crate::bind::{Binder, TYPED_STRUCTS};
use crate::diagnostic::{Failed, code};
use crate::policy::Unknown;
use crate::rules::{Checker, Payloads, Stage};
use crate::schema::{Pool, Schema};
use crate::tree::{Key, Kind, Node, Scalar};

/// Checks a resource by the same rules as one in a file, and everything packed in it. Returns it with each `TypedStruct`
/// replaced by the message that it describes; otherwise the bytes are those that came in.
///
/// Fields that this proxy does not know are reported as the schema's [`Policy`](crate::Policy) says.
///
/// # Errors
/// When its type is unknown, its bytes do not decode, or a rule is broken.
pub fn check_resource(resource: &Any, schema: &Schema, at: &At<'_>) -> Result<Any, Invalid> {
    let pool = schema.pool();
    let name = type_name(&resource.type_url);
    pool.expect(name, std::iter::once(resource.value.as_slice()));
    let Some(descriptor) = pool.message(name) else {
        return Err(at.error(code::UNKNOWN_TYPE, format!("unknown type '{name}'")));
    };
    let decoded = DynamicMessage::decode(descriptor, resource.value.as_slice());
    let message = decoded.map_err(|error| at.error(code::BAD_WIRE, format!("cannot decode {name}: {error}")))?;
    let value = check_message(message, &pool, at)?;
    let type_url = resource.type_url.clone();
    Ok(Any { type_url, value: value.unwrap_or_else(|| resource.value.clone()) })
}

/// Where a message in wire form comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Bootstrap,
    ControlPlane,
}

/// Replaces the `TypedStruct`s in a message that was decoded, and finds what it holds that is unknown. Whether anything was
/// replaced.
pub(crate) fn unwrap(message: &mut DynamicMessage, pool: &Pool, origin: Origin, at: &At<'_>) -> bool {
    let unknown = match origin {
        Origin::Bootstrap => pool.policy.static_unknown,
        Origin::ControlPlane => pool.policy.dynamic_unknown,
    };
    Unwrapper { pool, binder: Binder::new(pool, None, unknown), origin, unknown }.unwrap(message, at)
}

/// Checks a message that was decoded; its new bytes if a `TypedStruct` was replaced.
fn check_message(mut message: DynamicMessage, pool: &Pool, at: &At<'_>) -> Result<Option<Vec<u8>>, Invalid> {
    let before = at.sink().errors();
    let is_changed = unwrap(&mut message, pool, Origin::ControlPlane, at);
    let (payloads, stage, failed) = (Payloads::Check, Stage::Runtime, &Failed::default());
    Checker { pool, payloads, stage, failed }.check(&message, at);
    match at.sink().errors() == before {
        true => Ok(is_changed.then(|| message.encode_to_vec())),
        false => Err(Invalid::reported()),
    }
}

/// Replaces `TypedStruct`s, wherever they are packed.
struct Unwrapper<'p> {
    pool: &'p Pool,
    binder: Binder<'p>,
    origin: Origin,
    unknown: Unknown,
}

impl Unwrapper<'_> {
    /// Whether anything was replaced in `message`.
    fn unwrap(&self, message: &mut DynamicMessage, at: &At<'_>) -> bool {
        self.report_unknown(message, at);
        if message.descriptor().full_name() == "google.protobuf.Any" {
            return self.unwrap_any(message, at);
        }
        let mut is_changed = false;
        for (field, value) in message.fields_mut() {
            if field.kind().as_message().is_some() {
                is_changed |= self.unwrap_value(value, &at.field(field.name()));
            }
        }
        is_changed
    }

    fn report_unknown(&self, message: &DynamicMessage, at: &At<'_>) {
        let numbers: Vec<String> = message.unknown_fields().map(|field| field.number().to_string()).collect();
        if numbers.is_empty() {
            return;
        }
        let text = format!("unknown fields of {}: {}", message.descriptor().name(), numbers.join(", "));
        match self.unknown {
            Unknown::Reject => drop(at.error(code::UNKNOWN_FIELD, text)),
            Unknown::Warn => {
                at.warning(code::UNKNOWN_FIELD, text);
                self.pool.counter.add(|counts| match self.origin {
                    Origin::Bootstrap => counts.static_unknown_fields += 1,
                    Origin::ControlPlane => counts.dynamic_unknown_fields += 1,
                });
            }
            Unknown::Ignore => {}
        }
    }

    fn unwrap_value(&self, value: &mut Value, at: &At<'_>) -> bool {
        match value {
            Value::Message(message) => self.unwrap(message, at),
            Value::List(list) => {
                let items = list.iter_mut().enumerate();
                items.fold(false, |is_changed, (index, item)| is_changed | self.unwrap_value(item, &at.index(index)))
            }
            Value::Map(map) => map.iter_mut().fold(false, |is_changed, (key, value)| {
                is_changed | self.unwrap_value(value, &at.key(&crate::rules::key_text(key)))
            }),
            _ => false,
        }
    }

    fn unwrap_any(&self, any: &mut DynamicMessage, at: &At<'_>) -> bool {
        let (Some(url), Some(bytes)) = (any.get_field_by_number(1), any.get_field_by_number(2)) else { return false };
        let name = url.as_str().map(type_name).unwrap_or_default();
        let decoded =
            self.pool.message(name).map(|d| DynamicMessage::decode(d, bytes.as_bytes().cloned().unwrap_or_default()));
        // What is unknown or does not decode is reported by the checks.
        let Some(Ok(mut payload)) = decoded else { return false };
        let (url, payload) = if TYPED_STRUCTS.contains(&name) {
            match self.describe(&payload, at) {
                Some((url, payload)) => (Some(url), payload),
                None => return false,
            }
        } else if self.unwrap(&mut payload, at) {
            (None, payload)
        } else {
            return false;
        };
        if let Some(url) = url {
            any.set_field_by_number(1, Value::String(url));
        }
        any.set_field_by_number(2, Value::Bytes(payload.encode_to_vec().into()));
        true
    }

    /// The type URL and message that a `TypedStruct` stands for. `None` if it names no known message, or does not fit.
    fn describe(&self, typed: &DynamicMessage, at: &At<'_>) -> Option<(String, DynamicMessage)> {
        let url = typed.get_field_by_name("type_url")?.as_str()?.to_owned();
        let descriptor = self.pool.message(type_name(&url))?;
        let node = node_of_struct(typed.get_field_by_name("value")?.as_message()?);
        let payload = self.binder.message(&descriptor, &node, at, &[])?;
        Some((url, payload))
    }
}

/// `google.protobuf.Struct` as a tree without places.
fn node_of_struct(message: &DynamicMessage) -> Node<'static> {
    let fields = message.get_field_by_number(1);
    let map = fields.as_ref().and_then(|f| f.as_map());
    let entry = |(key, value): (&prost_reflect::MapKey, &Value)| {
        let text = Cow::Owned(crate::rules::key_text(key));
        (Key { span: crate::diagnostic::Span::default(), text }, node_of_value(value))
    };
    node(Kind::Map(map.into_iter().flatten().map(entry).collect()))
}

/// `google.protobuf.Value` as a tree. Its numbers are JSON numbers.
fn node_of_value(value: &Value) -> Node<'static> {
    let chosen = value.as_message().and_then(|m| m.fields().next());
    let scalar = |scalar| node(Kind::Scalar(scalar));
    match chosen {
        Some((_, Value::Bool(value))) => scalar(Scalar::Bool(*value)),
        Some((_, Value::F64(value))) => scalar(Scalar::Number(Cow::Owned(value.to_string()))),
        Some((_, Value::String(text))) => scalar(Scalar::Text(Cow::Owned(text.clone()))),
        Some((field, Value::Message(nested))) if field.name() == "list_value" => {
            let values = nested.get_field_by_number(1);
            let items = values.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
            node(Kind::List(items.iter().map(node_of_value).collect()))
        }
        Some((_, Value::Message(nested))) => node_of_struct(nested),
        _ => scalar(Scalar::Null),
    }
}

fn node(kind: Kind<'static>) -> Node<'static> {
    Node { span: crate::diagnostic::Span::default(), kind }
}

#[cfg(test)]
mod tests;
