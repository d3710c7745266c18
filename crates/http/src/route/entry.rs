//! One route: its matcher, its action, and what it says to headers and filters.

use std::sync::Arc;
use std::time::Duration;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::action::Action;
use super::action::Defaults;
use super::action::Forward;
use super::context::ParseContext;
use super::level::Level;
use super::level::LevelFields;
use super::matcher::RouteMatcher;
use super::redirect::Redirect;

/// `envoy.config.route.v3.Route`.
pub struct Route {
    pub(super) matcher: RouteMatcher,
    pub(super) action: Action,
    pub(super) name: Option<Arc<str>>,
    pub(super) level: Level,
    pub(super) levels: Levels,
}

/// Which levels have a say about a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Levels {
    /// The virtual host and the route configuration too.
    All,
    /// The route alone: the redirect to TLS, which nobody wrote.
    RouteOnly,
}

impl Route {
    pub(super) fn parse(
        proto: pb::Route,
        defaults: &Defaults,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        // `metadata` changes nothing by itself; who reads it (access log, ratelimit) is not there yet and says so.
        let pb::Route {
            name,
            r#match,
            metadata: _,
            decorator,
            typed_per_filter_config,
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            tracing,
            per_request_buffer_limit_bytes,
            stat_prefix,
            request_body_buffer_limit,
            route_specifiers,
            action,
        } = proto;
        let mut f = at.fields();
        let matcher = f.required("match", r#match, RouteMatcher::parse);
        let action = Action::parse(action, defaults, cx, at);
        let action = f.keep(action);
        let level = LevelFields {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
        };
        let level = f.keep(Level::parse(level, cx, at));
        f.unsupported("decorator", decorator);
        f.unsupported("tracing", tracing);
        f.unsupported("per_request_buffer_limit_bytes", per_request_buffer_limit_bytes);
        f.unsupported("stat_prefix", stat_prefix);
        f.unsupported("request_body_buffer_limit", request_body_buffer_limit);
        f.unsupported("route_specifiers", route_specifiers);
        f.finish(|| Self {
            matcher: matcher.take(),
            action: action.take(),
            name: (!name.is_empty()).then(|| name.into()),
            level: level.take(),
            levels: Levels::All,
        })
    }

    /// The redirect of a virtual host that requires TLS.
    pub(super) fn to_https() -> Self {
        Self {
            matcher: RouteMatcher::any(),
            action: Action::Redirect(Box::new(Redirect::to_https())),
            name: None,
            level: Level::default(),
            levels: Levels::RouteOnly,
        }
    }

    /// The name that the operator gave it.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// What becomes of a request.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The action if it sends requests upstream.
    pub fn forward(&self) -> Option<&Forward> {
        match &self.action {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) | Action::DirectResponse(_) => None,
        }
    }

    /// How long the stream may be silent, if the route has a say in it.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.forward()?.idle_timeout
    }

    /// The `location` of a redirect, for a request that this route was found for.
    pub fn location(&self, redirect: &Redirect, headers: &Headers) -> Vec<u8> {
        redirect.location(headers, &self.matcher)
    }

    /// The new `:path` of a request that this route was found for; nothing when it stays. The caller notes the old one in
    /// `x-envoy-original-path`.
    pub fn rewritten_path(&self, headers: &Headers) -> Option<Vec<u8>> {
        let rewrite = self.forward()?.path_rewrite.as_ref()?;
        rewrite.rewrite(headers.get(HeaderId::PATH)?, &self.matcher)
    }
}
