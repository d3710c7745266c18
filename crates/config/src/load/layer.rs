//! One source of a bootstrap: a tree for texts, which knows places, or a message for protobuf's own forms.

use std::mem;

use miette::Diagnostic as _;
use nuncio_proto::envoy::config::bootstrap::v3::Bootstrap;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::at::At;
use crate::bind::Binder;
use crate::diagnostic::{Diagnostic, Diagnostics, Path, Position, Span, code};
use crate::load::STATIC_RESOURCES;
use crate::policy::Unknown;
use crate::resource::{Origin, unwrap};
use crate::rules::{Payloads, Stage};
use crate::schema::Pool;
use crate::source::{Input, Source, line_starts};
use crate::tree::{self, MAX_DEPTH, Node};

/// A bootstrap, or what lies over one.
pub(super) enum Layer<'s> {
    Tree(Node<'s>),
    Message(DynamicMessage),
    /// Could not be read; that was reported.
    Nothing,
}

/// In a tree a field may have either of its names.
const STATIC_RESOURCES_KEYS: [&str; 2] = [STATIC_RESOURCES, "staticResources"];
const LISTS: [&str; 3] = ["listeners", "clusters", "secrets"];

impl<'s> Layer<'s> {
    /// Reads a source that has `before` lines in front of it.
    pub(super) fn read(source: &'s Source, before: u32, pool: &Pool, at: &At<'_>) -> Self {
        let errors = at.sink().errors();
        let tree = match source.input() {
            Input::Yaml(text) => tree::read_yaml(text, before, at.sink()),
            Input::Json(text) => tree::read_json(text, before, at.sink()),
            Input::Wire(bytes) => return read_wire(bytes, pool, at),
            Input::ProtoText(text) => return read_text(text, before, pool, at),
            Input::Broken(valid) => return refuse(at, &format!("the file is not valid UTF-8 behind byte {valid}")),
        };
        match tree {
            Some(root) if root.as_map().is_some() => Self::Tree(root),
            Some(root) => {
                let message = format!("a bootstrap must be a mapping, found {}", root.description());
                let error = Diagnostic::error(code::TYPE_MISMATCH, Path::root(), message);
                at.report(error.with_span(root.span));
                Self::Nothing
            }
            None if at.sink().errors() == errors => refuse(at, "the file is empty"),
            None => Self::Nothing,
        }
    }

    pub(super) fn into_tree(self) -> Option<Node<'s>> {
        match self {
            Self::Tree(root) => Some(root),
            Self::Message(_) | Self::Nothing => None,
        }
    }

    /// `layered_runtime`, encoded.
    pub(super) fn runtime(&self, descriptor: &MessageDescriptor, pool: &Pool) -> Option<Vec<u8>> {
        match self {
            Self::Tree(root) => {
                let (_, node) = root.entry("layered_runtime").or_else(|| root.entry("layeredRuntime"))?;
                let unheard = Diagnostics::new();
                let binder = Binder::new(pool, None, Unknown::Ignore);
                Some(binder.message(descriptor, node, &At::root(&unheard), &[])?.encode_to_vec())
            }
            Self::Message(whole) => Some(whole.get_field_by_name("layered_runtime")?.as_message()?.encode_to_vec()),
            Self::Nothing => None,
        }
    }

    /// Everything but the static resources; what they hold beside the three lists is unknown, and reported here.
    pub(super) fn skeleton(
        &mut self,
        descriptor: &MessageDescriptor,
        binder: &Binder<'_>,
        at: &At<'_>,
    ) -> Option<DynamicMessage> {
        match self {
            Self::Tree(root) => {
                let skeleton = binder.message(descriptor, root, at, &STATIC_RESOURCES_KEYS);
                if let (Some(node), Some(kind)) =
                    (static_resources(root), descriptor.get_field_by_name(STATIC_RESOURCES))
                    && let Some(descriptor) = kind.kind().as_message()
                {
                    binder.message(descriptor, node, &at.field(STATIC_RESOURCES), &LISTS);
                }
                skeleton
            }
            Self::Message(whole) => {
                let resources = whole.take_field_by_name(STATIC_RESOURCES);
                let empty = DynamicMessage::new(descriptor.clone());
                let skeleton = mem::replace(whole, empty);
                if let Some(resources) = resources {
                    whole.set_field_by_name(STATIC_RESOURCES, resources);
                }
                Some(skeleton)
            }
            Self::Nothing => None,
        }
    }

    /// Reads the resources of a list, whose first has the index `before`. Returns how many there are.
    pub(super) fn resources(
        &mut self,
        list: &str,
        descriptor: &MessageDescriptor,
        binder: &Binder<'_>,
        at: &At<'_>,
        before: usize,
        take: &mut dyn FnMut(&DynamicMessage, &At<'_>),
    ) -> usize {
        match self {
            Self::Tree(root) => {
                let Some((_, node)) = static_resources(root).and_then(|node| node.entry(list)) else { return 0 };
                if node.is_null() {
                    return 0;
                }
                let items = node.as_list().unwrap_or(std::slice::from_ref(node));
                for (index, item) in items.iter().enumerate() {
                    let at = at.index(before + index);
                    if let Some(message) = binder.message(descriptor, item, &at, &[]) {
                        binder.check(&message, Payloads::Skip, Stage::Bootstrap, &at);
                        take(&message, &at);
                    }
                }
                items.len()
            }
            Self::Message(whole) => {
                let resources = whole.get_field_by_name_mut(STATIC_RESOURCES).and_then(Value::as_message_mut);
                let items = resources.and_then(|resources| resources.take_field_by_name(list));
                let Some(Value::List(items)) = items else { return 0 };
                let messages = items.iter().filter_map(Value::as_message);
                for (index, message) in messages.enumerate() {
                    let at = at.index(before + index);
                    binder.check(message, Payloads::Check, Stage::Bootstrap, &at);
                    take(message, &at);
                }
                items.len()
            }
            Self::Nothing => 0,
        }
    }
}

