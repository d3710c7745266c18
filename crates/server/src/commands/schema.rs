//! `nuncio schema`: the bootstrap as a JSON Schema (draft 7, which editors know).
//!
//! It takes what the loader takes, but for freedoms that nobody needs in an editor: a single item where a list is wanted,
//! and `null` for a field that is not set. Messages refer to each other by name, so that each is there once.

use std::collections::{BTreeMap, BTreeSet};

use nuncio_admin::Json;
use nuncio_config::Schema;
use nuncio_config::describe::{Field, Kind, Message};

use crate::extensions::Extensions;

const ROOT: &str = "envoy.config.bootstrap.v3.Bootstrap";

/// The schema.
pub(super) fn schema() -> Json {
    let extensions = Extensions::new(&[]).types();
    let descriptors = Schema::new();
    let mut definitions = BTreeMap::new();
    let mut open: Vec<String> = extensions.iter().map(|name| (*name).to_owned()).chain([ROOT.to_owned()]).collect();
    while let Some(name) = open.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let definition = match well_known(&name, &extensions) {
            Some(definition) => definition,
            None => {
                let Some(message) = descriptors.describe(&name) else { continue };
                open.extend(message.fields.iter().filter_map(|field| referred(&field.kind)));
                object(&message, extensions.contains(name.as_str()))
            }
        };
        definitions.insert(name, definition);
    }
    Json::object([
        ("$schema", Json::text("http://json-schema.org/draft-07/schema#")),
        ("title", Json::text("Bootstrap of an Envoy-compatible proxy")),
        ("$ref", Json::text(reference(ROOT))),
        ("definitions", Json::Object(definitions.into_iter().collect())),
    ])
}

fn reference(name: &str) -> String {
    format!("#/definitions/{name}")
}

/// The message that a kind refers to.
fn referred(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Message(name) => Some(name.clone()),
        Kind::Map(value) => referred(value),
        Kind::Bool | Kind::Integer | Kind::Float | Kind::Text | Kind::Bytes | Kind::Enum { .. } => None,
    }
}

/// A message as a mapping. Names in camelCase are taken, but not proposed.
fn object(message: &Message, is_extension: bool) -> Json {
    let mut properties: Vec<(String, Json)> =
        message.fields.iter().map(|field| (field.name.clone(), property(field))).collect();
    if is_extension {
        properties.push(("@type".to_owned(), Json::object([("type", Json::text("string"))])));
    }
    let other = message.fields.iter().filter(|field| field.json_name != field.name);
    let patterns = other.map(|field| (format!("^{}$", field.json_name), property(field))).collect();
    Json::object([
        ("type", Json::text("object")),
        ("properties", Json::Object(properties)),
        ("patternProperties", Json::Object(patterns)),
        ("additionalProperties", Json::Bool(false)),
    ])
}

fn property(field: &Field) -> Json {
    let mut value = value(&field.kind);
    if let Some(least) = field.min_bytes.filter(|_| field.kind == Kind::Text && !field.is_list) {
        value.push(("minLength".to_owned(), number(least)));
    }
    if field.is_list {
        value = vec![("type".to_owned(), Json::text("array")), ("items".to_owned(), Json::Object(value))];
        value.extend(field.min_items.map(|least| ("minItems".to_owned(), number(least))));
    }
    if field.is_deprecated {
        value.push(("deprecated".to_owned(), Json::Bool(true)));
    }
    // What stands beside a reference is passed over in this draft.
    Json::Object(value)
}

/// No rule of Envoy's needs more.
fn number(number: u64) -> Json {
    Json::Number(u32::try_from(number).unwrap_or(u32::MAX).into())
}

fn value(kind: &Kind) -> Vec<(String, Json)> {
    let typed = |name: &str| vec![("type".to_owned(), Json::text(name))];
    match kind {
        Kind::Bool => typed("boolean"),
        Kind::Text | Kind::Bytes => typed("string"),
        Kind::Integer => any_of(vec![simple("integer"), pattern(r"^-?[0-9]+$")]),
        Kind::Float => any_of(vec![simple("number"), pattern(r"^(-?[0-9.]+([eE][-+]?[0-9]+)?|-?Infinity|NaN)$")]),
        Kind::Enum { values, .. } => {
            let names = Json::object([("enum", Json::List(values.iter().map(Json::text).collect()))]);
            any_of(vec![names, simple("integer")])
        }
        Kind::Message(name) => vec![("$ref".to_owned(), Json::text(reference(name)))],
        Kind::Map(of) => {
            let mut map = typed("object");
            map.push(("additionalProperties".to_owned(), Json::Object(value(of))));
            map
        }
    }
}

fn any_of(choices: Vec<Json>) -> Vec<(String, Json)> {
    vec![("anyOf".to_owned(), Json::List(choices))]
}

fn simple(name: &str) -> Json {
    Json::object([("type", Json::text(name))])
}

fn pattern(expression: &str) -> Json {
    Json::object([("type", Json::text("string")), ("pattern", Json::text(expression))])
}

/// The messages that are not written as mappings of their fields.
fn well_known(name: &str, extensions: &BTreeSet<&'static str>) -> Option<Json> {
    let of = |kind: &Kind| Json::Object(value(kind));
    Some(match name.strip_prefix("google.protobuf.")? {
        "Any" => typed_config(extensions),
        "Duration" => {
            let parts = Json::object([("seconds", of(&Kind::Integer)), ("nanos", of(&Kind::Integer))]);
            let parts = Json::object([("type", Json::text("object")), ("properties", parts)]);
            Json::Object(any_of(vec![pattern(r"^-?[0-9]+(\.[0-9]{0,9})?s$"), parts]))
        }
        "Timestamp" | "FieldMask" => simple("string"),
        "Struct" => simple("object"),
        "ListValue" => simple("array"),
        "Value" => Json::object([]),
        "Empty" => simple("object"),
        "BoolValue" => of(&Kind::Bool),
        "StringValue" | "BytesValue" => of(&Kind::Text),
        "DoubleValue" | "FloatValue" => of(&Kind::Float),
        "Int32Value" | "Int64Value" | "UInt32Value" | "UInt64Value" => of(&Kind::Integer),
        _ => return None,
    })
}

/// A typed configuration: its type decides which fields it has, if the type is built in.
fn typed_config(extensions: &BTreeSet<&'static str>) -> Json {
    let choices = extensions.iter().map(|name| {
        let url = Json::object([("const", Json::text(format!("type.googleapis.com/{name}")))]);
        let condition = Json::object([("properties", Json::object([("@type", url)])), ("required", required())]);
        Json::object([("if", condition), ("then", Json::object([("$ref", Json::text(reference(name)))]))])
    });
    Json::object([
        ("type", Json::text("object")),
        ("properties", Json::object([("@type", simple("string"))])),
        ("required", required()),
        ("allOf", Json::List(choices.collect())),
    ])
}

fn required() -> Json {
    Json::List(vec![Json::text("@type")])
}
