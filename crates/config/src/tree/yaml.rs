//! YAML events to a tree, with yaml-cpp's behaviour where it differs from a strict reader.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use crate::diagnostic::{Diagnostic, Diagnostics, Path, Position, Span, code};
use crate::source::line_starts;
use crate::tree::scalar::{is_null, resolve_plain};
use crate::tree::{Key, Kind, MAX_DEPTH, MapBuilder, Node, Scalar};

/// Reads the first document. Envoy never looks at what follows it, not even for errors.
pub(super) fn read<'t>(text: &'t str, before: u32, sink: &Diagnostics) -> Option<Node<'t>> {
    // The parser has the end of the text behind a line break, whether there is one or not.
    let end = end_of(text, before);
    let convert = |span| convert(span, before, end);
    let mut reader = Reader { open: Vec::new(), anchors: HashMap::new(), root: None, sink };
    let mut events = Parser::new_from_str(text);
    while let Some(event) = events.next_event() {
        let step = match event {
            Ok((Event::DocumentEnd, _)) => break,
            Ok((event, span)) => reader.take(event, convert(span)),
            Err(error) => Err(syntax_error(&error, before, end)),
        };
        if let Err(error) = step {
            sink.push(error);
            return None;
        }
    }
    if let Some(Ok((Event::DocumentStart(_), span))) = events.next_event() {
        let message = "only the first document of a file is read; this one is ignored";
        let found = Diagnostic::warning(code::EXTRA_DOCUMENT, Path::root(), message);
        sink.push(found.with_span(Span::at(convert(span).start)));
    }
    reader.root
}

/// Builds nodes from events, which arrive depth first.
struct Reader<'t, 's> {
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, Arc<Node<'t>>>,
    root: Option<Node<'t>>,
    sink: &'s Diagnostics,
}

/// A list or mapping whose end has not come yet.
struct Open<'t> {
    start: Position,
    anchor: usize,
    content: Content<'t>,
}

enum Content<'t> {
    List(Vec<Node<'t>>),
    Map(MapBuilder<'t>, Option<PendingKey<'t>>),
}

struct PendingKey<'t> {
    key: Key<'t>,
    /// Tagged `!ignore`: the entry is dropped. Operators keep their anchors under such keys.
    is_ignored: bool,
}

type Step = Result<(), Diagnostic>;

impl<'t> Reader<'t, '_> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(pending) = self.expected_key() {
                    let is_ignored = has_tag(tag.as_deref(), "ignore");
                    let key = Key { span, text: key_text(text, style) };
                    *pending = Some(PendingKey { key: key.clone(), is_ignored });
                    self.remember_key(key, anchor);
                    return Ok(());
                }
                let scalar = resolve(text, style, tag.as_deref());
                let kind = Kind::Scalar(scalar);
                self.close(Node { span, kind }, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(target) => {
                    let kind = Kind::Alias(Arc::clone(target));
                    self.close(Node { span, kind }, 0)
                }
                None => Err(error(span, "an alias may not refer to what contains it")),
            },
            Event::SequenceStart(anchor, _) => self.open(span, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(span, anchor, Content::Map(MapBuilder::default(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.end(open, span),
                None => Err(error(span, "an end without a start")),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content<'t>) -> Step {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Diagnostic::error(code::TOO_DEEP, Path::root(), message).with_span(span));
        }
        let start = span.start;
        self.open.push(Open { start, anchor, content });
        Ok(())
    }

    fn end(&mut self, open: Open<'t>, span: Span) -> Step {
        let kind = match open.content {
            Content::List(mut items) => {
                items.shrink_to_fit();
                Kind::List(items)
            }
            Content::Map(entries, _) => entries.finish(),
        };
        let span = Span { start: open.start, end: span.end };
        self.close(Node { span, kind }, open.anchor)
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node<'t>, anchor: usize) -> Step {
        let node = if anchor > 0 { self.share(node, anchor) } else { node };
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, pending)) => match pending.take() {
                None => {
                    let key = alias_as_key(&node)?;
                    *pending = Some(PendingKey { key, is_ignored: false });
                }
                Some(PendingKey { is_ignored: true, .. }) => {}
                Some(PendingKey { key, .. }) => entries.insert(key, node, self.sink),
            },
        }
        Ok(())
    }

    /// Where to put a key, if one comes next.
    fn expected_key(&mut self) -> Option<&mut Option<PendingKey<'t>>> {
        match self.open.last_mut().map(|open| &mut open.content) {
            Some(Content::Map(_, pending @ None)) => Some(pending),
            _ => None,
        }
    }

    fn remember_key(&mut self, key: Key<'t>, anchor: usize) {
        if anchor > 0 {
            let kind = Kind::Scalar(Scalar::Text(key.text));
            let node = Node { span: key.span, kind };
            self.anchors.insert(anchor, Arc::new(node));
        }
    }

    fn share(&mut self, node: Node<'t>, anchor: usize) -> Node<'t> {
        let span = node.span;
        let shared = Arc::new(node);
        self.anchors.insert(anchor, Arc::clone(&shared));
        let kind = match &shared.kind {
            // Scalars are as cheap to copy as to share.
            Kind::Scalar(scalar) => Kind::Scalar(scalar.clone()),
            Kind::List(_) | Kind::Map(_) | Kind::Alias(_) => Kind::Alias(shared),
        };
        Node { span, kind }
    }
}

