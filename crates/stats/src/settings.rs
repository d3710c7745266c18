//! How the process's stats are named, kept and cut into buckets: `envoy.config.metrics.v3.StatsConfig`, parsed.

use std::fmt;
use std::sync::Arc;

use crate::histogram::DEFAULT_BOUNDS;
use crate::tags::TagRules;

/// Tells which names something applies to.
pub type NameMatcher = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Shared, immutable: what the bootstrap says about stats. The default is Envoy's.
#[derive(Default)]
pub struct Settings {
    /// `stats_tags`: what is cut out of names and told as tags.
    pub tags: TagRules,
    /// First parts of names that Prometheus is told without them and without `envoy_`, as Wasm plugins' metrics are
    /// (`wasmcustom`).
    pub custom_namespaces: Vec<Box<str>>,
    /// `stats_matcher`: which stats exist at all; `None` for all of them.
    pub accepts: Option<NameMatcher>,
    /// `histogram_bucket_settings`: the first that matches a histogram's name gives its upper bounds, in order.
    pub bounds: Vec<(NameMatcher, Arc<[f64]>)>,
}

impl Settings {
    /// The upper bounds of the histogram of that name.
    pub(crate) fn bounds(&self, name: &str) -> &[f64] {
        self.bounds.iter().find(|(matches, _)| matches(name)).map_or(&DEFAULT_BOUNDS, |(_, bounds)| bounds)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
