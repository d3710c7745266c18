//! Where in a configuration something is, in the operator's words.

use std::fmt;

/// A field path such as `static_resources.clusters[0].load_assignment.endpoints[1]`.
///
/// Names are those of the proto, also where the operator wrote the camelCase form; the fields of a typed configuration
/// follow its `typed_config` directly, as they do in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A field of a message.
    Field(Box<str>),
    /// An element of a repeated field, from zero.
    Index(usize),
    /// An entry of a map field.
    Key(Box<str>),
}

impl Path {
    /// The path of the whole configuration.
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether this is the whole configuration.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The field `name` below this path.
    pub fn field(mut self, name: &str) -> Self {
        self.0.push(Segment::Field(name.into()));
        self
    }

    /// The element `index` below this path.
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index));
        self
    }

    /// The map entry `key` below this path.
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(Segment::Key(key.into()));
        self
    }

    /// The last step, with the field it belongs to: `name`, `routes[0]`, `labels["a"]`.
    pub(crate) fn subject(&self) -> Option<Self> {
        let is_field = |segment: &Segment| matches!(segment, Segment::Field(_));
        let last = self.0.iter().rposition(is_field)?;
        Some(Self(self.0[last..].to_vec()))
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if position == 0 => write!(out, "{name}")?,
                Segment::Field(name) => write!(out, ".{name}")?,
                Segment::Index(index) => write!(out, "[{index}]")?,
                Segment::Key(key) => write!(out, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn fields_indexes_and_keys_are_written_as_an_operator_would() {
        let path = Path::root().field("a").index(0).field("b").key("x \"y\"");
        assert_eq!(path.to_string(), r#"a[0].b["x \"y\""]"#);
        assert_eq!(Path::root().to_string(), "");
    }
}
