//! The command operators: `%REQ(X?Y):10%` and all others, compiled once and printed without allocation.
//!
//! Used by access logs, header values and local replies. [`Formatter::parse`] runs when configuration is built;
//! [`Formatter::append`] runs per request.

mod error;
mod evaluate;
pub(crate) mod grpc;
mod header;
mod json;
mod literal;
mod metadata;
mod not_yet;
mod operator;
mod path;
mod scan;
mod substitution;
mod template;
mod time;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_message::Headers;
use prost_types::Struct;

pub use error::FormatError;
use json::Object;
pub(crate) use substitution::text_format;
use template::Template;

use crate::line::Line;
use crate::stream_info::StreamInfo;

/// Shared, immutable: a compiled format.
#[derive(Debug)]
pub struct Formatter {
    body: Body,
    empty: Empty,
}

#[derive(Debug)]
enum Body {
    Text(Template),
    Json(Object),
}

/// What is printed for an operator without a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Empty {
    /// `-`, as in access logs.
    Dash,
    /// Nothing, as in header values and with `omit_empty_values`.
    Nothing,
}

/// What a format is evaluated on.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The stream's record.
    pub info: &'a StreamInfo,
    /// The request's head.
    pub request: Option<&'a Headers>,
    /// The response's head.
    pub response: Option<&'a Headers>,
    /// The response's trailers.
    pub trailers: Option<&'a Headers>,
    /// The body of the local reply that is being made: `LOCAL_REPLY_BODY`.
    pub local_reply_body: &'a [u8],
    /// Why a log line is written: `ACCESS_LOG_TYPE`.
    pub log_type: LogType,
}

/// The occasions on which access logs are written, `envoy.data.accesslog.v3.AccessLogType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogType {
    /// No occasion: a header value or a local reply.
    #[default]
    NotSet,
    /// A TCP connection was accepted.
    TcpConnectionStart,
    /// A TCP connection was established upstream.
    TcpUpstreamConnected,
    /// A TCP connection lives on.
    TcpPeriodic,
    /// A TCP connection ended.
    TcpConnectionEnd,
    /// A request arrived.
    DownstreamStart,
    /// A request lives on.
    DownstreamPeriodic,
    /// A request is complete.
    DownstreamEnd,
    /// The pool gave a connection to a request.
    UpstreamPoolReady,
    /// An attempt lives on.
    UpstreamPeriodic,
    /// An attempt is complete.
    UpstreamEnd,
    /// A tunnel was established.
    DownstreamTunnelSuccessfullyEstablished,
}

impl LogType {
    /// The name that `ACCESS_LOG_TYPE` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSet => "NotSet",
            Self::TcpConnectionStart => "TcpConnectionStart",
            Self::TcpUpstreamConnected => "TcpUpstreamConnected",
            Self::TcpPeriodic => "TcpPeriodic",
            Self::TcpConnectionEnd => "TcpConnectionEnd",
            Self::DownstreamStart => "DownstreamStart",
            Self::DownstreamPeriodic => "DownstreamPeriodic",
            Self::DownstreamEnd => "DownstreamEnd",
            Self::UpstreamPoolReady => "UpstreamPoolReady",
            Self::UpstreamPeriodic => "UpstreamPeriodic",
            Self::UpstreamEnd => "UpstreamEnd",
            Self::DownstreamTunnelSuccessfullyEstablished => "DownstreamTunnelSuccessfullyEstablished",
        }
    }
}

impl Formatter {
    /// Envoy's format where none is configured.
    pub const DEFAULT: &'static str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
        %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
        %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \
        \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

    /// Compiles a text format.
    ///
    /// # Errors
    /// Names the operator and its position in the format, in bytes.
    pub fn parse(format: &str, empty: Empty) -> Result<Self, FormatError> {
        Ok(Self { body: Body::Text(Template::parse(format)?), empty })
    }

    /// Compiles a JSON format: an object whose strings are formats. A format that is one operator gives a value of the
    /// operator's type, or `null`; any other a string. Keys are sorted; the text ends in a newline.
    ///
    /// # Errors
    /// When a string is no valid format.
    pub fn parse_json(format: &Struct, empty: Empty, at: &At<'_>) -> Result<Self, Invalid> {
        Ok(Self { body: Body::Json(Object::parse(format, at)?), empty })
    }

    /// The text of a format without operators, which is the same for all streams.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Text(template) => template.as_text(),
            Body::Json(_) => None,
        }
    }

    /// Appends the format's text for one stream. Allocates only when the line has to grow.
    pub fn append(&self, inputs: &Inputs<'_>, line: &mut Line) {
        match &self.body {
            Body::Text(template) => template.append(inputs, self.empty, line),
            Body::Json(object) => object.append_line(inputs, self.empty, line),
        }
    }
}

#[cfg(test)]
mod tests;
