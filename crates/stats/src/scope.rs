//! Scopes: the prefixes that groups are registered under.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::store::Registry;

/// Shared, immutable: a place in the tree of names. Holding one keeps no stats alive.
#[derive(Clone)]
pub struct Scope {
    registry: Arc<Registry>,
    prefix: Arc<str>,
}

impl Scope {
    pub(crate) fn new(registry: Arc<Registry>, prefix: &str) -> Self {
        Self { registry, prefix: prefix.into() }
    }

    /// The scope below this one: `prefix` is put after this one's as it is, with its own dot, `"csrf."`.
    pub fn scope(&self, prefix: &str) -> Self {
        Self::new(Arc::clone(&self.registry), &format!("{}{prefix}", self.prefix))
    }

    /// What the names of all stats in the scope begin with.
    pub const fn prefix(&self) -> &Arc<str> {
        &self.prefix
    }

    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

/// A name that comes from configuration, as Envoy makes it a part of stats' names: without colons, and without a dot
/// at its end, `x://y:1` being `x_y_1`.
pub fn sanitize(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if !name.contains([':', '\0']) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.replace("://", "_").replace(":/", "_").replace([':', '\0'], "_"))
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::sanitize;

    #[test]
    fn names_lose_colons_and_a_last_dot() {
        let check = |name: &str, expected: &str| assert_eq!(sanitize(name), expected);
        check("x://y:1/z.", "x_y_1/z");
        check("a::b", "a__b");
        check("a b\tc", "a b\tc");
        check("cluster..a..b.", "cluster..a..b");
    }
}
