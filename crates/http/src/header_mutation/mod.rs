//! Changes to the headers and trailers of a message, as routes and filters make them.
//!
//! [`Addition`] is one header to add, whose value may hold the operators of access logs; a [`Subject`] is the message that
//! is changed, with everything that operators may ask for. A [`MutationList`] is made in order, each change seeing the ones
//! before it; routes have rules of their own, in `route/header_mutations.rs`.

mod addition;
mod list;
mod subject;
mod value;

pub(crate) use addition::{Addition, header_name};
pub use list::MutationList;
pub use subject::Subject;
pub(crate) use subject::{Scratch, Span};
pub use value::Value;

#[cfg(test)]
mod tests;
