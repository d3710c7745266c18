//! Addresses, sockets and transports: tokio's or simulated ones.

mod address;
mod connector;
mod limits;
mod listen;
mod own_address;
mod tcp;
mod transport;

pub use address::Address;
pub use connector::{ConnectFuture, Connected, Connector, TcpConnector};
pub use limits::{allow_core_dumps, raise_descriptor_limit};
pub use listen::{BindError, ListenOptions, bind};
pub use own_address::{IpVersion, own_address};
pub use tcp::TcpTransport;
pub use transport::Transport;
