//! Whether an extension is there, by what was found about its uses.

use std::collections::BTreeMap;

use nuncio_config::diagnostic::code;
use nuncio_config::{Path, Use};

use crate::bootstrap::Checked;

/// The worst of all uses counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Supported,
    /// But for fields of it.
    InPart,
    NotYet,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::InPart => "in part",
            Self::NotYet => "not yet",
        }
    }
}

/// The types in a configuration.
pub(super) fn of_types(checked: &Checked) -> BTreeMap<String, State> {
    let findings = checked.findings.iter().filter(|finding| finding.code == code::NOT_IMPLEMENTED);
    let missing: Vec<&Path> = findings.map(|finding| &finding.path).collect();
    let mut states = BTreeMap::new();
    for this in &checked.uses {
        let state = of(this, &missing, &checked.uses);
        let worst = states.entry(this.type_name.clone()).or_insert(state);
        *worst = (*worst).max(state);
    }
    states
}

fn of(this: &Use, missing: &[&Path], uses: &[Use]) -> State {
    let is_covered = |finding: &&&Path| is_part_of(&this.path, finding);
    if missing.iter().any(|finding| is_covered(&finding)) {
        return State::NotYet;
    }
    let is_of_another = |finding: &Path| {
        uses.iter().any(|other| {
            other.path != this.path && is_part_of(&other.path, &this.path) && is_part_of(finding, &other.path)
        })
    };
    let mut inside = missing.iter().filter(|finding| is_part_of(finding, &this.path));
    if inside.any(|finding| !is_of_another(finding)) { State::InPart } else { State::Supported }
}

/// Whether the first place is the second, or in it.
fn is_part_of(inner: &Path, outer: &Path) -> bool {
    inner.segments().starts_with(outer.segments())
}
