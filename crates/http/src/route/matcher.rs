//! Whether a request matches a route.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_matching::HeaderMatcher;
use nuncio_matching::Query;
use nuncio_matching::QueryParameterMatcher;
use nuncio_matching::RegexMatcher;
use nuncio_matching::RuntimeFraction;
use nuncio_matching::starts_with_any_case;
use nuncio_matching::without_query;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;

/// `envoy.config.route.v3.RouteMatch`.
#[derive(Debug)]
pub struct RouteMatcher {
    path: PathSpecifier,
    /// What most routes have not.
    conditions: Option<Box<Conditions>>,
}

#[derive(Debug)]
enum PathSpecifier {
    Prefix(Box<[u8]>),
    PrefixAnyCase(Box<[u8]>),
    Exact(Box<[u8]>),
    ExactAnyCase(Box<[u8]>),
    /// The path itself, or what follows it after a slash.
    Separated(Box<[u8]>),
    SeparatedAnyCase(Box<[u8]>),
    Regex(RegexMatcher),
    /// CONNECT and CONNECT-UDP, whatever the path.
    Connect,
}

#[derive(Debug, Default)]
struct Conditions {
    runtime_fraction: Option<RuntimeFraction>,
    is_grpc: bool,
    /// `tls_context` asks for a client certificate.
    needs_certificate: bool,
    headers: Box<[HeaderMatcher]>,
    query_parameters: Box<[QueryParameterMatcher]>,
}

impl RouteMatcher {
    /// Parses the match.
    ///
    /// # Errors
    /// When a matcher is invalid or not supported.
    pub(super) fn parse(proto: pb::RouteMatch, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::RouteMatch {
            case_sensitive,
            runtime_fraction,
            headers,
            query_parameters,
            cookies,
            grpc,
            tls_context,
            dynamic_metadata,
            filter_state,
            path_specifier,
        } = proto;
        let mut f = at.fields();
        let runtime_fraction = f.optional("runtime_fraction", runtime_fraction, RuntimeFraction::parse);
        let headers = f.each("headers", headers, HeaderMatcher::parse);
        let query_parameters = f.each("query_parameters", query_parameters, QueryParameterMatcher::parse);
        f.unsupported("cookies", cookies);
        // No connection has a client certificate yet.
        let pb::route_match::TlsContextMatchOptions { presented, validated } = tls_context.unwrap_or_default();
        let needs_certificate = presented == Some(true) || validated == Some(true);
        f.unsupported("dynamic_metadata", dynamic_metadata);
        f.unsupported("filter_state", filter_state);
        let path = PathSpecifier::parse(path_specifier, case_sensitive.unwrap_or(true), at);
        let path = f.keep(path);
        f.finish(|| {
            let conditions = Conditions {
                runtime_fraction: runtime_fraction.take(),
                is_grpc: grpc.is_some(),
                needs_certificate,
                headers: headers.take().into(),
                query_parameters: query_parameters.take().into(),
            };
            Self { path: path.take(), conditions: conditions.into_option() }
        })
    }

    /// Matches every path.
    pub(super) fn any() -> Self {
        Self { path: PathSpecifier::Prefix(Box::default()), conditions: None }
    }

    /// Whether a request matches. `path` is its path without query, absent in a CONNECT request.
    pub(super) fn matches(&self, path: Option<&[u8]>, headers: &Headers, random: u64) -> bool {
        self.path.matches(path, headers)
            && self.conditions.as_ref().is_none_or(|conditions| conditions.match_request(headers, random))
    }

    /// What the path of every request that matches begins with, byte for byte; `None` when nothing like that is known.
    pub(super) fn path_start(&self) -> Option<&[u8]> {
        match &self.path {
            PathSpecifier::Prefix(start) | PathSpecifier::Exact(start) | PathSpecifier::Separated(start) => Some(start),
            PathSpecifier::PrefixAnyCase(_)
            | PathSpecifier::ExactAnyCase(_)
            | PathSpecifier::SeparatedAnyCase(_)
            | PathSpecifier::Regex(_)
            | PathSpecifier::Connect => None,
        }
    }

    /// How many bytes of a matching path a prefix rewrite replaces.
    pub(super) fn matched_bytes(&self, path: &[u8]) -> usize {
        match &self.path {
            PathSpecifier::Prefix(prefix)
            | PathSpecifier::PrefixAnyCase(prefix)
            | PathSpecifier::Separated(prefix)
            | PathSpecifier::SeparatedAnyCase(prefix) => prefix.len().min(path.len()),
            PathSpecifier::Exact(_)
            | PathSpecifier::ExactAnyCase(_)
            | PathSpecifier::Regex(_)
            | PathSpecifier::Connect => path.len(),
        }
    }
}

