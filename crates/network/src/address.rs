//! Addresses as configuration writes them and logs print them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::core::v3 as pb;

/// A socket address with its text, made once.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    socket: SocketAddr,
    text: Arc<str>,
}

impl Address {
    /// The address to bind or connect to.
    pub fn socket(&self) -> SocketAddr {
        self.socket
    }

    /// `ip:port`, IPv6 in brackets.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Parses `envoy.config.core.v3.Address`; only TCP socket addresses with an IP and a port number are supported.
    ///
    /// # Errors
    /// Reported at the path: other kinds of address, names instead of numbers.
    pub fn parse(proto: pb::Address, at: &At<'_>) -> Result<Self, Invalid> {
        match proto.address {
            Some(pb::address::Address::SocketAddress(socket)) => {
                Self::parse_socket(socket, &at.field("socket_address"))
            }
            Some(pb::address::Address::Pipe(_)) => Err(at.field("pipe").not_implemented("a pipe address")),
            Some(pb::address::Address::EnvoyInternalAddress(_)) => {
                Err(at.field("envoy_internal_address").not_implemented("an internal address"))
            }
            None => Err(at.invalid("an address is required")),
        }
    }

    fn parse_socket(proto: pb::SocketAddress, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::SocketAddress {
            protocol,
            address,
            resolver_name,
            ipv4_compat,
            network_namespace_filepath,
            port_specifier,
        } = proto;
        let mut f = at.fields();
        f.unsupported("resolver_name", resolver_name);
        f.unsupported("ipv4_compat", ipv4_compat);
        f.unsupported("network_namespace_filepath", network_namespace_filepath);
        f.unsupported("protocol", protocol);
        let ip = f.value("address", address, |text, at| {
            text.parse::<IpAddr>().map_err(|_| {
                // Envoy's own words, which operators search for.
                at.invalid(format!(
                    "malformed IP address: {text}. Consider setting resolver_name or setting cluster type to \
                     'STRICT_DNS' or 'LOGICAL_DNS'"
                ))
            })
        });
        let port = match port_specifier {
            Some(pb::socket_address::PortSpecifier::PortValue(port)) => f.value("port_value", port, |port, at| {
                u16::try_from(port).map_err(|_| at.invalid(format!("must be at most 65535, got {port}")))
            }),
            Some(pb::socket_address::PortSpecifier::NamedPort(name)) => {
                f.value("named_port", name, |_, at| Err(at.not_implemented("a named port")))
            }
            None => f.value("port_value", (), |(), at| Err(at.invalid("a port is required"))),
        };
        f.finish(|| Self::from(SocketAddr::new(ip.take(), port.take())))
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self { socket, text: Arc::from(socket.to_string()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
