//! Attempts that ask for a tunnel: an upgrade, or CONNECT.

use std::rc::Rc;

use nuncio_codec::StreamId;

use super::{Attempt, Handshake};
use crate::connection_manager::{Connection, Core};
use crate::upgrade;

impl Attempt {
    /// Sends what is there of the request, its head in the form that the connection needs.
    pub(super) fn send(&mut self, connection: &Rc<Connection>, id: StreamId, core: &mut Core) {
        let other_head = match core.upgrade.is_some() && self.pool.is_http2() {
            true => upgrade::request_to_http2(&core.request),
            false => None,
        };
        self.codec.send(connection, id, other_head.as_ref(), core);
        if self.pool.is_tunnel() {
            // Its codec answers for the host.
            connection.wake();
        }
    }

    /// What the response has to decide.
    pub(in crate::router) fn handshake(&self) -> Handshake {
        self.codec.handshake
    }

    /// The host has agreed to a tunnel: what was held back goes out.
    pub(in crate::router) fn open_tunnel(&mut self, core: &mut Core) {
        self.codec.open_tunnel(core);
    }
}
