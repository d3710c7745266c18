//! From a tree to a message, as protobuf's JSON parser does it in the legacy mode that Envoy uses.
//!
//! `fields` fills messages, `scalar` reads single values, `number` the many spellings of numbers, `well_known` the types
//! of protobuf that have a JSON form of their own, `any` typed configurations, `hints` says what was probably meant.

mod any;
mod fields;
mod hints;
mod number;
mod scalar;
mod well_known;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use prost_reflect::{DynamicMessage, MessageDescriptor};

pub(crate) use any::TYPED_STRUCTS;

use crate::Source;
use crate::at::At;
use crate::diagnostic::{Diagnostic, Failed, Span, code};
use crate::rules::{Checker, Payloads, Stage};
use crate::schema::Pool;
use crate::tree::{MAX_DEPTH, Node};

/// How many nodes aliases may stand for, beside those that the text can hold by itself. A page of YAML can stand for
/// billions, and each becomes most of a kilobyte.
const MAX_ALIASED: usize = 300_000;

/// Turns trees into messages, reporting everything that does not fit.
pub(crate) struct Binder<'s> {
    pool: &'s Pool,
    /// For quoting what was written. A tree made from a message has none.
    source: Option<&'s Source>,
    failed: Failed,
    nodes_left: Cell<usize>,
    depth: Cell<usize>,
    /// Searching all types for a similar name is slow, and a typo is often copied.
    type_hints: RefCell<HashMap<String, Option<String>>>,
}

impl<'s> Binder<'s> {
    pub(crate) fn new(pool: &'s Pool, source: Option<&'s Source>) -> Self {
        // A value takes a byte, a tree without a text has no aliases.
        let nodes = source.map_or(usize::MAX, |s| s.size() + MAX_ALIASED);
        Self {
            pool,
            source,
            failed: Failed::default(),
            nodes_left: Cell::new(nodes),
            depth: Cell::new(0),
            type_hints: RefCell::default(),
        }
    }

    /// Reads a mapping as a message and checks the message's rules. `skipped` names fields that others read.
    pub(crate) fn resource(
        &self,
        descriptor: &MessageDescriptor,
        node: &Node<'_>,
        at: &At<'_>,
        skipped: &[&str],
    ) -> Option<DynamicMessage> {
        let message = self.message(descriptor, node, at, skipped)?;
        self.check(&message, Stage::Bootstrap, at);
        Some(message)
    }

    /// Reads a mapping as what a `TypedStruct` describes. Its rules are left to whoever checks the resource.
    pub(crate) fn payload(
        &self,
        descriptor: &MessageDescriptor,
        node: &Node<'_>,
        at: &At<'_>,
    ) -> Option<DynamicMessage> {
        self.message(descriptor, node, at, &[])
    }

    /// Checks the rules of a message that was read. What is inside an `Any` has been checked when that was read.
    fn check(&self, message: &DynamicMessage, stage: Stage, at: &At<'_>) {
        let (pool, failed) = (self.pool, &self.failed);
        let payloads = Payloads::Skip;
        Checker { pool, payloads, stage, failed }.check(message, at);
    }

    /// Runs `read` one level deeper, unless that is too deep or there was too much already.
    fn descend<T>(&self, node: &Node<'_>, at: &At<'_>, read: impl FnOnce() -> Option<T>) -> Option<T> {
        self.count(node, at)?;
        if self.depth.get() > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return self.error(node.span, code::TOO_DEEP, at, message);
        }
        self.depth.set(self.depth.get() + 1);
        let result = read();
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// Counts a node. `None` when there were too many.
    fn count(&self, node: &Node<'_>, at: &At<'_>) -> Option<()> {
        let left = self.nodes_left.get().checked_sub(1)?;
        self.nodes_left.set(left);
        if left == 0 {
            let message = format!("the aliases stand for more than {MAX_ALIASED} values");
            return self.error(node.span, code::TOO_DEEP, at, message);
        }
        Some(())
    }

    /// Reports that what is here could not be read. Always `None`, for the caller to return.
    fn error<T>(&self, span: Span, code: &'static str, at: &At<'_>, message: impl Into<String>) -> Option<T> {
        self.error_with_help(span, code, at, message, None)
    }

    fn error_with_help<T>(
        &self,
        span: Span,
        code: &'static str,
        at: &At<'_>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Option<T> {
        let path = at.to_path();
        self.failed.insert(&path);
        let mut error = Diagnostic::error(code, path, message).with_help(help);
        if self.source.is_some() {
            error = error.with_span(span);
        }
        at.report(error);
        None
    }

    fn mismatch<T>(&self, node: &Node<'_>, expected: &str, at: &At<'_>) -> Option<T> {
        let message = format!("expected {expected}, found {}", node.description());
        self.error(node.span, code::TYPE_MISMATCH, at, message)
    }
}
