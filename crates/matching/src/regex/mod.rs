//! RE2 regular expressions: whole-string matches and substitutions.
//!
//! Envoy runs RE2 on bytes (its Latin-1 mode: `.` is one byte, `é` in a pattern is two). The `regex` crate does the same in
//! its byte mode; [`translate`] rewrites what the two syntaxes read differently. Known differences: case-insensitive
//! matching folds ASCII letters only, Unicode classes such as `\pL` are an error, and `max_program_size` has no effect
//! (a program is limited to the 10 MiB of the `regex` crate).

mod substitute;
mod translate;

use std::fmt;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::r#type::matcher::v3 as pb;
use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

pub use substitute::RegexRewrite;

/// `envoy.type.matcher.v3.RegexMatcher`: matches when the whole string does.
#[derive(Clone)]
pub struct RegexMatcher {
    regex: Regex,
}

impl RegexMatcher {
    /// Parses the matcher.
    ///
    /// # Errors
    /// When the expression is not one of RE2's, or uses what is not supported.
    pub fn parse(proto: pb::RegexMatcher, at: &At<'_>) -> Result<Self, Invalid> {
        // The engine is RE2 whether it is named or not; its program size limit is deprecated and only logs in Envoy.
        let pb::RegexMatcher { regex, engine_type: _ } = proto;
        let inner = translate::translate(&regex).map_err(|error| at.field("regex").invalid(error))?;
        let regex = compile(&format!(r"\A(?:{inner})\z"), &at.field("regex"))?;
        Ok(Self { regex })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

impl fmt::Debug for RegexMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegexMatcher({})", self.regex.as_str())
    }
}

fn compile(translated: &str, at: &At<'_>) -> Result<Regex, Invalid> {
    RegexBuilder::new(translated).unicode(false).build().map_err(|error| {
        // The last line of a syntax error says what is wrong, those before it draw where.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        at.invalid(format!("invalid regular expression: {reason}"))
    })
}

#[cfg(test)]
mod tests;
