//! `DYNAMIC_METADATA(namespace:key:...):Z`.

use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::Inputs;
use super::json::{append_quoted, number_text};
use crate::line::Line;

/// Which metadata to print and how much of it.
#[derive(Debug)]
pub(crate) struct MetadataQuery {
    namespace: Box<str>,
    /// Empty for the whole namespace.
    path: Box<[Box<str>]>,
    max_length: usize,
}

impl MetadataQuery {
    pub(super) fn parse(arguments: &str, max_length: usize) -> Self {
        let mut names = arguments.split(':');
        let namespace = names.next().unwrap_or_default().into();
        Self { namespace, path: names.map(Into::into).collect(), max_length }
    }

    /// Appends the value as text: strings as they are, structures and lists as JSON. Returns whether there is one.
    pub(super) fn append(&self, inputs: &Inputs<'_>, line: &mut Line) -> bool {
        let start = line.len();
        let metadata = &inputs.info.dynamic_metadata;
        if self.path.is_empty() {
            let Some(namespace) = metadata.namespace(&self.namespace) else { return false };
            append_struct(namespace, line);
        } else {
            match metadata.find(&self.namespace, &self.path).and_then(|value| value.kind.as_ref()) {
                None | Some(Kind::NullValue(_)) => return false,
                Some(Kind::StringValue(text)) => line.append(text.as_bytes()),
                Some(kind) => append_kind(kind, line),
            }
        }
        line.truncate(start.saturating_add(self.max_length));
        true
    }

    /// Appends the value as JSON of its own type; only a string is cut. Returns whether there is one.
    pub(super) fn append_json(&self, inputs: &Inputs<'_>, line: &mut Line) -> bool {
        let metadata = &inputs.info.dynamic_metadata;
        if self.path.is_empty() {
            let Some(namespace) = metadata.namespace(&self.namespace) else { return false };
            append_struct(namespace, line);
            return true;
        }
        match metadata.find(&self.namespace, &self.path).and_then(|value| value.kind.as_ref()) {
            None | Some(Kind::NullValue(_)) => return false,
            Some(Kind::StringValue(text)) => {
                let text = text.as_bytes();
                append_quoted(&text[..text.len().min(self.max_length)], line);
            }
            Some(kind) => append_kind(kind, line),
        }
        true
    }
}

fn append_kind(kind: &Kind, line: &mut Line) {
    match kind {
        Kind::NullValue(_) => line.append(b"null"),
        Kind::NumberValue(number) => line.append(number_text(*number).as_bytes()),
        Kind::StringValue(text) => append_quoted(text.as_bytes(), line),
        Kind::BoolValue(true) => line.append(b"true"),
        Kind::BoolValue(false) => line.append(b"false"),
        Kind::StructValue(fields) => append_struct(fields, line),
        Kind::ListValue(list) => {
            line.push(b'[');
            for (index, value) in list.values.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                append_value(value, line);
            }
            line.push(b']');
        }
    }
}

fn append_value(value: &Value, line: &mut Line) {
    match &value.kind {
        Some(kind) => append_kind(kind, line),
        None => line.append(b"null"),
    }
}

