//! Remembers what could not be read.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::diagnostic::Path;

/// Paths about which an error was reported: their values are missing from the message, and a rule that complains about
/// that would send the operator the wrong way.
#[derive(Debug, Default)]
pub(crate) struct Failed(RefCell<HashSet<String>>);

impl Failed {
    pub(crate) fn insert(&self, path: &Path) {
        self.0.borrow_mut().insert(path.to_string());
    }

    /// Whether this place, or one that it is part of, could not be read.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        let failed = self.0.borrow();
        if failed.is_empty() {
            return false;
        }
        let text = path.to_string();
        let mut ends = text.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| at);
        failed.contains(&text) || ends.any(|end| failed.contains(&text[..end]))
    }

    /// Whether a field of the message here could not be read.
    pub(crate) fn has_field_of(&self, path: &Path) -> bool {
        let text = path.to_string();
        let field = |failed: &String| {
            let rest = failed.strip_prefix(&text)?;
            let name = if text.is_empty() { rest } else { rest.strip_prefix('.')? };
            Some(!name.is_empty() && !name.contains(['.', '[']))
        };
        self.0.borrow().iter().any(|failed| field(failed) == Some(true))
    }
}
