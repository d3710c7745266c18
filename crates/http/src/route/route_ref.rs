//! The route that was found for a stream, with the table that it stands in.

use std::any::Any;
use std::sync::Arc;

use nuncio_message::Headers;

use super::action::ClusterSpecifier;
use super::entry::Levels;
use super::entry::Route;
use super::header_mutations::MutationOrder;
use super::level::Level;
use super::per_filter::FilterOverride;
use super::per_filter::PerFilter;
use super::table::Miss;
use super::table::RouteKey;
use super::table::Table;
use super::virtual_host::VirtualHost;
use super::weighted::WeightedCluster;
use crate::header_mutation::Subject;

/// A stream's hold on its route: it pins the table, so that an update in between changes nothing for the stream.
#[derive(Clone)]
pub struct RouteRef {
    table: Arc<Table>,
    key: RouteKey,
    /// Index of the weighted cluster that was picked.
    weighted: Option<u32>,
}

impl RouteRef {
    /// Finds the route of a request and, if its clusters have weights, picks one. `random` decides about both.
    ///
    /// # Errors
    /// When there is no route.
    pub fn find(table: &Arc<Table>, headers: &Headers, random: u64) -> Result<Self, Miss> {
        let key = table.find(headers, random)?;
        let weighted = match table.route(key).forward().map(|forward| &forward.cluster) {
            Some(ClusterSpecifier::Weighted(clusters)) => Some(clusters.pick(headers, random) as u32),
            Some(ClusterSpecifier::Cluster(_) | ClusterSpecifier::Header(_)) | None => None,
        };
        Ok(Self { table: Arc::clone(table), key, weighted })
    }

    /// The route.
    pub fn route(&self) -> &Route {
        self.table.route(self.key)
    }

    /// The virtual host of the route.
    pub fn virtual_host(&self) -> &VirtualHost {
        self.table.virtual_host(self.key)
    }

    /// The table of the route.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The weighted cluster that was picked, if the route has such.
    pub fn weighted_cluster(&self) -> Option<&WeightedCluster> {
        match &self.route().forward()?.cluster {
            ClusterSpecifier::Weighted(clusters) => clusters.clusters().get(self.weighted? as usize),
            ClusterSpecifier::Cluster(_) | ClusterSpecifier::Header(_) => None,
        }
    }

    /// The name of the route, for access logs.
    pub fn route_name(&self) -> Option<Arc<str>> {
        self.route().name.clone()
    }

    /// The name of the virtual host, for access logs.
    pub fn virtual_host_name(&self) -> Option<Arc<str>> {
        Some(Arc::clone(&self.virtual_host().name))
    }

    /// What the route says about the filter with this name: the most specific level that says anything.
    pub fn filter_override(&self, filter: &str) -> Option<&FilterOverride> {
        self.filter_levels().into_iter().rev().flatten().find_map(|level| level.find(filter))
    }

    /// Whether any level says anything to any filter.
    pub fn has_filter_overrides(&self) -> bool {
        self.filter_levels().into_iter().flatten().any(|level| !level.is_empty())
    }

    /// All configurations for the filter with this name, the least specific first.
    pub fn per_filter(&self, filter: &str) -> impl DoubleEndedIterator<Item = &Arc<dyn Any + Send + Sync>> {
        self.filter_levels().into_iter().flatten().filter_map(move |level| level.find(filter)?.config())
    }

    /// Whether any level changes a request's head.
    pub fn changes_request_headers(&self) -> bool {
        self.mutating_levels().any(|level| !level.request_headers.is_empty())
    }

    /// Makes the changes of all levels to a request's head, in Envoy's order.
    pub fn change_request_headers(&self, subject: &mut Subject<'_>) {
        self.mutating_levels().for_each(|level| level.request_headers.apply(subject));
    }

    /// Whether any level changes a response's head.
    pub fn changes_response_headers(&self) -> bool {
        self.mutating_levels().any(|level| !level.response_headers.is_empty())
    }

    /// Makes the changes of all levels to a response's head, in Envoy's order.
    pub fn change_response_headers(&self, subject: &mut Subject<'_>) {
        self.mutating_levels().for_each(|level| level.response_headers.apply(subject));
    }

    /// The levels in the order in which their changes are made; the weighted cluster always comes first.
    fn mutating_levels(&self) -> impl Iterator<Item = &Level> {
        let own = self.weighted_cluster().map(|cluster| &cluster.level);
        let (route, host, table) = (&self.route().level, &self.virtual_host().level, &self.table.level);
        let ordered = match (self.route().levels, self.table.order) {
            (Levels::RouteOnly, _) => [own, Some(route), None, None],
            (Levels::All, MutationOrder::LeastSpecificWins) => [own, Some(route), Some(host), Some(table)],
            (Levels::All, MutationOrder::MostSpecificWins) => [own, Some(table), Some(host), Some(route)],
        };
        ordered.into_iter().flatten()
    }

    /// What the levels say to filters, the least specific first.
    fn filter_levels(&self) -> [Option<&PerFilter>; 4] {
        let route = self.route();
        let weighted = self.weighted_cluster().map(|cluster| &cluster.level.per_filter);
        match route.levels {
            Levels::RouteOnly => [None, None, Some(&route.level.per_filter), weighted],
            Levels::All => {
                let (table, host) = (&self.table.level.per_filter, &self.virtual_host().level.per_filter);
                [Some(table), Some(host), Some(&route.level.per_filter), weighted]
            }
        }
    }
}
