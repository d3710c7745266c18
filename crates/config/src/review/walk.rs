//! Goes through every message of a resource, packed ones too.

use nuncio_proto::envoy::config::listener::v3::FilterChain;
use nuncio_proto::envoy::config::route::v3::RouteConfiguration;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::names::Names;
use super::{Use, chains, decode, references, routes};
use crate::at::{At, type_name};
use crate::rules::key_text;
use crate::schema::Pool;

/// How a message was reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via<'v> {
    above: Option<&'v Self>,
    /// The full name of the message that has the field.
    pub(super) message: &'v str,
    /// The field.
    pub(super) field: &'v str,
}

/// A walk through resources, one after the other.
pub(super) struct Walk<'w> {
    pool: &'w Pool,
    names: &'w Names,
    /// Whether the routes that are gone through must name clusters that exist.
    validates_clusters: bool,
    pub(super) uses: Vec<Use>,
}

impl Via<'_> {
    /// A resource.
    pub(super) const ROOT: Self = Self { above: None, message: "", field: "" };

    /// Whether it belongs to the stream that carries all kinds of resources.
    pub(super) fn is_ads(&self) -> bool {
        self.field == "ads_config" || self.above.is_some_and(Self::is_ads)
    }

    /// Whether the message stands in one of this type, in whatever depth.
    pub(super) fn is_within(&self, message: &str) -> bool {
        self.message == message || self.above.is_some_and(|above| above.is_within(message))
    }
}

impl<'w> Walk<'w> {
    pub(super) fn new(pool: &'w Pool, names: &'w Names) -> Self {
        Self { pool, names, validates_clusters: true, uses: Vec::new() }
    }

    /// Judges a message and everything in it.
    pub(super) fn message(&mut self, message: &DynamicMessage, at: &At<'_>, via: &Via<'_>) {
        let descriptor = message.descriptor();
        match descriptor.full_name() {
            "google.protobuf.Any" => return self.packed(message, at, via),
            "envoy.config.route.v3.RouteConfiguration" => {
                if let Some(proto) = typed::<RouteConfiguration>(message) {
                    // Absent it means yes wherever the routes stand in a file.
                    self.validates_clusters = proto.validate_clusters.unwrap_or(true);
                    routes::review(&proto, self.names, self.validates_clusters, at);
                }
            }
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager" => {
                typed::<HttpConnectionManager>(message).iter().for_each(|proto| chains::review_http(proto, at));
            }
            "envoy.config.listener.v3.FilterChain" => {
                typed::<FilterChain>(message).iter().for_each(|proto| chains::review_network(proto, at));
            }
            name if name.starts_with("google.protobuf.") => return,
            name => references::review(name, message, self.names, self.validates_clusters, at, via),
        }
        for (field, value) in message.fields() {
            let via = Via { above: Some(via), message: descriptor.full_name(), field: field.name() };
            if field.kind().as_message().is_some() {
                self.value(value, &at.field(field.name()), &via);
            }
        }
    }

    fn value(&mut self, value: &Value, at: &At<'_>, via: &Via<'_>) {
        match value {
            Value::Message(message) => self.message(message, at, via),
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(item, &at.index(index), via);
                }
            }
            Value::Map(map) => {
                for (key, value) in map {
                    self.value(value, &at.key(&key_text(key)), via);
                }
            }
            _ => {}
        }
    }

    fn packed(&mut self, any: &DynamicMessage, at: &At<'_>, via: &Via<'_>) {
        let (Some(url), Some(bytes)) = (any.get_field_by_number(1), any.get_field_by_number(2)) else { return };
        let (Some(url), Some(bytes)) = (url.as_str(), bytes.as_bytes()) else { return };
        self.uses.push(Use { path: at.to_path(), type_name: type_name(url).to_owned() });
        if let Some(message) = decode(self.pool, type_name(url), bytes) {
            self.message(&message, at, via);
        }
    }
}

/// The message as its generated type.
fn typed<M: Message + Default>(message: &DynamicMessage) -> Option<M> {
    message.transcode_to().ok()
}
