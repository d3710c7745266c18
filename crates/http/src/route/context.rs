//! What a route configuration needs from outside while it is parsed.

use std::cell::RefCell;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::Path;
use nuncio_proto::envoy::config::core::v3 as core;

use super::action::ClusterRef;
use crate::filter::PerRoute;

/// The collaborators of [`Table::parse`](super::Table::parse).
pub struct ParseContext<'a> {
    cluster: &'a dyn Fn(&str) -> ClusterRef,
    filter: &'a FilterParser<'a>,
    data_source: &'a DataReader<'a>,
    references: RefCell<Vec<ClusterReference>>,
}

/// Parses the configuration that a route has for the filter of this name; `None` when filters of that type have none for
/// routes.
type FilterParser<'a> = dyn Fn(&str, &prost_types::Any, &At<'_>) -> Result<Option<PerRoute>, Invalid> + 'a;

/// Has the bytes of a data source that is not inline.
type DataReader<'a> = dyn Fn(core::DataSource, &At<'_>) -> Result<Vec<u8>, Invalid> + 'a;

/// A cluster that a route names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterReference {
    /// The cluster's name.
    pub name: String,
    /// The field that names it.
    pub path: Path,
    /// Whether it is one of several, chosen by weight.
    pub is_weighted: bool,
}

impl<'a> ParseContext<'a> {
    /// `cluster` is the reference to a cluster by its name, `filter` parses `typed_per_filter_config`, and `data_source`
    /// has the bytes of a file or environment variable, which were read before parsing began.
    pub fn new(
        cluster: &'a dyn Fn(&str) -> ClusterRef,
        filter: &'a FilterParser<'a>,
        data_source: &'a DataReader<'a>,
    ) -> Self {
        Self { cluster, filter, data_source, references: RefCell::default() }
    }

    /// The clusters that were named so far, for `validate_clusters`.
    pub fn into_references(self) -> Vec<ClusterReference> {
        self.references.into_inner()
    }

    pub(super) fn cluster(&self, name: String, is_weighted: bool, at: &At<'_>) -> ClusterRef {
        let cluster = (self.cluster)(&name);
        self.references.borrow_mut().push(ClusterReference { name, path: at.to_path(), is_weighted });
        cluster
    }

    pub(super) fn filter(&self, name: &str, any: &prost_types::Any, at: &At<'_>) -> Result<Option<PerRoute>, Invalid> {
        (self.filter)(name, any, at)
    }

    pub(super) fn data_source(&self, source: core::DataSource, at: &At<'_>) -> Result<Vec<u8>, Invalid> {
        (self.data_source)(source, at)
    }
}

impl ClusterReference {
    /// What to report when there is no such cluster and the configuration wants clusters to be validated.
    pub fn unknown(&self) -> String {
        let kind = if self.is_weighted { "weighted cluster" } else { "cluster" };
        format!("route: unknown {kind} '{}'", self.name)
    }
}