/// Members are in the order of their names.
fn append_struct(fields: &Struct, line: &mut Line) {
    line.push(b'{');
    for (index, (name, value)) in fields.fields.iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        append_quoted(name.as_bytes(), line);
        line.push(b':');
        append_value(value, line);
    }
    line.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost_types::ListValue;

    use super::*;
    use crate::formatter::{Empty, Formatter, LogType};
    use crate::stream_info::StreamInfo;

    fn value(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    fn string(text: &str) -> Kind {
        Kind::StringValue(text.into())
    }

    fn structure<const N: usize>(members: [(&str, Kind); N]) -> Struct {
        Struct { fields: members.into_iter().map(|(name, kind)| (name.to_owned(), value(kind))).collect() }
    }

    fn info() -> StreamInfo {
        let mut info = StreamInfo::default();
        let inner = structure([("k", string("v"))]);
        let list = vec![
            value(Kind::NumberValue(1.0)),
            value(string("a")),
            value(Kind::NullValue(0)),
            value(Kind::StructValue(inner)),
        ];
        let deep =
            structure([("x", Kind::StructValue(structure([("y", string("deep"))]))), ("a", Kind::NumberValue(1.0))]);
        info.dynamic_metadata.merge(
            "my.fault",
            &structure([
                ("s", string("text")),
                ("n", Kind::NumberValue(42.0)),
                ("b", Kind::BoolValue(true)),
                ("l", Kind::ListValue(ListValue { values: list })),
                ("o", Kind::StructValue(deep)),
                ("nul", Kind::NullValue(0)),
                ("q", string("qu\"o\\te\n<>&é/")),
                ("es", string("")),
                ("eo", Kind::StructValue(Struct::default())),
            ]),
        );
        info
    }

    fn with_inputs(run: impl FnOnce(&Inputs<'_>)) {
        run(&Inputs {
            info: &info(),
            request: None,
            response: None,
            trailers: None,
            local_reply_body: b"",
            log_type: LogType::NotSet,
        });
    }

    // Envoy 1.40's answers for the same metadata.
    #[test]
    fn metadata_prints_as_envoy_prints_it() {
        let cases = [
            (
                "%DYNAMIC_METADATA(my.fault)%",
                "{\"b\":true,\"eo\":{},\"es\":\"\",\"l\":[1,\"a\",null,{\"k\":\"v\"}],\"n\":42,\"nul\":null,\
                 \"o\":{\"a\":1,\"x\":{\"y\":\"deep\"}},\"q\":\"qu\\\"o\\\\te\\n<>&é/\",\"s\":\"text\"}",
            ),
            ("%DYNAMIC_METADATA(my.fault:s)%", "text"),
            ("%DYNAMIC_METADATA(my.fault:n)%", "42"),
            ("%DYNAMIC_METADATA(my.fault:b)%", "true"),
            ("%DYNAMIC_METADATA(my.fault:l)%", "[1,\"a\",null,{\"k\":\"v\"}]"),
            ("%DYNAMIC_METADATA(my.fault:o)%", "{\"a\":1,\"x\":{\"y\":\"deep\"}}"),
            ("%DYNAMIC_METADATA(my.fault:o:x:y)%", "deep"),
            ("%DYNAMIC_METADATA(my.fault:nope)%", "-"),
            ("%DYNAMIC_METADATA(nope)%", "-"),
            ("%DYNAMIC_METADATA(my.fault:nul)%", "-"),
            ("%DYNAMIC_METADATA(my.fault:s):2%", "te"),
            ("%DYNAMIC_METADATA(my.fault):9%", "{\"b\":true"),
            ("%DYNAMIC_METADATA(my.fault:q)%", "qu\"o\\te\n<>&é/"),
            ("%DYNAMIC_METADATA(my.fault:s:x)%", "-"),
            ("%DYNAMIC_METADATA(my.fault:l:0)%", "-"),
            ("%DYNAMIC_METADATA(my.fault:es)%", ""),
            ("%DYNAMIC_METADATA(my.fault:eo)%", "{}"),
        ];
        with_inputs(|inputs| {
            for (format, expected) in cases {
                let mut line = Line::new();
                Formatter::parse(format, Empty::Dash).expect("a valid format").append(inputs, &mut line);
                assert_eq!(String::from_utf8_lossy(line.as_bytes()), expected, "{format}");
            }
        });
    }

    #[test]
    fn metadata_keeps_its_type_in_json() {
        let members = [
            ("b", "my.fault:b)%", "true"),
            ("cut", "my.fault:s):2%", "\"te\""),
            ("l", "my.fault:l)%", "[1,\"a\",null,{\"k\":\"v\"}]"),
            ("n", "my.fault:n)%", "42"),
            ("nul", "my.fault:nul)%", "null"),
            ("s", "my.fault:s)%", "\"text\""),
            ("z", "nope)%", "null"),
        ];
        let format = members
            .iter()
            .map(|(name, rest, _)| ((*name).to_owned(), value(string(&format!("%DYNAMIC_METADATA({rest}")))));
        let format = Struct { fields: format.collect::<BTreeMap<_, _>>() };
        let found = nuncio_config::Diagnostics::new();
        let formatter = Formatter::parse_json(&format, Empty::Dash, &nuncio_config::At::root(&found));
        let expected: Vec<_> = members.iter().map(|(name, _, json)| format!("\"{name}\":{json}")).collect();
        with_inputs(|inputs| {
            let mut line = Line::new();
            formatter.expect("a valid format").append(inputs, &mut line);
            assert_eq!(String::from_utf8_lossy(line.as_bytes()), format!("{{{}}}\n", expected.join(",")));
        });
    }
}
