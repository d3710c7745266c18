//! String matchers: exact, prefix, suffix, contains, regular expression.

use memchr::memmem::Finder;
use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::r#type::matcher::v3 as pb;

use crate::regex::RegexMatcher;

/// `envoy.type.matcher.v3.StringMatcher`. Works on bytes; letter case means ASCII letters.
#[derive(Clone, Debug)]
pub struct StringMatcher {
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<Finder<'static>>),
    ExactAnyCase(Box<[u8]>),
    PrefixAnyCase(Box<[u8]>),
    SuffixAnyCase(Box<[u8]>),
    ContainsAnyCase(Box<[u8]>),
    Regex(RegexMatcher),
}

impl StringMatcher {
    /// Parses the matcher.
    ///
    /// # Errors
    /// When there is no pattern, a regular expression is invalid, or the pattern is an extension.
    pub fn parse(proto: pb::StringMatcher, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::string_matcher::MatchPattern;
        let pb::StringMatcher { ignore_case, match_pattern } = proto;
        let bytes = |text: String| text.into_bytes().into_boxed_slice();
        let pattern = match match_pattern {
            None => return Err(at.missing("one of exact, prefix, suffix, safe_regex or contains must be set")),
            Some(MatchPattern::Custom(_)) => return Err(at.field("custom").not_implemented("'custom'")),
            Some(MatchPattern::SafeRegex(_)) if ignore_case => {
                return Err(at.field("ignore_case").invalid("ignore_case has no effect for safe_regex"));
            }
            Some(MatchPattern::SafeRegex(regex)) => {
                Pattern::Regex(RegexMatcher::parse(regex, &at.field("safe_regex"))?)
            }
            Some(MatchPattern::Exact(text)) if ignore_case => Pattern::ExactAnyCase(bytes(text)),
            Some(MatchPattern::Prefix(text)) if ignore_case => Pattern::PrefixAnyCase(bytes(text)),
            Some(MatchPattern::Suffix(text)) if ignore_case => Pattern::SuffixAnyCase(bytes(text)),
            Some(MatchPattern::Contains(text)) if ignore_case => Pattern::ContainsAnyCase(bytes(text)),
            Some(MatchPattern::Exact(text)) => Pattern::Exact(bytes(text)),
            Some(MatchPattern::Prefix(text)) => Pattern::Prefix(bytes(text)),
            Some(MatchPattern::Suffix(text)) => Pattern::Suffix(bytes(text)),
            Some(MatchPattern::Contains(text)) => {
                Pattern::Contains(Box::new(Finder::new(text.as_bytes()).into_owned()))
            }
        };
        Ok(Self { pattern })
    }

    /// Matches exactly `text`.
    pub fn exact(text: &[u8]) -> Self {
        Self { pattern: Pattern::Exact(text.into()) }
    }

    /// Matches what starts with `text`.
    pub fn prefix(text: &[u8]) -> Self {
        Self { pattern: Pattern::Prefix(text.into()) }
    }

    /// Matches what ends with `text`.
    pub fn suffix(text: &[u8]) -> Self {
        Self { pattern: Pattern::Suffix(text.into()) }
    }

    /// Matches what contains `text`.
    pub fn contains(text: &[u8]) -> Self {
        Self { pattern: Pattern::Contains(Box::new(Finder::new(text).into_owned())) }
    }

    /// Matches what `regex` matches as a whole.
    pub fn regex(regex: RegexMatcher) -> Self {
        Self { pattern: Pattern::Regex(regex) }
    }

    /// Whether `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.pattern {
            Pattern::Exact(expected) => text == &**expected,
            Pattern::Prefix(prefix) => text.starts_with(prefix),
            Pattern::Suffix(suffix) => text.ends_with(suffix),
            Pattern::Contains(finder) => finder.find(text).is_some(),
            Pattern::ExactAnyCase(expected) => text.eq_ignore_ascii_case(expected),
            Pattern::PrefixAnyCase(prefix) => starts_with_any_case(text, prefix),
            Pattern::SuffixAnyCase(suffix) => {
                text.len() >= suffix.len() && text[text.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
            }
            Pattern::ContainsAnyCase(part) => {
                part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
            }
            Pattern::Regex(regex) => regex.matches(text),
        }
    }
}

/// Whether `text` starts with `prefix` when the case of ASCII letters does not matter.
pub fn starts_with_any_case(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix)
}

#[cfg(test)]
mod tests;
