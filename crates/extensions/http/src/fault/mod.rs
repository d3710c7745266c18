//! `envoy.extensions.filters.http.fault.v3.HTTPFault`: delays requests, aborts them, and slows responses down.
//!
//! Each kind of fault is drawn for by itself. A request that meets several is limited in its response, delayed, then aborted.
//! A route's configuration replaces the filter's as a whole. The fields that name runtime keys are accepted: there is no
//! runtime that could hold them yet, so that what is configured beside them counts, as in Envoy without those keys.

mod config;
mod filter;
mod pacer;
mod request;
mod stats;

use std::sync::Arc;

use config::Settings;
use filter::Factory;

use crate::registry::{FilterType, RouteType};

const HTTP_FAULT: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";

pub(crate) const TYPE: FilterType = FilterType {
    config: HTTP_FAULT,
    parse: |name, any, at| Ok(Arc::new(Factory::new(name, Settings::parse(any.decode(at)?, at)?))),
    route: Some(RouteType { config: HTTP_FAULT, parse: |any, at| Ok(Arc::new(Settings::parse(any.decode(at)?, at)?)) }),
};

#[cfg(test)]
mod tests;
