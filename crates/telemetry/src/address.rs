//! Addresses as logs print them.

use std::fmt::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::line::Line;

/// One end of a connection. Cheap to clone; printed only when an operator asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// An IP address with its port.
    Ip(SocketAddr),
    /// A Unix domain socket: its path, `@name` when abstract, empty for an unnamed peer.
    Pipe(Arc<str>),
}

impl Address {
    /// Appends `1.2.3.4:80`, `[::1]:80` or the path.
    pub fn append(&self, line: &mut Line) {
        match self {
            Self::Ip(address) => {
                match address.ip() {
                    IpAddr::V4(ip) => append_ipv4(ip.octets(), line),
                    // Writing to a line cannot fail.
                    IpAddr::V6(ip) => _ = write!(line, "[{ip}]"),
                }
                line.push(b':');
                line.append_decimal(address.port().into());
            }
            Self::Pipe(path) => line.append(path.as_bytes()),
        }
    }

    /// Appends `1.2.3.4`, `::1` or the path.
    pub fn append_without_port(&self, line: &mut Line) {
        match self {
            Self::Ip(address) => match address.ip() {
                IpAddr::V4(ip) => append_ipv4(ip.octets(), line),
                IpAddr::V6(ip) => _ = write!(line, "{ip}"),
            },
            Self::Pipe(path) => line.append(path.as_bytes()),
        }
    }

    /// The port of an IP address.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Pipe(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

fn append_ipv4(octets: [u8; 4], line: &mut Line) {
    for (at, octet) in octets.into_iter().enumerate() {
        if at > 0 {
            line.push(b'.');
        }
        line.append_decimal(octet.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_with_and_without_port() {
        check("127.0.0.1:80", "127.0.0.1:80", "127.0.0.1");
        check("10.200.30.4:65535", "10.200.30.4:65535", "10.200.30.4");
        check("[::1]:0", "[::1]:0", "::1");
        check("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", "2001:db8::1");

        #[track_caller]
        fn check(address: &str, with_port: &str, without_port: &str) {
            let address = Address::from(address.parse::<SocketAddr>().unwrap());
            let (mut with, mut without) = (Line::new(), Line::new());
            address.append(&mut with);
            address.append_without_port(&mut without);
            assert_eq!((with.as_bytes(), without.as_bytes()), (with_port.as_bytes(), without_port.as_bytes()));
        }
    }
}
