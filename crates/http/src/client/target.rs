//! Where our own calls go: a cluster with a timeout and a retry policy, as a route of one's own.

use std::sync::Arc;

use nuncio_config::{At, Invalid};
use nuncio_message::{HeaderId, Headers};
use nuncio_proto::envoy::config::route::v3 as pb;
use nuncio_upstream::ClusterRef;

use crate::route::{ParseContext, RouteRef, Table};

/// A cluster to call. Made when the caller's configuration is parsed; shared by all workers.
#[derive(Clone)]
pub struct Target {
    route: RouteRef,
}

impl Target {
    /// Calls `cluster`. Without a timeout, or with one of zero, a call may take for ever.
    ///
    /// # Errors
    /// When the timeout or the retry policy is invalid.
    pub fn parse(
        cluster: &ClusterRef,
        timeout: Option<prost_types::Duration>,
        retry_policy: Option<pb::RetryPolicy>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        let action = pb::RouteAction {
            timeout: Some(timeout.unwrap_or_default()),
            retry_policy,
            cluster_specifier: Some(pb::route_action::ClusterSpecifier::Cluster(cluster.name().to_string())),
            ..Default::default()
        };
        let everything = pb::RouteMatch {
            path_specifier: Some(pb::route_match::PathSpecifier::Prefix("/".to_owned())),
            ..Default::default()
        };
        let route = pb::Route {
            r#match: Some(everything),
            action: Some(pb::route::Action::Route(action)),
            ..Default::default()
        };
        let host = pb::VirtualHost {
            name: "calls".to_owned(),
            domains: vec!["*".to_owned()],
            routes: vec![route],
            ..Default::default()
        };
        let table = pb::RouteConfiguration { virtual_hosts: vec![host], ..Default::default() };
        let find = |_: &str| Arc::clone(cluster);
        let context = ParseContext::new(
            &find,
            &|_, _, at| Err(at.invalid("a call's route says nothing to filters")),
            &|_, at| Err(at.invalid("a call's route has no data")),
        );
        let table = Arc::new(Table::parse(table, &context, at)?);
        let mut any = Headers::new();
        any.push(HeaderId::METHOD, b"GET");
        any.push(HeaderId::AUTHORITY, b"call");
        any.push(HeaderId::PATH, b"/");
        match RouteRef::find(&table, &any, 0) {
            Ok(route) => Ok(Self { route }),
            Err(_) => Err(at.invalid("a call's route matches everything")),
        }
    }

    pub(super) fn route(&self) -> &RouteRef {
        &self.route
    }
}
