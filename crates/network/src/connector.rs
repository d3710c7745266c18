//! How a worker reaches other hosts: replaced as a whole in the simulation.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::net::TcpStream;

use crate::{TcpTransport, Transport};

/// A connection in the making. Dropping it gives up.
pub type ConnectFuture = Pin<Box<dyn Future<Output = io::Result<Connected>>>>;

/// A new connection with its own address.
pub type Connected = (Box<dyn Transport>, SocketAddr);

/// Opens connections. Owner: the worker.
pub trait Connector {
    /// Starts to connect to `address`; time limits are the caller's.
    fn connect(&self, address: SocketAddr) -> ConnectFuture;
}

/// Connects TCP sockets in the worker's tokio reactor.
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect(&self, address: SocketAddr) -> ConnectFuture {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let local = stream.local_addr()?;
            Ok((Box::new(TcpTransport::connected(stream)) as Box<dyn Transport>, local))
        })
    }
}
