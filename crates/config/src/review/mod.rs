//! A second look at a configuration that was read: what refers to what, and what is odd though legal.
//!
//! Everything is looked at, also what is packed, and whether or not this proxy has it: someone who brings a configuration
//! is told all of it at once. What Envoy refuses is an error in Envoy's words; what Envoy lets pass, but nobody means, is a
//! warning that can be switched off.
//!
//! `walk` goes through the messages, `names` knows what can be referred to, `references` knows which fields refer,
//! `chains` judges the order of filters, `routes` and `unreachable` routes, `edge` listeners that face the internet.

mod chains;
mod edge;
mod names;
mod references;
mod routes;
mod unreachable;
mod walk;

use nuncio_proto::envoy::config::cluster::v3::Cluster;
use nuncio_proto::envoy::config::listener::v3::Listener;
use nuncio_proto::envoy::extensions::transport_sockets::tls::v3::Secret;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;

use crate::at::At;
use crate::diagnostic::Path;
use crate::load::{Loaded, Resource};
use crate::schema::{Pool, Schema};
pub use chains::{Chain, filter_order};
use names::Names;
use walk::{Via, Walk};

/// A typed configuration somewhere in a bootstrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Where it is.
    pub path: Path,
    /// The full name of its type.
    pub type_name: String,
}

/// Adds to the diagnostics of a configuration what is seen only when it is looked at as a whole. Returns every typed
/// configuration that it has met.
pub fn review(loaded: &Loaded<'_>, schema: &Schema) -> Vec<Use> {
    let pool = schema.pool();
    let at = At::root(&loaded.diagnostics);
    let names = Names::collect(loaded);
    let mut walk = Walk::new(&pool, &names);
    let skeleton = loaded.bootstrap.encode_to_vec();
    if let Some(message) = decode(&pool, Loaded::TYPE, &skeleton) {
        walk.message(&message, &at, &Via::ROOT);
    }
    each::<Listener>(&loaded.listeners, &pool, &mut walk, &at);
    each::<Cluster>(&loaded.clusters, &pool, &mut walk, &at);
    each::<Secret>(&loaded.secrets, &pool, &mut walk, &at);
    edge::review(loaded, &at);
    walk.uses
}

impl Loaded<'_> {
    /// The type of [`bootstrap`](Self::bootstrap).
    const TYPE: &'static str = "envoy.config.bootstrap.v3.Bootstrap";
}

fn each<M: Message + Name + Default>(resources: &[Resource<M>], pool: &Pool, walk: &mut Walk<'_>, at: &At<'_>) {
    for resource in resources {
        let at = At::path(at.sink(), resource.path());
        if let Some(message) = decode(pool, &M::full_name(), resource.wire()) {
            walk.message(&message, &at, &Via::ROOT);
        }
    }
}

/// What was read here before; what could not be decoded has been reported then.
fn decode(pool: &Pool, name: &str, wire: &[u8]) -> Option<DynamicMessage> {
    DynamicMessage::decode(pool.message(name)?, wire).ok()
}

#[cfg(test)]
mod tests;
