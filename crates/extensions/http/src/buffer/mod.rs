//! `envoy.extensions.filters.http.buffer.v3.Buffer`: holds requests until they are there as a whole.
//!
//! A request whose length was not announced goes on with a `content-length`. One that is longer than `max_request_bytes` is
//! answered with 413. A route may set another limit, or switch the filter off.

mod config;
mod filter;

use std::sync::Arc;

use config::{Settings, parse_route};
use filter::Factory;

use crate::registry::{FilterType, RouteType};

pub(crate) const TYPE: FilterType = FilterType {
    config: "envoy.extensions.filters.http.buffer.v3.Buffer",
    parse: |name, any, at| Ok(Arc::new(Factory::new(name, Settings::parse(any.decode(at)?, at)?))),
    route: Some(RouteType {
        config: "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        parse: |any, at| Ok(Arc::new(parse_route(any.decode(at)?, at)?)),
    }),
};

#[cfg(test)]
mod tests;
