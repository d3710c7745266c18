//! What an operator makes of our own replies: other statuses, bodies, headers and formats.

use nuncio_config::{At, Invalid};
use nuncio_message::{HeaderId, HeaderMapKind};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use nuncio_telemetry::access_log::StreamFilter;
use nuncio_telemetry::formatter::{Inputs, LogType};

use crate::body_format::BodyFormat;
use crate::connection_manager::Core;
use crate::route::HeaderMutations;

/// `LocalReplyConfig` of a connection manager. Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct LocalReplyConfig {
    mappers: Box<[Mapper]>,
    format: Option<BodyFormat>,
}

/// `ResponseMapper`: the first whose filter lets a reply pass changes it.
#[derive(Debug)]
struct Mapper {
    filter: StreamFilter,
    status: Option<u16>,
    body: Option<Box<[u8]>>,
    headers: HeaderMutations,
    format: Option<BodyFormat>,
}

/// Has the bytes of a data source that is not inline.
type DataReader<'a> = dyn Fn(core::DataSource, &At<'_>) -> Result<Vec<u8>, Invalid> + 'a;

impl LocalReplyConfig {
    /// Parses the message.
    ///
    /// # Errors
    /// When anything in it is invalid or not supported; all errors have been reported.
    pub(crate) fn parse(proto: pb::LocalReplyConfig, read: &DataReader<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::LocalReplyConfig { mappers, body_format } = proto;
        let mut f = at.fields();
        let mappers = f.each("mappers", mappers, |mapper, at| Mapper::parse(mapper, read, at));
        let format = f.optional("body_format", body_format, BodyFormat::parse);
        f.finish(|| Self { mappers: mappers.take().into(), format: format.take() })
    }

    /// Whether replies stay as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.mappers.is_empty() && self.format.is_none()
    }

    /// Changes the reply whose head is in `core.response`, and whose status and body these are. As in Envoy headers see the
    /// status before, formats the one after.
    pub(crate) fn rewrite(&self, core: &mut Core, status: &mut u16, body: &mut Vec<u8>) {
        let mapper = self.mappers.iter().find(|mapper| mapper.filter.passes(&inputs(core, body)));
        let type_before = core.response.as_ref().and_then(|head| head.get(HeaderId::CONTENT_TYPE)).map(<[u8]>::to_vec);
        if let Some(mapper) = mapper {
            mapper.headers.apply(&mut core.subject(HeaderMapKind::Response));
            if let Some(new) = mapper.status {
                *status = new;
                core.info.response_code = Some(new);
                core.response.get_or_insert_default().set_number(HeaderId::STATUS, new.into());
            }
            if let Some(new) = &mapper.body {
                *body = new.to_vec();
            }
        }
        let format = mapper.and_then(|mapper| mapper.format.as_ref()).or(self.format.as_ref());
        if let Some(format) = format {
            *body = format.body(&inputs(core, body));
        }
        let head = core.response.get_or_insert_default();
        let is_type_new = head.get(HeaderId::CONTENT_TYPE) != type_before.as_deref();
        if !is_type_new && !body.is_empty() && (format.is_some() || mapper.is_some_and(|mapper| mapper.body.is_some()))
        {
            let content_type = format.and_then(BodyFormat::content_type).unwrap_or(b"text/plain");
            if head.has(HeaderId::CONTENT_TYPE) {
                head.set(HeaderId::CONTENT_TYPE, content_type);
            } else {
                // Before its type comes its length.
                head.set_number(HeaderId::CONTENT_LENGTH, body.len() as u64);
                head.push(HeaderId::CONTENT_TYPE, content_type);
            }
        }
    }
}

impl Mapper {
    fn parse(proto: pb::ResponseMapper, read: &DataReader<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::ResponseMapper { filter, status_code, body, body_format_override, headers_to_add } = proto;
        let mut f = at.fields();
        let filter = f.required("filter", filter, StreamFilter::parse);
        let status = f.optional("status_code", status_code, |status, at| match u16::try_from(status) {
            Ok(status @ 200..=599) => Ok(status),
            _ => Err(at.invalid(format!("must be from 200 to 599, got {status}"))),
        });
        let body = f.optional("body", body, |source, at| parse_body(source, read, at));
        let format = f.optional("body_format_override", body_format_override, BodyFormat::parse);
        let headers = HeaderMutations::parse_additions("headers_to_add", headers_to_add, at);
        let headers = f.keep(headers);
        f.finish(|| Self {
            filter: filter.take(),
            status: status.take(),
            body: body.take().map(Into::into),
            headers: headers.take(),
            format: format.take(),
        })
    }
}

fn parse_body(source: core::DataSource, read: &DataReader<'_>, at: &At<'_>) -> Result<Vec<u8>, Invalid> {
    use core::data_source::Specifier;
    match source.specifier {
        Some(Specifier::InlineString(text)) => Ok(text.into_bytes()),
        Some(Specifier::InlineBytes(bytes)) => Ok(bytes),
        Some(Specifier::Filename(_) | Specifier::EnvironmentVariable(_)) | None => read(source, at),
    }
}

fn inputs<'a>(core: &'a Core, body: &'a [u8]) -> Inputs<'a> {
    Inputs {
        info: &core.info,
        request: Some(&core.request),
        response: core.response.as_ref(),
        trailers: None,
        local_reply_body: body,
        log_type: LogType::NotSet,
    }
}
