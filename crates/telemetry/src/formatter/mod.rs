//! The command operators: `%REQ(X?Y):10%` and all others, compiled once and printed without allocation.
//!
//! Used by access logs, header values and local replies. [`Formatter::parse`] runs when configuration is built;
//! [`Formatter::append`] runs per request.

mod error;
mod evaluate;
mod grpc;
mod header;
mod literal;
mod not_yet;
mod operator;
mod path;
mod scan;
mod time;

pub use error::FormatError;
use evaluate::append;
use literal::Literal;
use operator::Operator;
use scan::Scanned;

use nuncio_message::Headers;

use crate::line::Line;
use crate::stream_info::StreamInfo;

/// Shared, immutable: a compiled format.
#[derive(Debug)]
pub struct Formatter {
    pieces: Box<[Piece]>,
    tail: Literal,
    empty: Empty,
}

/// Text and the operator that follows it.
#[derive(Debug)]
struct Piece {
    before: Literal,
    operator: Operator,
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

    /// Compiles a format.
    ///
    /// # Errors
    /// Names the operator and its position in the format, in bytes.
    pub fn parse(format: &str, empty: Empty) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for scanned in scan::scan(format) {
            match scanned? {
                Scanned::Text(more) => text.push_str(more),
                Scanned::Command(command) => match Operator::parse(&command)? {
                    Operator::Constant(Some(value)) => text.push_str(&value),
                    operator => pieces.push(Piece { before: Literal::new(&std::mem::take(&mut text)), operator }),
                },
            }
        }
        Ok(Self { pieces: pieces.into(), tail: Literal::new(&text), empty })
    }

    /// Appends the format's text for one stream. Allocates only when the line has to grow.
    pub fn append(&self, inputs: &Inputs<'_>, line: &mut Line) {
        for Piece { before, operator } in &self.pieces {
            before.append(line);
            if !append(operator, inputs, line) && self.empty == Empty::Dash {
                line.push(b'-');
            }
        }
        self.tail.append(line);
    }
}

#[cfg(test)]
mod tests;
