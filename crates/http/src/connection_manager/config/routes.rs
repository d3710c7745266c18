//! Where a connection manager has its routes from.

use std::sync::Arc;

use nuncio_config::diagnostic::code;
use nuncio_config::{At, Diagnostic, Fields, Invalid, Slot, instead_of};
use nuncio_proto::envoy::config::route::v3::RouteConfiguration;
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;

use super::ParseContext;
use crate::route::{ParseContext as RouteContext, Table};

/// Parses `route_specifier`, whose fields are the connection manager's own.
pub(super) fn parse(specifier: Option<RouteSpecifier>, cx: &ParseContext<'_>, f: &mut Fields<'_>) -> Slot<Arc<Table>> {
    let at = f.at();
    match specifier {
        Some(RouteSpecifier::RouteConfig(proto)) => {
            f.value("route_config", proto, |proto, at| parse_table(proto, at, cx))
        }
        Some(RouteSpecifier::Rds(_)) => f.keep(Err(at.field("rds").not_implemented("'rds'"))),
        Some(RouteSpecifier::ScopedRoutes(_)) => {
            f.keep(Err(at.field("scoped_routes").not_implemented("'scoped_routes'")))
        }
        None => f.absent("one of 'route_config', 'rds' and 'scoped_routes' must be set"),
    }
}

/// Parses the routes in the listener; their clusters must exist unless `validate_clusters` is false.
fn parse_table(proto: RouteConfiguration, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Arc<Table>, Invalid> {
    let context = RouteContext::new(cx.cluster, cx.per_route, cx.data_source);
    let table = Table::parse(proto, &context, at)?;
    let mut f = at.fields();
    if table.validates_clusters().unwrap_or(true) {
        for reference in context.into_references() {
            if !cx.clusters.contains(&reference.name) {
                let message = reference.unknown();
                let help = instead_of(&reference.name, cx.clusters, "cluster");
                let error = Diagnostic::error(code::REFERENCE, reference.path, message).with_help(help);
                let unknown: Slot<()> = f.keep(Err(at.report(error)));
                drop(unknown);
            }
        }
    }
    f.finish(|| Arc::new(table))
}
