//! From a field path to the place in the text.

use crate::diagnostic::{Path, Segment, Span};
use crate::tree::{Key, Kind, Node};

/// Looks up places for as long as the trees are kept.
#[derive(Debug)]
pub struct Locator<'s> {
    /// Of each layer, bottom first. What came in wire form has none.
    layers: Vec<Option<Node<'s>>>,
}

impl<'s> Locator<'s> {
    pub(crate) fn new(layers: Vec<Option<Node<'s>>>) -> Self {
        Self { layers }
    }

    /// A locator that knows no places: for what did not come from a text.
    pub fn none() -> Self {
        Self::new(Vec::new())
    }

    /// The key that wrote the field, with its value if that is on the same line; the start of the list element; or the
    /// nearest of these above a field that was not written. `None` without a text, and for the root.
    ///
    /// Of several layers the uppermost counts that wrote the field. A list goes on from layer to layer.
    pub fn locate(&self, path: &Path) -> Option<Span> {
        let mut layers: Vec<Option<&Node<'s>>> = self.layers.iter().map(Option::as_ref).collect();
        let mut place = None;
        for segment in path.segments() {
            let mut rest = match segment {
                Segment::Index(index) => Some(*index),
                Segment::Field(_) | Segment::Key(_) => None,
            };
            let mut is_there = false;
            for (layer, whole) in layers.iter_mut().zip(&self.layers) {
                if whole.is_none() {
                    // It may have had any number of items.
                    rest = None;
                }
                let Some(node) = *layer else { continue };
                *layer = None;
                match step(node, segment, &mut rest) {
                    Step::Entry(key, value) => {
                        place = Some(entry_span(key, value));
                        *layer = Some(value);
                    }
                    Step::Item(item) => {
                        place = Some(item_span(item));
                        *layer = Some(item);
                    }
                    Step::Same => *layer = Some(node),
                    Step::Absent => {}
                }
                is_there |= layer.is_some();
            }
            if !is_there {
                break;
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

/// One step down from a node. `rest` is how many items of a list are still to be skipped.
fn step<'n, 't>(node: &'n Node<'t>, segment: &Segment, rest: &mut Option<usize>) -> Step<'n, 't> {
    let entry = match segment {
        Segment::Index(_) => return item(node, rest),
        Segment::Field(name) => node
            .entry(name)
            .or_else(|| node.entry(&camel_case(name)))
            .or_else(|| carried(node)?.entry(name))
            .or_else(|| carried(node)?.entry(&camel_case(name))),
        Segment::Key(key) => node.entry(key).or_else(|| carried(node)?.entry(key)),
    };
    entry.map_or(Step::Absent, |(key, value)| Step::Entry(key, value))
}

fn item<'n, 't>(node: &'n Node<'t>, rest: &mut Option<usize>) -> Step<'n, 't> {
    let Some(index) = *rest else { return Step::Absent };
    let found = match node.as_list() {
        Some(items) if index >= items.len() => {
            *rest = Some(index - items.len());
            return Step::Absent;
        }
        Some(items) => Step::Item(&items[index]),
        None if index > 0 => {
            *rest = Some(index - 1);
            return Step::Absent;
        }
        None => Step::Same,
    };
    *rest = None;
    found
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
