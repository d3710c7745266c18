//! `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`: adds, overwrites and removes headers, trailers and query
//! parameters.
//!
//! The filter's own changes come first, then those of the route's levels: the most specific level first, or last with
//! `most_specific_header_mutations_wins`. Pseudo headers and the host cannot be set; they can be removed, and a request
//! without a path or method, or a response without a status, is then refused where it would be sent.

mod config;
mod filter;
mod query;

use std::sync::Arc;

use config::{Config, Mutations};
use filter::Factory;

use crate::registry::{FilterType, RouteType};

pub(crate) const TYPE: FilterType = FilterType {
    config: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
    parse: |name, any, at| {
        let config = Config::parse(any.decode(at)?, at)?;
        Ok(Arc::new(Factory::new(name, config)))
    },
    route: Some(RouteType {
        config: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        parse: |any, at| Ok(Arc::new(Mutations::parse_route(any.decode(at)?, at)?)),
    }),
};

#[cfg(test)]
mod tests;
