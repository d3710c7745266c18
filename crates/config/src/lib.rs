//! From files and protos to typed configuration, with diagnostics that point at the line.
//!
//! The way of a bootstrap: [`Source`] (a text and its format) → a tree that knows where everything was written → messages
//! in wire form, bound and checked by [`Schema`] exactly as strictly as Envoy does → typed messages, which each component
//! parses with an [`At`] cursor into its own configuration. Findings of all steps are collected in one [`Diagnostics`]
//! and, with the tree's [`Locator`], shown at their place.

mod at;
mod bind;
pub mod describe;
pub mod diagnostic;
mod load;
mod locator;
mod policy;
mod registered;
mod resource;
mod review;
mod rules;
pub mod scalar;
mod schema;
mod source;
mod suggest;
mod tree;

pub use at::{AnyConfig, At, Extension, Fields, Invalid, IsSet, Slot};
pub use diagnostic::{Diagnostic, Diagnostics, Path, Severity};
pub use load::{Loaded, Resource, load_bootstrap};
pub use locator::Locator;
pub use policy::{Counts, Policy, Unknown};
pub use resource::check_resource;
pub use review::{Chain, Use, filter_order, review};
pub use schema::Schema;
pub use source::{Format, Source};
pub use suggest::instead_of;
