//! What may be read from where.

use std::sync::Arc;

use nuncio_config::{At, Invalid};
use nuncio_matching::{RuntimeFraction, StringMatcher};
use nuncio_proto::envoy::extensions::filters::http::cors::v3 as pb;

/// `envoy.extensions.filters.http.cors.v3.CorsPolicy`, of one level. Shared, immutable.
#[derive(Debug)]
pub(super) struct Policy {
    origins: Box<[StringMatcher]>,
    methods: Box<str>,
    headers: Box<str>,
    exposed: Box<str>,
    max_age: Box<str>,
    credentials: Option<bool>,
    private_network: Option<bool>,
    forwards_not_matching: Option<bool>,
    enabled: Option<RuntimeFraction>,
    shadow: Option<RuntimeFraction>,
}

/// Whether a request's origin is looked at, and what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Off,
    /// It is counted.
    Shadow,
    Enforced,
}

impl Policy {
    pub(super) fn parse(proto: pb::CorsPolicy, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::CorsPolicy {
            allow_origin_string_match,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age,
            allow_credentials,
            filter_enabled,
            shadow_enabled,
            allow_private_network_access,
            forward_not_matching_preflights,
        } = proto;
        let mut f = at.fields();
        let origins = f.each("allow_origin_string_match", allow_origin_string_match, StringMatcher::parse);
        let enabled = f.optional("filter_enabled", filter_enabled, RuntimeFraction::parse);
        let shadow = f.optional("shadow_enabled", shadow_enabled, RuntimeFraction::parse);
        f.finish(|| Self {
            origins: origins.take().into(),
            methods: allow_methods.into(),
            headers: allow_headers.into(),
            exposed: expose_headers.into(),
            max_age: max_age.into(),
            credentials: allow_credentials,
            private_network: allow_private_network_access,
            forwards_not_matching: forward_not_matching_preflights,
            enabled: enabled.take(),
            shadow: shadow.take(),
        })
    }
}

/// The policies of a route's levels, the most specific first; at least one. Owner: the stream.
pub(super) struct Policies(pub(super) Vec<Arc<Policy>>);

impl Policies {
    pub(super) fn mode(&self, random: u64) -> Mode {
        let Some(policy) = self.0.first() else { return Mode::Off };
        let is_drawn = |fraction: &RuntimeFraction| fraction.is_enabled(random);
        if policy.enabled.as_ref().is_none_or(is_drawn) {
            Mode::Enforced
        } else if policy.shadow.as_ref().is_some_and(is_drawn) {
            Mode::Shadow
        } else {
            Mode::Off
        }
    }

    /// An exact `*` allows every origin.
    pub(super) fn allows(&self, origin: &[u8]) -> bool {
        let origins = self.0.iter().map(|policy| &policy.origins).find(|origins| !origins.is_empty());
        origins.is_some_and(|origins| origins.iter().any(|matcher| matcher.matches(b"*") || matcher.matches(origin)))
    }

    pub(super) fn methods(&self) -> &[u8] {
        self.text(|policy| &policy.methods)
    }

    pub(super) fn headers(&self) -> &[u8] {
        self.text(|policy| &policy.headers)
    }

    pub(super) fn exposed(&self) -> &[u8] {
        self.text(|policy| &policy.exposed)
    }

    pub(super) fn max_age(&self) -> &[u8] {
        self.text(|policy| &policy.max_age)
    }

    pub(super) fn allows_credentials(&self) -> bool {
        self.0.iter().find_map(|policy| policy.credentials).unwrap_or(false)
    }

    pub(super) fn allows_private_network(&self) -> bool {
        self.0.iter().find_map(|policy| policy.private_network).unwrap_or(false)
    }

    /// "Default is true." (`forward_not_matching_preflights`)
    pub(super) fn forwards_not_matching(&self) -> bool {
        self.0.iter().find_map(|policy| policy.forwards_not_matching).unwrap_or(true)
    }

    fn text(&self, field: fn(&Policy) -> &str) -> &[u8] {
        self.0.iter().map(|policy| field(policy)).find(|text| !text.is_empty()).unwrap_or_default().as_bytes()
    }
}
