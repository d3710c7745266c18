//! What a route changes about the path and the authority of a request on its way upstream.

use nuncio_config::At;
use nuncio_config::Fields;
use nuncio_config::Invalid;
use nuncio_config::Slot;
use nuncio_matching::RegexRewrite;
use nuncio_proto::envoy::config::route::v3 as pb;
use nuncio_proto::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;

use super::matcher::RouteMatcher;

/// `prefix_rewrite` or `regex_rewrite` of `envoy.config.route.v3.RouteAction`.
#[derive(Debug)]
pub enum PathRewrite {
    /// Replaces the part of the path that matched.
    Prefix(Box<[u8]>),
    /// Replaces what a regular expression matches in the path without query.
    Regex(RegexRewrite),
}

/// The host rewrite of `envoy.config.route.v3.RouteAction`.
#[derive(Debug, PartialEq, Eq)]
pub enum HostRewrite {
    /// This authority.
    Literal(Box<[u8]>),
    /// The host name of the endpoint that was picked, if it has one.
    Endpoint,
    /// The value of a request header, if there is one. Its lower-case name.
    Header(Box<[u8]>),
}

impl PathRewrite {
    pub(super) fn parse(
        f: &mut Fields<'_>,
        prefix: String,
        regex: Option<RegexMatchAndSubstitute>,
    ) -> Slot<Option<Self>> {
        if !prefix.is_empty() && regex.is_some() {
            let message = "Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy";
            let conflict = f.at().invalid(message);
            return f.keep(Err(conflict));
        }
        if prefix.is_empty() {
            return f.optional("regex_rewrite", regex, |regex, at| RegexRewrite::parse(regex, at).map(Self::Regex));
        }
        f.keep(Ok(Some(Self::Prefix(prefix.into_bytes().into()))))
    }

    /// The new path of a request, which `matcher` matched; nothing when the path stays.
    pub(super) fn rewrite(&self, full: &[u8], matcher: &RouteMatcher) -> Option<Vec<u8>> {
        let (path, query) = full.split_at(full.iter().position(|&b| b == b'?').unwrap_or(full.len()));
        let mut rewritten = Vec::with_capacity(full.len() + 32);
        match self {
            Self::Prefix(prefix) => {
                rewritten.extend_from_slice(prefix);
                rewritten.extend_from_slice(&path[matcher.matched_bytes(path)..]);
            }
            Self::Regex(regex) => regex.rewrite(path, &mut rewritten),
        }
        // Envoy sends no empty path: it leaves the request as it is.
        if rewritten.is_empty() {
            return None;
        }
        rewritten.extend_from_slice(query);
        Some(rewritten)
    }
}

impl HostRewrite {
    pub(super) fn parse(
        proto: Option<pb::route_action::HostRewriteSpecifier>,
        at: &At<'_>,
    ) -> Result<Option<Self>, Invalid> {
        use pb::route_action::HostRewriteSpecifier as H;
        Ok(match proto {
            None | Some(H::AutoHostRewrite(false)) => None,
            Some(H::HostRewriteLiteral(text) | H::HostRewriteHeader(text)) if text.is_empty() => None,
            Some(H::HostRewriteLiteral(text)) => Some(Self::Literal(text.into_bytes().into())),
            Some(H::AutoHostRewrite(true)) => Some(Self::Endpoint),
            Some(H::HostRewriteHeader(name)) => Some(Self::Header(name.to_ascii_lowercase().into_bytes().into())),
            Some(H::HostRewritePathRegex(_)) => {
                return Err(at.field("host_rewrite_path_regex").not_implemented("'host_rewrite_path_regex'"));
            }
            Some(H::HostRewrite(_)) => return Err(at.field("host_rewrite").not_implemented("'host_rewrite'")),
        })
    }
}
