//! What the levels of a route configuration have in common: what they say to headers and to HTTP filters.

use std::collections::BTreeMap;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::core::v3 as core;

use super::context::ParseContext;
use super::header_mutations::HeaderMutations;
use super::per_filter::PerFilter;

/// One level: the route configuration, a virtual host, a route, or one of its weighted clusters.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) request_headers: HeaderMutations,
    pub(super) response_headers: HeaderMutations,
    pub(super) per_filter: PerFilter,
}

/// The fields that the messages of all levels have, under the same names.
pub(super) struct LevelFields {
    pub(super) request_headers_to_add: Vec<core::HeaderValueOption>,
    pub(super) request_headers_to_remove: Vec<String>,
    pub(super) response_headers_to_add: Vec<core::HeaderValueOption>,
    pub(super) response_headers_to_remove: Vec<String>,
    pub(super) typed_per_filter_config: BTreeMap<String, prost_types::Any>,
}

impl Level {
    /// Parses the fields; `at` is the place of the message that they are of.
    pub(super) fn parse(proto: LevelFields, cx: &ParseContext<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        let LevelFields {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
        } = proto;
        let mut f = at.fields();
        let request = HeaderMutations::parse_request(request_headers_to_add, request_headers_to_remove, at);
        let request = f.keep(request);
        let response = HeaderMutations::parse_response(response_headers_to_add, response_headers_to_remove, at);
        let response = f.keep(response);
        let per_filter = PerFilter::parse(typed_per_filter_config, cx, at);
        let per_filter = f.keep(per_filter);
        f.finish(|| Self {
            request_headers: request.take(),
            response_headers: response.take(),
            per_filter: per_filter.take(),
        })
    }
}
