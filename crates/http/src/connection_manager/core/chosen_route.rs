//! The route of a request, chosen when it is first asked for, and what of it concerns the stream.

use nuncio_message::{HeaderId, Tick};
use nuncio_telemetry::Moment;

use super::Core;
use crate::connection_manager::Deadline;
use crate::filter::PerRoute;
use crate::route::{Route, RouteRef};

pub(super) enum RouteState {
    NotAsked,
    NoMatch,
    Found(RouteRef),
}

impl Core {
    /// A call brings its route with it.
    pub(crate) fn set_route(&mut self, route: RouteRef) {
        self.route = RouteState::Found(route);
    }

    pub(crate) fn clear_route(&mut self) {
        self.route = RouteState::NotAsked;
    }

    /// The route of the request, chosen when it is first asked for.
    pub(crate) fn route_ref(&mut self) -> Option<&RouteRef> {
        if matches!(self.route, RouteState::NotAsked) {
            let random = self.http.worker().random().next_u64();
            self.route = match self.manager.find_route(&self.request, random) {
                Some(route) => RouteState::Found(route),
                None => RouteState::NoMatch,
            };
            self.note_route();
        }
        match &self.route {
            RouteState::Found(route) => Some(route),
            RouteState::NotAsked | RouteState::NoMatch => None,
        }
    }

    /// The route, if it was asked for before.
    pub(crate) fn known_route(&self) -> Option<&RouteRef> {
        match &self.route {
            RouteState::Found(route) => Some(route),
            RouteState::NotAsked | RouteState::NoMatch => None,
        }
    }

    pub(crate) fn route(&mut self) -> Option<&Route> {
        self.route_ref().map(RouteRef::route)
    }

    fn note_route(&mut self) {
        let RouteState::Found(route) = &self.route else { return };
        let idle = route.route().idle_timeout();
        let duration = route.route().forward().and_then(|forward| {
            let grpc_timeout = self.request.get(HeaderId::GRPC_TIMEOUT);
            forward.max_stream_duration.limit(grpc_timeout)
        });
        self.info.route_name = route.route_name();
        self.info.virtual_host_name = route.virtual_host_name();
        if let Some(idle) = idle {
            let now = self.now();
            self.deadlines.set_idle(idle, now);
        }
        if let Some(duration) = duration {
            let start = self.info.timing.at(Moment::DownstreamReceiveBegin).unwrap_or_else(|| self.now());
            let at = if duration.is_zero() { Tick::NEVER } else { start + duration };
            self.deadlines.set(Deadline::Duration, at);
        }
    }

    pub(crate) fn per_route(&mut self, filter: &str) -> Option<PerRoute> {
        self.route_ref()?.per_filter(filter).next_back().cloned()
    }

    pub(crate) fn per_route_all(&mut self, filter: &str) -> Vec<PerRoute> {
        self.route_ref().map(|route| route.per_filter(filter).cloned().collect()).unwrap_or_default()
    }
}
