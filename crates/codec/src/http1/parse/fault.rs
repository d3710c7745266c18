//! Why a message is not understood, and what Envoy answers.

use crate::Rejection;

/// What is wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Broken syntax.
    Syntax,
    /// A control character.
    Characters,
    /// An absolute or authority-form target with a bad host or port.
    Url,
    /// An absolute target that is neither http nor https.
    Scheme,
    /// A Host value that cannot be one.
    Authority,
    /// Both content-length and transfer-encoding.
    LengthAndChunked,
    /// A transfer-encoding other than chunked.
    TransferEncoding,
    /// A content-length on CONNECT.
    BodyDisallowed,
    /// A version other than 1.1.
    Version,
    /// Head or trailers with too many bytes.
    TooLarge,
    /// Too many headers.
    TooMany,
    /// A name with an underscore.
    Underscore,
}

impl Fault {
    /// Envoy's response code details.
    pub(crate) fn details(self) -> &'static str {
        match self {
            Self::Syntax => "http1.codec_error",
            Self::Characters => "http1.invalid_characters",
            Self::Url => "http1.invalid_url",
            Self::Scheme => "http1.invalid_scheme",
            Self::Authority => "http.invalid_authority",
            Self::LengthAndChunked => "http1.content_length_and_chunked_not_allowed",
            Self::TransferEncoding => "http1.invalid_transfer_encoding",
            Self::BodyDisallowed => "http1.body_disallowed",
            Self::Version => "low_version",
            Self::TooLarge => "http1.headers_too_large",
            Self::TooMany => "http1.too_many_headers",
            Self::Underscore => "http1.unexpected_underscore",
        }
    }

    /// How a request with this fault is answered.
    pub(crate) fn rejection(self) -> Rejection {
        let (status, body) = match self {
            Self::TransferEncoding => (501, "Not Implemented"),
            Self::Version => (426, "Upgrade Required"),
            Self::TooLarge | Self::TooMany => (431, "Request Header Fields Too Large"),
            Self::Syntax
            | Self::Characters
            | Self::Url
            | Self::Scheme
            | Self::Authority
            | Self::LengthAndChunked
            | Self::BodyDisallowed
            | Self::Underscore => (400, "Bad Request"),
        };
        Rejection { status, body, details: self.details() }
    }
}
