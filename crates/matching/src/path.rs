//! Paths without their query.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::r#type::matcher::v3 as pb;

use crate::string::StringMatcher;

/// `envoy.type.matcher.v3.PathMatcher`: a string matcher on the path without query and fragment.
#[derive(Clone, Debug)]
pub struct PathMatcher(StringMatcher);

impl PathMatcher {
    /// Parses the matcher.
    ///
    /// # Errors
    /// When it is empty, or its string matcher is invalid.
    pub fn parse(proto: pb::PathMatcher, at: &At<'_>) -> Result<Self, Invalid> {
        match proto.rule {
            Some(pb::path_matcher::Rule::Path(path)) => StringMatcher::parse(path, &at.field("path")).map(Self),
            None => Err(at.field("path").missing("must be set")),
        }
    }

    /// Whether a `:path`, which may have a query, matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.0.matches(without_query(path))
    }
}

/// The path up to its query or fragment.
pub fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr2(b'?', b'#', path).map_or(path, |at| &path[..at])
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    #[test]
    fn query_and_fragment_are_not_part_of_the_path() {
        for (path, expected) in
            [("/a", "/a"), ("/a?b", "/a"), ("/a#b", "/a"), ("/a?b#c", "/a"), ("/a#b?c", "/a"), ("?", ""), ("", "")]
        {
            assert_eq!(without_query(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_path_matcher_does_not_see_the_query() {
        let sink = Diagnostics::new();
        let exact = pb::string_matcher::MatchPattern::Exact("/a".into());
        let rule = pb::path_matcher::Rule::Path(pb::StringMatcher { ignore_case: false, match_pattern: Some(exact) });
        let matcher = PathMatcher::parse(pb::PathMatcher { rule: Some(rule) }, &At::root(&sink)).expect("valid");
        assert!(matcher.matches(b"/a?x") && matcher.matches(b"/a") && !matcher.matches(b"/b?/a"));
        assert!(PathMatcher::parse(pb::PathMatcher { rule: None }, &At::root(&sink)).is_err());
    }
}
