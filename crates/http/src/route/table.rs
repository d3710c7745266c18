//! The route of a request: first its virtual host, by authority, then the first route there that matches.
//!
//! Before: a filter or the router asked for the route. Next: the router acts on it. Beside it: `route_configuration.rs`
//! (parses it), `route_ref.rs` (how a stream holds its route), `domains.rs`, `virtual_host.rs` and `matcher.rs` (leaves).

use std::sync::Arc;

use nuncio_message::HeaderId;
use nuncio_message::Headers;

use super::domains::Domains;
use super::domains::without_port;
use super::entry::Route;
use super::header_mutations::MutationOrder;
use super::level::Level;
use super::virtual_host::VirtualHost;

/// `envoy.config.route.v3.RouteConfiguration`. Shared, immutable: a stream pins the table that it found its route in.
pub struct Table {
    pub(super) name: Arc<str>,
    pub(super) domains: Domains,
    pub(super) virtual_hosts: Box<[VirtualHost]>,
    pub(super) is_port_ignored: bool,
    pub(super) validates_clusters: Option<bool>,
    pub(super) level: Level,
    pub(super) order: MutationOrder,
    pub(super) internal_only_headers: Box<[Box<[u8]>]>,
}

/// The place of a route in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// Index of the virtual host.
    pub virtual_host: u32,
    /// Index of the route there.
    pub route: u32,
}

/// Why there is no route. Both are answered with 404, `NR` and `route_not_found`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No virtual host has the request's authority.
    VirtualHost,
    /// No route of the virtual host matches.
    Route,
}

impl Table {
    /// The place of the route for a request. The random number decides about runtime fractions.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, headers: &Headers, random: u64) -> Result<RouteKey, Miss> {
        let mut authority = headers.get(HeaderId::AUTHORITY).unwrap_or_default();
        if self.is_port_ignored {
            authority = without_port(authority);
        }
        let virtual_host = self.domains.find(authority).ok_or(Miss::VirtualHost)?;
        let route = self.virtual_hosts[virtual_host as usize].find(headers, random).ok_or(Miss::Route)?;
        Ok(RouteKey { virtual_host, route: route as u32 })
    }

    /// The route at a place of this table.
    pub fn route(&self, key: RouteKey) -> &Route {
        &self.virtual_host(key).routes[key.route as usize]
    }

    /// The virtual host at a place of this table.
    pub fn virtual_host(&self, key: RouteKey) -> &VirtualHost {
        &self.virtual_hosts[key.virtual_host as usize]
    }
}
