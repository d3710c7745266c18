//! Reads a message's rules from its descriptor.

use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    OneofDescriptor, ReflectMessage,
};

use crate::rules::constraint::Constraint;
use crate::schema::Options;

/// What to check in one kind of message.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) fields: Vec<FieldPlan>,
    /// Of which one member must be set.
    pub(super) required_oneofs: Vec<OneofDescriptor>,
    /// Message fields that have checks of their own.
    pub(super) children: Vec<FieldDescriptor>,
    pub(super) deprecated: Vec<(FieldDescriptor, Deprecation)>,
    pub(super) deprecated_values: Vec<DeprecatedValue>,
    /// Why the message is work in progress.
    pub(super) in_progress: Option<String>,
    pub(super) fields_in_progress: Vec<FieldDescriptor>,
}

/// The rules of one field.
#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) field: FieldDescriptor,
    pub(super) rules: Rules,
}

/// The rules of a field, of each item of a list, or of a map's keys or values.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// A message that must be set.
    pub(super) required: bool,
    /// Do not look into the message.
    pub(super) skip: bool,
    pub(super) constraint: Option<Constraint>,
}

#[derive(Clone, Debug)]
pub(super) struct Deprecation {
    /// The minor version of the API, such as `3.0`.
    pub(super) since: Option<String>,
    /// Envoy rejects it.
    pub(super) is_disallowed: bool,
}

/// A value of an enum field that should not be used, though it may be the default.
#[derive(Debug)]
pub(super) struct DeprecatedValue {
    pub(super) field: FieldDescriptor,
    pub(super) value: EnumValueDescriptor,
    pub(super) deprecation: Deprecation,
}

impl Plan {
    pub(crate) fn read(message: &MessageDescriptor, options: &Options) -> Self {
        let mut plan = Self {
            fields: Vec::new(),
            required_oneofs: message.oneofs().filter(|o| is_required(o, options)).collect(),
            children: message.fields().filter(has_own_checks).collect(),
            deprecated: Vec::new(),
            deprecated_values: Vec::new(),
            in_progress: in_progress(message, options),
            fields_in_progress: Vec::new(),
        };
        for field in message.fields() {
            if field.field_descriptor_proto().options.is_some() {
                plan.read_field(&field, options);
            }
            if let Kind::Enum(values) = field.kind() {
                plan.read_enum(&field, &values, options);
            }
        }
        if is_switched_off(message, options) {
            plan.fields.clear();
            plan.required_oneofs.clear();
        }
        plan
    }

    fn read_field(&mut self, field: &FieldDescriptor, options: &Options) {
        let written = field.options();
        if written.has_extension(&options.rules)
            && let Some(rules) = written.get_extension(&options.rules).as_message()
        {
            let rules = Rules::read(rules);
            if rules.skip {
                self.children.retain(|f| f.number() != field.number());
            }
            self.fields.push(FieldPlan { field: field.clone(), rules });
        }
        self.read_status(field, &written, options);
        let is_disallowed = written.has_extension(&options.disallowed);
        if is_disallowed || flag(&written, "deprecated") {
            let since = written.has_extension(&options.deprecated_at).then(|| {
                let version = written.get_extension(&options.deprecated_at);
                version.as_str().unwrap_or_default().to_owned()
            });
            self.deprecated.push((field.clone(), Deprecation { since, is_disallowed }));
        }
    }

    fn read_status(&mut self, field: &FieldDescriptor, written: &DynamicMessage, options: &Options) {
        if is_in_progress(written, &options.field_status) {
            self.fields_in_progress.push(field.clone());
        }
    }

    fn read_enum(&mut self, field: &FieldDescriptor, values: &EnumDescriptor, options: &Options) {
        for value in values.values() {
            if value.enum_value_descriptor_proto().options.is_none() {
                continue;
            }
            let written = value.options();
            let is_disallowed = written.has_extension(&options.disallowed_value);
            if is_disallowed || flag(&written, "deprecated") {
                let deprecation = Deprecation { since: None, is_disallowed };
                let field = field.clone();
                self.deprecated_values.push(DeprecatedValue { field, value, deprecation });
            }
        }
    }
}

impl Rules {
    /// Reads `validate.FieldRules`: the message rules, and one kind of value rules.
    pub(super) fn read(rules: &DynamicMessage) -> Self {
        let mut read = Self::default();
        for (kind, value) in rules.fields() {
            let Some(value) = value.as_message() else { continue };
            if value.descriptor().get_field_by_name("required").is_some() {
                read.required |= flag(value, "required");
            }
            match kind.name() {
                "message" => read.skip = flag(value, "skip"),
                kind => read.constraint = Constraint::read(kind, value),
            }
        }
        read
    }
}

fn flag(message: &DynamicMessage, name: &str) -> bool {
    message.get_field_by_name(name).and_then(|v| v.as_bool()).unwrap_or(false)
}

fn in_progress(message: &MessageDescriptor, options: &Options) -> Option<String> {
    if is_in_progress(&message.options(), &options.message_status) {
        return Some("is marked as work in progress".to_owned());
    }
    let file = message.parent_file();
    let is_marked = is_in_progress(&file.options(), &options.file_status);
    is_marked.then(|| format!("is contained in proto file '{}', which is marked as work in progress", file.name()))
}

fn is_in_progress(options: &DynamicMessage, status: &ExtensionDescriptor) -> bool {
    options.has_extension(status)
        && options.get_extension(status).as_message().is_some_and(|status| flag(status, "work_in_progress"))
}

fn is_required(oneof: &OneofDescriptor, options: &Options) -> bool {
    let is_annotated = oneof.oneof_descriptor_proto().options.is_some();
    is_annotated && oneof.options().get_extension(&options.required).as_bool() == Some(true)
}

fn is_switched_off(message: &MessageDescriptor, options: &Options) -> bool {
    let written = message.options();
    let is_on = |option| written.get_extension(option).as_bool() == Some(true);
    options.switched_off.iter().any(is_on)
}

/// Messages of protobuf itself have no rules, but an `Any` holds one that may.
fn has_own_checks(field: &FieldDescriptor) -> bool {
    let Kind::Message(message) = field.kind() else { return false };
    let target = if field.is_map() { message.map_entry_value_field().kind() } else { Kind::Message(message) };
    match target {
        Kind::Message(m) => m.full_name() == "google.protobuf.Any" || !m.full_name().starts_with("google.protobuf."),
        _ => false,
    }
}
