//! A connection gets its codec, and a driver.
//!
//! Before: the listener accepted it. Next: `driver.rs` drives it, in a task of its own.

use std::rc::Rc;

use nuncio_codec::{Codec, Role};
use nuncio_listener::Accepted;
use nuncio_telemetry::{Address, Connection as ConnectionInfo};

use super::config::CodecType;
use super::{Connection, Downstream, Manager, Side, run};
use crate::http_worker::HttpWorker;

impl Manager {
    /// Takes over an accepted connection.
    pub fn serve(self: &Rc<Self>, http: &Rc<HttpWorker>, accepted: Accepted) {
        let Accepted { transport, local, remote, counted } = accepted;
        let (http1, http2, now) = (Rc::clone(&self.http1), Rc::clone(&self.http2), http.worker().now());
        let codec = match self.config.codec_type {
            CodecType::Auto => Codec::detect(http1, http2),
            CodecType::Http1 => Codec::http1(Role::Server, http1, now),
            CodecType::Http2 => Codec::http2(Role::Server, http2, now),
        };
        let info = Rc::new(ConnectionInfo {
            id: HttpWorker::next_connection_id(),
            local_address: Address::from(local),
            remote_address: Address::from(remote),
            direct_remote_address: Address::from(remote),
            requested_server_name: None,
            transport_failure_reason: None,
            filter_chain_name: self.listener.filter_chain_name.clone(),
            listener_name: self.listener.name.clone(),
        });
        self.stats.downstream_cx_total.inc();
        self.stats.downstream_cx_active.inc();
        let side = Side::Downstream(Downstream::new(self, counted));
        let connection = Connection::new(http, side, info, codec, transport);
        http.worker().spawn(run(connection));
    }
}
