//! Collects findings from every level of a parse.

use std::cell::{Cell, RefCell};

use crate::Locator;
use crate::diagnostic::{Diagnostic, Failed, Path, Severity, code};

/// How many findings are kept. A generated file can repeat one mistake ten thousand times.
const MAX_KEPT: usize = 1_000;

/// A sink that parsers share: owned by whoever starts a parse, borrowed by every [`crate::At`].
///
/// At most a thousand findings are kept; the others are counted.
///
/// A configuration is checked in steps: text, schema, what is built of it, references. What one step has found wrong is
/// [settled](Self::settle) before the next, so that one mistake is told once, by the step that saw it first.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: RefCell<Vec<Diagnostic>>,
    dropped: Cell<usize>,
    errors: Cell<usize>,
    settled: Failed,
}

impl Diagnostics {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding, unless it follows from what is settled.
    pub fn push(&self, diagnostic: Diagnostic) {
        if self.follows(&diagnostic) {
            return;
        }
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

    /// Ends a step: later findings about a place that has an error by now, or about the absence of a field that has one,
    /// are not added. What is only not there yet may have mistakes in it all the same.
    pub fn settle(&self) {
        let kept = self.kept.borrow();
        let is_mistake = |d: &&Diagnostic| d.severity == Severity::Error && d.code != code::NOT_IMPLEMENTED;
        kept.iter().filter(is_mistake).for_each(|error| self.excuse(&error.path));
    }

    /// Settles a place that is wrong, or empty, only because of an error about another one.
    pub(crate) fn excuse(&self, path: &Path) {
        // The whole configuration is wrong when its text is: then there is no later step.
        if !path.is_root() {
            self.settled.insert(path);
        }
    }

    /// Whether an earlier step found an error at this place, or at one that it is part of.
    pub(crate) fn is_settled(&self, path: &Path) -> bool {
        self.settled.covers(path)
    }

    fn follows(&self, diagnostic: &Diagnostic) -> bool {
        let is_absence = matches!(diagnostic.code, code::REQUIRED | code::ONEOF_REQUIRED);
        self.is_settled(&diagnostic.path) || (is_absence && self.settled.has_field_of(&diagnostic.path))
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

#[cfg(test)]
mod tests {
    use super::Diagnostics;
    use crate::diagnostic::{Diagnostic, Path, code};

    #[test]
    fn what_follows_from_a_settled_mistake_is_not_told() {
        let check = |code, path: Path, is_told: bool| {
            let sink = Diagnostics::new();
            let filter = Path::root().field("filters").index(0);
            sink.push(Diagnostic::error(code::UNKNOWN_TYPE, filter.clone().field("typed_config"), "first"));
            sink.push(Diagnostic::warning(code::DEPRECATED, filter.field("name"), "only a warning"));
            sink.settle();
            sink.push(Diagnostic::error(code, path.clone(), "second"));
            assert_eq!(sink.errors(), if is_told { 2 } else { 1 }, "{path}");
        };
        let filter = || Path::root().field("filters").index(0);
        check(code::INVALID, filter().field("typed_config"), false);
        check(code::INVALID, filter().field("typed_config").field("stat_prefix"), false);
        check(code::INVALID, filter(), true);
        check(code::REQUIRED, filter(), false);
        check(code::REQUIRED, Path::root(), true);
        check(code::REQUIRED, filter().field("name"), true);
        check(code::INVALID, Path::root().field("filters").index(1).field("typed_config"), true);
    }

    #[test]
    fn a_step_tells_all_that_it_finds() {
        let sink = Diagnostics::new();
        let list = Path::root().field("domains");
        sink.push(Diagnostic::error(code::INVALID, list.clone(), "too few"));
        sink.push(Diagnostic::error(code::INVALID, list.index(0), "and empty"));
        assert_eq!(sink.errors(), 2);
    }
}
