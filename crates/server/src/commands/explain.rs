//! `nuncio explain`: what a message or field is, offline, from the descriptors. They have no comments: see `docs/editors.md`.

use std::fmt::Write;

use nuncio_config::Schema;
use nuncio_config::describe::{Field, Found, Kind, Message};

use crate::extensions::Extensions;

/// Tells of what a name stands for.
///
/// # Errors
/// When it stands for nothing, or for more than one message.
pub(super) fn explain(name: &str) -> Result<String, String> {
    match Schema::new().find(name) {
        Found::Message(message) => Ok(of_message(&message)),
        Found::Field { message, field } => Ok(of_field(&message, &field)),
        Found::Several(names) => Err(format!("'{name}' may be any of\n  {}", names.join("\n  "))),
        Found::Nothing(meant) => {
            let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
            Err(format!("there is no message or field '{name}'{hint}"))
        }
    }
}

fn of_message(message: &Message) -> String {
    let mut out = format!("{}\n", message.name);
    if message.name.starts_with("envoy.extensions.") {
        let is_here = Extensions::new(&[]).has(&message.name);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {}", if is_here { "an extension that is built in" } else { "not built in by itself" });
    }
    for field in &message.fields {
        let Field { name, is_deprecated, oneof, .. } = field;
        let oneof = oneof.as_ref().map_or_else(String::new, |oneof| format!(", one of {oneof}"));
        let deprecated = if *is_deprecated { ", deprecated" } else { "" };
        let _ = writeln!(out, "  {name}: {}{oneof}{deprecated}", kind(field));
    }
    out
}

fn of_field(message: &str, field: &Field) -> String {
    let mut out = format!("{message}.{}\n  type: {}\n  default: {}\n", field.name, kind(field), default(field));
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name}: {text}");
        }
    };
    if field.json_name != field.name {
        line("also written", &field.json_name);
    }
    line("one of", field.oneof.as_deref().unwrap_or_default());
    line("rules", &field.rules);
    if field.is_deprecated {
        line("deprecated", "yes");
    }
    if let Kind::Enum { values, .. } = &field.kind {
        line("values", &values.join(", "));
    }
    line("supported", "try it: a field that is set but not there is named by --mode validate");
    out
}

fn kind(field: &Field) -> String {
    let of = kind_name(&field.kind);
    if field.is_list { format!("list of {of}") } else { of }
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer => "whole number".to_owned(),
        Kind::Float => "number".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Bytes => "bytes in base64".to_owned(),
        Kind::Enum { name, .. } => name.clone(),
        Kind::Message(name) => match name.as_str() {
            "google.protobuf.Duration" => "duration, as 1.5s".to_owned(),
            "google.protobuf.Any" => "typed configuration, a mapping with @type".to_owned(),
            "google.protobuf.Struct" => "any mapping".to_owned(),
            "google.protobuf.BoolValue" => "true or false".to_owned(),
            "google.protobuf.StringValue" => "text".to_owned(),
            "google.protobuf.DoubleValue" | "google.protobuf.FloatValue" => "number".to_owned(),
            name if name.starts_with("google.protobuf.")
                && name.ends_with("Value")
                && name != "google.protobuf.Value" =>
            {
                "whole number".to_owned()
            }
            name => name.to_owned(),
        },
        Kind::Map(value) => format!("mapping from text to {}", kind_name(value)),
    }
}

/// What a field that is not written has. A message that is not set may have a default of its own, which no descriptor tells.
fn default(field: &Field) -> &str {
    match &field.kind {
        _ if field.is_list => "empty",
        Kind::Map(_) => "empty",
        Kind::Message(_) => "not set",
        _ if field.oneof.is_some() => "not set",
        Kind::Bool => "false",
        Kind::Integer | Kind::Float => "0",
        Kind::Text | Kind::Bytes => "empty",
        Kind::Enum { values, .. } => values.first().map_or("", String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_with_their_rules() {
        let check = |name: &str, expected: &[&str]| {
            let text = explain(name).expect("it is there");
            let missing: Vec<_> = expected.iter().filter(|line| !text.lines().any(|is| is.trim() == **line)).collect();
            assert!(missing.is_empty(), "{missing:?} in {text}");
        };
        let name = "envoy.config.cluster.v3.Cluster";
        check(&format!("{name}.name"), &["type: text", "default: empty", "rules: string{min_len:1}"]);
        check("static_resources.clusters.lb_policy", &["default: ROUND_ROBIN", "also written: lbPolicy"]);
        check("static_resources.clusters.connect_timeout", &["type: duration, as 1.5s", "default: not set"]);
        check("HttpConnectionManager.route_config", &["one of: route_specifier"]);
        check("HttpConnectionManager", &["an extension that is built in", "stat_prefix: text"]);
        check("admin.access_log_path", &["deprecated: yes"]);
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_may_be_meant() {
        let refused = explain("HttpConnectionManagr").expect_err("there is none");
        assert_eq!(refused, "there is no message or field 'HttpConnectionManagr'; did you mean HttpConnectionManager?");
        assert!(
            explain("Router")
                .expect_err("there are several")
                .contains("\n  envoy.extensions.filters.http.router.v3.Router")
        );
    }
}
