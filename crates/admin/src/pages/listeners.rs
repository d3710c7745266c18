//! `/listeners`: the listeners that are up, and the addresses that they are bound to.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::json::Json;
use crate::page::{Answer, Ask, Page, Parameter, Reply, Takes};
use crate::pages::clusters::socket_address;

/// The listeners that are up, in order. Written and read by main.
#[derive(Debug, Clone, Default)]
pub struct Active(Arc<RwLock<Vec<(String, SocketAddr)>>>);

impl Active {
    /// Adds a listener that was bound to `address`.
    pub fn add(&self, name: &str, address: SocketAddr) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), address));
    }

    fn all(&self) -> Vec<(String, SocketAddr)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells them, as text or JSON.
pub struct Listeners(pub Active);

impl Page for Listeners {
    fn path(&self) -> &'static str {
        "/listeners"
    }

    fn help(&self) -> &'static str {
        "print listener info"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter { name: "format", help: "File format to use", takes: Takes::OneOf(&["text", "json"]) }]
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        let listeners = self.0.all();
        // Any other format is text, as in Envoy.
        match ask.parameter("format").as_deref() {
            Some("json") => Answer::json(&as_json(&listeners)),
            _ => Answer::text(200, as_text(&listeners)),
        }
        .into()
    }
}

fn as_text(listeners: &[(String, SocketAddr)]) -> String {
    listeners.iter().map(|(name, address)| format!("{name}::{address}\n")).collect()
}

fn as_json(listeners: &[(String, SocketAddr)]) -> Json {
    let status = |(name, address): &(String, SocketAddr)| {
        Json::sparse([("name", Json::text(name)), ("local_address", socket_address(*address))])
    };
    Json::sparse([("listener_statuses", Json::List(listeners.iter().map(status).collect()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bound_addresses_are_told() {
        let active = Active::default();
        active.add("ingress", SocketAddr::from(([127, 0, 0, 1], 27000)));
        let listeners = active.all();
        assert_eq!(as_text(&listeners), "ingress::127.0.0.1:27000\n");
        let expected = "{\n \"listener_statuses\": [\n  {\n   \"name\": \"ingress\",\n   \"local_address\": {\n    \
                        \"socket_address\": {\n     \"address\": \"127.0.0.1\",\n     \"port_value\": 27000\n    }\n   \
                        }\n  }\n ]\n}\n";
        assert_eq!(as_json(&listeners).document(), expected);
        assert_eq!(as_json(&[]).document(), "{}\n");
    }
}
