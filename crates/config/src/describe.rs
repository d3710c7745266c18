//! What a message is made of, for whoever explains it: from the descriptors, without their library.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Of, MessageDescriptor, Value};

use crate::schema::{Pool, Schema};
use crate::suggest;

/// A message and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// With its package.
    pub name: String,
    /// In the order of the proto.
    pub fields: Vec<Field>,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// As in the proto.
    pub name: String,
    /// The other name that texts may use.
    pub json_name: String,
    /// What it holds; of a list, what each item is.
    pub kind: Kind,
    /// Whether it is a list.
    pub is_list: bool,
    /// The oneof of which at most one field may be set.
    pub oneof: Option<String>,
    /// Whether it is deprecated.
    pub is_deprecated: bool,
    /// Envoy's rules for its values, in protobuf's text form; empty without any.
    pub rules: String,
    /// Whether its message must be set.
    pub is_required: bool,
    /// How many bytes its text must have at least.
    pub min_bytes: Option<u64>,
    /// How many items its list must have at least.
    pub min_items: Option<u64>,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// true or false
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// Text
    Text,
    /// Bytes, in base64.
    Bytes,
    /// One of these names, or its number; the first is the default.
    Enum {
        /// With its package.
        name: String,
        /// Its values' names.
        values: Vec<String>,
    },
    /// A message, by its name.
    Message(String),
    /// A mapping from keys, which are written as text, to values.
    Map(Box<Self>),
}

/// What a name may stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A message.
    Message(Message),
    /// A field of a message.
    Field {
        /// The message's name.
        message: String,
        /// The field.
        field: Box<Field>,
    },
    /// Several messages, by their full names.
    Several(Vec<String>),
    /// Nothing; perhaps this was meant.
    Nothing(Option<String>),
}

/// Where a path begins that does not begin with a message.
const ROOT: &str = "envoy.config.bootstrap.v3.Bootstrap";

impl Schema {
    /// The message of that full name.
    pub fn describe(&self, name: &str) -> Option<Message> {
        let pool = self.pool();
        pool.message(name).map(|message| describe(&message, &pool))
    }

    /// What a name stands for: a message with or without its package, and behind it the fields that lead to another; or
    /// fields alone, which lead from the bootstrap: `static_resources.clusters.connect_timeout`.
    pub fn find(&self, name: &str) -> Found {
        let pool = self.pool();
        let (message, mut rest) = match start(name, &pool) {
            Ok(start) => start,
            Err(found) => return found,
        };
        let mut message = message;
        while let Some(step) = rest {
            let (first, more) = step.split_once('.').map_or((step, None), |(first, more)| (first, Some(more)));
            let first = first.split('[').next().unwrap_or_default();
            let Some(field) = message.get_field_by_name(first).or_else(|| message.get_field_by_json_name(first)) else {
                let names: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
                let meant = suggest::closest(first, names.iter().map(String::as_str));
                return Found::Nothing(meant.map(|meant| format!("{}.{meant}", message.full_name())));
            };
            match (more, field.kind()) {
                (None, _) => {
                    let field = Box::new(describe_field(&field, &pool));
                    return Found::Field { message: message.full_name().to_owned(), field };
                }
                (Some(_), Of::Message(next)) => (message, rest) = (next, more),
                (Some(_), _) => return Found::Nothing(None),
            }
        }
        Found::Message(describe(&message, &pool))
    }
}

type Start<'n> = (MessageDescriptor, Option<&'n str>);

/// The message that a name begins with, and the rest of the name.
fn start<'n>(name: &'n str, pool: &Pool) -> Result<Start<'n>, Found> {
    // The longest beginning that is a message, so that `Cluster.CommonLbConfig` is not a field.
    let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]).collect::<Vec<_>>();
    for end in ends.into_iter().rev() {
        let (head, rest) = (&name[..end], name.get(end + 1..));
        let mut named: Vec<_> = pool.names().filter(|name| is_named(name, head)).collect();
        named.sort_unstable();
        match &*named {
            [] => {}
            [only] => return pool.message(only).map(|message| (message, rest)).ok_or(Found::Nothing(None)),
            several => return Err(Found::Several(several.iter().map(|name| (*name).to_owned()).collect())),
        }
    }
    let root = pool.message(ROOT).ok_or(Found::Nothing(None))?;
    let first = name.split(['.', '[']).next().unwrap_or_default();
    if root.get_field_by_name(first).or_else(|| root.get_field_by_json_name(first)).is_some() {
        return Ok((root, Some(name)));
    }
    let short = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let mut names: Vec<String> =
        pool.names().map(short).chain(root.fields().map(|field| field.name().to_owned())).collect();
    names.sort_unstable();
    Err(Found::Nothing(suggest::closest(name, names.iter().map(String::as_str)).map(str::to_owned)))
}

