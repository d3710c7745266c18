//! Who the client is: the peer, or whom `x-forwarded-for` names; and whether that is one of us.

use std::net::{IpAddr, SocketAddr};

use nuncio_config::{At, Invalid};
use nuncio_matching::CidrRange;
use nuncio_message::{HeaderId, Headers};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager as pb;

/// What a connection manager believes about clients. Shared by all workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientRules {
    /// `use_remote_address`: this is the edge, and the peer is the client.
    pub(super) uses_remote_address: bool,
    /// `xff_num_trusted_hops`
    pub(super) trusted_hops: u32,
    /// `skip_xff_append`
    pub(super) skips_append: bool,
    /// `append_x_forwarded_port`
    pub(super) appends_port: bool,
    /// `internal_address_config`; unset: nobody is internal.
    pub(super) internal: InternalAddresses,
    /// Our own address, which is written in place of a loopback one.
    pub(super) own_address: Option<IpAddr>,
}

/// `InternalAddressConfig`, of IP addresses: no connection comes from a Unix socket.
#[derive(Clone, Debug, Default)]
pub(super) struct InternalAddresses(Box<[CidrRange]>);

/// What was found out about the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Client {
    /// Its address, when it is not the peer's.
    pub(super) address: Option<IpAddr>,
    pub(super) origin: Origin,
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A configured internal address: its `x-envoy-` headers count.
    Internal,
    /// Another proxy, which has dealt with the outside.
    External,
    /// The outside: this is the first proxy.
    Edge,
}

/// The connection manager's fields that concern clients, by their names.
pub(super) struct ClientFields {
    pub(super) use_remote_address: Option<bool>,
    pub(super) xff_num_trusted_hops: u32,
    pub(super) skip_xff_append: bool,
    pub(super) append_x_forwarded_port: bool,
    pub(super) internal_address_config: Option<pb::InternalAddressConfig>,
}

impl ClientRules {
    /// Parses the fields; `own_address` is this process's.
    pub(super) fn parse(proto: ClientFields, own_address: Option<IpAddr>, at: &At<'_>) -> Result<Self, Invalid> {
        let ClientFields {
            use_remote_address,
            xff_num_trusted_hops,
            skip_xff_append,
            append_x_forwarded_port,
            internal_address_config,
        } = proto;
        let uses_remote_address = use_remote_address.unwrap_or(false);
        let mut f = at.fields();
        if !uses_remote_address {
            f.without_effect("skip_xff_append", skip_xff_append, "'use_remote_address' is off");
        }
        let internal = InternalAddresses::default();
        let internal =
            f.optional_or("internal_address_config", internal_address_config, internal, InternalAddresses::parse);
        f.finish(|| Self {
            uses_remote_address,
            trusted_hops: xff_num_trusted_hops,
            skips_append: skip_xff_append,
            appends_port: append_x_forwarded_port,
            internal: internal.take(),
            own_address,
        })
    }

    /// Finds out who the client is, and brings the `x-forwarded-` headers up to date.
    pub(super) fn identify(&self, request: &mut Headers, peer: SocketAddr, local: SocketAddr) -> Client {
        let client =
            if self.uses_remote_address { self.at_edge(request, peer, local) } else { self.behind(request, peer) };
        if !request.has(HeaderId::X_FORWARDED_PROTO) {
            request.push(HeaderId::X_FORWARDED_PROTO, b"http");
        }
        if self.appends_port && !request.has(HeaderId::X_FORWARDED_PORT) {
            request.set_number(HeaderId::X_FORWARDED_PORT, local.port().into());
        }
        client
    }

    /// We are the edge: what the client says counts only as far as trusted proxies stand before us.
    fn at_edge(&self, request: &mut Headers, peer: SocketAddr, local: SocketAddr) -> Client {
        let is_first = !request.has(HeaderId::X_FORWARDED_FOR);
        let forwarded = match self.trusted_hops {
            0 => None,
            hops => last_forwarded(request, hops - 1),
        };
        let address = forwarded.map_or_else(|| peer.ip(), |forwarded| forwarded.address);
        if !self.skips_append {
            let appended = if peer.ip().is_loopback() { self.own_address.unwrap_or(peer.ip()) } else { peer.ip() };
            append_address(request, appended);
        }
        if self.trusted_hops == 0 || !request.has(HeaderId::X_FORWARDED_PROTO) {
            request.set(HeaderId::X_FORWARDED_PROTO, b"http");
        }
        if self.appends_port && (self.trusted_hops == 0 || !request.has(HeaderId::X_FORWARDED_PORT)) {
            request.set_number(HeaderId::X_FORWARDED_PORT, local.port().into());
        }
        let origin = if is_first && self.internal.contains(address) { Origin::Internal } else { Origin::Edge };
        Client { address: forwarded.map(|forwarded| forwarded.address), origin }
    }

    /// A trusted proxy stands before us.
    fn behind(&self, request: &Headers, _peer: SocketAddr) -> Client {
        let Some(forwarded) = last_forwarded(request, self.trusted_hops) else {
            return Client { address: None, origin: Origin::External };
        };
        let is_internal = forwarded.is_only && self.internal.contains(forwarded.address);
        let origin = if is_internal { Origin::Internal } else { Origin::External };
        Client { address: Some(forwarded.address), origin }
    }
}

impl InternalAddresses {
    fn parse(proto: pb::InternalAddressConfig, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::InternalAddressConfig { unix_sockets, cidr_ranges } = proto;
        let mut f = at.fields();
        f.without_effect("unix_sockets", unix_sockets, "listeners have IP addresses");
        let ranges = f.each("cidr_ranges", cidr_ranges, CidrRange::parse);
        f.finish(|| Self(ranges.take().into()))
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

/// An address of `x-forwarded-for`.
#[derive(Clone, Copy)]
struct Forwarded {
    address: IpAddr,
    /// Whether there is no other.
    is_only: bool,
}

/// The last address of `x-forwarded-for` but for `skipped` ones.
fn last_forwarded(request: &Headers, skipped: u32) -> Option<Forwarded> {
    let mut rest = request.get(HeaderId::X_FORWARDED_FOR)?;
    for _ in 0..skipped {
        rest = &rest[..rest.iter().rposition(|&b| b == b',')?];
    }
    let comma = rest.iter().rposition(|&b| b == b',');
    // A comma at the very end stays, so that the text is no address: the list may have been cut.
    let last = match comma {
        Some(at) if at + 1 < rest.len() => &rest[at + 1..],
        Some(_) | None => rest,
    };
    let address = std::str::from_utf8(last.trim_ascii()).ok()?.parse().ok()?;
    Some(Forwarded { address, is_only: comma.is_none() && skipped == 0 })
}

fn append_address(request: &mut Headers, address: IpAddr) {
    use std::io::Write;
    // The longest IPv6 address has 45 characters.
    let mut text = [0; 48];
    let mut left = &mut text[..];
    // An address is shorter than the array: writing cannot fail.
    let _ = write!(left, "{address}");
    let length = 48 - left.len();
    if request.get(HeaderId::X_FORWARDED_FOR).is_some_and(<[u8]>::is_empty) {
        request.set(HeaderId::X_FORWARDED_FOR, &text[..length]);
    } else {
        request.append(HeaderId::X_FORWARDED_FOR, b",", &text[..length]);
    }
}

#[cfg(test)]
mod tests;
