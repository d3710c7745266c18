//! `envoy.config.core.v3.SubstitutionFormatString`.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::core::v3 as pb;
use nuncio_proto::envoy::config::core::v3::data_source::Specifier;
use nuncio_proto::envoy::config::core::v3::substitution_format_string::Format;

use super::Empty;
use super::Formatter;

impl Formatter {
    /// Parses the message. Its `content_type` is the caller's to take out before, where it means something.
    ///
    /// # Errors
    /// When the format is missing or wrong, or a field is set that is not supported.
    pub fn from_proto(proto: pb::SubstitutionFormatString, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::SubstitutionFormatString { omit_empty_values, content_type, formatters, json_format_options, format } =
            proto;
        // Off by default: what has no value is a dash.
        let empty = if omit_empty_values { Empty::Nothing } else { Empty::Dash };
        let mut f = at.fields();
        f.without_effect("content_type", content_type, "it is only used for the bodies of local replies");
        f.unsupported("formatters", formatters);
        // Keys are sorted whether or not `sort_properties` asks for it, as in Envoy.
        let pb::JsonFormatOptions { sort_properties: _ } = json_format_options.unwrap_or_default();
        let formatter = match format {
            Some(Format::TextFormat(text)) => f.value("text_format", text, |text, at| text_format(&text, empty, at)),
            Some(Format::JsonFormat(json)) => {
                f.value("json_format", json, |json, at| Self::parse_json(&json, empty, at))
            }
            Some(Format::TextFormatSource(source)) => f.value("text_format_source", source, |source, at| {
                let text = inline_text(source, at)?;
                text_format(&text, empty, at)
            }),
            None => f.absent("a format must be set: 'text_format_source' or 'json_format'"),
        };
        f.finish(|| formatter.take())
    }
}

/// Compiles a text format.
///
/// # Errors
/// When it is not one.
pub(crate) fn text_format(text: &str, empty: Empty, at: &At<'_>) -> Result<Formatter, Invalid> {
    Formatter::parse(text, empty).map_err(|error| at.invalid(error.to_string()))
}

/// The text of a source that needs no file.
fn inline_text(source: pb::DataSource, at: &At<'_>) -> Result<String, Invalid> {
    let pb::DataSource { watched_directory, specifier } = source;
    let mut f = at.fields();
    f.unsupported("watched_directory", watched_directory);
    let text = match specifier {
        Some(Specifier::InlineString(text)) => f.value("inline_string", text, |text, _| Ok(text)),
        Some(Specifier::InlineBytes(bytes)) => f.value("inline_bytes", bytes, |bytes, at| {
            String::from_utf8(bytes).map_err(|_| at.invalid("a format must be UTF-8 text"))
        }),
        Some(Specifier::EnvironmentVariable(name)) => f.value("environment_variable", name, |name, at| {
            std::env::var(&name).map_err(|_| at.invalid(format!("the environment variable '{name}' does not exist")))
        }),
        Some(Specifier::Filename(name)) => {
            f.value("filename", name, |_, at| Err(at.not_implemented("a format from a file")))
        }
        None => f.absent("one of 'inline_string', 'inline_bytes' and 'environment_variable' must be set"),
    };
    f.finish(|| text.take())
}
