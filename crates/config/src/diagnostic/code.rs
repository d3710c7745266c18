//! The stable codes of findings. A violated field rule has the rule's name as its code: `string.min_len`, `uint32.lte`.
//! `docs/configuration.md` lists them.

/// The text is not YAML or JSON.
pub const SYNTAX: &str = "syntax";
/// The file cannot be read as a configuration at all.
pub const SOURCE: &str = "source";
/// A field that the message does not have.
pub const UNKNOWN_FIELD: &str = "unknown-field";
/// A type URL that names no known type, or none that can stand here.
pub const UNKNOWN_TYPE: &str = "unknown-type";
/// A name that the enum does not have.
pub const UNKNOWN_ENUM: &str = "unknown-enum";
/// A value of the wrong kind.
pub const TYPE_MISMATCH: &str = "type-mismatch";
/// A number that its type cannot hold.
pub const OUT_OF_RANGE: &str = "out-of-range";
/// A text that is not a duration in protobuf's form.
pub const DURATION: &str = "duration";
/// A text that is not base64.
pub const BASE64: &str = "base64";
/// Two fields of which only one may be set.
pub const ONEOF_CONFLICT: &str = "oneof-conflict";
/// None of several fields is set, but one must be.
pub const ONEOF_REQUIRED: &str = "oneof-required";
/// A field that must be set and is not.
pub const REQUIRED: &str = "required";
/// A typed configuration without `@type`.
pub const MISSING_TYPE: &str = "missing-type";
/// A type URL that is malformed.
pub const BAD_TYPE_URL: &str = "bad-type-url";
/// Bytes that do not decode as the message they should be.
pub const BAD_WIRE: &str = "bad-wire";
/// Nested, or repeated by aliases, beyond what is read.
pub const TOO_DEEP: &str = "too-deep";
/// A key that occurs twice in a mapping.
pub const DUPLICATE_KEY: &str = "duplicate-key";
/// A document behind the first, which is not read.
pub const EXTRA_DOCUMENT: &str = "extra-document";
/// A deprecated field or enum value.
pub const DEPRECATED: &str = "deprecated";
/// A deprecated field or enum value that Envoy rejects.
pub const DISALLOWED: &str = "disallowed";
/// A message or field that Envoy's API marks as work in progress.
pub const WORK_IN_PROGRESS: &str = "work-in-progress";
/// A value that is well-formed but has no meaning here.
pub const INVALID: &str = "invalid";
/// A feature of Envoy that this proxy does not have yet.
pub const NOT_IMPLEMENTED: &str = "not-implemented";
/// A field that is accepted but changes nothing.
pub const NO_EFFECT: &str = "no-effect";
/// A name that refers to nothing.
pub const REFERENCE: &str = "reference";
/// A name that refers to nothing where Envoy does not mind.
pub const DANGLING: &str = "dangling";
/// A name that two things have, where Envoy does not mind.
pub const DUPLICATE_NAME: &str = "duplicate-name";
/// A chain of HTTP filters that ends in nothing: requests are never answered.
pub const NO_ROUTER: &str = "no-router";
/// A route behind one that takes all its requests.
pub const UNREACHABLE_ROUTE: &str = "unreachable-route";
/// A public listener without a buffer limit of its own.
pub const EDGE_BUFFER_LIMIT: &str = "edge-buffer-limit";
/// A public listener that takes any number of HTTP/2 streams that the default allows.
pub const EDGE_HTTP2_STREAMS: &str = "edge-http2-streams";

/// The codes of warnings, each of which an operator may switch off.
pub const WARNINGS: &[&str] = &[
    DANGLING,
    DEPRECATED,
    DUPLICATE_KEY,
    DUPLICATE_NAME,
    EDGE_BUFFER_LIMIT,
    EDGE_HTTP2_STREAMS,
    EXTRA_DOCUMENT,
    NO_EFFECT,
    NO_ROUTER,
    UNKNOWN_FIELD,
    UNREACHABLE_ROUTE,
    WORK_IN_PROGRESS,
];
