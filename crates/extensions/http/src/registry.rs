//! Finds filters by the types of their configurations.

use std::sync::Arc;

use nuncio_config::diagnostic::code;
use nuncio_config::{AnyConfig, At, Invalid};
use nuncio_http::{FilterFactory, PerRoute};
use prost_types::Any;

use crate::REGISTRY;

/// The end of every chain: no route has a configuration for it.
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// A kind of filter.
pub(crate) struct FilterType {
    /// The full name of its configuration's type.
    pub(crate) config: &'static str,
    /// Parses the configuration of the filter with this name.
    pub(crate) parse: ParseFilter,
    /// What routes may say to it, if anything.
    pub(crate) route: Option<RouteType>,
}

/// A kind of filter, as lists show it.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    config: &'static str,
    route: Option<&'static str>,
    /// Whether it can stand in a chain of attempts, too.
    pub is_upstream: bool,
}

impl Listed {
    /// The name that Envoy has for it: that of the package.
    pub fn name(&self) -> String {
        let package = self.config.split(".v3.").next().unwrap_or_default();
        package.replacen("envoy.extensions.", "envoy.", 1)
    }

    /// The types of its configuration, and of what routes say to it.
    pub fn types(&self) -> Vec<&'static str> {
        let route = self.route.filter(|route| *route != self.config);
        std::iter::once(self.config).chain(route).collect()
    }
}

/// All kinds of filter but the router.
pub fn types() -> impl Iterator<Item = Listed> {
    REGISTRY.iter().map(|known| Listed {
        config: known.config,
        route: known.route.as_ref().map(|route| route.config),
        is_upstream: UPSTREAM.contains(&known.config),
    })
}

type ParseFilter = fn(&str, &AnyConfig, &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid>;

/// What a virtual host, route or weighted cluster may say to a kind of filter.
pub(crate) struct RouteType {
    /// The full name of the type.
    pub(crate) config: &'static str,
    /// Parses it.
    pub(crate) parse: fn(&AnyConfig, &At<'_>) -> Result<PerRoute, Invalid>,
}

/// The factory of the filter with this name and configuration.
///
/// # Errors
/// When there is no filter of that type, or its configuration is invalid.
pub fn filter(name: &str, any: &AnyConfig, at: &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid> {
    match REGISTRY.iter().find(|known| known.config == any.type_name()) {
        Some(known) => (known.parse)(name, any, at),
        None => Err(any.unknown(at, "HTTP filter", REGISTRY.iter().map(|known| known.config))),
    }
}

/// What Envoy has in a cluster's chain, and in the router's for attempts; the others are unknown there.
const UPSTREAM: &[&str] = &["envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"];

/// As [`filter`] for a chain of attempts.
///
/// # Errors
/// When no filter of that type can stand there, or its configuration is invalid.
pub fn upstream_filter(name: &str, any: &AnyConfig, at: &At<'_>) -> Result<Arc<dyn FilterFactory>, Invalid> {
    if UPSTREAM.contains(&any.type_name()) {
        return filter(name, any, at);
    }
    Err(any.unknown(at, "upstream HTTP filter", UPSTREAM.iter().copied()))
}

/// What a route says to the filter with this name. As in Envoy the type alone decides what it is parsed as; whether the chain
/// has a filter of that name, and of that type, does not matter. `None` when such filters have no configuration for routes.
///
/// # Errors
/// When there is no filter of that type, or the configuration is invalid.
pub fn per_route(_name: &str, any: &Any, at: &At<'_>) -> Result<Option<PerRoute>, Invalid> {
    let any = AnyConfig::parse(any.clone(), at)?;
    let type_name = any.type_name();
    if type_name == ROUTER {
        return Ok(None);
    }
    let is_named = |known: &&FilterType| {
        known.config == type_name || known.route.as_ref().is_some_and(|route| route.config == type_name)
    };
    let Some(known) = REGISTRY.iter().find(is_named) else {
        let names = REGISTRY.iter().map(|known| known.route.as_ref().map_or(known.config, |route| route.config));
        return Err(any.unknown(at, "HTTP filter", names));
    };
    let Some(route) = &known.route else { return Ok(None) };
    // Envoy does not look at the type of an empty configuration again.
    if route.config != type_name && !any.bytes().is_empty() {
        let message = format!("expected type {}, found {type_name}", route.config);
        return Err(at.error(code::UNKNOWN_TYPE, message));
    }
    (route.parse)(&any, at).map(Some)
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    const MUTATION: &str = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
    /// `mutations: {request_mutations: [{remove: x}]}` of both messages.
    const BYTES: &[u8] = b"\x0a\x05\x0a\x03\x0a\x01x";

    fn any(name: &str, value: &[u8]) -> Any {
        Any { type_url: format!("type.googleapis.com/{name}"), value: value.to_vec() }
    }

    fn messages(found: &Diagnostics) -> Vec<String> {
        found.sorted().iter().map(|found| found.message.clone()).collect()
    }

    #[test]
    fn the_registry_is_sorted_and_every_type_is_a_message() {
        assert!(REGISTRY.is_sorted_by_key(|known| known.config));
        assert!(REGISTRY.iter().all(|known| known.config.starts_with("envoy.extensions.filters.http.")));
    }

    #[test]
    fn not_every_filter_can_stand_in_a_clusters_chain() {
        let check = |name: &str, value: &[u8], expected: bool| {
            let found = Diagnostics::new();
            let at = At::root(&found);
            let config = AnyConfig::parse(any(name, value), &at).expect("it has a type");
            assert_eq!(upstream_filter("x", &config, &at).is_ok(), expected, "{name}");
            assert!(filter("x", &config, &at).is_ok());
        };
        check(MUTATION, BYTES, true);
        check("envoy.extensions.filters.http.fault.v3.HTTPFault", b"", false);
        assert!(UPSTREAM.iter().all(|name| REGISTRY.iter().any(|known| known.config == *name)));
    }

    #[test]
    fn an_unknown_filter_is_refused_by_name() {
        let found = Diagnostics::new();
        let at = At::root(&found);
        let config =
            AnyConfig::parse(any("envoy.extensions.filters.http.nope.v3.Nope", b""), &at).expect("it has a type");
        assert!(filter("x", &config, &at).is_err());
        assert!(per_route("x", &any("envoy.extensions.filters.http.nope.v3.Nope", b""), &at.field("y")).is_err());
        assert!(per_route("x", &Any::default(), &at.field("z")).is_err());
        let nope = "there is no HTTP filter of type 'envoy.extensions.filters.http.nope.v3.Nope'";
        assert_eq!(messages(&found), [nope, nope, "a typed configuration must have a '@type'"]);
    }

    #[test]
    fn the_type_decides_what_a_route_says_whatever_the_name() {
        let check = |name: &str, bytes: &[u8], expected: Result<bool, &str>| {
            let found = Diagnostics::new();
            let parsed = per_route("some name", &any(name, bytes), &At::root(&found));
            assert_eq!(messages(&found), expected.err().into_iter().collect::<Vec<_>>(), "{name}");
            assert_eq!(parsed.map(|config| config.is_some()).ok(), expected.ok(), "{name}");
        };
        let route = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute";
        check(route, BYTES, Ok(true));
        check(MUTATION, BYTES, Err(&format!("expected type {route}, found {MUTATION}")));
        check(MUTATION, b"", Ok(true));
        check(ROUTER, b"", Ok(false));
    }
}
