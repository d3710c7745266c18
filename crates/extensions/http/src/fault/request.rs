//! What a request's headers say about faults, where they may.

use std::time::Duration;

use nuncio_config::scalar::Fraction;
use nuncio_message::{HeaderId, Headers};

use super::config::{Abort, Delay, RateLimit, Settings, Source, Status, http_status};

/// The cluster that a request says it comes from; empty for none.
pub(super) fn downstream_cluster(request: &Headers) -> &[u8] {
    request.get(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER).unwrap_or_default()
}

impl Settings {
    /// Whether the request may meet faults, as far as its headers tell.
    pub(super) fn matches(&self, request: &Headers) -> bool {
        let is_node = self.nodes.is_empty() || {
            let node = request.get(HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_NODE);
            node.is_some_and(|node| self.nodes.iter().any(|known| **known == *node))
        };
        is_node && self.headers.iter().all(|matcher| matcher.matches(request))
    }
}

impl Delay {
    /// How long the request is delayed, if it is drawn.
    pub(super) fn draw(&self, request: &Headers, random: u64) -> Option<Duration> {
        let (share, delay) = match self.source {
            Source::Fixed(delay) => (self.share, Some(delay)),
            Source::Header => {
                let share = share(self.share, b"x-envoy-fault-delay-request-percentage", request);
                (share, number(request, b"x-envoy-fault-delay-request").map(Duration::from_millis))
            }
        };
        delay.filter(|delay| share.selects(random) && !delay.is_zero())
    }
}

impl Abort {
    /// What the request is aborted with, if it is drawn.
    pub(super) fn draw(&self, request: &Headers, random: u64) -> Option<Status> {
        let (share, status) = match self.source {
            Source::Fixed(status) => (self.share, Some(status)),
            Source::Header => {
                let share = share(self.share, b"x-envoy-fault-abort-request-percentage", request);
                (share, http_from(request).or_else(|| grpc_from(request)))
            }
        };
        status.filter(|_| share.selects(random))
    }
}

impl RateLimit {
    /// How many KiB of the response may go in a second, if the request is drawn.
    pub(super) fn draw(&self, request: &Headers, random: u64) -> Option<u64> {
        let (share, limit) = match self.source {
            Source::Fixed(limit) => (self.share, Some(limit)),
            Source::Header => {
                let share = share(self.share, b"x-envoy-fault-throughput-response-percentage", request);
                (share, number(request, b"x-envoy-fault-throughput-response"))
            }
        };
        limit.filter(|limit| share.selects(random) && *limit > 0)
    }
}

fn http_from(request: &Headers) -> Option<Status> {
    http_status(number(request, b"x-envoy-fault-abort-request")?)
}

/// Any number will do: there may be codes that nobody knows yet.
fn grpc_from(request: &Headers) -> Option<Status> {
    let code = number(request, b"x-envoy-fault-abort-grpc-request")?;
    u32::try_from(code).ok().map(Status::Grpc)
}

/// The configured share, which a request may lower.
pub(super) fn share(configured: Fraction, header: &[u8], request: &Headers) -> Fraction {
    let lower = number(request, header).and_then(|number| u32::try_from(number).ok());
    lower.map_or(configured, |lower| configured.at_most(lower))
}

/// A header's value as a decimal number, white space around it left out.
pub(super) fn number(request: &Headers, name: &[u8]) -> Option<u64> {
    std::str::from_utf8(request.get_by_name(name)?.trim_ascii()).ok()?.parse().ok()
}