impl PathSpecifier {
    fn parse(proto: Option<pb::route_match::PathSpecifier>, is_exact_case: bool, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::route_match::PathSpecifier as P;
        let bytes = |text: String| text.into_bytes().into_boxed_slice();
        match proto {
            None => {
                Err(at.missing("one of prefix, path, safe_regex, path_separated_prefix or connect_matcher must be set"))
            }
            Some(P::Prefix(text)) if is_exact_case => Ok(Self::Prefix(bytes(text))),
            Some(P::Prefix(text)) => Ok(Self::PrefixAnyCase(bytes(text))),
            Some(P::Path(text)) if is_exact_case => Ok(Self::Exact(bytes(text))),
            Some(P::Path(text)) => Ok(Self::ExactAnyCase(bytes(text))),
            Some(P::PathSeparatedPrefix(text)) if is_exact_case => Ok(Self::Separated(bytes(text))),
            Some(P::PathSeparatedPrefix(text)) => Ok(Self::SeparatedAnyCase(bytes(text))),
            // Envoy looks at the letter case of regular expressions whatever `case_sensitive` says.
            Some(P::SafeRegex(regex)) => RegexMatcher::parse(regex, &at.field("safe_regex")).map(Self::Regex),
            Some(P::ConnectMatcher(pb::route_match::ConnectMatcher {})) => Ok(Self::Connect),
            Some(P::PathMatchPolicy(_)) => Err(at.field("path_match_policy").not_implemented("'path_match_policy'")),
        }
    }

    fn matches(&self, path: Option<&[u8]>, headers: &Headers) -> bool {
        if let Self::Connect = self {
            return is_connect(headers);
        }
        let Some(path) = path else { return false };
        match self {
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::PrefixAnyCase(prefix) => starts_with_any_case(path, prefix),
            Self::Exact(exact) => path == &**exact,
            Self::ExactAnyCase(exact) => path.eq_ignore_ascii_case(exact),
            Self::Separated(prefix) => path.starts_with(prefix) && ends_segment(path, prefix.len()),
            Self::SeparatedAnyCase(prefix) => starts_with_any_case(path, prefix) && ends_segment(path, prefix.len()),
            Self::Regex(regex) => regex.matches(path),
            Self::Connect => false,
        }
    }
}

impl Conditions {
    fn into_option(self) -> Option<Box<Self>> {
        let Self { runtime_fraction, is_grpc, needs_certificate, headers, query_parameters } = &self;
        let is_plain = runtime_fraction.is_none() && !is_grpc && !needs_certificate;
        let is_empty = is_plain && headers.is_empty() && query_parameters.is_empty();
        (!is_empty).then(|| Box::new(self))
    }

    fn match_request(&self, headers: &Headers, random: u64) -> bool {
        self.runtime_fraction.as_ref().is_none_or(|fraction| fraction.is_enabled(random))
            && !self.needs_certificate
            && (!self.is_grpc || is_grpc(headers))
            && self.headers.iter().all(|matcher| matcher.matches(headers))
            && self.match_query(headers)
    }

    fn match_query(&self, headers: &Headers) -> bool {
        if self.query_parameters.is_empty() {
            return true;
        }
        let query = Query::of(headers.get(HeaderId::PATH).unwrap_or_default());
        self.query_parameters.iter().all(|matcher| matcher.matches(query))
    }
}

/// The path that routes are matched on: without query, or nothing in a CONNECT request.
pub(super) fn path_of(headers: &Headers) -> Option<&[u8]> {
    headers.get(HeaderId::PATH).map(without_query)
}

fn ends_segment(path: &[u8], at: usize) -> bool {
    path.get(at).is_none_or(|&b| b == b'/')
}

fn is_connect(headers: &Headers) -> bool {
    headers.get(HeaderId::METHOD) == Some(b"CONNECT")
        || headers.get(HeaderId::UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"connect-udp"))
}

/// Whether the content type is `application/grpc`, alone or with a `+` and a format.
fn is_grpc(headers: &Headers) -> bool {
    let rest = headers.get(HeaderId::CONTENT_TYPE).and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| rest.first().is_none_or(|&b| b == b'+'))
}
