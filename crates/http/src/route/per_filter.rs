//! What a level of the route configuration says to HTTP filters.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::diagnostic::code;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::context::ParseContext;

/// `typed_per_filter_config` of one level.
#[derive(Debug, Default)]
pub(super) struct PerFilter(Box<[(Box<str>, FilterOverride)]>);

/// What a level says to one filter.
#[derive(Clone)]
pub enum FilterOverride {
    /// A configuration of the filter's own type.
    Config(Arc<dyn Any + Send + Sync>),
    /// `route.v3.FilterConfig` with `disabled`: the filter is not to run.
    Disabled,
    /// `route.v3.FilterConfig` with an empty `config`: a filter that is disabled in the chain is to run.
    Enabled,
}

impl PerFilter {
    pub(super) fn parse(
        proto: BTreeMap<String, prost_types::Any>,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        let mut f = at.fields();
        let entries =
            f.entries("typed_per_filter_config", proto, |name, any, at| FilterOverride::parse(name, any, cx, at));
        f.finish(|| Self(entries.take().into_iter().map(|(name, entry)| (name.into(), entry)).collect()))
    }

    /// What this level says to the filter with this name.
    pub(super) fn find(&self, filter: &str) -> Option<&FilterOverride> {
        self.0.iter().find(|(name, _)| **name == *filter).map(|(_, entry)| entry)
    }

    /// Whether this level says nothing to any filter.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FilterOverride {
    /// The configuration, if there is one.
    pub fn config(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        match self {
            Self::Config(config) => Some(config),
            Self::Disabled | Self::Enabled => None,
        }
    }

    fn parse(name: &str, any: prost_types::Any, cx: &ParseContext<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        let type_name = any.type_url.rsplit('/').next().unwrap_or_default();
        if type_name != <pb::FilterConfig as prost::Name>::full_name() {
            return match cx.filter(name, &any, at)? {
                Some(config) => Ok(Self::Config(config)),
                None => Err(at.invalid(takes_none(name))),
            };
        }
        let pb::FilterConfig { config, is_optional, disabled } = at.any(&any)?;
        let mut f = at.fields();
        let parsed = match config {
            _ if disabled => Ok(Self::Disabled),
            Some(any) if any.type_url.is_empty() => Ok(Self::Enabled),
            Some(any) => Self::inner(name, &any, is_optional, cx, &at.field("config")),
            None => Err(at.invalid(format!("Empty route/virtual host per filter configuration for {name} filter"))),
        };
        let parsed = f.keep(parsed);
        f.finish(|| parsed.take())
    }

    /// Parses `FilterConfig.config`. One that no filter takes may be optional; it still switches the filter on.
    fn inner(
        name: &str,
        any: &prost_types::Any,
        is_optional: bool,
        cx: &ParseContext<'_>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        match cx.filter(name, any, at)? {
            Some(config) => Ok(Self::Config(config)),
            None if is_optional => {
                at.warning(code::NO_EFFECT, takes_none(name));
                Ok(Self::Enabled)
            }
            None => Err(at.invalid(takes_none(name))),
        }
    }
}

fn takes_none(name: &str) -> String {
    format!("The filter {name} doesn't support virtual host or route specific configurations")
}

impl fmt::Debug for FilterOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(_) => "Config",
            Self::Disabled => "Disabled",
            Self::Enabled => "Enabled",
        })
    }
}
