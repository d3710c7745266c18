//! The bodies of `/stats` and `/stats/prometheus`, byte for byte as Envoy writes them.

mod filter;
mod json;
mod number;
mod prometheus;
mod query;
mod text;

use crate::group::Kind;
use crate::snapshot::Deltas;
use crate::snapshot::ScalarKind;
use crate::snapshot::Selection;
use crate::snapshot::Snapshot;
use crate::store::Store;

pub use filter::Filter;
pub use filter::InvalidFilter;
pub use query::Buckets;
pub use query::Format;
pub use query::Kinds;
pub use query::Page;
pub use query::Query;
pub use query::Refusal;

/// A counter or gauge that is not kept in the [`Store`], such as those of a host with `per_endpoint_stats`.
///
/// They are shown after the counters and gauges of the store, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// The full name.
    pub name: String,
    /// The name without its tags.
    pub extracted_name: String,
    /// Tag names and values; they come after the tags that every stat has.
    pub tags: Vec<(String, String)>,
    /// Which of the two it is.
    pub kind: ScalarKind,
    /// The value.
    pub value: u64,
}

/// Appends what `query` asks for to `out`. Histograms are shown as of the last
/// [`latch_histograms`](Store::latch_histograms).
pub fn render(store: &Store, query: &Query, extras: &[Extra], out: &mut String) {
    let names = query.filter.as_ref().map(|filter| |name: &str| filter.accepts(name));
    let selection = Selection {
        used_only: query.used_only,
        kinds: &|kind| query.kinds.include(kind),
        names: names.as_ref().map(|accepts| accepts as &dyn Fn(&str) -> bool),
    };
    let snapshot = Snapshot::take(store, &selection, Deltas::Keep);
    let is_wanted = |extra: &&Extra| {
        let kind = match extra.kind {
            ScalarKind::Counter => Kind::Counter,
            ScalarKind::Gauge => Kind::Gauge,
        };
        query.kinds.include(kind) && query.filter.as_ref().is_none_or(|filter| filter.accepts(&extra.name))
    };
    let extras: Vec<&Extra> = extras.iter().filter(is_wanted).collect();
    let settings = store.settings();
    match query.format {
        Format::Text => text::render(&snapshot, &extras, query.buckets, settings, out),
        Format::Json => json::render(&snapshot, &extras, query.buckets, settings, out),
        Format::Prometheus => prometheus::render(&snapshot, &extras, query, settings, out),
    }
}

#[cfg(test)]
mod tests;