/// A key is the text of a scalar as it was written, whatever it would mean as a value; only null has a name of its own.
fn key_text(text: Cow<'_, str>, style: ScalarStyle) -> Cow<'_, str> {
    if style == ScalarStyle::Plain && is_null(&text) { "null".into() } else { text }
}

fn alias_as_key<'t>(node: &Node<'t>) -> Result<Key<'t>, Diagnostic> {
    let span = node.span;
    match node.as_scalar() {
        Some(Scalar::Text(text)) => Ok(Key { span, text: text.clone() }),
        _ => Err(error(span, "the key of a mapping must be a string")),
    }
}

/// The non-specific tag `!` makes text of anything, as quotes do. Any other tag makes a plain scalar of anything, even of
/// one in quotes, except that it is not null then: `!!str 5` is a number.
fn resolve<'t>(text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>) -> Scalar<'t> {
    let is_quoted = style != ScalarStyle::Plain;
    match tag {
        None if is_quoted => Scalar::Text(text),
        None => resolve_plain(text),
        Some(tag) if is_non_specific(tag) => Scalar::Text(text),
        Some(_) if is_null(&text) => Scalar::Text(text),
        Some(_) => resolve_plain(text),
    }
}

fn is_non_specific(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || has_tag(Some(tag), "")
}

fn has_tag(tag: Option<&Tag>, suffix: &str) -> bool {
    tag.is_some_and(|t| t.handle == "!" && t.suffix == suffix)
}

fn syntax_error(error: &ScanError, before: u32, end: Position) -> Diagnostic {
    self::error(Span::at(position(error.marker(), before).min(end)), error.info())
}

fn error(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(code::SYNTAX, Path::root(), message).with_span(span)
}

fn convert(span: saphyr_parser::Span, before: u32, end: Position) -> Span {
    let (start, stop) = (position(&span.start, before).min(end), position(&span.end, before).min(end));
    Span { start, end: stop }
}

fn end_of(text: &str, before: u32) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let starts = line_starts(text);
    let last = starts.last().map_or(text, |start| &text[*start..]);
    let (line, column) = (number(starts.len()).saturating_add(before), number(last.chars().count()).saturating_add(1));
    Position { line, column }
}

fn position(marker: &saphyr_parser::Marker, before: u32) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let (line, column) = (number(marker.line()).saturating_add(before), number(marker.col()).saturating_add(1));
    Position { line, column }
}
