//! What a configuration has names for, and names given twice.

use std::collections::{BTreeMap, BTreeSet};

use nuncio_proto::envoy::config::core::v3::address::Address;
use nuncio_proto::envoy::config::core::v3::{SocketAddress, socket_address};
use nuncio_proto::envoy::config::listener::v3::Listener;
use nuncio_proto::envoy::extensions::transport_sockets::tls::v3::secret::Type;

use crate::at::At;
use crate::diagnostic::{Diagnostic, Path, code};
use crate::load::Loaded;
use crate::suggest::instead_of;

/// What can be referred to.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) clusters: BTreeSet<String>,
    /// Whether more clusters come from a control plane.
    pub(super) has_more_clusters: bool,
    /// Those that take connections from inside the process.
    pub(super) internal_listeners: BTreeSet<String>,
    /// Whether more listeners come from a control plane.
    pub(super) has_more_listeners: bool,
    secrets: BTreeMap<Secret, BTreeSet<String>>,
}

/// The kinds of secrets, each with names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secret {
    Certificate,
    Validation,
    TicketKeys,
    Generic,
}

impl Names {
    /// All names; those that are given twice are reported.
    pub(super) fn collect(loaded: &Loaded<'_>) -> Self {
        let mut names = Self::default();
        if let Some(dynamic) = &loaded.bootstrap.dynamic_resources {
            names.has_more_clusters = dynamic.cds_config.is_some() || !dynamic.cds_resources_locator.is_empty();
            names.has_more_listeners = dynamic.lds_config.is_some() || !dynamic.lds_resources_locator.is_empty();
        }
        for resource in &loaded.clusters {
            let at = At::path(&loaded.diagnostics, resource.path());
            names
                .clusters
                .extend(resource.message(&at).map(|cluster| cluster.name).ok().filter(|name| !name.is_empty()));
        }
        let mut listeners = Listeners::default();
        for resource in &loaded.listeners {
            let at = At::path(&loaded.diagnostics, resource.path());
            let Ok(listener) = resource.message(&at) else { continue };
            listeners.add(&listener, &at);
            if is_internal(&listener) {
                names.internal_listeners.insert(listener.name);
            }
        }
        for resource in &loaded.secrets {
            let at = At::path(&loaded.diagnostics, resource.path());
            let Ok(secret) = resource.message(&at) else { continue };
            let Some(kind) = secret.r#type.as_ref().map(Secret::of) else { continue };
            if !names.secrets.entry(kind).or_default().insert(secret.name.clone()) {
                let message = format!("Duplicate static {} secret name {}", kind.type_name(), secret.name);
                at.field("name").invalid(message);
            }
        }
        names
    }

    /// What to do about a cluster that does not exist.
    pub(super) fn cluster_help(&self, name: &str) -> Option<String> {
        instead_of(name, &self.clusters, "cluster")
    }

    pub(super) fn has_secret(&self, kind: Secret, name: &str) -> bool {
        self.secrets.get(&kind).is_some_and(|names| names.contains(name))
    }

    /// What to do about a secret that does not exist.
    pub(super) fn secret_help(&self, kind: Secret, name: &str) -> Option<String> {
        let other = self.secrets.iter().find(|(_, names)| names.contains(name)).map(|(other, _)| other);
        if let Some(other) = other {
            return Some(format!("'{name}' is a {}, not a {}", other.field(), kind.field()));
        }
        let none = BTreeSet::new();
        instead_of(
            name,
            self.secrets.get(&kind).unwrap_or(&none),
            &format!("{} in static_resources.secrets", kind.field()),
        )
    }
}

impl Secret {
    fn of(kind: &Type) -> Self {
        match kind {
            Type::TlsCertificate(_) => Self::Certificate,
            Type::ValidationContext(_) => Self::Validation,
            Type::SessionTicketKeys(_) => Self::TicketKeys,
            Type::GenericSecret(_) => Self::Generic,
        }
    }

    /// The name of the message.
    fn type_name(self) -> &'static str {
        match self {
            Self::Certificate => "TlsCertificate",
            Self::Validation => "CertificateValidationContext",
            Self::TicketKeys => "TlsSessionTicketKeys",
            Self::Generic => "GenericSecret",
        }
    }

    /// The field of `Secret`.
    fn field(self) -> &'static str {
        match self {
            Self::Certificate => "tls_certificate",
            Self::Validation => "validation_context",
            Self::TicketKeys => "session_ticket_keys",
            Self::Generic => "generic_secret",
        }
    }
}

/// The listeners so far, by what only one may have.
#[derive(Debug, Default)]
struct Listeners {
    names: BTreeSet<String>,
    /// The first listener with this address.
    addresses: BTreeMap<(i32, String, u32), Path>,
}

impl Listeners {
    fn add(&mut self, listener: &Listener, at: &At<'_>) {
        // One without a name has one that nobody knows.
        if !listener.name.is_empty() && !self.names.insert(listener.name.clone()) {
            let message = format!("the listener '{}' is there already: this one takes its place", listener.name);
            at.field("name").warning(code::DUPLICATE_NAME, message);
            return;
        }
        let Some(key) = address(listener) else { return };
        if let Some(first) = self.addresses.get(&key) {
            let (_, address, port) = &key;
            let message = format!(
                "error adding listener: '{}' has duplicate address '{address}:{port}' as existing listener",
                listener.name
            );
            let help = Some(format!("{first} has it"));
            let error = Diagnostic::error(code::INVALID, at.field("address").to_path(), message);
            at.report(error.with_help(help));
        } else {
            self.addresses.insert(key, at.to_path());
        }
    }
}

/// Protocol, address and port. Port 0 is another one each time.
fn address(listener: &Listener) -> Option<(i32, String, u32)> {
    let Address::SocketAddress(SocketAddress { protocol, address, port_specifier, .. }) =
        listener.address.as_ref()?.address.as_ref()?
    else {
        return None;
    };
    match port_specifier {
        Some(socket_address::PortSpecifier::PortValue(port)) if *port > 0 => Some((*protocol, address.clone(), *port)),
        _ => None,
    }
}

fn is_internal(listener: &Listener) -> bool {
    use nuncio_proto::envoy::config::listener::v3::listener::ListenerSpecifier;
    matches!(listener.listener_specifier, Some(ListenerSpecifier::InternalListener(_)))
}
