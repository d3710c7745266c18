//! Walks a message with the rules of its type, and of everything in it.

use std::collections::HashSet;

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use crate::at::{At, type_name};
use crate::diagnostic::{Diagnostic, Failed, code};
use crate::rules::constraint::{Constraint, LIST_CODES, MAP_CODES, Violation};
use crate::rules::plan::{Deprecation, Plan, Rules};
use crate::schema::Pool;

/// Reports every broken rule in a message.
pub(crate) struct Checker<'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) payloads: Payloads,
    pub(crate) stage: Stage,
    /// What could not be read: rules about it would only repeat that.
    pub(crate) failed: &'p Failed,
}

/// What to do with the messages inside `google.protobuf.Any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// They were checked before they were packed.
    Skip,
    /// Unpack and check them.
    Check,
}

/// When Envoy would look at the message. It reads the bootstrap before its runtime exists, and then only warns of what the
/// runtime would have to allow; typed configurations and resources come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Bootstrap,
    Runtime,
}

impl Checker<'_> {
    pub(crate) fn check(&self, message: &DynamicMessage, at: &At<'_>) {
        let plan = self.pool.plan(&message.descriptor());
        self.check_deprecations(message, &plan, at);
        self.check_progress(message, &plan, at);
        for planned in &plan.fields {
            self.check_field(message, &planned.field, &planned.rules, at);
        }
        for oneof in &plan.required_oneofs {
            let mut members = oneof.fields();
            if !members.any(|f| message.has_field(&f)) {
                let names: Vec<String> = oneof.fields().map(|f| f.name().to_owned()).collect();
                self.missing_oneof(&names, at);
            }
        }
        for field in &plan.children {
            if message.has_field(field) {
                self.check_child(&message.get_field(field), &at.field(field.name()));
            }
        }
    }

    fn missing_oneof(&self, members: &[String], at: &At<'_>) {
        let is_repeated = |name: &String| self.failed.covers(&at.field(name).to_path());
        if members.iter().any(is_repeated) || self.failed.covers(&at.to_path()) {
            return;
        }
        let message = match members {
            [only] => format!("{only} must be set"),
            _ => format!("one of {} must be set", members.join(", ")),
        };
        at.error(code::ONEOF_REQUIRED, message);
    }

    fn check_field(&self, message: &DynamicMessage, field: &FieldDescriptor, rules: &Rules, at: &At<'_>) {
        let at = at.field(field.name());
        if field.supports_presence() && !message.has_field(field) {
            // A member of a oneof is only required once it is the chosen one.
            let is_alone = field.containing_oneof().is_none_or(|o| is_synthetic(o.name()));
            if rules.required && is_alone {
                self.violation((code::REQUIRED, "must be set".to_owned()), &at);
            }
            return;
        }
        let Some(constraint) = &rules.constraint else { return };
        let value = message.get_field(field);
        let judged = match (constraint, &*value) {
            (Constraint::List { count, is_unique, items }, Value::List(list)) => {
                if let Some(items) = items {
                    list.iter().enumerate().for_each(|(i, item)| self.check_item(field, items, item, &at.index(i)));
                }
                let counted = count.judge(list.len(), &LIST_CODES, "item");
                counted.or_else(|| is_unique.then(|| repeated(list)).flatten())
            }
            (Constraint::Map { count, keys, values }, Value::Map(map)) => {
                for (key, value) in map {
                    let text = key_text(key);
                    let at = at.key(&text);
                    if let Some(rules) = keys {
                        self.check_item(field, rules, &Value::from(key.clone()), &at);
                    }
                    if let Some(rules) = values {
                        self.check_item(field, rules, value, &at);
                    }
                }
                count.judge(map.len(), &MAP_CODES, "entry")
            }
            (constraint, value) => judge(constraint, field, value),
        };
        if let Some(violation) = judged {
            self.violation(violation, &at);
        }
    }

    fn check_item(&self, field: &FieldDescriptor, rules: &Rules, value: &Value, at: &At<'_>) {
        let constraint = rules.constraint.as_ref();
        if let Some(violation) = constraint.and_then(|c| judge(c, field, value)) {
            self.violation(violation, at);
        }
    }

    fn check_child(&self, value: &Value, at: &At<'_>) {
        match value {
            Value::Message(message) => self.check_message(message, at),
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.check_child(item, &at.index(index));
                }
            }
            Value::Map(map) => {
                for (key, value) in map {
                    self.check_child(value, &at.key(&key_text(key)));
                }
            }
            _ => {}
        }
    }

    fn check_message(&self, message: &DynamicMessage, at: &At<'_>) {
        if message.descriptor().full_name() != "google.protobuf.Any" {
            self.check(message, at);
        } else if self.payloads == Payloads::Check {
            self.check_payload(message, at);
        }
    }

    fn check_payload(&self, any: &DynamicMessage, at: &At<'_>) {
        let (Some(url), Some(bytes)) = (any.get_field_by_number(1), any.get_field_by_number(2)) else { return };
        let name = url.as_str().map(type_name).unwrap_or_default();
        if name.is_empty() {
            return; // an empty Any: whoever needs a configuration there says so
        }
        let Some(descriptor) = self.pool.message(name) else {
            at.error(code::UNKNOWN_TYPE, format!("unknown type '{name}'"));
            return;
        };
        let bytes = bytes.as_bytes().cloned().unwrap_or_default();
        match DynamicMessage::decode(descriptor, bytes) {
            Ok(message) => {
                let (pool, payloads, failed) = (self.pool, self.payloads, self.failed);
                Checker { pool, payloads, stage: Stage::Runtime, failed }.check(&message, at);
            }
            Err(error) => drop(at.error(code::BAD_WIRE, format!("cannot decode {name}: {error}"))),
        }
    }

    fn violation(&self, (code, message): Violation, at: &At<'_>) {
        if !self.failed.covers(&at.to_path()) {
            at.error(code, message);
        }
    }

    fn check_deprecations(&self, message: &DynamicMessage, plan: &Plan, at: &At<'_>) {
        for (field, deprecation) in &plan.deprecated {
            if message.has_field(field) {
                let since = deprecation.since.as_ref().map_or(String::new(), |v| format!(" since API version {v}"));
                let what = format!("'{}' is deprecated{since}", field.name());
                self.report(deprecation, field.full_name(), what, &at.field(field.name()));
            }
        }
        for value in &plan.deprecated_values {
            let number = value.value.number();
            let is_used = match &*message.get_field(&value.field) {
                Value::EnumNumber(used) => *used == number,
                Value::List(list) => list.iter().any(|v| v.as_enum_number() == Some(number)),
                _ => false,
            };
            // The default counts too, unless the field belongs to a oneof that chose another.
            let is_there = message.has_field(&value.field) || value.field.containing_oneof().is_none();
            if is_used && is_there {
                let what = format!("{} is deprecated", value.value.name());
                self.report(&value.deprecation, value.value.full_name(), what, &at.field(value.field.name()));
            }
        }
    }

    fn report(&self, deprecation: &Deprecation, full_name: &str, what: String, at: &At<'_>) {
        if self.stage == Stage::Bootstrap {
            at.warning(code::DEPRECATED, what);
            return;
        }
        if self.pool.features.borrow().allows(full_name, deprecation.is_disallowed) {
            self.pool.counter.add(|counts| counts.deprecated_feature_use += 1);
            at.warning(code::DEPRECATED, what);
            return;
        }
        let help = format!("the runtime allows it, for now, with envoy.deprecated_features:{full_name}: true");
        let error = Diagnostic::error(code::DISALLOWED, at.to_path(), format!("{what} and no longer allowed"));
        at.report(error.with_help(Some(help)));
    }

    fn check_progress(&self, message: &DynamicMessage, plan: &Plan, at: &At<'_>) {
        if let Some(why) = &plan.in_progress {
            self.work_in_progress(format!("'{}' {why}", message.descriptor().full_name()), at);
        }
        for field in plan.fields_in_progress.iter().filter(|field| message.has_field(field)) {
            let what = format!("'{}' is marked as work in progress", field.name());
            self.work_in_progress(what, &at.field(field.name()));
        }
    }

    fn work_in_progress(&self, what: String, at: &At<'_>) {
        self.pool.counter.add(|counts| counts.wip_protos += 1);
        at.warning(code::WORK_IN_PROGRESS, what);
    }
}

