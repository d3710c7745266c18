//! The one record of a stream.

mod flags;
mod metadata;
mod timing;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use nuncio_codec::Protocol;

pub use flags::{ResponseFlag, ResponseFlags};
pub use metadata::DynamicMetadata;
pub use timing::{Moment, Timing};

use crate::address::Address;
use crate::host::ClusterNames;
use crate::host::HostDescription;

/// Per worker, owned by its stream: what happened, filled by the steps of the request path and read by access logs,
/// header values and local replies.
///
/// Texts are static or shared, so that filling it allocates nothing in the normal case.
#[derive(Default)]
pub struct StreamInfo {
    /// Wall-clock time of the first byte of the request, in microseconds since the Unix epoch.
    pub start_micros: u64,
    /// When what happened.
    pub timing: Timing,
    /// Body bytes received from downstream.
    pub bytes_received: u64,
    /// Body bytes sent downstream.
    pub bytes_sent: u64,
    /// What the downstream codec counted for this stream.
    pub downstream_bytes: ByteMeter,
    /// The protocol of the request; `None` for raw TCP.
    pub protocol: Option<Protocol>,
    /// The status that was sent downstream.
    pub response_code: Option<u16>,
    /// What went wrong, in order.
    pub flags: ResponseFlags,
    /// Where the status comes from, e.g. `via_upstream`.
    pub response_code_details: Option<Cow<'static, str>>,
    /// Why the downstream connection was ended by a filter.
    pub connection_termination_details: Option<Cow<'static, str>>,
    /// `Route.name`.
    pub route_name: Option<Arc<str>>,
    /// `VirtualHost.name`.
    pub virtual_host_name: Option<Arc<str>>,
    /// `VirtualCluster.name`.
    pub virtual_cluster_name: Option<Arc<str>>,
    /// `STREAM_ID` where it is not the request's `x-request-id`.
    pub stream_id: Option<Box<str>>,
    /// The upstream side, of the last attempt.
    pub upstream: Upstream,
    /// The downstream connection; `None` for calls of our own.
    pub connection: Option<Rc<Connection>>,
    /// The client's address when it is not the connection's peer, e.g. taken from `x-forwarded-for`.
    pub remote_address: Option<Address>,
    /// What filters say about the stream.
    pub dynamic_metadata: DynamicMetadata,
    /// Whether the health check filter answered or recognised it: such requests can be left out of logs.
    pub is_health_check: bool,
    /// Whether the trace of this request is sampled.
    pub is_traced: bool,
}

/// What is known of the upstream side of a stream.
#[derive(Default)]
pub struct Upstream {
    /// The cluster that the route chose.
    pub cluster: Option<Arc<ClusterNames>>,
    /// The host that was picked.
    pub host: Option<Arc<dyn HostDescription>>,
    /// Our end of the connection; set when connected.
    pub local_address: Option<Address>,
    /// The other end of the connection; set when connected.
    pub remote_address: Option<Address>,
    /// The connection's number; 0 for none.
    pub connection_id: u64,
    /// The protocol spoken.
    pub protocol: Option<Protocol>,
    /// Why the transport failed, e.g. `delayed connect error: Connection refused`.
    pub transport_failure_reason: Option<Cow<'static, str>>,
    /// How often the request was sent upstream; 0 when it never was.
    pub attempt_count: u32,
    /// What the upstream codec counted for this stream, summed over the attempts.
    pub bytes: ByteMeter,
}

/// Bytes of one stream on one side, as its codec counts them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ByteMeter {
    /// Everything received: heads, body, framing.
    pub wire_bytes_received: u64,
    /// Everything sent: heads, body, framing.
    pub wire_bytes_sent: u64,
    /// Heads received, as on the wire.
    pub header_bytes_received: u64,
    /// Heads sent, as on the wire.
    pub header_bytes_sent: u64,
    /// Heads received, after HPACK.
    pub decompressed_header_bytes_received: u64,
    /// Heads sent, before HPACK.
    pub decompressed_header_bytes_sent: u64,
}

/// Per worker, shared by the streams of one downstream connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// The connection's number, from 1; unique in the process.
    pub id: u64,
    /// Our end.
    pub local_address: Address,
    /// The client's end: the peer, or what a PROXY header said.
    pub remote_address: Address,
    /// The peer of the socket.
    pub direct_remote_address: Address,
    /// The server name that the client asked for in its TLS hello.
    pub requested_server_name: Option<Box<str>>,
    /// Why the transport failed, e.g. a TLS error.
    pub transport_failure_reason: Option<Box<str>>,
    /// `FilterChain.name`.
    pub filter_chain_name: Option<Arc<str>>,
    /// `Listener.name`.
    pub listener_name: Option<Arc<str>>,
}

impl Upstream {
    fn reset(&mut self) {
        let Self {
            cluster,
            host,
            local_address,
            remote_address,
            connection_id,
            protocol,
            transport_failure_reason,
            attempt_count,
            bytes,
        } = self;
        (*cluster, *host, *local_address, *remote_address) = (None, None, None, None);
        (*connection_id, *protocol, *attempt_count) = (0, None, 0);
        *transport_failure_reason = None;
        *bytes = ByteMeter::default();
    }
}

impl StreamInfo {
    /// Makes it a record of a new stream; memory is kept where there is any.
    pub fn reset(&mut self) {
        // Field by field: most of them are as they were, and the record is large.
        let Self {
            start_micros,
            timing,
            bytes_received,
            bytes_sent,
            downstream_bytes,
            protocol,
            response_code,
            flags,
            response_code_details,
            connection_termination_details,
            route_name,
            virtual_host_name,
            virtual_cluster_name,
            stream_id,
            upstream,
            connection,
            remote_address,
            dynamic_metadata,
            is_health_check,
            is_traced,
        } = self;
        (*start_micros, *bytes_received, *bytes_sent) = (0, 0, 0);
        *timing = Timing::default();
        *downstream_bytes = ByteMeter::default();
        (*protocol, *response_code) = (None, None);
        flags.clear();
        (*response_code_details, *connection_termination_details) = (None, None);
        (*route_name, *virtual_host_name, *virtual_cluster_name, *stream_id) = (None, None, None, None);
        upstream.reset();
        (*connection, *remote_address) = (None, None);
        dynamic_metadata.clear();
        (*is_health_check, *is_traced) = (false, false);
    }

    /// The client's address: of this request if it differs, else of the connection.
    pub fn downstream_remote_address(&self) -> Option<&Address> {
        self.remote_address.as_ref().or_else(|| Some(&self.connection.as_ref()?.remote_address))
    }
}
