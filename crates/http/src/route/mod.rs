//! Routes: from a request's head to what becomes of it.
//!
//! Before: a filter, at the latest the router, asked for the route. Next: the router acts on it.
//! [`Table`] is one `RouteConfiguration`: a virtual host is found by the request's authority, then the first of its routes
//! that matches. Everything is resolved when the table is parsed; finding a route allocates nothing.

mod action;
mod context;
mod direct_response;
mod domains;
mod entry;
mod header_mutations;
mod index;
mod level;
mod matcher;
mod per_filter;
mod redirect;
mod retry_policy;
mod rewrite;
mod route_configuration;
mod route_ref;
mod table;
mod upgrades;
mod virtual_host;
mod weighted;

pub use action::Action;
pub use action::ClusterRef;
pub use action::ClusterSpecifier;
pub use action::Forward;
pub use action::MaxStreamDuration;
pub use action::Priority;
pub use context::ClusterReference;
pub use context::ParseContext;
pub use direct_response::DirectResponse;
pub use entry::Route;
pub use header_mutations::HeaderMutations;
pub use matcher::RouteMatcher;
pub use per_filter::FilterOverride;
pub use redirect::Redirect;
pub use retry_policy::BackOff;
pub use retry_policy::RetryOn;
pub use retry_policy::RetryPolicy;
pub use rewrite::HostRewrite;
pub use rewrite::PathRewrite;
pub use route_ref::RouteRef;
pub use table::Miss;
pub use table::RouteKey;
pub use table::Table;
pub use virtual_host::VirtualHost;
pub use weighted::WeightedCluster;
pub use weighted::WeightedClusters;
pub use weighted::WeightedTarget;

#[cfg(test)]
mod tests;
