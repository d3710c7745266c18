//! Answers that the route configuration has itself.

use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::context::ParseContext;
use crate::body_format::BodyFormat;

/// `max_direct_response_body_size_bytes` when it is not set.
pub(super) const DEFAULT_MAX_BODY_BYTES: u32 = 4096;

/// `envoy.config.route.v3.DirectResponseAction`.
#[derive(Debug)]
pub struct DirectResponse {
    /// 200 to 599.
    pub status: u16,
    /// The body; empty when there is none.
    pub body: Arc<[u8]>,
    /// What the body is made of, if it is not the same for all; it may hold `body`.
    pub format: Option<BodyFormat>,
}

impl DirectResponse {
    pub(super) fn parse(
        proto: pb::DirectResponseAction,
        max_body_bytes: u32,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        let pb::DirectResponseAction { status, body, body_format } = proto;
        let mut f = at.fields();
        let status = f.value("status", status, |status, at| match u16::try_from(status) {
            Ok(status @ 200..=599) => Ok(status),
            _ => Err(at.invalid(format!("must be from 200 to 599, got {status}"))),
        });
        let body = f.optional("body", body, |source, at| parse_body(source, max_body_bytes, cx, at));
        let format = f.optional("body_format", body_format, BodyFormat::parse);
        f.finish(|| Self { status: status.take(), body: body.take().unwrap_or_default().into(), format: format.take() })
    }
}

fn parse_body(
    source: core::DataSource,
    max_bytes: u32,
    cx: &ParseContext<'_>,
    at: &At<'_>,
) -> Result<Vec<u8>, Invalid> {
    use core::data_source::Specifier;
    let core::DataSource { watched_directory, specifier } = source;
    let (bytes, what) = match specifier {
        Some(Specifier::InlineString(text)) => (text.into_bytes(), "response body".to_owned()),
        Some(Specifier::InlineBytes(bytes)) => (bytes, "response body".to_owned()),
        Some(Specifier::Filename(name)) => {
            let what = format!("file {name}");
            let specifier = Some(Specifier::Filename(name));
            (cx.data_source(core::DataSource { watched_directory, specifier }, at)?, what)
        }
        specifier => {
            (cx.data_source(core::DataSource { watched_directory, specifier }, at)?, "response body".to_owned())
        }
    };
    if bytes.len() > max_bytes as usize {
        return Err(at.invalid(format!("{what} size is {} bytes; maximum is {max_bytes}", bytes.len())));
    }
    Ok(bytes)
}
