//! Redirects: the `location` that a request is sent to.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar;
use nuncio_matching::RegexRewrite;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::domains::without_port;
use super::matcher::RouteMatcher;

/// `envoy.config.route.v3.RedirectAction`.
#[derive(Debug)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    scheme: Option<Box<[u8]>>,
    host: Option<Box<[u8]>>,
    port: Option<u16>,
    path: Path,
    is_query_stripped: bool,
}

#[derive(Debug)]
enum Path {
    Keep,
    /// A path that keeps the request's query.
    Replace(Box<[u8]>),
    /// A path that brings its own query; the request's is dropped.
    ReplaceWithQuery(Box<[u8]>),
    Prefix(Box<[u8]>),
    Regex(RegexRewrite),
}

impl Redirect {
    pub(super) fn parse(proto: pb::RedirectAction, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::redirect_action::RedirectResponseCode as Code;
        use pb::redirect_action::SchemeRewriteSpecifier as Scheme;
        let pb::RedirectAction {
            host_redirect,
            port_redirect,
            response_code,
            strip_query,
            scheme_rewrite_specifier,
            path_rewrite_specifier,
        } = proto;
        let mut f = at.fields();
        let code = f.value("response_code", response_code, scalar::enumeration::<Code>);
        let port = f.value("port_redirect", port_redirect, scalar::port);
        let path = Path::parse(path_rewrite_specifier, at);
        let path = f.keep(path);
        f.finish(|| Self {
            status: match code.take() {
                Code::MovedPermanently => 301,
                Code::Found => 302,
                Code::SeeOther => 303,
                Code::TemporaryRedirect => 307,
                Code::PermanentRedirect => 308,
            },
            scheme: match scheme_rewrite_specifier {
                Some(Scheme::HttpsRedirect(true)) => Some(Box::from(&b"https"[..])),
                Some(Scheme::SchemeRedirect(scheme)) => non_empty(scheme),
                None | Some(Scheme::HttpsRedirect(false)) => None,
            },
            host: non_empty(host_redirect),
            port: Some(port.take()).filter(|port| *port != 0),
            path: path.take(),
            is_query_stripped: strip_query,
        })
    }

    /// The redirect to the same address with TLS, for virtual hosts that require it.
    pub(super) fn to_https() -> Self {
        let scheme = Some(Box::from(&b"https"[..]));
        Self { status: 301, scheme, host: None, port: None, path: Path::Keep, is_query_stripped: false }
    }

    /// Whether the path of the request is rewritten for the redirect: then it is logged as rewritten.
    pub(crate) fn rewrites_path(&self) -> bool {
        match self.path {
            Path::Keep | Path::Replace(_) | Path::ReplaceWithQuery(_) => false,
            Path::Prefix(_) | Path::Regex(_) => true,
        }
    }

    /// The absolute URL that a request, which `matcher` matched, is sent to.
    pub(super) fn location(&self, headers: &Headers, matcher: &RouteMatcher) -> Vec<u8> {
        let scheme = headers.get(HeaderId::SCHEME).or_else(|| headers.get(HeaderId::X_FORWARDED_PROTO));
        let scheme = self.scheme.as_deref().or(scheme).unwrap_or(b"http");
        let mut location = Vec::with_capacity(128);
        location.extend_from_slice(scheme);
        location.extend_from_slice(b"://");
        match &self.host {
            Some(host) => location.extend_from_slice(host),
            None => location.extend_from_slice(self.request_host(headers, scheme)),
        }
        if let Some(port) = self.port {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.append_path(headers, matcher, &mut location);
        location
    }

    /// The request's authority, without its port if that is replaced, or was the default of a scheme that is left.
    fn request_host<'h>(&self, headers: &'h Headers, scheme: &[u8]) -> &'h [u8] {
        let authority = headers.get(HeaderId::AUTHORITY).unwrap_or_default();
        let host = without_port(authority);
        let old_scheme = headers.get(HeaderId::X_FORWARDED_PROTO).or_else(|| headers.get(HeaderId::SCHEME));
        let is_default = match &authority[host.len()..] {
            b":80" => old_scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http")),
            b":443" => old_scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https")),
            _ => false,
        };
        if self.port.is_some() || (is_default && old_scheme != Some(scheme)) { host } else { authority }
    }

    fn append_path(&self, headers: &Headers, matcher: &RouteMatcher, location: &mut Vec<u8>) {
        let full = headers.get(HeaderId::PATH).unwrap_or_default();
        let (path, query) = full.split_at(full.iter().position(|&b| b == b'?').unwrap_or(full.len()));
        let start = location.len();
        let mut query = if self.is_query_stripped { &[][..] } else { query };
        match &self.path {
            Path::Keep => location.extend_from_slice(path),
            Path::Replace(other) => location.extend_from_slice(other),
            Path::ReplaceWithQuery(other) => {
                location.extend_from_slice(other);
                query = &[];
            }
            Path::Prefix(prefix) => {
                location.extend_from_slice(prefix);
                location.extend_from_slice(&path[matcher.matched_bytes(path)..]);
                // A query that the prefix brought is stripped too, unlike that of a whole path.
                if self.is_query_stripped {
                    let kept = location[start..].iter().position(|&b| b == b'?');
                    location.truncate(kept.map_or(location.len(), |at| start + at));
                }
            }
            Path::Regex(rewrite) => rewrite.rewrite(path, location),
        }
        if location.get(start) != Some(&b'/') {
            location.insert(start, b'/');
        }
        location.extend_from_slice(query);
    }
}

impl Path {
    fn parse(proto: Option<pb::redirect_action::PathRewriteSpecifier>, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::redirect_action::PathRewriteSpecifier as P;
        let bytes = |text: String| text.into_bytes().into_boxed_slice();
        match proto {
            None => Ok(Self::Keep),
            Some(P::PathRedirect(text) | P::PrefixRewrite(text)) if text.is_empty() => Ok(Self::Keep),
            Some(P::PathRedirect(text)) if text.contains('?') => Ok(Self::ReplaceWithQuery(bytes(text))),
            Some(P::PathRedirect(text)) => Ok(Self::Replace(bytes(text))),
            Some(P::PrefixRewrite(text)) => Ok(Self::Prefix(bytes(text))),
            Some(P::RegexRewrite(rewrite)) => RegexRewrite::parse(rewrite, &at.field("regex_rewrite")).map(Self::Regex),
            Some(P::PathRewrite(_)) => Err(at.field("path_rewrite").not_implemented("'path_rewrite'")),
        }
    }
}

fn non_empty(text: String) -> Option<Box<[u8]>> {
    (!text.is_empty()).then(|| text.into_bytes().into())
}
