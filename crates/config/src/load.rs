//! From a bootstrap text to typed messages.

use std::marker::PhantomData;

use nuncio_proto::envoy::config::bootstrap::v3::Bootstrap;
use nuncio_proto::envoy::config::cluster::v3::Cluster;
use nuncio_proto::envoy::config::listener::v3::Listener;
use nuncio_proto::envoy::extensions::transport_sockets::tls::v3::Secret;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;

use crate::at::{At, Invalid, decode};
use crate::bind::Binder;
use crate::diagnostic::{Diagnostic, Diagnostics, Path, code};
use crate::locator::Locator;
use crate::resource::check_message;
use crate::rules::Stage;
use crate::schema::{Pool, Schema};
use crate::source::{Input, Source};
use crate::tree::{self, Node};

/// A bootstrap that was read. It may be used if there are no errors in [`diagnostics`](Self::diagnostics).
#[derive(Debug)]
pub struct Loaded<'s> {
    /// Everything but the listeners, clusters and secrets of `static_resources`, which is left empty.
    pub bootstrap: Bootstrap,
    /// `static_resources.listeners`
    pub listeners: Vec<Resource<Listener>>,
    /// `static_resources.clusters`
    pub clusters: Vec<Resource<Cluster>>,
    /// `static_resources.secrets`
    pub secrets: Vec<Resource<Secret>>,
    /// What was found so far; later parsers add to it.
    pub diagnostics: Diagnostics,
    /// Finds the place of what later parsers report. It keeps the tree of the text: drop it when that is done.
    pub locator: Locator<'s>,
}

/// One resource in wire form. The typed messages are large, so they are made one at a time, where they are used.
#[derive(Clone, Debug)]
pub struct Resource<M> {
    path: Path,
    wire: Box<[u8]>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message + Name + Default> Resource<M> {
    /// Where the resource is in the bootstrap: start an [`At`] with it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The encoded message, as for `/config_dump`.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Decodes the message.
    ///
    /// # Errors
    /// When it is nested deeper than a message may be: a free structure of more than 30 levels.
    pub fn message(&self, at: &At<'_>) -> Result<M, Invalid> {
        decode(&self.wire, at)
    }
}

impl Loaded<'_> {
    /// All findings, each with its place, in the order of the text.
    pub fn findings(&self) -> Vec<Diagnostic> {
        self.diagnostics.locate(&self.locator);
        self.diagnostics.sorted()
    }
}

/// Reads a bootstrap: text, tree, messages, rules. Every problem is found, not the first.
///
/// Text, tree and one dynamic message are all that is held at a time, whatever the size of the configuration.
pub fn load_bootstrap<'s>(source: &'s Source, schema: &Schema) -> Loaded<'s> {
    let pool = schema.pool();
    let diagnostics = Diagnostics::new();
    let root = match source.input() {
        Input::Yaml(text) => tree::read_yaml(text, &diagnostics),
        Input::Json(text) => tree::read_json(text, &diagnostics),
        Input::Wire(bytes) => return load_wire(bytes, &pool, diagnostics),
        Input::BrokenJson(valid) => refuse(&diagnostics, &format!("the file is not valid UTF-8 behind byte {valid}")),
        Input::ProtoText => refuse(&diagnostics, "protobuf text format (.pb_text) is not supported yet"),
    };
    let mut loaded = Loaded {
        bootstrap: Bootstrap::default(),
        listeners: Vec::new(),
        clusters: Vec::new(),
        secrets: Vec::new(),
        diagnostics,
        locator: Locator::none(),
    };
    if root.is_none() && !loaded.diagnostics.has_errors() {
        refuse(&loaded.diagnostics, "the file is empty");
    }
    if let Some(root) = root {
        bind(&root, &Binder::new(&pool, Some(source)), &pool, &mut loaded);
        loaded.locator = Locator::new(Some(root));
    }
    loaded
}

fn refuse<'s>(diagnostics: &Diagnostics, message: &str) -> Option<Node<'s>> {
    diagnostics.push(Diagnostic::error(code::SOURCE, Path::root(), message));
    None
}

const STATIC_RESOURCES: [&str; 2] = ["static_resources", "staticResources"];
const LISTENERS: &str = "listeners";
const CLUSTERS: &str = "clusters";
const SECRETS: &str = "secrets";

