//! Messages, lists and maps.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::at::At;
use crate::bind::Binder;
use crate::diagnostic::code;
use crate::tree::{Key, Node};

/// The members of oneofs set so far, by oneof and field name.
type Chosen = Vec<(String, String)>;

/// A key of a mapping with its value.
pub(super) type Entry<'t> = (Key<'t>, Node<'t>);

impl Binder<'_> {
    /// Reads a mapping as a message. Null is a message without fields. `skipped` names fields that others read.
    ///
    /// The rules are left to whoever has all of the message: see [`check`](Self::check).
    pub(crate) fn message(
        &self,
        descriptor: &MessageDescriptor,
        node: &Node<'_>,
        at: &At<'_>,
        skipped: &[&str],
    ) -> Option<DynamicMessage> {
        let mut message = DynamicMessage::new(descriptor.clone());
        if node.is_null() {
            return Some(message);
        }
        let Some(entries) = node.as_map() else {
            return self.mismatch(node, &format!("a mapping ({})", short_name(descriptor)), at);
        };
        self.descend(node, at, || {
            let mut chosen = Chosen::new();
            let entries_of_ours = || entries.iter().filter(|(k, _)| !skipped.contains(&&*k.text));
            // These first: what is missing elsewhere may be missing because it stands here.
            for (key, _) in entries_of_ours().filter(|(k, _)| find_field(descriptor, &k.text).is_none()) {
                self.unknown_field(descriptor, entries, key, at);
            }
            for (key, value) in entries_of_ours() {
                if let Some(field) = find_field(descriptor, &key.text) {
                    self.set(&mut message, &field, key, value, &mut chosen, at);
                }
            }
            Some(message)
        })
    }

    fn set(
        &self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        key: &Key<'_>,
        node: &Node<'_>,
        chosen: &mut Chosen,
        at: &At<'_>,
    ) {
        let at = at.field(field.name());
        let Some(value) = self.field(field, node, &at) else { return };
        if let Some(oneof) = field.containing_oneof() {
            let mut others = chosen.iter().filter(|(o, f)| o == oneof.name() && f != field.name());
            if let Some((_, other)) = others.next() {
                let message = format!("'{other}' and '{}' are both set, but only one may be", field.name());
                let _: Option<()> = self.error(key.span, code::ONEOF_CONFLICT, &at, message);
            }
            chosen.push((oneof.name().to_owned(), field.name().to_owned()));
        }
        if message.try_set_field(field, value).is_err() {
            let _: Option<()> = self.mismatch(node, "another kind of value", &at);
        }
    }

    /// Reads the value of a field. Null leaves it unset.
    fn field(&self, field: &FieldDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let kind = field.kind();
        if node.is_null() && !is_any_value(&kind) {
            return None;
        }
        if field.is_map() {
            return self.map(&kind, node, at);
        }
        if field.is_list() {
            return self.list(&kind, node, at);
        }
        self.value(&kind, node, at)
    }

    /// A single value stands for a list of one.
    fn list(&self, kind: &Kind, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = at.index(index);
            let errors = at.sink().errors();
            let value = self.value(kind, item, &at);
            if value.is_none() && at.sink().errors() == errors {
                continue; // an enum value that is unknown, and may be
            }
            // An item that cannot be read keeps its place, so that the others keep their indexes.
            list.push(value.unwrap_or_else(|| Value::default_value(kind)));
        }
        Some(Value::List(list))
    }

    fn map(&self, kind: &Kind, node: &Node<'_>, at: &At<'_>) -> Option<Value> {
        let (Some(entry), Some(entries)) = (kind.as_message(), node.as_map()) else {
            return self.mismatch(node, "a mapping", at);
        };
        let (keys, values) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut map = HashMap::with_capacity(entries.len());
        for (key, value) in entries {
            let at = at.key(&key.text);
            let Some(read) = map_key(&keys, &key.text) else {
                let message = format!("'{}' cannot be a key of this map", key.text);
                let _: Option<()> = self.error(key.span, code::TYPE_MISMATCH, &at, message);
                continue;
            };
            if let Some(value) = self.value(&values, value, &at) {
                map.insert(read, value);
            }
        }
        Some(Value::Map(map))
    }

    fn unknown_field(&self, descriptor: &MessageDescriptor, entries: &[Entry<'_>], key: &Key<'_>, at: &At<'_>) {
        let ignored = || format!("unknown field '{}' in {} is ignored", key.text, short_name(descriptor));
        if self.lets_pass(key.span, &at.field(&key.text), ignored) {
            return;
        }
        let hint = self.field_hint(descriptor, entries, &key.text);
        if !hint.meant.is_empty() {
            let meant = hint.meant.iter().fold(at.to_path(), |path, field| path.field(field));
            self.failed.insert(&meant);
            at.sink().excuse(&meant);
        }
        let message = format!("unknown field '{}' in {}", key.text, short_name(descriptor));
        let at = at.field(&key.text);
        let _: Option<()> = self.error_with_help(key.span, code::UNKNOWN_FIELD, &at, message, hint.text);
    }
}

/// By the name in the proto, or its camelCase form.
pub(super) fn find_field(descriptor: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    descriptor.get_field_by_name(key).or_else(|| descriptor.get_field_by_json_name(key))
}

/// The name without its package: `Cluster.CommonLbConfig`.
fn short_name(descriptor: &MessageDescriptor) -> &str {
    let package = descriptor.package_name().len();
    descriptor.full_name()[package..].trim_start_matches('.')
}

fn is_any_value(kind: &Kind) -> bool {
    kind.as_message().is_some_and(|m| m.full_name() == "google.protobuf.Value")
}

fn map_key(kind: &Kind, text: &str) -> Option<MapKey> {
    Some(match kind {
        Kind::String => MapKey::String(text.to_owned()),
        Kind::Bool => MapKey::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(text.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(text.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(text.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(text.parse().ok()?),
        Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => return None,
    })
}
