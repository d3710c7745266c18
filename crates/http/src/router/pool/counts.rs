//! What a pool counts of requests and responses, for its cluster and its host.

use nuncio_message::{HeaderId, Headers};
use nuncio_upstream::{BreakerSlot, Resource};

use super::HostPool;

impl HostPool {
    /// A request has a connection.
    pub(crate) fn begin_request(&self) -> BreakerSlot {
        self.stats.upstream_rq_total.inc();
        self.stats.upstream_rq_active.inc();
        self.host.rq_total(1);
        self.host.rq_active(1);
        self.take(Resource::Requests)
    }

    pub(crate) fn end_request(&self, had_connection: bool) {
        if had_connection {
            self.stats.upstream_rq_active.dec();
            self.host.rq_active(-1);
        }
    }

    /// The head of a response has come.
    pub(crate) fn note_head(&self, headers: &Headers) {
        if !self.is_http2() && announces_close(headers) {
            self.stats().upstream_cx_close_notify.inc();
        }
    }

    pub(crate) fn count_response(&self, status: u16) {
        if status >= 500 { self.host.rq_error(1) } else { self.host.rq_success(1) }
    }

    pub(crate) fn note_timeout(&self) {
        self.stats.upstream_rq_timeout.inc();
        self.host.rq_timeout(1);
    }

    /// A response was not good enough: it is not counted as one.
    pub(crate) fn note_retried(&self) {
        self.host.rq_error(1);
    }

    /// One try has taken too long.
    pub(crate) fn note_try_timeout(&self) {
        self.stats.upstream_rq_per_try_timeout.inc();
        self.host.rq_timeout(1);
    }
}

/// Whether the host says that it closes the connection after this response.
fn announces_close(response: &Headers) -> bool {
    let connection = response.get(HeaderId::CONNECTION).unwrap_or_default();
    connection.split(|&byte| byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}
