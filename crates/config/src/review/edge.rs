//! Listeners that face the internet, and what they should not do without there.
//!
//! A listener is public when it is bound to the unspecified address, or to one that is not of a private network, unless
//! it is for traffic that leaves (`traffic_direction: OUTBOUND`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nuncio_proto::envoy::config::core::v3::TrafficDirection;
use nuncio_proto::envoy::config::core::v3::address::Address;
use nuncio_proto::envoy::config::listener::v3::{FilterChain, Listener, filter};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::CodecType;
use prost::{Message, Name};

use crate::at::{At, type_name};
use crate::diagnostic::{Diagnostic, code};
use crate::load::Loaded;

/// Judges all listeners.
pub(super) fn review(loaded: &Loaded<'_>, at: &At<'_>) {
    for resource in &loaded.listeners {
        let at = At::path(at.sink(), resource.path());
        let Ok(listener) = resource.message(&at) else { continue };
        if !is_public(&listener) {
            continue;
        }
        if listener.per_connection_buffer_limit_bytes.is_none() {
            let message = "a public listener buffers up to 1 MiB of each connection";
            let help = "set per_connection_buffer_limit_bytes, 32768 for instance";
            tell(code::EDGE_BUFFER_LIMIT, message, help, &at.field("per_connection_buffer_limit_bytes"));
        }
        review_chains(&listener, &at);
    }
}

fn review_chains(listener: &Listener, at: &At<'_>) {
    for (index, chain) in listener.filter_chains.iter().enumerate() {
        review_chain(chain, &at.field("filter_chains").index(index));
    }
    if let Some(chain) = &listener.default_filter_chain {
        review_chain(chain, &at.field("default_filter_chain"));
    }
}

fn review_chain(chain: &FilterChain, at: &At<'_>) {
    for (index, filter) in chain.filters.iter().enumerate() {
        let Some(filter::ConfigType::TypedConfig(any)) = &filter.config_type else { continue };
        if type_name(&any.type_url) != HttpConnectionManager::full_name() {
            continue;
        }
        let Ok(manager) = HttpConnectionManager::decode(any.value.as_slice()) else { continue };
        let speaks_http2 = matches!(manager.codec_type(), CodecType::Auto | CodecType::Http2);
        let options = manager.http2_protocol_options.as_ref();
        if speaks_http2 && options.is_none_or(|options| options.max_concurrent_streams.is_none()) {
            let at = at.field("filters");
            let at = at.index(index);
            let at = at.field("typed_config");
            let at = at.field("http2_protocol_options");
            let message = "a public listener lets each HTTP/2 connection have 1024 streams at once";
            let help = "set http2_protocol_options.max_concurrent_streams, 100 for instance";
            tell(code::EDGE_HTTP2_STREAMS, message, help, &at);
        }
    }
}

fn tell(code: &'static str, message: &str, help: &str, at: &At<'_>) {
    at.sink().push(Diagnostic::warning(code, at.to_path(), message).with_help(Some(help.to_owned())));
}

fn is_public(listener: &Listener) -> bool {
    let Some(Address::SocketAddress(socket)) = listener.address.as_ref().and_then(|address| address.address.as_ref())
    else {
        return false;
    };
    let is_outbound = listener.traffic_direction() == TrafficDirection::Outbound;
    !is_outbound && socket.address.parse().is_ok_and(is_public_address)
}

fn is_public_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared(v4)),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unicast_link_local() || is_unique_local(v6)),
    }
}

/// RFC 6598: 100.64.0.0/10, behind a carrier's NAT.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

/// RFC 4193: fc00::/7.
fn is_unique_local(address: Ipv6Addr) -> bool {
    address.octets()[0] & 0xfe == 0xfc
}
