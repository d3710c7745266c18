//! Expected values are answers of Envoy 1.40 to the same configuration and requests.

mod actions;
mod domains;
mod errors;
mod headers;
mod matching;
mod redirects;

use std::sync::Arc;

use nuncio_config::At;
use nuncio_config::Diagnostics;
use nuncio_config::Invalid;
use nuncio_message::HeaderMapKind;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3 as pb;
use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
use nuncio_upstream::Clusters;

use crate::filter::PerRoute;

use super::*;

/// Parses a route configuration, or has all error messages with their paths.
fn parse(proto: pb::RouteConfiguration) -> Result<Arc<Table>, String> {
    parse_with(proto, &Clusters::default()).map(|(table, _)| table)
}

fn parse_with(
    proto: pb::RouteConfiguration,
    clusters: &Clusters,
) -> Result<(Arc<Table>, Vec<ClusterReference>), String> {
    let sink = Diagnostics::new();
    let cluster = |name: &str| clusters.reference(name);
    let data_source = |_: core::DataSource, _: &At<'_>| Ok(b"from a file".to_vec());
    let cx = ParseContext::new(&cluster, &parse_filter, &data_source);
    match Table::parse(proto, &cx, &At::root(&sink)) {
        Ok(table) => Ok((Arc::new(table), cx.into_references())),
        Err(_) => {
            let lines = sink.sorted().into_iter().map(|found| format!("{}: {}", found.path, found.message));
            Err(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// A filter's configuration is its type URL here; the filter `bad` takes none.
fn parse_filter(name: &str, any: &prost_types::Any, at: &At<'_>) -> Result<Option<PerRoute>, Invalid> {
    match name {
        "bad" => Err(at.invalid("not for this filter")),
        "none" => Ok(None),
        _ => Ok(Some(Arc::new(any.type_url.clone()))),
    }
}

/// A configuration with one virtual host, for all domains.
fn with_routes(routes: Vec<pb::Route>) -> pb::RouteConfiguration {
    with_hosts(vec![virtual_host("v", &["*"], routes)])
}

fn with_hosts(virtual_hosts: Vec<pb::VirtualHost>) -> pb::RouteConfiguration {
    pb::RouteConfiguration { name: "r".into(), virtual_hosts, ..Default::default() }
}

fn virtual_host(name: &str, domains: &[&str], routes: Vec<pb::Route>) -> pb::VirtualHost {
    let domains = domains.iter().map(|&domain| domain.to_owned()).collect();
    pb::VirtualHost { name: name.into(), domains, routes, ..Default::default() }
}

/// A route that answers with `body`.
fn answer(r#match: pb::RouteMatch, body: &str) -> pb::Route {
    let specifier = Some(core::data_source::Specifier::InlineString(body.into()));
    let body = Some(core::DataSource { watched_directory: None, specifier });
    route(r#match, pb::route::Action::DirectResponse(pb::DirectResponseAction { status: 200, body, body_format: None }))
}

fn route(r#match: pb::RouteMatch, action: pb::route::Action) -> pb::Route {
    pb::Route { r#match: Some(r#match), action: Some(action), ..Default::default() }
}

fn forward(action: pb::RouteAction) -> pb::Route {
    route(prefix("/"), pb::route::Action::Route(action))
}

fn to_cluster(name: &str) -> pb::RouteAction {
    let cluster = pb::route_action::ClusterSpecifier::Cluster(name.into());
    pb::RouteAction { cluster_specifier: Some(cluster), ..Default::default() }
}

fn path_match(specifier: pb::route_match::PathSpecifier) -> pb::RouteMatch {
    pb::RouteMatch { path_specifier: Some(specifier), ..Default::default() }
}

fn prefix(text: &str) -> pb::RouteMatch {
    path_match(pb::route_match::PathSpecifier::Prefix(text.into()))
}

fn exact(text: &str) -> pb::RouteMatch {
    path_match(pb::route_match::PathSpecifier::Path(text.into()))
}

fn separated(text: &str) -> pb::RouteMatch {
    path_match(pb::route_match::PathSpecifier::PathSeparatedPrefix(text.into()))
}

fn regex(text: &str) -> matcher::RegexMatcher {
    matcher::RegexMatcher { regex: text.into(), engine_type: None }
}

fn any_case(r#match: pb::RouteMatch) -> pb::RouteMatch {
    pb::RouteMatch { case_sensitive: Some(false), ..r#match }
}

fn substitution(pattern: &str, substitution: &str) -> matcher::RegexMatchAndSubstitute {
    matcher::RegexMatchAndSubstitute { pattern: Some(regex(pattern)), substitution: substitution.into() }
}

/// The head of a request, with further headers or other values for these.
fn request(path: &str, more: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in [(":method", "GET"), (":scheme", "http"), (":authority", "t"), (":path", path)] {
        headers.push_name(name.as_bytes(), value.as_bytes());
    }
    for (name, value) in more {
        match name.starts_with(':') {
            true => headers.set_by_name(name.as_bytes(), value.as_bytes()),
            false => drop(headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes())),
        }
    }
    headers
}

/// The body that the request's route answers with, or why there is no route.
fn found(table: &Arc<Table>, headers: &Headers) -> Result<String, Miss> {
    let found = RouteRef::find(table, headers, 0)?;
    Ok(match found.route().action() {
        Action::DirectResponse(response) => String::from_utf8_lossy(&response.body).into_owned(),
        Action::Redirect(redirect) => {
            let location = found.route().location(redirect, headers);
            format!("{} {}", redirect.status, String::from_utf8_lossy(&location))
        }
        Action::Forward(_) => "forward".into(),
    })
}
