//! What a codec tells its connection, in the same words for every protocol version.

use nuncio_message::{Chunk, Headers};

/// A stream within its connection: HTTP/2's stream id; on HTTP/1 a running number.
pub type StreamId = u32;

/// Which side of the connection the codec plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Downstream: receives requests.
    Server,
    /// Upstream: receives responses.
    Client,
}

/// The protocol version of a message, as access logs print it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// One thing that happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// A request has begun but its head is not complete yet. Sent only when the input ran out inside a head, or when
    /// a stream is reset or rejected before its head was complete; otherwise `Head` comes first.
    Begin {
        /// The new stream.
        stream: StreamId,
    },
    /// The head of a request (server) or the final response (client).
    Head {
        /// The stream; on a server without a `Begin` before it, a new one.
        stream: StreamId,
        /// Pseudo headers and headers. HTTP/1's Host (or the authority of an absolute URL) is `:authority`.
        headers: Headers,
        /// Whether nothing follows.
        end_stream: bool,
    },
    /// A 1xx response other than 101 (client only).
    Informational {
        /// The stream.
        stream: StreamId,
        /// `:status` and headers.
        headers: Headers,
    },
    /// A piece of the body. May be empty only with `end_stream`.
    Data {
        /// The stream.
        stream: StreamId,
        /// The bytes, outstanding until they are released.
        data: Chunk,
        /// Whether nothing follows.
        end_stream: bool,
    },
    /// Trailers; nothing follows.
    Trailers {
        /// The stream.
        stream: StreamId,
        /// The trailers.
        headers: Headers,
    },
    /// The stream is over before both sides ended it; the codec has forgotten it.
    Reset {
        /// The stream.
        stream: StreamId,
        /// Why.
        cause: ResetCause,
    },
    /// The message on this stream cannot be understood (HTTP/1 server only): answer it with the status, then close.
    /// The codec reads no further.
    Rejected {
        /// The stream (announced by `Begin` or `Head` before).
        stream: StreamId,
        /// Status, body and details of Envoy's answer.
        rejection: Rejection,
    },
    /// The peer takes no new streams on this connection. Streams it will not process have been reset as refused.
    GoAway {
        /// The peer's reason.
        code: ErrorCode,
    },
    /// The peer allows this many concurrent streams from now on (client only).
    MaxConcurrentStreams(u32),
}

/// Why a stream ended early, seen from the codec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetCause {
    /// The peer sent RST_STREAM with this code.
    Remote(ErrorCode),
    /// The peer refused the stream before processing it: safe to send again elsewhere.
    RemoteRefused,
    /// The peer broke the protocol on this stream; Envoy's response code details.
    Protocol(&'static str),
    /// The connection ended.
    ConnectionTermination,
    /// The codec gave up on the stream locally, e.g. its pending data could not be flushed in time.
    FlushTimeout,
}

/// How a message that cannot be understood is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// HTTP status, e.g. 400.
    pub status: u16,
    /// Body of the reply, e.g. `Bad Request`; empty for none.
    pub body: &'static str,
    /// Envoy's `RESPONSE_CODE_DETAILS`, e.g. `http1.codec_error`.
    pub details: &'static str,
}

/// The connection as a whole cannot go on. What must still be sent (GOAWAY) stands in the out buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionError {
    /// The stream whose frame caused it, if one did.
    pub stream: Option<StreamId>,
    /// Envoy's details, e.g. `http2.violation.of.messaging.rule`.
    pub details: &'static str,
    /// Whether it is one of the flood protections.
    pub is_flood: bool,
}

/// An HTTP/2 error code (RFC 9113 section 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// NO_ERROR
    pub const NO_ERROR: Self = Self(0);
    /// PROTOCOL_ERROR
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// INTERNAL_ERROR
    pub const INTERNAL_ERROR: Self = Self(2);
    /// FLOW_CONTROL_ERROR
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// SETTINGS_TIMEOUT
    pub const SETTINGS_TIMEOUT: Self = Self(4);
    /// STREAM_CLOSED
    pub const STREAM_CLOSED: Self = Self(5);
    /// FRAME_SIZE_ERROR
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// REFUSED_STREAM
    pub const REFUSED_STREAM: Self = Self(7);
    /// CANCEL
    pub const CANCEL: Self = Self(8);
    /// COMPRESSION_ERROR
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// CONNECT_ERROR
    pub const CONNECT_ERROR: Self = Self(10);
    /// ENHANCE_YOUR_CALM
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
}
