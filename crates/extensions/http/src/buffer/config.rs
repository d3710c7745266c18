//! How much is held.

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::extensions::filters::http::buffer::v3 as pb;

/// What the filter, or a level of a route, says. Shared, immutable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settings {
    /// Requests pass as they come.
    Disabled,
    /// `max_request_bytes`, at least one.
    Limit(u32),
}

impl Settings {
    pub(super) fn parse(proto: pb::Buffer, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::Buffer { max_request_bytes } = proto;
        let mut f = at.fields();
        let limit = f.required("max_request_bytes", max_request_bytes, |limit, at| match limit {
            0 => Err(at.invalid("must be at least 1, is 0")),
            limit => Ok(limit),
        });
        f.finish(|| Self::Limit(limit.take()))
    }
}

/// Parses `BufferPerRoute`.
pub(super) fn parse_route(proto: pb::BufferPerRoute, at: &At<'_>) -> Result<Settings, Invalid> {
    use pb::buffer_per_route::Override;
    let pb::BufferPerRoute { r#override } = proto;
    match r#override {
        Some(Override::Disabled(true)) => Ok(Settings::Disabled),
        Some(Override::Disabled(false)) => Err(at.field("disabled").invalid("must be true")),
        Some(Override::Buffer(buffer)) => Settings::parse(buffer, &at.field("buffer")),
        None => Err(at.missing("one of 'disabled' and 'buffer' must be set")),
    }
}
