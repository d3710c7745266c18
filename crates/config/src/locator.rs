//! From a field path to the place in the text.

use crate::diagnostic::{Path, Segment, Span};
use crate::tree::{Key, Kind, Node};

/// Looks up places for as long as the tree is kept.
#[derive(Debug)]
pub struct Locator<'s> {
    root: Option<Node<'s>>,
}

impl<'s> Locator<'s> {
    pub(crate) fn new(root: Option<Node<'s>>) -> Self {
        Self { root }
    }

    /// A locator that knows no places: for what did not come from a text.
    pub fn none() -> Self {
        Self::new(None)
    }

    /// The key that wrote the field, with its value if that is on the same line; the start of the list element; or the
    /// nearest of these above a field that was not written. `None` without a text, and for the root.
    pub fn locate(&self, path: &Path) -> Option<Span> {
        let mut node = self.root.as_ref()?;
        let mut place = None;
        for segment in path.segments() {
            match step(node, segment) {
                Step::Entry(key, value) => {
                    place = Some(entry_span(key, value));
                    node = value;
                }
                Step::Item(item) => {
                    place = Some(item_span(item));
                    node = item;
                }
                Step::Same => {}
                Step::Absent => break,
            }
        }
        place
    }
}

enum Step<'n, 't> {
    Entry(&'n Key<'t>, &'n Node<'t>),
    Item(&'n Node<'t>),
    /// A single value that stands for a list of one.
    Same,
    Absent,
}

fn step<'n, 't>(node: &'n Node<'t>, segment: &Segment) -> Step<'n, 't> {
    let entry = match segment {
        Segment::Index(index) => {
            return match node.as_list() {
                Some(items) => items.get(*index).map_or(Step::Absent, Step::Item),
                None => Step::Same,
            };
        }
        Segment::Field(name) => node
            .entry(name)
            .or_else(|| node.entry(&camel_case(name)))
            .or_else(|| carried(node)?.entry(name))
            .or_else(|| carried(node)?.entry(&camel_case(name))),
        Segment::Key(key) => node.entry(key).or_else(|| carried(node)?.entry(key)),
    };
    entry.map_or(Step::Absent, |(key, value)| Step::Entry(key, value))
}

/// The configuration inside a `TypedStruct`, or a type that stands in `value`: paths do not mention that level.
fn carried<'n, 't>(node: &'n Node<'t>) -> Option<&'n Node<'t>> {
    node.entry("@type")?;
    node.entry("value").map(|(_, value)| value)
}

fn entry_span(key: &Key<'_>, value: &Node<'_>) -> Span {
    let is_short = matches!(value.kind, Kind::Scalar(_)) && value.span.end.line == key.span.start.line;
    let end = if is_short { value.span.end } else { key.span.end };
    Span { start: key.span.start, end }
}

fn item_span(item: &Node<'_>) -> Span {
    match item.kind {
        Kind::Scalar(_) => item.span,
        Kind::List(_) | Kind::Map(_) | Kind::Alias(_) => Span::at(item.span.start),
    }
}

/// protobuf's JSON name of a field.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut is_start = false;
    for c in name.chars() {
        match c {
            '_' => is_start = true,
            c if is_start => {
                camel.push(c.to_ascii_uppercase());
                is_start = false;
            }
            c => camel.push(c),
        }
    }
    camel
}
