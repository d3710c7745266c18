//! From a bootstrap's text to typed messages.
//!
//! A bootstrap may come in layers, a file and `--config-yaml` over it. Of each the skeleton, which is everything but the
//! static resources, is made a message by itself, and these are merged, by protobuf's rules: encoded one behind the other
//! they decode as one. The rules are checked after that. Resources only add up, so they are read one by one.

mod layer;

use std::marker::PhantomData;

use nuncio_proto::envoy::config::bootstrap::v3::{Bootstrap, LayeredRuntime};
use nuncio_proto::envoy::config::cluster::v3::Cluster;
use nuncio_proto::envoy::config::listener::v3::Listener;
use nuncio_proto::envoy::extensions::transport_sockets::tls::v3::Secret;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;

use crate::at::{At, Invalid, decode};
use crate::bind::Binder;
use crate::diagnostic::{Diagnostic, Diagnostics, Path};
use crate::load::layer::Layer;
use crate::locator::Locator;
use crate::rules::{Features, Payloads, Stage};
use crate::schema::{Pool, Schema};
use crate::source::Source;

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
    pool.expect(&Bootstrap::full_name(), source.layers().map(|(layer, _)| layer.bytes()));
    let binder = Binder::of(&pool, source);
    let diagnostics = Diagnostics::new();
    let at = At::root(&diagnostics);
    let mut layers: Vec<Layer<'s>> =
        source.layers().map(|(source, before)| Layer::read(source, before, &pool, &at)).collect();
    *pool.features.borrow_mut() = features(&layers, &pool);
    let bootstrap = skeleton(&mut layers, &binder, &at).unwrap_or_default();
    let listeners = resources(&mut layers, "listeners", &binder, &at);
    let clusters = resources(&mut layers, "clusters", &binder, &at);
    let secrets = resources(&mut layers, "secrets", &binder, &at);
    let locator = Locator::new(layers.into_iter().map(Layer::into_tree).collect());
    Loaded { bootstrap, listeners, clusters, secrets, diagnostics, locator }
}

/// Merges the skeletons and checks the result. It is typed also if something is wrong, for what else there is to find.
fn skeleton(layers: &mut [Layer<'_>], binder: &Binder<'_>, at: &At<'_>) -> Option<Bootstrap> {
    let descriptor = binder.pool().message(&Bootstrap::full_name())?;
    let parts: Vec<DynamicMessage> =
        layers.iter_mut().filter_map(|layer| layer.skeleton(&descriptor, binder, at)).collect();
    let wire: Vec<u8> = parts.iter().flat_map(Message::encode_to_vec).collect();
    let merged = match <[DynamicMessage; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(_) => DynamicMessage::decode(descriptor, wire.as_slice()).ok()?,
    };
    binder.check(&merged, payloads(layers), Stage::Bootstrap, at);
    decode(&wire, at).ok()
}

/// What the runtime's static layers say of deprecations: that decides how the rest is judged. Their own mistakes are found
/// with those of the rest.
fn features(layers: &[Layer<'_>], pool: &Pool) -> Features {
    let Some(descriptor) = pool.message(&LayeredRuntime::full_name()) else { return Features::default() };
    let wire: Vec<u8> = layers.iter().filter_map(|layer| layer.runtime(&descriptor, pool)).flatten().collect();
    LayeredRuntime::decode(wire.as_slice()).map(|runtime| Features::read(&runtime)).unwrap_or_default()
}

fn payloads(layers: &[Layer<'_>]) -> Payloads {
    // A tree's payloads are checked when they are bound.
    let is_message = |layer: &Layer<'_>| matches!(layer, Layer::Message(_));
    if layers.iter().any(is_message) { Payloads::Check } else { Payloads::Skip }
}

const STATIC_RESOURCES: &str = "static_resources";

/// The resources of one kind, of all layers.
fn resources<M: Message + Name + Default>(
    layers: &mut [Layer<'_>],
    list: &str,
    binder: &Binder<'_>,
    at: &At<'_>,
) -> Vec<Resource<M>> {
    let Some(descriptor) = binder.pool().message(&M::full_name()) else { return Vec::new() };
    let at = at.field(STATIC_RESOURCES);
    let at = at.field(list);
    let (mut resources, mut before) = (Vec::new(), 0);
    for layer in layers {
        before += layer.resources(list, &descriptor, binder, &at, before, &mut |message, at| {
            let wire = message.encode_to_vec().into_boxed_slice();
            resources.push(Resource { path: at.to_path(), wire, message: PhantomData });
        });
    }
    resources
}
