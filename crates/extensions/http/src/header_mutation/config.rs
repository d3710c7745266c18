//! What is changed.

use nuncio_config::{At, Invalid};
use nuncio_http::MutationList;
use nuncio_proto::envoy::extensions::filters::http::header_mutation::v3 as pb;

use super::query::QueryMutation;

/// `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`. Shared, immutable.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) mutations: Mutations,
    pub(super) order: Order,
}

/// The order in which the levels of a route make their changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// The least specific last, so that it wins.
    MostSpecificFirst,
    /// `most_specific_header_mutations_wins`
    MostSpecificLast,
}

/// `envoy.extensions.filters.http.header_mutation.v3.Mutations`: of the filter, or of one level of a route. Shared, immutable.
#[derive(Debug, Default)]
pub(super) struct Mutations {
    pub(super) request: MutationList,
    /// Made after those of the request's head.
    pub(super) query: Box<[QueryMutation]>,
    pub(super) response: MutationList,
    pub(super) request_trailers: MutationList,
    pub(super) response_trailers: MutationList,
}

impl Config {
    pub(super) fn parse(proto: pb::HeaderMutation, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::HeaderMutation { mutations, most_specific_header_mutations_wins } = proto;
        let mut f = at.fields();
        let mutations = f.value("mutations", mutations.unwrap_or_default(), Mutations::parse);
        f.finish(|| Self {
            mutations: mutations.take(),
            order: match most_specific_header_mutations_wins {
                true => Order::MostSpecificLast,
                false => Order::MostSpecificFirst,
            },
        })
    }
}

impl Mutations {
    /// Parses `HeaderMutationPerRoute`.
    pub(super) fn parse_route(proto: pb::HeaderMutationPerRoute, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::HeaderMutationPerRoute { mutations } = proto;
        Self::parse(mutations.unwrap_or_default(), &at.field("mutations"))
    }

    fn parse(proto: pb::Mutations, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::Mutations {
            request_mutations,
            query_parameter_mutations,
            response_mutations,
            response_trailers_mutations,
            request_trailers_mutations,
            formatters,
        } = proto;
        let mut f = at.fields();
        let request = f.value("request_mutations", request_mutations, MutationList::parse);
        let query = f.each("query_parameter_mutations", query_parameter_mutations, QueryMutation::parse);
        let response = f.value("response_mutations", response_mutations, MutationList::parse);
        let request_trailers = f.value("request_trailers_mutations", request_trailers_mutations, MutationList::parse);
        let response_trailers =
            f.value("response_trailers_mutations", response_trailers_mutations, MutationList::parse);
        f.unsupported("formatters", formatters);
        f.finish(|| Self {
            request: request.take(),
            query: query.take().into(),
            response: response.take(),
            request_trailers: request_trailers.take(),
            response_trailers: response_trailers.take(),
        })
    }
}