/// Judges a scalar, or the scalar inside a wrapper.
fn judge(constraint: &Constraint, field: &FieldDescriptor, value: &Value) -> Option<Violation> {
    let enumeration = match field.kind() {
        Kind::Enum(descriptor) => Some(descriptor),
        _ => None,
    };
    match value {
        Value::Message(wrapper) if is_wrapper(wrapper) => {
            constraint.judge(&*wrapper.get_field_by_number(1)?, enumeration.as_ref())
        }
        value => constraint.judge(value, enumeration.as_ref()),
    }
}

fn is_wrapper(message: &DynamicMessage) -> bool {
    let descriptor = message.descriptor();
    descriptor.package_name() == "google.protobuf"
        && descriptor.name().ends_with("Value")
        && !matches!(descriptor.name(), "Value" | "ListValue")
}

/// The first item that occurs before.
fn repeated(list: &[Value]) -> Option<Violation> {
    let mut seen = HashSet::with_capacity(list.len());
    let again = list.iter().position(|item| !seen.insert(identity(item)))?;
    Some(("repeated.unique", format!("items must differ, but item {again} is there twice")))
}

/// Equal for equal items of one list, which has no maps in it.
fn identity(item: &Value) -> Vec<u8> {
    match item {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Message(message) => message.encode_to_vec(),
        other => other.to_string().into_bytes(),
    }
}

/// The oneof that protoc makes for a proto3 `optional` field.
fn is_synthetic(oneof: &str) -> bool {
    oneof.starts_with('_')
}

pub(crate) fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(value) => value.to_string(),
        MapKey::I32(value) => value.to_string(),
        MapKey::I64(value) => value.to_string(),
        MapKey::U32(value) => value.to_string(),
        MapKey::U64(value) => value.to_string(),
        MapKey::String(value) => value.clone(),
    }
}
