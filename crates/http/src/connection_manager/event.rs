//! What can happen to a stream, and the parts of messages that it is told of.

use std::rc::Rc;

use nuncio_codec::{Rejection, ResetCause};
use nuncio_message::{Chunk, Headers};

use super::Connection;
use crate::chain::ChainId;
use crate::router::UpstreamEnd;

/// What can happen to a stream.
pub(crate) enum Event {
    /// A frame of the request.
    Downstream(Frame),
    /// A frame of the response.
    Upstream(Frame),
    /// A filter's asynchronous work wants to be polled.
    Resumed(ChainId, u8),
    /// The pool has a connection for the attempt with this number, or could not make one.
    PoolReady(u32, Result<Rc<Connection>, UpstreamEnd>),
    /// A deadline may have passed.
    Deadline,
    /// The codec could not understand the request.
    Rejected(Rejection),
    /// The downstream side is gone.
    DownstreamReset(ResetCause),
    /// The upstream side is gone.
    UpstreamReset(UpstreamEnd),
}

/// A part of a message.
pub(crate) enum Frame {
    Head { headers: Headers, end_stream: bool },
    Informational(Headers),
    Data { data: Chunk, end_stream: bool },
    Trailers(Headers),
}

impl Frame {
    /// Whether nothing of the message follows it.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Head { end_stream, .. } | Self::Data { end_stream, .. } => *end_stream,
            Self::Informational(_) => false,
            Self::Trailers(_) => true,
        }
    }
}
