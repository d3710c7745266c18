//! Header matchers, as routes, access-log filters and retries use them.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;
use nuncio_proto::envoy::r#type::v3::Int64Range;

use crate::regex::RegexMatcher;
use crate::string::StringMatcher;

/// `envoy.config.route.v3.HeaderMatcher`.
///
/// A header with several values matches when one of them does; Envoy no longer joins them.
#[derive(Clone, Debug)]
pub struct HeaderMatcher {
    id: HeaderId,
    name: Box<[u8]>,
    specifier: Specifier,
    is_inverted: bool,
    is_missing_empty: bool,
}

#[derive(Clone, Debug)]
enum Specifier {
    Present,
    Absent,
    Text(StringMatcher),
    /// A decimal number in [start, end).
    Range {
        start: i64,
        end: i64,
    },
}

impl HeaderMatcher {
    /// Parses the matcher.
    ///
    /// # Errors
    /// When its string matcher or regular expression is invalid.
    pub fn parse(proto: pb::HeaderMatcher, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::HeaderMatcher { name, invert_match, treat_missing_header_as_empty, header_match_specifier } = proto;
        let specifier = Specifier::parse(header_match_specifier, at)?;
        // The host of a request is its authority, whatever its protocol calls it.
        let name: Box<[u8]> = match name.to_ascii_lowercase().into_bytes() {
            lower if lower == b"host" => Box::from(&b":authority"[..]),
            lower => lower.into(),
        };
        let (is_inverted, is_missing_empty) = (invert_match, treat_missing_header_as_empty);
        Ok(Self { id: HeaderId::of(&name), name, specifier, is_inverted, is_missing_empty })
    }

    /// The lower-case name of the header.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether the headers match.
    pub fn matches(&self, headers: &Headers) -> bool {
        match &self.specifier {
            Specifier::Present => self.is_present(headers) != self.is_inverted,
            Specifier::Absent => self.is_present(headers) == self.is_inverted,
            Specifier::Text(matcher) => self.any(headers, |value| matcher.matches(value)),
            Specifier::Range { start, end } => self.any(headers, |value| is_in_range(value, *start, *end)),
        }
    }

    fn is_present(&self, headers: &Headers) -> bool {
        self.is_missing_empty
            || if self.id == HeaderId::OTHER { headers.get_by_name(&self.name).is_some() } else { headers.has(self.id) }
    }

    /// Without the header nothing matches, not even inverted, unless a missing header counts as an empty one.
    fn any(&self, headers: &Headers, mut is_match: impl FnMut(&[u8]) -> bool) -> bool {
        let mut is_missing = true;
        let mut is_any = false;
        if self.id.is_pseudo() {
            if let Some(value) = headers.get(self.id) {
                (is_missing, is_any) = (false, is_match(value));
            }
        } else {
            for value in headers.get_all(&self.name) {
                is_missing = false;
                is_any = is_match(value);
                if is_any {
                    break;
                }
            }
        }
        if is_missing {
            return self.is_missing_empty && is_match(b"") != self.is_inverted;
        }
        is_any != self.is_inverted
    }
}

impl Specifier {
    fn parse(proto: Option<pb::header_matcher::HeaderMatchSpecifier>, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::header_matcher::HeaderMatchSpecifier;
        Ok(match proto {
            None | Some(HeaderMatchSpecifier::PresentMatch(true)) => Self::Present,
            Some(HeaderMatchSpecifier::PresentMatch(false)) => Self::Absent,
            // An empty `exact_match` matches any value, unlike an empty `string_match.exact`.
            Some(HeaderMatchSpecifier::ExactMatch(text)) if text.is_empty() => Self::Text(StringMatcher::prefix(b"")),
            Some(HeaderMatchSpecifier::ExactMatch(text)) => Self::Text(StringMatcher::exact(text.as_bytes())),
            Some(HeaderMatchSpecifier::PrefixMatch(text)) => Self::Text(StringMatcher::prefix(text.as_bytes())),
            Some(HeaderMatchSpecifier::SuffixMatch(text)) => Self::Text(StringMatcher::suffix(text.as_bytes())),
            Some(HeaderMatchSpecifier::ContainsMatch(text)) => Self::Text(StringMatcher::contains(text.as_bytes())),
            Some(HeaderMatchSpecifier::SafeRegexMatch(regex)) => {
                Self::Text(StringMatcher::regex(RegexMatcher::parse(regex, &at.field("safe_regex_match"))?))
            }
            Some(HeaderMatchSpecifier::StringMatch(matcher)) => {
                Self::Text(StringMatcher::parse(matcher, &at.field("string_match"))?)
            }
            Some(HeaderMatchSpecifier::RangeMatch(Int64Range { start, end })) => Self::Range { start, end },
        })
    }
}

/// Whether all of `value`, but for white space around it, is a decimal number in [start, end).
fn is_in_range(value: &[u8], start: i64, end: i64) -> bool {
    let number = std::str::from_utf8(value.trim_ascii()).ok().and_then(|text| text.parse::<i64>().ok());
    number.is_some_and(|number| start <= number && number < end)
}

#[cfg(test)]
mod tests;
