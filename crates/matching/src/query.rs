//! The query of a path, and matchers on its parameters.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::route::v3 as pb;

use crate::string::StringMatcher;

/// The query of a `:path`, read in place. Nothing is decoded: Envoy matches parameters as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a>(&'a [u8]);

/// `envoy.config.route.v3.QueryParameterMatcher`. Looks at the first parameter of its name.
#[derive(Clone, Debug)]
pub struct QueryParameterMatcher {
    name: Box<[u8]>,
    specifier: Specifier,
}

#[derive(Clone, Debug)]
enum Specifier {
    Present,
    Absent,
    Text(StringMatcher),
}

impl<'a> Query<'a> {
    /// What follows the first question mark of `path`.
    pub fn of(path: &'a [u8]) -> Self {
        Self(memchr::memchr(b'?', path).map_or(&[], |at| &path[at + 1..]))
    }

    /// The value of the first parameter of this name; empty when it has none.
    pub fn first(self, name: &[u8]) -> Option<&'a [u8]> {
        self.parameters().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All parameters in order: name and value.
    pub fn parameters(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.split(|&b| b == b'&').filter(|part| !part.is_empty()).map(|part| match memchr::memchr(b'=', part) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &[][..]),
        })
    }
}

impl QueryParameterMatcher {
    /// Parses the matcher.
    ///
    /// # Errors
    /// When its string matcher is invalid.
    pub fn parse(proto: pb::QueryParameterMatcher, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::query_parameter_matcher::QueryParameterMatchSpecifier;
        let pb::QueryParameterMatcher { name, query_parameter_match_specifier } = proto;
        let specifier = match query_parameter_match_specifier {
            None | Some(QueryParameterMatchSpecifier::PresentMatch(true)) => Specifier::Present,
            Some(QueryParameterMatchSpecifier::PresentMatch(false)) => Specifier::Absent,
            Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => {
                Specifier::Text(StringMatcher::parse(matcher, &at.field("string_match"))?)
            }
        };
        Ok(Self { name: name.into_bytes().into(), specifier })
    }

    /// Whether the query matches.
    pub fn matches(&self, query: Query<'_>) -> bool {
        let value = query.first(&self.name);
        match &self.specifier {
            Specifier::Present => value.is_some(),
            Specifier::Absent => value.is_none(),
            Specifier::Text(matcher) => value.is_some_and(|value| matcher.matches(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;
    use nuncio_proto::envoy::r#type::matcher::v3 as matcher;

    use super::*;

    fn exact(name: &str, value: &str) -> QueryParameterMatcher {
        text(name, matcher::string_matcher::MatchPattern::Exact(value.into()))
    }

    fn text(name: &str, pattern: matcher::string_matcher::MatchPattern) -> QueryParameterMatcher {
        let string = matcher::StringMatcher { ignore_case: false, match_pattern: Some(pattern) };
        parse(name, Some(pb::query_parameter_matcher::QueryParameterMatchSpecifier::StringMatch(string)))
    }

    fn present(name: &str, expected: bool) -> QueryParameterMatcher {
        parse(name, Some(pb::query_parameter_matcher::QueryParameterMatchSpecifier::PresentMatch(expected)))
    }

    fn parse(
        name: &str,
        specifier: Option<pb::query_parameter_matcher::QueryParameterMatchSpecifier>,
    ) -> QueryParameterMatcher {
        let proto = pb::QueryParameterMatcher { name: name.into(), query_parameter_match_specifier: specifier };
        QueryParameterMatcher::parse(proto, &At::root(&Diagnostics::new())).expect("a valid matcher")
    }

    fn check(matcher: &QueryParameterMatcher, matching: &[&str], other: &[&str]) {
        for (queries, expected) in [(matching, true), (other, false)] {
            for query in queries {
                let path = format!("/path{query}");
                assert_eq!(matcher.matches(Query::of(path.as_bytes())), expected, "{query} {matcher:?}");
            }
        }
    }

    #[test]
    fn values_are_compared_as_they_were_sent() {
        check(
            &exact("a", "1"),
            &["?a=1", "?a=1&a=2", "?b=2&a=1", "?a=1&", "?&a=1"],
            &[
                "", "?", "?a=%31", "?%61=1", "?a=2&a=1", "?a=1;b=2", "?b=1;a=1", "?a==1", "?A=1", "??a=1", "?x?a=1",
                "?a=1?", "?a=%2031", "?a=1%00",
            ],
        );
        check(&exact("a", "+"), &["?a=+"], &["?a=%2B"]);
        check(&exact("a", " "), &[], &["?a=+", "?a=%20"]);
        check(&exact("a", "%31"), &["?a=%31"], &["?a=%2531"]);
        check(&exact("a", "=1"), &["?a==1"], &[]);
        check(&exact("%61", "1"), &["?%61=1"], &["?a=1"]);
        check(&exact("a b", "1"), &[], &["?a%20b=1", "?a+b=1"]);
    }

    #[test]
    fn a_parameter_without_a_value_is_empty() {
        check(&exact("a", ""), &["?a", "?a=", "?a&b", "?a=&a=1"], &["?b", "?=a"]);
    }

    #[test]
    fn presence_needs_the_name_only() {
        check(&present("a", true), &["?a", "?a=1"], &["?b", "?b=a", "?ab=1"]);
        check(&present("a", false), &["?b", ""], &["?a", "?a=1"]);
        check(&parse("a", None), &["?a", "?a=1"], &["?b"]);
    }

    #[test]
    fn a_regular_expression_matches_the_whole_value() {
        let regex = matcher::RegexMatcher { regex: "[0-9]+".into(), engine_type: None };
        check(&text("a", matcher::string_matcher::MatchPattern::SafeRegex(regex)), &["?a=12"], &["?a=12x", "?a", ""]);
    }
}
