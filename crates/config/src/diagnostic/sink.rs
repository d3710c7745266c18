//! Collects findings from every level of a parse.

use std::cell::{Cell, RefCell};

use crate::Locator;
use crate::diagnostic::{Diagnostic, Severity};

/// How many findings are kept. A generated file can repeat one mistake ten thousand times.
const MAX_KEPT: usize = 1_000;

/// A sink that parsers share: owned by whoever starts a parse, borrowed by every [`crate::At`].
///
/// At most a thousand findings are kept; the others are counted.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: RefCell<Vec<Diagnostic>>,
    dropped: Cell<usize>,
    errors: Cell<usize>,
}

impl Diagnostics {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors.set(self.errors.get() + 1);
        }
        let mut kept = self.kept.borrow_mut();
        if kept.len() < MAX_KEPT {
            kept.push(diagnostic);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    /// How many errors there are, kept or not.
    pub fn errors(&self) -> usize {
        self.errors.get()
    }

    /// Whether the configuration must be rejected.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many findings were counted but not kept.
    pub fn dropped(&self) -> usize {
        self.dropped.get()
    }

    /// Looks up the place of every finding that has only a path.
    pub fn locate(&self, locator: &Locator<'_>) {
        for diagnostic in self.kept.borrow_mut().iter_mut() {
            if diagnostic.span.is_none() {
                diagnostic.span = locator.locate(&diagnostic.path);
            }
        }
    }

    /// The findings in the order of the text, those without a place first; repeated ones once.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.kept.borrow().clone();
        all.sort_by(|a, b| (a.span, &a.path, a.severity).cmp(&(b.span, &b.path, b.severity)));
        all.dedup();
        all
    }
}
