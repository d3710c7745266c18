//! Bodies that are made for a stream: a format, and the type of what it makes.

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_telemetry::Line;
use nuncio_telemetry::formatter::{Formatter, Inputs};

/// `envoy.config.core.v3.SubstitutionFormatString` of a body. Shared by all workers.
#[derive(Debug)]
pub struct BodyFormat {
    formatter: Formatter,
    content_type: Option<Box<[u8]>>,
}

impl BodyFormat {
    /// Parses the message.
    ///
    /// # Errors
    /// When the format is missing or wrong, or a field is set that is not supported.
    pub(crate) fn parse(mut proto: core::SubstitutionFormatString, at: &At<'_>) -> Result<Self, Invalid> {
        use core::substitution_format_string::Format;
        let content_type = std::mem::take(&mut proto.content_type);
        // "If content_type is not set: application/json for json_format, text/plain otherwise."
        let content_type = match &proto.format {
            _ if !content_type.is_empty() => Some(content_type.into_bytes().into()),
            Some(Format::JsonFormat(_)) => Some(Box::from(&b"application/json"[..])),
            Some(Format::TextFormat(_) | Format::TextFormatSource(_)) | None => None,
        };
        Ok(Self { formatter: Formatter::from_proto(proto, at)?, content_type })
    }

    /// The body for a stream.
    pub(crate) fn body(&self, inputs: &Inputs<'_>) -> Vec<u8> {
        let mut line = Line::new();
        self.formatter.append(inputs, &mut line);
        line.as_bytes().to_vec()
    }

    /// The type of the bodies, if it is not plain text.
    pub(crate) fn content_type(&self) -> Option<&[u8]> {
        self.content_type.as_deref()
    }
}
