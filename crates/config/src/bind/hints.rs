//! What was probably meant by a name that does not exist.

use prost_reflect::{Kind, MessageDescriptor};

use crate::at::type_name;
use crate::bind::Binder;
use crate::bind::fields::{Entry, find_field};
use crate::suggest;

/// Advice about an unknown field.
#[derive(Debug, Default)]
pub(super) struct FieldHint {
    /// The field that was meant, by its way from the message, or the one that it was meant to be in.
    pub(super) meant: Vec<String>,
    pub(super) text: Option<String>,
}

impl Binder<'_> {
    /// `entries` are those of the mapping that the key stands in.
    pub(super) fn field_hint(&self, descriptor: &MessageDescriptor, entries: &[Entry<'_>], key: &str) -> FieldHint {
        let special = match key {
            "<<" => Some("Envoy does not support YAML merge keys; repeat the fields"),
            "@type" => Some("only a typed configuration has a '@type'"),
            _ => None,
        };
        if special.is_some() {
            return FieldHint { meant: Vec::new(), text: special.map(str::to_owned) };
        }
        let homes = homes_of(descriptor, key);
        if let Some(home) = nearest(&homes, descriptor, entries, key) {
            let text = format!("'{key}' is a field of '{home}': is the indentation right?");
            let field = home_field(descriptor, home, key);
            return FieldHint { meant: std::iter::once(home.clone()).chain(field).collect(), text: Some(text) };
        }
        if let [first, rest @ ..] = homes.as_slice() {
            let also = if rest.is_empty() { String::new() } else { format!(" and of {}", rest.join(", ")) };
            let text = format!("'{key}' is a field of '{first}'{also}: is the indentation right?");
            // What it belongs to may be missing for the same reason.
            return FieldHint { meant: vec![first.clone()], text: Some(text) };
        }
        if let Some((home, field)) = self.typed_home_of(descriptor, entries, key) {
            let text = format!("'{key}' is a field of what is in '{home}': is the indentation right?");
            return FieldHint { meant: vec![home, field], text: Some(text) };
        }
        let fields: Vec<_> = descriptor.fields().collect();
        let meant = suggest::closest(key, fields.iter().map(|f| f.name())).map(str::to_owned);
        let text = meant.as_ref().map(|m| format!("did you mean '{m}'?"));
        FieldHint { meant: meant.into_iter().collect(), text }
    }

    /// The typed configuration beside a key whose type has a field of that name, and the field.
    fn typed_home_of(
        &self,
        descriptor: &MessageDescriptor,
        entries: &[Entry<'_>],
        key: &str,
    ) -> Option<(String, String)> {
        entries.iter().find_map(|(home, value)| {
            let (_, url) = value.entry("@type")?;
            let field = find_field(&self.pool.message(type_name(url.as_text()?))?, key)?;
            Some((find_field(descriptor, &home.text)?.name().to_owned(), field.name().to_owned()))
        })
    }

    /// The full name of a type that is called nearly like `name`: of the first few that are wrong.
    pub(super) fn type_hint(&self, name: &str) -> Option<String> {
        /// Each costs as much as reading a thousand lines.
        const MOST: usize = 10;
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
            if known.len().abs_diff(name.len()) * 3 > name.len() {
                return 0.0; // too long or too short to be alike
            }
            let alike = strsim::normalized_damerau_levenshtein(name, known);
            let is_same = known.rsplit('.').next().is_some_and(|known| known.eq_ignore_ascii_case(short));
            alike + if is_same { SAME_NAME } else { 0.0 }
        };
        let scored = self.pool.names().map(|known| (score(known), known));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
        (best.0 > LIKELY).then(|| best.1.to_owned())
    }
}

/// Of the homes those that are written beside the key, and of these the last in front of it.
fn nearest<'h>(
    homes: &'h [String],
    descriptor: &MessageDescriptor,
    entries: &[Entry<'_>],
    key: &str,
) -> Option<&'h String> {
    let written = entries.iter().take_while(|(k, _)| k.text != key);
    let names = written.filter_map(|(k, _)| find_field(descriptor, &k.text));
    names.filter_map(|field| homes.iter().find(|home| *home == field.name())).last()
}

/// The field's name in a home that is no list.
fn home_field(descriptor: &MessageDescriptor, home: &str, key: &str) -> Option<String> {
    let home = descriptor.get_field_by_name(home).filter(|home| !home.is_list())?;
    Some(find_field(home.kind().as_message()?, key)?.name().to_owned())
}

/// The message fields of `descriptor` that have a field `key`, which then is one level too high.
fn homes_of(descriptor: &MessageDescriptor, key: &str) -> Vec<String> {
    let has_key = |kind: Kind| kind.as_message().is_some_and(|m| find_field(m, key).is_some());
    let fields = descriptor.fields().filter(|f| !f.is_map() && has_key(f.kind()));
    fields.map(|f| f.name().to_owned()).collect()
}