fn static_resources<'n, 's>(root: &'n Node<'s>) -> Option<&'n Node<'s>> {
    STATIC_RESOURCES_KEYS.iter().find_map(|key| root.entry(key)).map(|(_, node)| node)
}

fn refuse<'s>(at: &At<'_>, message: &str) -> Layer<'s> {
    at.error(code::SOURCE, message);
    Layer::Nothing
}

fn read_wire<'s>(bytes: &[u8], pool: &Pool, at: &At<'_>) -> Layer<'s> {
    let Some(descriptor) = pool.message(&Bootstrap::full_name()) else { return Layer::Nothing };
    match DynamicMessage::decode(descriptor, bytes) {
        Ok(message) => unwrapped(message, pool, at),
        Err(error) => {
            at.error(code::BAD_WIRE, format!("the file is not an encoded bootstrap: {error}"));
            Layer::Nothing
        }
    }
}

fn read_text<'s>(text: &str, before: u32, pool: &Pool, at: &At<'_>) -> Layer<'s> {
    let Some(descriptor) = pool.message(&Bootstrap::full_name()) else { return Layer::Nothing };
    if let Some(offset) = too_deep(text) {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return fail(at, code::TOO_DEEP, message, place(text, offset, before));
    }
    match DynamicMessage::parse_text_format(descriptor, text) {
        Ok(message) => unwrapped(message, pool, at),
        Err(error) => {
            let offset = error.labels().and_then(|mut labels| labels.next()).map_or(text.len(), |label| label.offset());
            fail(at, code::SYNTAX, error.to_string(), place(text, offset, before))
        }
    }
}

fn fail<'s>(at: &At<'_>, code: &'static str, message: String, place: Position) -> Layer<'s> {
    at.report(Diagnostic::error(code, Path::root(), message).with_span(Span::at(place)));
    Layer::Nothing
}

fn unwrapped<'s>(mut message: DynamicMessage, pool: &Pool, at: &At<'_>) -> Layer<'s> {
    unwrap(&mut message, pool, Origin::Bootstrap, at);
    Layer::Message(message)
}

/// Where a text in protobuf's text format is nested too deep to be parsed, which is done by recursion.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => drop(bytes.next()),
            (Some(open), _) if byte == open || byte == b'\n' => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'#') => drop(bytes.find(|(_, byte)| *byte == b'\n')),
            (None, b'{' | b'<' | b'[') => depth += 1,
            (None, b'}' | b'>' | b']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > MAX_DEPTH {
            return Some(offset);
        }
    }
    None
}

fn place(text: &str, offset: usize, before: u32) -> Position {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let starts = line_starts(text);
    let line = starts.partition_point(|start| *start <= offset);
    let head = text.get(starts[line - 1]..offset).unwrap_or_default();
    Position { line: number(line).saturating_add(before), column: number(head.chars().count()).saturating_add(1) }
}
