//! What is noted of a request as it comes in, or stops coming.

use std::borrow::Cow;

use nuncio_codec::{Protocol, ResetCause};
use nuncio_message::HeaderId;
use nuncio_telemetry::{Moment, ResponseFlag};

use super::{Core, Source};
use crate::connection_manager::{Deadline, Frame};

impl Core {
    pub(crate) fn note_request_head(&mut self, end_stream: bool) {
        self.is_head_request = self.request.get(HeaderId::METHOD) == Some(b"HEAD");
        self.deadlines.clear(Deadline::RequestHeaders);
        if let Source::Connection { connection, .. } = &self.source {
            let protocol = connection.peek(nuncio_codec::Codec::protocol);
            self.info.protocol = Some(protocol);
            if protocol == Protocol::Http2 {
                // As in Envoy, an HTTP/2 stream may hold what its window lets in.
                self.buffer_limit = self.manager.config.http2.initial_stream_window_size as usize;
            }
        }
        if end_stream {
            self.note_request_end();
        }
    }

    pub(crate) fn note_request_data(&mut self, bytes: usize, end_stream: bool) {
        self.info.bytes_received += bytes as u64;
        self.unreleased += bytes as u32;
        if end_stream {
            self.note_request_end();
        }
    }

    pub(crate) fn note_request_end(&mut self) {
        self.is_request_complete = true;
        self.deadlines.clear(Deadline::Request);
        let now = self.now();
        self.info.timing.mark(Moment::DownstreamReceiveEnd, now);
    }

    pub(crate) fn note_downstream_reset(&mut self, cause: ResetCause) {
        let (flag, details): (_, &'static str) = match cause {
            ResetCause::ConnectionTermination => {
                (ResponseFlag::DownstreamConnectionTermination, "downstream_remote_disconnect")
            }
            ResetCause::Remote(_) | ResetCause::RemoteRefused => {
                (ResponseFlag::DownstreamRemoteReset, "http2.remote_reset")
            }
            // Envoy refuses what is too much with a reset of the stream, and logs it as the client's reset.
            ResetCause::Protocol(
                details @ ("http2.too_many_headers"
                | "http2.header_list_size_too_large"
                | "http2.unexpected_underscore"),
            ) => (ResponseFlag::DownstreamRemoteReset, details),
            ResetCause::Protocol(details) => (ResponseFlag::DownstreamProtocolError, details),
            ResetCause::FlushTimeout => (ResponseFlag::StreamIdleTimeout, "stream_idle_timeout"),
        };
        self.manager.stats.downstream_rq_rx_reset.inc();
        self.info.flags.set(flag);
        self.info.response_code_details = Some(Cow::Borrowed(details));
        self.source = match std::mem::replace(&mut self.source, Source::None) {
            // The codec has forgotten the stream; only the connection's share of the credit is left.
            Source::Connection { connection, id } => {
                connection.detach(id);
                connection.release(id, std::mem::take(&mut self.unreleased));
                Source::None
            }
            Source::Call(_) | Source::None => Source::None,
        };
    }

    /// A frame that comes after the request direction has ended: only what it says about the request's end counts.
    pub(crate) fn discard_request(&mut self, frame: &Frame) {
        match frame {
            Frame::Data { data, end_stream } => {
                self.note_request_data(data.len(), *end_stream);
                self.release_request(data.len() as u32);
            }
            Frame::Trailers(_) => self.note_request_end(),
            Frame::Head { .. } | Frame::Informational(_) => {}
        }
    }

    /// A reply of our own ends the request direction.
    pub(crate) fn refuse_request(&mut self) {
        self.is_request_refused = true;
        self.actions.drop_request();
    }
}
