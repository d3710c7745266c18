//! `envoy.config.bootstrap.v3.Bootstrap.ApplicationLogConfig`: the log's form, given in the bootstrap.

use std::fmt::Write;

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::bootstrap::v3::bootstrap as pb;
use nuncio_proto::envoy::config::bootstrap::v3::bootstrap::application_log_config::LogFormat as LogFormatProto;
use nuncio_proto::envoy::config::bootstrap::v3::bootstrap::application_log_config::log_format::LogFormat as Format;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::escape::json;
use super::pattern::Pattern;

/// The form of the log's lines that a bootstrap asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogFormat(pub(super) Pattern);

impl LogFormat {
    /// Parses the message; nothing where it leaves the form open. `is_given` says that the command line has a form, too.
    pub(crate) fn parse(proto: pb::ApplicationLogConfig, is_given: bool, at: &At<'_>) -> Result<Option<Self>, Invalid> {
        let pb::ApplicationLogConfig { log_format } = proto;
        let mut f = at.fields();
        let format = f.optional("log_format", log_format, |proto, at| {
            if is_given {
                // Envoy's words.
                let message =
                    "Only one of ApplicationLogConfig.log_format or CLI option --log-format can be specified.";
                return Err(at.invalid(message));
            }
            Self::parse_format(proto, at)
        });
        f.finish(|| format.take())
    }

    fn parse_format(proto: LogFormatProto, at: &At<'_>) -> Result<Self, Invalid> {
        let LogFormatProto { log_format } = proto;
        match log_format {
            Some(Format::TextFormat(text)) => Ok(Self(Pattern::parse(&text))),
            Some(Format::JsonFormat(fields)) => Self::parse_json(&fields, &at.field("json_format")),
            None => Err(at.invalid("a format must be set: text_format or json_format")),
        }
    }

    /// An object whose texts are formats. As in Envoy, what an entry is about are further members of the object.
    fn parse_json(fields: &Struct, at: &At<'_>) -> Result<Self, Invalid> {
        let mut text = String::new();
        append_fields(fields, &mut text);
        for letter in ["%v", "%_"] {
            if text.contains(letter) {
                return Err(at.invalid(format!("Usage of {letter} is unavailable for JSON log formats")));
            }
        }
        if !fields.fields.is_empty() {
            text.insert_str(text.len() - 1, "%*");
        }
        Ok(Self(Pattern::parse_json(&text)))
    }
}

fn append_fields(fields: &Struct, out: &mut String) {
    out.push('{');
    for (index, (name, value)) in fields.fields.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{comma}\"{}\":", json(name));
        append(value, out);
    }
    out.push('}');
}

fn append(value: &Value, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match &value.kind {
        None | Some(Kind::NullValue(_)) => write!(out, "null"),
        Some(Kind::BoolValue(value)) => write!(out, "{value}"),
        Some(Kind::NumberValue(number)) => write!(out, "{number}"),
        Some(Kind::StringValue(text)) => write!(out, "\"{}\"", json(text)),
        Some(Kind::StructValue(fields)) => return append_fields(fields, out),
        Some(Kind::ListValue(list)) => {
            out.push('[');
            for (index, value) in list.values.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                append(value, out);
            }
            write!(out, "]")
        }
    };
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    fn text(text: &str) -> Value {
        Value { kind: Some(Kind::StringValue(text.to_owned())) }
    }

    fn object(fields: &[(&str, Value)]) -> Struct {
        Struct { fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect() }
    }

    fn parse(format: Option<Format>, is_given: bool) -> Result<Option<LogFormat>, String> {
        let found = Diagnostics::new();
        let proto = pb::ApplicationLogConfig { log_format: Some(LogFormatProto { log_format: format }) };
        LogFormat::parse(proto, is_given, &At::root(&found))
            .map_err(|_| found.sorted().iter().map(|found| format!("{}: {}", found.path, found.message)).collect())
    }

    #[test]
    fn a_text_is_a_pattern() {
        let expected = Ok(Some(LogFormat(Pattern::parse("[%l] %v"))));
        assert_eq!(parse(Some(Format::TextFormat("[%l] %v".to_owned())), false), expected);
        let none = pb::ApplicationLogConfig { log_format: None };
        assert_eq!(LogFormat::parse(none, true, &At::root(&Diagnostics::new())).ok(), Some(None));
    }

    #[test]
    fn an_object_is_one_line_with_its_tags_as_members() {
        let number = Value { kind: Some(Kind::NumberValue(1.0)) };
        let list = prost_types::ListValue { values: vec![text("%l"), number.clone()] };
        let list = Value { kind: Some(Kind::ListValue(list)) };
        let check = |fields: &Struct, expected: &str| {
            let expected = LogFormat(Pattern::parse_json(expected));
            assert_eq!(parse(Some(Format::JsonFormat(fields.clone())), false), Ok(Some(expected)));
        };
        let inner = Value { kind: Some(Kind::StructValue(object(&[("b", text("q\""))]))) };
        let fields = object(&[("M", text("%j")), ("a", inner), ("l", list), ("n", number)]);
        check(&fields, "{\"M\":\"%j\",\"a\":{\"b\":\"q\\\"\"},\"l\":[\"%l\",1],\"n\":1%*}");
        check(&object(&[]), "{}");
    }

    #[test]
    fn what_envoy_refuses_is_refused_in_its_words() {
        let check = |format: Option<Format>, is_given: bool, expected: &str| {
            assert_eq!(parse(format, is_given), Err(expected.to_owned()));
        };
        let both = "Only one of ApplicationLogConfig.log_format or CLI option --log-format can be specified.";
        check(Some(Format::TextFormat("%v".to_owned())), true, &format!("log_format: {both}"));
        for letter in ["%v", "%_"] {
            let fields = object(&[("M", text(letter))]);
            let message = format!("log_format.json_format: Usage of {letter} is unavailable for JSON log formats");
            check(Some(Format::JsonFormat(fields)), false, &message);
        }
        check(None, false, "log_format: a format must be set: text_format or json_format");
    }
}