fn bind(root: &Node<'_>, binder: &Binder<'_>, pool: &Pool, loaded: &mut Loaded<'_>) {
    let at = At::root(&loaded.diagnostics);
    if root.as_map().is_none() {
        let message = format!("a bootstrap must be a mapping, found {}", root.description());
        let error = Diagnostic::error(code::TYPE_MISMATCH, Path::root(), message);
        at.report(error.with_span(root.span));
        return;
    }
    let Some(descriptor) = pool.message(&Bootstrap::full_name()) else { return };
    let skeleton = binder.resource(&descriptor, root, &at, &STATIC_RESOURCES);
    if let Some(message) = skeleton.filter(|_| !loaded.diagnostics.has_errors()) {
        loaded.bootstrap = decode(&message.encode_to_vec(), &at).unwrap_or_default();
    }
    let entry = STATIC_RESOURCES.iter().find_map(|name| root.entry(name));
    let (Some((_, node)), Some(kind)) = (entry, descriptor.get_field_by_name(STATIC_RESOURCES[0])) else { return };
    let at = at.field(STATIC_RESOURCES[0]);
    if let Some(descriptor) = kind.kind().as_message() {
        // Nothing but the three lists is left in it, unless it is unknown.
        binder.resource(descriptor, node, &at, &[LISTENERS, CLUSTERS, SECRETS]);
    }
    loaded.listeners = bind_list(node, LISTENERS, binder, pool, &at);
    loaded.clusters = bind_list(node, CLUSTERS, binder, pool, &at);
    loaded.secrets = bind_list(node, SECRETS, binder, pool, &at);
}

fn bind_list<M: Message + Name + Default>(
    parent: &Node<'_>,
    name: &str,
    binder: &Binder<'_>,
    pool: &Pool,
    at: &At<'_>,
) -> Vec<Resource<M>> {
    let (Some((_, list)), Some(descriptor)) = (parent.entry(name), pool.message(&M::full_name())) else {
        return Vec::new();
    };
    if list.is_null() {
        return Vec::new();
    }
    let at = at.field(name);
    let items = list.as_list().unwrap_or(std::slice::from_ref(list));
    let mut resources = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        if let Some(message) = binder.resource(&descriptor, item, &at, &[]) {
            let wire = message.encode_to_vec().into_boxed_slice();
            resources.push(Resource { path: at.to_path(), wire, message: PhantomData });
        }
    }
    resources
}

/// A bootstrap in wire form (`.pb`) has no places, but the same rules.
fn load_wire<'s>(bytes: &[u8], pool: &Pool, diagnostics: Diagnostics) -> Loaded<'s> {
    let at = At::root(&diagnostics);
    let mut bootstrap = check_wire(bytes, pool, &at).unwrap_or_default();
    let resources = bootstrap.static_resources.take().unwrap_or_default();
    Loaded {
        bootstrap,
        listeners: pack_list(resources.listeners, LISTENERS),
        clusters: pack_list(resources.clusters, CLUSTERS),
        secrets: pack_list(resources.secrets, SECRETS),
        diagnostics,
        locator: Locator::none(),
    }
}

fn check_wire(bytes: &[u8], pool: &Pool, at: &At<'_>) -> Result<Bootstrap, Invalid> {
    let name = Bootstrap::full_name();
    let Some(descriptor) = pool.message(&name) else {
        return Err(at.error(code::UNKNOWN_TYPE, format!("unknown type '{name}'")));
    };
    let decoded = DynamicMessage::decode(descriptor, bytes);
    let broken = |error| at.error(code::BAD_WIRE, format!("the file is not an encoded bootstrap: {error}"));
    let changed = check_message(decoded.map_err(broken)?, pool, Stage::Bootstrap, at)?;
    decode(changed.as_deref().unwrap_or(bytes), at)
}

fn pack_list<M: Message>(messages: Vec<M>, name: &str) -> Vec<Resource<M>> {
    let pack = |(index, message): (usize, M)| Resource {
        path: Path::root().field(STATIC_RESOURCES[0]).field(name).index(index),
        wire: message.encode_to_vec().into_boxed_slice(),
        message: PhantomData,
    };
    messages.into_iter().enumerate().map(pack).collect()
}
