//! The rules that Envoy's protos state for their fields (`validate.rules` of protoc-gen-validate), and deprecations.
//!
//! `plan` reads a message's rules from its options once; `check` walks a message with them; `constraint` and `text`
//! judge one value; `features` knows what the runtime says of deprecations.

mod check;
mod constraint;
mod features;
mod plan;
mod text;

pub(crate) use check::{Checker, Payloads, Stage, key_text};
pub(crate) use features::Features;
pub(crate) use plan::Plan;

#[cfg(test)]
mod tests;
