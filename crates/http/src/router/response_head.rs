//! What the router makes of a response's head before it goes on to the filters.

use nuncio_message::{HeaderId, HeaderMapKind, Headers, Tick};
use nuncio_telemetry::Moment;

use super::Router;
use crate::connection_manager::{Core, Frame};

impl Router {
    /// Adds what the route and the router have to say.
    pub(super) fn finish_head(&self, mut headers: Headers, status: u16, now: Tick, core: &mut Core) -> Headers {
        let suppresses_envoy_headers = core.manager.config.router.suppresses_envoy_headers;
        // Counted from the end of the request: an early response has none.
        let sent = core.info.timing.at(Moment::DownstreamReceiveEnd);
        let Some(route) = core.route_ref() else { return headers };
        let changes = route.changes_response_headers().then(|| route.clone());
        let shows_attempt_count = route.virtual_host().shows_attempt_count;
        if let (Some(sent), false) = (sent, suppresses_envoy_headers) {
            headers.set_number(HeaderId::X_ENVOY_UPSTREAM_SERVICE_TIME, (now - sent).as_millis() as u64);
        }
        if shows_attempt_count {
            headers.set_number(HeaderId::X_ENVOY_ATTEMPT_COUNT, self.attempts.into());
        }
        core.info.response_code = Some(status);
        if let Some(route) = changes {
            // Values may hold the response's headers and status.
            core.response = Some(headers);
            route.change_response_headers(&mut core.subject(HeaderMapKind::Response));
            headers = core.response.take().unwrap_or_default();
        }
        headers
    }

    /// Of informational responses Envoy takes one, of 100, 102 and 103; the others end here. It counts as the beginning
    /// of the response, behind which nothing is tried again, whether or not it is passed on.
    pub(super) fn received_informational(&mut self, headers: Headers, core: &mut Core) -> Option<Frame> {
        let status = headers.status().filter(|status| matches!(status, 100 | 102 | 103))?;
        if std::mem::replace(&mut self.has_informed, true) {
            return None;
        }
        self.codes.charge(status, Some(&headers), core);
        self.retries.abandon();
        self.sent.clear();
        Some(Frame::Informational(headers))
    }
}