fn is_named(full: &str, name: &str) -> bool {
    full.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn describe(message: &MessageDescriptor, pool: &Pool) -> Message {
    let mut fields: Vec<_> = message.fields().collect();
    fields.sort_by_key(|field| field.path().last().copied());
    let fields = fields.iter().map(|field| describe_field(field, pool)).collect();
    Message { name: message.full_name().to_owned(), fields }
}

fn describe_field(field: &FieldDescriptor, pool: &Pool) -> Field {
    let options = field.options();
    let written = options.has_extension(&pool.options.rules).then(|| options.get_extension(&pool.options.rules));
    let rules = written.as_deref().and_then(Value::as_message);
    let number = |path: [&str; 2]| rules.and_then(|rules| find(rules, &path)).and_then(|value| value.as_u64());
    let is_set = |path: [&str; 2]| rules.and_then(|rules| find(rules, &path)).and_then(|value| value.as_bool());
    let is_deprecated = options.get_field_by_name("deprecated").and_then(|value| value.as_bool()).unwrap_or_default();
    Field {
        name: field.name().to_owned(),
        json_name: field.json_name().to_owned(),
        kind: kind(field),
        is_list: field.is_list(),
        oneof: field.containing_oneof().filter(|oneof| !oneof.is_synthetic()).map(|oneof| oneof.name().to_owned()),
        is_deprecated,
        rules: rules.map(DynamicMessage::to_text_format).unwrap_or_default(),
        is_required: is_set(["message", "required"]) == Some(true),
        min_bytes: number(["string", "min_len"]).or_else(|| number(["string", "min_bytes"])),
        min_items: number(["repeated", "min_items"]),
    }
}

/// A rule of a kind, if it is set.
fn find(rules: &DynamicMessage, [kind, rule]: &[&str; 2]) -> Option<Value> {
    let has = |message: &DynamicMessage, name: &str| message.has_field_by_name(name);
    let of = has(rules, kind).then(|| rules.get_field_by_name(kind))??;
    let of = of.as_message()?;
    has(of, rule).then(|| of.get_field_by_name(rule).map(std::borrow::Cow::into_owned))?
}

fn kind(field: &FieldDescriptor) -> Kind {
    match field.kind() {
        Of::Message(entry) if field.is_map() => Kind::Map(Box::new(kind(&entry.map_entry_value_field()))),
        Of::Message(message) => Kind::Message(message.full_name().to_owned()),
        Of::Enum(of) => Kind::Enum {
            name: of.full_name().to_owned(),
            values: of.values().map(|value| value.name().to_owned()).collect(),
        },
        Of::Bool => Kind::Bool,
        Of::String => Kind::Text,
        Of::Bytes => Kind::Bytes,
        Of::Double | Of::Float => Kind::Float,
        Of::Int32
        | Of::Int64
        | Of::Uint32
        | Of::Uint64
        | Of::Sint32
        | Of::Sint64
        | Of::Fixed32
        | Of::Fixed64
        | Of::Sfixed32
        | Of::Sfixed64 => Kind::Integer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        match Schema::new().find(name) {
            Found::Field { field, .. } => *field,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn names_lead_to_messages_and_fields() {
        let schema = Schema::new();
        let message = |name: &str, expected: &str| match schema.find(name) {
            Found::Message(message) => assert_eq!(message.name, expected),
            other => panic!("{name}: {other:?}"),
        };
        message("envoy.config.cluster.v3.Cluster", "envoy.config.cluster.v3.Cluster");
        message("HttpConnectionManager.UpgradeConfig", &format!("{MANAGER}.UpgradeConfig"));
        message("Bootstrap", ROOT);
        let of = |name: &str, message: &str, expected: &str| match schema.find(name) {
            Found::Field { message: found, field } => assert_eq!((found.as_str(), &*field.name), (message, expected)),
            other => panic!("{name}: {other:?}"),
        };
        of("static_resources.clusters.connect_timeout", "envoy.config.cluster.v3.Cluster", "connect_timeout");
        of("staticResources.clusters[0].connectTimeout", "envoy.config.cluster.v3.Cluster", "connect_timeout");
        of("HttpConnectionManager.stat_prefix", MANAGER, "stat_prefix");
        of("admin", ROOT, "admin");
    }

    const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

    #[test]
    fn what_is_not_there_is_told_with_what_may_be_meant() {
        let schema = Schema::new();
        let expected = Some(format!("{ROOT}.admin"));
        assert_eq!(schema.find("Bootstrap.admn"), Found::Nothing(expected));
        assert_eq!(schema.find("HttpConnectionManagr"), Found::Nothing(Some("HttpConnectionManager".to_owned())));
        assert_eq!(schema.find("admin.access_log_path.x"), Found::Nothing(None));
        let Found::Several(names) = schema.find("Router") else { panic!("there are several") };
        assert!(names.contains(&"envoy.extensions.filters.http.router.v3.Router".to_owned()), "{names:?}");
    }

    #[test]
    fn fields_have_their_kind_and_rules() {
        let cluster = field("envoy.config.cluster.v3.Cluster.name");
        assert_eq!((cluster.kind, cluster.min_bytes, cluster.is_list), (Kind::Text, Some(1), false));
        assert!(cluster.rules.contains("min_len:1"), "{}", cluster.rules);
        let filters = field("HttpConnectionManager.http_filters");
        assert_eq!((filters.kind, filters.is_list), (Kind::Message(format!("{PACKAGE}.v3.HttpFilter")), true));
        assert_eq!(field("HttpConnectionManager.route_config").oneof.as_deref(), Some("route_specifier"));
        assert!(field("admin.access_log_path").is_deprecated && !field("admin.address").is_deprecated);
        assert_eq!(field("node.locality").kind, Kind::Message("envoy.config.core.v3.Locality".to_owned()));
    }

    const PACKAGE: &str = "envoy.extensions.filters.network.http_connection_manager";
}
