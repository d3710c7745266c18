//! Listening sockets: made by main, lent to workers.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// How listening sockets are made.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// One socket a worker on the same address (SO_REUSEPORT), so that the kernel spreads connections.
    pub reuse_port: bool,
    /// Length of the accept queue.
    pub backlog: u32,
}

/// A socket that could not be made.
#[derive(Debug)]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// The system's reason.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    /// Envoy's words, which operators search for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.source.kind() {
            io::ErrorKind::AddrInUse => "Address already in use".into(),
            io::ErrorKind::PermissionDenied => "Permission denied".into(),
            io::ErrorKind::AddrNotAvailable => "Cannot assign requested address".into(),
            _ => self.source.to_string(),
        };
        write!(f, "cannot bind '{}': {reason}", self.address)
    }
}

// The system's reason stands in the text already, so it is no `source`.
impl std::error::Error for BindError {}

/// Makes `count` listening sockets on `address`. Port 0 is chosen once and shared by all.
///
/// # Errors
/// When a socket cannot be made, bound or put into listening.
pub fn bind(address: SocketAddr, count: usize, options: ListenOptions) -> Result<Vec<TcpListener>, BindError> {
    let fail = |source| BindError { address, source };
    let first = listen(address, options).map_err(fail)?;
    let bound = first.local_addr().map_err(fail)?;
    let mut sockets = vec![first];
    while sockets.len() < count {
        let next = if options.reuse_port { listen(bound, options) } else { sockets[0].try_clone() };
        sockets.push(next.map_err(fail)?);
    }
    Ok(sockets)
}

fn listen(address: SocketAddr, options: ListenOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What it accepts inherits it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: ListenOptions = ListenOptions { reuse_port: true, backlog: 16 };

    #[test]
    fn sockets_share_a_chosen_port() {
        let sockets = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 3, OPTIONS).expect("loopback can be bound");
        let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().expect("it is bound").port()).collect();
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]));
    }

    #[test]
    fn accepted_connections_do_not_delay_small_writes() {
        let socket =
            bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, OPTIONS).expect("loopback can be bound").swap_remove(0);
        socket.set_nonblocking(false).expect("a socket may block");
        let _client = std::net::TcpStream::connect(socket.local_addr().expect("it is bound")).expect("it listens");
        let (accepted, _) = socket.accept().expect("somebody has connected");
        assert!(accepted.nodelay().expect("the option can be read"));
    }

    #[test]
    fn a_port_in_use_is_named() {
        let only = ListenOptions { reuse_port: false, ..OPTIONS };
        let held = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, only).expect("loopback can be bound");
        let address = held[0].local_addr().expect("it is bound");
        let error = bind(address, 1, only).expect_err("the port is taken");
        assert_eq!(error.to_string(), format!("cannot bind '{address}': Address already in use"));
    }
}
