//! `envoy.extensions.filters.http.cors.v3.Cors`: answers preflights, and tells browsers which origins may read a response.
//!
//! The filter itself says nothing; the policies stand in the levels of a route (`CorsPolicy`). Each field is that of the most
//! specific level that sets it, but whether the policy counts at all is the most specific level's to say. Redirects and direct
//! responses have no policy. There is no runtime that could hold the keys of `filter_enabled` and `shadow_enabled` yet.

mod config;
mod filter;

use std::sync::Arc;

use nuncio_proto::envoy::extensions::filters::http::cors::v3 as pb;

use config::Policy;
use filter::Factory;

use crate::registry::{FilterType, RouteType};

pub(crate) const TYPE: FilterType = FilterType {
    config: "envoy.extensions.filters.http.cors.v3.Cors",
    parse: |name, any, at| {
        let pb::Cors {} = any.decode(at)?;
        Ok(Arc::new(Factory::new(name)))
    },
    route: Some(RouteType {
        config: "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        parse: |any, at| Ok(Arc::new(Policy::parse(any.decode(at)?, at)?)),
    }),
};

#[cfg(test)]
mod tests;
