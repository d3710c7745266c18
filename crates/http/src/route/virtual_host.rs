//! One virtual host: an ordered list of routes.

use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::action::Defaults;
use super::context::ParseContext;
use super::entry::Route;
use super::index::RouteIndex;
use super::level::Level;
use super::level::LevelFields;
use super::matcher::path_of;
use super::retry_policy::RetryPolicy;

/// `envoy.config.route.v3.VirtualHost`. Its domains are in the table.
pub struct VirtualHost {
    pub(super) name: Arc<str>,
    /// With a required TLS, the last one is the redirect there, which is not matched like the others.
    pub(super) routes: Box<[Route]>,
    /// Of the routes that are matched, if there are many.
    index: Option<Box<RouteIndex>>,
    pub(super) level: Level,
    requires_tls: RequiresTls,
    /// `include_request_attempt_count`: requests tell how often they were tried.
    pub includes_attempt_count: bool,
    /// `include_attempt_count_in_response`
    pub shows_attempt_count: bool,
}

/// `envoy.config.route.v3.VirtualHost.TlsRequirementType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequiresTls {
    Never,
    /// Except from requests that came from inside.
    External,
    Always,
}

impl VirtualHost {
    /// Parses all but the domains, which it returns.
    pub(super) fn parse(
        proto: pb::VirtualHost,
        max_direct_response_body_bytes: u32,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<(Self, Vec<String>), Invalid> {
        let pb::VirtualHost {
            name,
            domains,
            routes,
            matcher,
            require_tls,
            virtual_clusters,
            rate_limits,
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            cors,
            typed_per_filter_config,
            include_request_attempt_count,
            include_attempt_count_in_response,
            retry_policy,
            retry_policy_typed_config,
            hedge_policy,
            include_is_timeout_retry_header,
            per_request_buffer_limit_bytes,
            request_body_buffer_limit,
            request_mirror_policies,
            metadata: _,
            route_specifiers,
        } = proto;
        let mut f = at.fields();
        let requires_tls = f.value("require_tls", require_tls, RequiresTls::parse);
        let retry = f.optional("retry_policy", retry_policy, RetryPolicy::parse);
        let retry = retry.as_ref().is_some().then(|| retry.take()).flatten().map(Arc::new);
        let defaults = Defaults { retry, max_direct_response_body_bytes };
        let routes = f.each("routes", routes, |route, at| Route::parse(route, &defaults, cx, at));
        let level = LevelFields {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
        };
        let level = f.keep(Level::parse(level, cx, at));
        f.unsupported("matcher", matcher);
        f.unsupported("virtual_clusters", virtual_clusters);
        f.unsupported("rate_limits", rate_limits);
        f.unsupported("cors", cors);
        f.unsupported("retry_policy_typed_config", retry_policy_typed_config);
        f.unsupported("hedge_policy", hedge_policy);
        f.unsupported("include_is_timeout_retry_header", include_is_timeout_retry_header);
        f.unsupported("per_request_buffer_limit_bytes", per_request_buffer_limit_bytes);
        f.unsupported("request_body_buffer_limit", request_body_buffer_limit);
        f.unsupported("request_mirror_policies", request_mirror_policies);
        f.unsupported("route_specifiers", route_specifiers);
        f.finish(|| {
            let requires_tls = requires_tls.take();
            let mut routes = routes.take();
            let index = RouteIndex::build(&routes).map(Box::new);
            if requires_tls != RequiresTls::Never {
                routes.push(Route::to_https());
            }
            let parsed = Self {
                name: name.into(),
                routes: routes.into(),
                index,
                level: level.take(),
                requires_tls,
                includes_attempt_count: include_request_attempt_count,
                shows_attempt_count: include_attempt_count_in_response,
            };
            (parsed, domains)
        })
    }

    /// The name that the operator gave it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The first route that matches.
    pub(super) fn find(&self, headers: &Headers, random: u64) -> Option<usize> {
        let (https, routes) = match self.requires_tls {
            RequiresTls::Never => (None, &self.routes[..]),
            RequiresTls::External | RequiresTls::Always => {
                (Some(self.routes.len() - 1), &self.routes[..self.routes.len() - 1])
            }
        };
        if https.is_some() && self.must_go_to_tls(headers) {
            return https;
        }
        let path = path_of(headers);
        match (&self.index, path) {
            (Some(index), Some(start)) => index.find(start, |at| routes[at].matcher.matches(path, headers, random)),
            _ => routes.iter().position(|route| route.matcher.matches(path, headers, random)),
        }
    }

    /// Asked before any route is looked at: Envoy redirects also what no route would match.
    fn must_go_to_tls(&self, headers: &Headers) -> bool {
        let is_external = || headers.get(HeaderId::X_ENVOY_INTERNAL) != Some(b"true");
        let is_required = match self.requires_tls {
            RequiresTls::Never => false,
            RequiresTls::External => is_external(),
            RequiresTls::Always => true,
        };
        is_required && headers.get(HeaderId::X_FORWARDED_PROTO) != Some(b"https")
    }
}

impl RequiresTls {
    fn parse(number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::virtual_host::TlsRequirementType as T;
        Ok(match scalar::enumeration(number, at)? {
            T::None => Self::Never,
            T::ExternalOnly => Self::External,
            T::All => Self::Always,
        })
    }
}
