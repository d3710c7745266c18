//! What filters say about a stream, to one another and to logs.

use std::collections::BTreeMap;

use prost_types::{Struct, Value};

/// The dynamic metadata of a stream: a structure for each namespace, usually a filter's name. Empty costs nothing.
#[derive(Debug, Default, PartialEq)]
pub struct DynamicMetadata(BTreeMap<Box<str>, Struct>);

impl DynamicMetadata {
    /// Sets fields of a namespace; its other fields stay.
    pub fn merge(&mut self, namespace: &str, fields: &Struct) {
        let known = self.0.entry(namespace.into()).or_default();
        known.fields.extend(fields.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        if !self.0.is_empty() {
            self.0.clear();
        }
    }

    /// The fields of a namespace.
    pub fn namespace(&self, namespace: &str) -> Option<&Struct> {
        self.0.get(namespace)
    }

    /// The value at a path of names, at least one.
    pub fn find<'a>(&'a self, namespace: &str, path: &[impl AsRef<str>]) -> Option<&'a Value> {
        let (last, outer) = path.split_last()?;
        let mut within = self.namespace(namespace)?;
        for name in outer {
            let Some(prost_types::value::Kind::StructValue(inner)) = &within.fields.get(name.as_ref())?.kind else {
                return None;
            };
            within = inner;
        }
        within.fields.get(last.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use prost_types::value::Kind;

    use super::*;

    fn structure(name: &str, kind: Kind) -> Struct {
        Struct { fields: BTreeMap::from([(name.to_owned(), Value { kind: Some(kind) })]) }
    }

    #[test]
    fn fields_are_merged_and_found_by_path() {
        let mut metadata = DynamicMetadata::default();
        assert_eq!(metadata.find("a", &["x"]), None);
        metadata.merge("a", &structure("x", Kind::NumberValue(1.0)));
        metadata.merge("a", &structure("y", Kind::StructValue(structure("z", Kind::BoolValue(true)))));
        metadata.merge("a", &structure("x", Kind::NumberValue(2.0)));
        let kind = |path: &[&str]| metadata.find("a", path).and_then(|value| value.kind.clone());
        assert_eq!(kind(&["x"]), Some(Kind::NumberValue(2.0)));
        assert_eq!(kind(&["y", "z"]), Some(Kind::BoolValue(true)));
        assert_eq!(kind(&["x", "z"]), None);
        assert_eq!(kind(&[]), None);
        assert_eq!(metadata.find("b", &["x"]), None);
    }
}
