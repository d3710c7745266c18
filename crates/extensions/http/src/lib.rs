//! The HTTP filters, one folder each, under the name of their package in `envoy.extensions.filters.http`.
//!
//! A filter is added by its folder, its `mod` line and its line in [`REGISTRY`]. The connection manager finds it by the type
//! of its configuration; the names in a chain are the operator's, and tell routes which filter they speak to.

mod buffer;
mod cors;
mod fault;
mod header_mutation;
mod registry;

use registry::FilterType;
pub use registry::{Listed, filter, per_route, types, upstream_filter};

/// All filters but the router, which is part of the request path.
const REGISTRY: &[FilterType] = &[buffer::TYPE, cors::TYPE, fault::TYPE, header_mutation::TYPE];
