//! What was probably meant by a name that does not exist.

use prost_reflect::{Kind, MessageDescriptor};

use crate::bind::Binder;
use crate::suggest;

/// Advice about an unknown field.
#[derive(Debug, Default)]
pub(super) struct FieldHint {
    /// The field of the same message that was meant.
    pub(super) field: Option<String>,
    pub(super) text: Option<String>,
}

impl Binder<'_> {
    pub(super) fn field_hint(&self, descriptor: &MessageDescriptor, key: &str) -> FieldHint {
        let special = match key {
            "<<" => Some("Envoy does not support YAML merge keys; repeat the fields"),
            "@type" => Some("only a typed configuration has a '@type'"),
            _ => None,
        };
        if special.is_some() {
            return FieldHint { field: None, text: special.map(str::to_owned) };
        }
        let homes = homes_of(descriptor, key);
        if let [first, rest @ ..] = homes.as_slice() {
            let also = if rest.is_empty() { String::new() } else { format!(" and of {}", rest.join(", ")) };
            let text = format!("'{key}' is a field of '{first}'{also}: is the indentation right?");
            // What it belongs to may be missing for the same reason.
            return FieldHint { field: Some(first.clone()), text: Some(text) };
        }
        let fields: Vec<_> = descriptor.fields().collect();
        let meant = suggest::closest(key, fields.iter().map(|f| f.name())).map(str::to_owned);
        let text = meant.as_ref().map(|m| format!("did you mean '{m}'?"));
        FieldHint { field: meant, text }
    }

    /// The full name of a type that is called nearly like `name`: of the first few that are wrong.
    pub(super) fn type_hint(&self, name: &str) -> Option<String> {
        /// Each costs as much as reading some hundred lines.
        const MOST: usize = 50;
        let mut known = self.type_hints.borrow_mut();
        if let Some(hint) = known.get(name) {
            return hint.clone();
        }
        if known.len() >= MOST {
            return None;
        }
        let hint = self.similar_type(name);
        known.insert(name.to_owned(), hint.clone());
        hint
    }

    fn similar_type(&self, name: &str) -> Option<String> {
        /// A type of the very same short name is meant even if its package is far off: `v2` packages were all moved.
        const SAME_NAME: f64 = 0.5;
        const LIKELY: f64 = 0.75;
        let short = name.rsplit('.').next().unwrap_or(name);
        let score = |known: &str| {
            let alike = strsim::normalized_damerau_levenshtein(name, known);
            let is_same = known.rsplit('.').next().is_some_and(|known| known.eq_ignore_ascii_case(short));
            alike + if is_same { SAME_NAME } else { 0.0 }
        };
        let scored = self.pool.names().map(|known| (score(known), known));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
        (best.0 > LIKELY).then(|| best.1.to_owned())
    }
}

/// The message fields of `descriptor` that have a field `key`, which then is one level too high.
fn homes_of(descriptor: &MessageDescriptor, key: &str) -> Vec<String> {
    let has_key = |kind: Kind| kind.as_message().is_some_and(|m| m.get_field_by_name(key).is_some());
    let fields = descriptor.fields().filter(|f| !f.is_map() && has_key(f.kind()));
    fields.map(|f| f.name().to_owned()).collect()
}
