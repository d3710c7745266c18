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
use std::collections::{HashMap, HashSet};

use prost_reflect::DynamicMessage;

pub(crate) use any::TYPED_STRUCTS;

use crate::Source;
use crate::at::At;
use crate::diagnostic::{Diagnostic, Failed, Span, code};
use crate::policy::Unknown;
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
    unknown: Unknown,
    /// The texts in which something unknown was let pass: Envoy counts them, not what is unknown.
    lenient: RefCell<HashSet<&'s str>>,
    failed: Failed,
    nodes_left: Cell<usize>,
    depth: Cell<usize>,
    /// Searching all types for a similar name is slow, and a typo is often copied.
    type_hints: RefCell<HashMap<String, Option<String>>>,
}

impl<'s> Binder<'s> {
    /// For a bootstrap's text.
    pub(crate) fn of(pool: &'s Pool, source: &'s Source) -> Self {
        Self::new(pool, Some(source), pool.policy.static_unknown)
    }

    pub(crate) fn new(pool: &'s Pool, source: Option<&'s Source>, unknown: Unknown) -> Self {
        // A value takes a byte, a tree without a text has no aliases.
        let nodes = source.map_or(usize::MAX, |s| s.size() + MAX_ALIASED);
        Self {
            pool,
            source,
            unknown,
            lenient: RefCell::default(),
            failed: Failed::default(),
            nodes_left: Cell::new(nodes),
            depth: Cell::new(0),
            type_hints: RefCell::default(),
        }
    }

    pub(crate) fn pool(&self) -> &'s Pool {
        self.pool
    }

    /// Checks the rules of a message that was read. What is inside an `Any` has been checked when that was bound.
    pub(crate) fn check(&self, message: &DynamicMessage, payloads: Payloads, stage: Stage, at: &At<'_>) {
        let (pool, failed) = (self.pool, &self.failed);
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

    /// Whether something unknown may be here, and then says so.
    fn lets_pass(&self, span: Span, at: &At<'_>, what: impl FnOnce() -> String) -> bool {
        match (self.unknown, self.source) {
            (Unknown::Reject, _) => return false,
            (Unknown::Ignore, _) => {}
            (Unknown::Warn, Some(source)) => {
                if self.lenient.borrow_mut().insert(source.place(span.start.line).0) {
                    self.pool.counter.add(|counts| counts.static_unknown_fields += 1);
                }
                let warning = Diagnostic::warning(code::UNKNOWN_FIELD, at.to_path(), what());
                at.sink().push(warning.with_span(span));
            }
            (Unknown::Warn, None) => {
                self.pool.counter.add(|counts| counts.dynamic_unknown_fields += 1);
                at.warning(code::UNKNOWN_FIELD, what());
            }
        }
        true
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
