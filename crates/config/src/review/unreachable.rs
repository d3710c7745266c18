//! Routes that can never match, because one before them takes all their requests.

use std::collections::HashMap;

use nuncio_proto::envoy::config::route::v3::route_match::PathSpecifier;
use nuncio_proto::envoy::config::route::v3::{Route, RouteMatch};

use crate::at::At;
use crate::diagnostic::{Diagnostic, code};

/// So many routes with the very same path are remembered: a file may have ten thousand.
const MAX_ALIKE: usize = 16;

/// The routes so far, by their paths.
#[derive(Default)]
struct Before<'r> {
    by_path: HashMap<(Form, &'r str), Vec<usize>>,
}

/// How a path is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Prefix,
    Path,
    Separated,
    Regex,
}

/// Reports every route of a virtual host that is never reached.
pub(super) fn review(routes: &[Route], at: &At<'_>) {
    let mut before = Before::default();
    for (index, route) in routes.iter().enumerate() {
        let Some(this) = &route.r#match else { continue };
        let Some((form, text)) = path_of(this) else { continue };
        let taker = before
            .candidates(form, text, |first| routes[first].r#match.as_ref().is_some_and(|first| takes_all(first, this)));
        if let Some(first) = taker {
            let message = format!("this route never matches: routes[{first}] takes all its requests");
            let warning = Diagnostic::warning(code::UNREACHABLE_ROUTE, at.index(index).to_path(), message);
            let help = format!("move it in front of routes[{first}], or remove it");
            at.sink().push(warning.with_help(Some(help)));
        }
        let alike = before.by_path.entry((form, text)).or_default();
        if alike.len() < MAX_ALIKE {
            alike.push(index);
        }
    }
}

impl Before<'_> {
    /// The first route so far whose path covers this one, and about which `takes` agrees.
    fn candidates(&self, form: Form, text: &str, takes: impl Fn(usize) -> bool) -> Option<usize> {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        let starts = ends.map(|end| &text[..end]);
        let mut keys: Vec<(Form, &str)> = Vec::new();
        match form {
            // A path begins with a slash, and what a regular expression matches is not known beside that.
            Form::Regex => keys.extend([(Form::Prefix, ""), (Form::Regex, text)]),
            Form::Prefix | Form::Path | Form::Separated => {
                keys.extend(starts.flat_map(|start| [(Form::Prefix, start), (Form::Separated, start)]));
                keys.push((form, text));
            }
        }
        if form == Form::Regex && text.trim_start_matches('^').starts_with('/') && !text.contains('|') {
            keys.push((Form::Prefix, "/"));
        }
        let found = keys.iter().filter(|key| covers(**key, form, text)).filter_map(|key| self.by_path.get(key));
        found.flatten().copied().filter(|first| takes(*first)).min()
    }
}

/// Whether every path that matches the second matches the first, whose text is the start of the second's.
fn covers((first, start): (Form, &str), second: Form, text: &str) -> bool {
    let rest = &text[start.len().min(text.len())..];
    match (first, second) {
        (Form::Prefix, Form::Prefix | Form::Path | Form::Separated | Form::Regex) => true,
        (Form::Separated, Form::Path | Form::Separated) => rest.is_empty() || rest.starts_with('/'),
        (Form::Separated, Form::Prefix) => rest.starts_with('/'),
        (Form::Path, Form::Path) | (Form::Regex, Form::Regex) => rest.is_empty(),
        (Form::Separated, Form::Regex) | (Form::Path, _) | (Form::Regex, _) => false,
    }
}

/// The path of a route. Routes for CONNECT have none, and templates are their own matter.
fn path_of(this: &RouteMatch) -> Option<(Form, &str)> {
    match this.path_specifier.as_ref()? {
        PathSpecifier::Prefix(text) => Some((Form::Prefix, text)),
        PathSpecifier::Path(text) => Some((Form::Path, text)),
        PathSpecifier::PathSeparatedPrefix(text) => Some((Form::Separated, text)),
        PathSpecifier::SafeRegex(regex) => Some((Form::Regex, &regex.regex)),
        PathSpecifier::ConnectMatcher(_) | PathSpecifier::PathMatchPolicy(_) => None,
    }
}

/// Whether the first asks for nothing that the second does not ask for too, their paths apart.
fn takes_all(first: &RouteMatch, second: &RouteMatch) -> bool {
    let RouteMatch {
        case_sensitive,
        runtime_fraction,
        headers,
        query_parameters,
        cookies,
        grpc,
        tls_context,
        dynamic_metadata,
        filter_state,
        path_specifier: _,
    } = first;
    let is_exact = |case_sensitive: &Option<bool>| case_sensitive.unwrap_or(true);
    // What matches in any case is more than what matches in one.
    let takes_case = is_exact(&second.case_sensitive) || !is_exact(case_sensitive);
    takes_case
        && runtime_fraction.is_none()
        && headers.iter().all(|header| second.headers.contains(header))
        && query_parameters.iter().all(|parameter| second.query_parameters.contains(parameter))
        && cookies.iter().all(|cookie| second.cookies.contains(cookie))
        && dynamic_metadata.iter().all(|metadata| second.dynamic_metadata.contains(metadata))
        && filter_state.iter().all(|state| second.filter_state.contains(state))
        && (grpc.is_none() || *grpc == second.grpc)
        && (tls_context.is_none() || *tls_context == second.tls_context)
}
