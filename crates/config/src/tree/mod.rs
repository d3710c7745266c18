//! A configuration text as a tree that remembers where each part was written.
//!
//! Scalars are resolved as Envoy's loaders resolve them, before any schema is known: see [`yaml`] and [`json`].

mod json;
mod scalar;
mod yaml;

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::{Diagnostics, Span};

/// How deep lists and mappings may be nested. It is protobuf's limit for JSON, which Envoy's YAML is turned into.
pub(crate) const MAX_DEPTH: usize = 100;

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Node<'t> {
    pub(crate) span: Span,
    pub(crate) kind: Kind<'t>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind<'t> {
    Scalar(Scalar<'t>),
    List(Vec<Node<'t>>),
    /// In the order of the text; each key once.
    Map(Vec<(Key<'t>, Node<'t>)>),
    /// Shared with its anchor: a few lines of aliases can stand for a billion nodes.
    Alias(Arc<Node<'t>>),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'t> {
    Null,
    Bool(bool),
    /// A YAML integer of 32 bits. Larger ones, and all fractions, are text when protobuf sees them.
    Int(i32),
    /// A JSON number as it was written.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key<'t> {
    pub(crate) span: Span,
    pub(crate) text: Cow<'t, str>,
}

/// Reads YAML that has `before` lines in front of it. Problems go to `sink`; `None` if there is no tree.
pub(crate) fn read_yaml<'t>(text: &'t str, before: u32, sink: &Diagnostics) -> Option<Node<'t>> {
    yaml::read(text, before, sink)
}

/// Reads JSON that has `before` lines in front of it. Problems go to `sink`; `None` if there is no tree.
pub(crate) fn read_json<'t>(text: &'t str, before: u32, sink: &Diagnostics) -> Option<Node<'t>> {
    json::read(text, before, sink)
}

impl<'t> Node<'t> {
    /// The node itself, or what the alias stands for.
    pub(crate) fn resolved(&self) -> &Self {
        let mut node = self;
        while let Kind::Alias(target) = &node.kind {
            node = target;
        }
        node
    }

    pub(crate) fn as_map(&self) -> Option<&[(Key<'t>, Self)]> {
        match &self.resolved().kind {
            Kind::Map(entries) => Some(entries),
            Kind::Scalar(_) | Kind::List(_) | Kind::Alias(_) => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match &self.resolved().kind {
            Kind::List(items) => Some(items),
            Kind::Scalar(_) | Kind::Map(_) | Kind::Alias(_) => None,
        }
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar<'t>> {
        match &self.resolved().kind {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::List(_) | Kind::Map(_) | Kind::Alias(_) => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.as_scalar() {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.as_scalar(), Some(Scalar::Null))
    }

    /// The value of a key of a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Key<'t>, Self)> {
        self.as_map()?.iter().find(|(k, _)| k.text == key)
    }

    /// What an operator would call this.
    pub(crate) fn description(&self) -> &'static str {
        match &self.resolved().kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(Scalar::Null) => "null",
            Kind::Scalar(Scalar::Bool(_)) => "a boolean",
            Kind::Scalar(Scalar::Int(_) | Scalar::Number(_)) => "a number",
            Kind::Scalar(Scalar::Text(_)) | Kind::Alias(_) => "a string",
        }
    }
}

/// Adds an entry to a mapping that is being read. A key that occurs twice is legal for Envoy and the last one wins,
/// but nobody means it: a warning.
#[derive(Debug, Default)]
struct MapBuilder<'t> {
    entries: Vec<(Key<'t>, Node<'t>)>,
    /// Where each key is, once there are many.
    index: Option<std::collections::HashMap<Cow<'t, str>, usize>>,
}

impl<'t> MapBuilder<'t> {
    /// Up to here comparing keys is cheaper than hashing them.
    const MANY: usize = 32;

    fn insert(&mut self, key: Key<'t>, value: Node<'t>, sink: &Diagnostics) {
        match self.position(&key.text) {
            Some(at) => {
                let first = self.entries[at].0.span.start;
                duplicate_key(&key, first.line, sink);
                self.entries[at] = (key, value);
            }
            None => {
                if let Some(index) = &mut self.index {
                    index.insert(key.text.clone(), self.entries.len());
                }
                self.entries.push((key, value));
                self.index_if_many();
            }
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|(k, _)| k.text == key),
        }
    }

    fn index_if_many(&mut self) {
        if self.index.is_none() && self.entries.len() > Self::MANY {
            let keys = self.entries.iter().enumerate();
            self.index = Some(keys.map(|(at, (k, _))| (k.text.clone(), at)).collect());
        }
    }

    fn finish(mut self) -> Kind<'t> {
        self.entries.shrink_to_fit();
        Kind::Map(self.entries)
    }
}

fn duplicate_key(key: &Key<'_>, first_line: u32, sink: &Diagnostics) {
    use crate::diagnostic::{Diagnostic, Path, code};
    let message =
        format!("'{}' is given twice in this mapping, first on line {first_line}; the last one is used", key.text);
    sink.push(Diagnostic::warning(code::DUPLICATE_KEY, Path::root(), message).with_span(key.span));
}
