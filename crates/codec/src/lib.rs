//! HTTP/1 and HTTP/2 on the wire, without I/O: bytes and the time in, events out; commands in, bytes out.
//!
//! A [`Codec`] belongs to one connection. Its owner hands it what was read ([`Codec::receive`]), takes events until
//! there are none ([`Codec::next`]), gives commands (`send_*`, [`Codec::reset`]) and writes what stands in
//! [`Codec::out`]. A codec never calls back, never blocks, and allocates nothing per message in steady state.
//!
//! Credit: body bytes that an event handed out count as outstanding until [`Codec::release`]; that returns
//! flow-control window on HTTP/2 and read interest on HTTP/1. Bytes of a body that were sent are reported by
//! [`Codec::wrote`] when they reach the socket.

mod codec;
mod event;
pub mod hpack;
pub mod http1;
pub mod http2;
mod outbox;

pub use codec::{Codec, Undecided};
pub use event::{ConnectionError, ErrorCode, Event, Protocol, Rejection, ResetCause, Role, StreamId};
pub use outbox::Outbox;
