//! How an attempt can end before its response is complete, and Envoy's words for it.

use std::borrow::Cow;

use nuncio_codec::{ErrorCode, ResetCause};
use nuncio_telemetry::ResponseFlag;

use crate::filter::LocalReply;

/// How an attempt ended before the response was complete.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamEnd {
    /// The codec or the peer ended it.
    Reset(ResetCause),
    /// No connection could be made.
    ConnectFailed(Cow<'static, str>),
    /// None could be made in time.
    ConnectTimeout,
}

impl UpstreamEnd {
    pub(super) fn is_connect_failure(&self) -> bool {
        matches!(self, Self::ConnectFailed(_) | Self::ConnectTimeout)
    }

    /// The upstream has not looked at the request.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Reset(ResetCause::RemoteRefused))
    }

    /// The upstream broke the protocol, or says that we did.
    pub(super) fn is_protocol_error(&self) -> bool {
        matches!(self, Self::Reset(ResetCause::Protocol(_) | ResetCause::Remote(ErrorCode::PROTOCOL_ERROR)))
    }

    pub(super) fn flag(&self) -> ResponseFlag {
        match self {
            Self::ConnectFailed(_) | Self::ConnectTimeout => ResponseFlag::UpstreamConnectionFailure,
            Self::Reset(_) if self.is_protocol_error() => ResponseFlag::UpstreamProtocolError,
            Self::Reset(ResetCause::Protocol(_)) => ResponseFlag::UpstreamProtocolError,
            Self::Reset(ResetCause::ConnectionTermination) => ResponseFlag::UpstreamConnectionTermination,
            Self::Reset(ResetCause::Remote(_) | ResetCause::RemoteRefused | ResetCause::FlushTimeout) => {
                ResponseFlag::UpstreamRemoteReset
            }
        }
    }

    /// The words of Envoy's body.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::ConnectFailed(_) => "remote connection failure",
            Self::ConnectTimeout => "connection timeout",
            Self::Reset(_) if self.is_protocol_error() => "protocol error",
            Self::Reset(ResetCause::Protocol(_)) => "protocol error",
            Self::Reset(ResetCause::ConnectionTermination) => "connection termination",
            Self::Reset(ResetCause::RemoteRefused) => "remote refused stream reset",
            Self::Reset(ResetCause::Remote(_) | ResetCause::FlushTimeout) => "remote reset",
        }
    }

    /// What stands in the response code details.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::ConnectFailed(reason) => format!("remote_connection_failure|{}", reason.replace(' ', "_")),
            _ => self.reason().replace(' ', "_"),
        }
    }
}

/// The reply to a request that no host has answered.
pub(super) fn connect_error(reason: &str, attempts: u32, details: &'static str) -> LocalReply {
    let retried = if attempts > 1 { "retried and the latest " } else { "" };
    let body = format!("upstream connect error or disconnect/reset before headers. {retried}reset reason: {reason}");
    LocalReply::new(503, &body, details)
}
