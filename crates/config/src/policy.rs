//! What the operator lets pass that a strict reader would not, and how often something did.

use std::cell::Cell;

/// How strict to be. The default is Envoy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Fields and enum values of the bootstrap that do not exist: errors by default, else warnings
    /// (`--allow-unknown-static-fields`).
    pub static_unknown: Unknown,
    /// The same in resources from a control plane, see [`check_resource`](crate::check_resource): warnings by default,
    /// else errors (`--reject-unknown-dynamic-fields`) or nothing (`--ignore-unknown-dynamic-fields`).
    pub dynamic_unknown: Unknown,
}

impl Default for Policy {
    fn default() -> Self {
        Self { static_unknown: Unknown::Reject, dynamic_unknown: Unknown::Warn }
    }
}

/// What to do about a field that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An error.
    Reject,
    /// A warning, and counted.
    Warn,
    /// Nothing.
    Ignore,
}

/// What was let pass since the [`Schema`](crate::Schema) was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `server.static_unknown_fields`: texts, or messages in wire form, with unknown fields.
    pub static_unknown_fields: u64,
    /// `server.dynamic_unknown_fields`
    pub dynamic_unknown_fields: u64,
    /// `server.wip_protos`: uses of messages and fields that are marked as work in progress.
    pub wip_protos: u64,
    /// `runtime.deprecated_feature_use`: uses of deprecated fields and enum values.
    pub deprecated_feature_use: u64,
}

/// Counts while others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(Cell<Counts>);

impl Counter {
    pub(crate) fn add(&self, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.0.get();
        count(&mut counts);
        self.0.set(counts);
    }

    pub(crate) fn read(&self) -> Counts {
        self.0.get()
    }
}
