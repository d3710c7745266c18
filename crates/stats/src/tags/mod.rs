//! Tags: what is cut out of a stat's name and told beside it, `cluster.a.upstream_rq_200` being
//! `cluster.upstream_rq` with a cluster name and a response code.
//!
//! Names are taken apart only when they are rendered for a reader that wants tags, never while they are counted.

mod defaults;
mod extractor;

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;
use regex::Regex;

use crate::tags::extractor::Cut;
use crate::tags::extractor::Extractor;
use crate::tags::extractor::Matcher;

/// Shared, immutable: the rules by which tags are found, `stats_tags` and `use_all_default_tags` of
/// `envoy.config.metrics.v3.StatsConfig`. The default is all of Envoy's rules.
pub struct TagRules {
    /// Rules that may match any name. Their tags come first.
    anywhere: Vec<Extractor>,
    /// Rules by the first part of the names that they can match.
    by_first_part: HashMap<Box<str>, Vec<Extractor>, RandomState>,
}

impl TagRules {
    /// No rules at all: `use_all_default_tags: false`.
    pub fn none() -> Self {
        Self { anywhere: Vec::new(), by_first_part: HashMap::default() }
    }

    /// Adds a rule that cuts out what `expression`'s first group matches, and takes the second group, or else the
    /// first, as the tag's value.
    pub fn add_regex(&mut self, tag: &str, expression: Regex) {
        let first_part = literal_first_part(expression.as_str()).map(Box::from);
        self.add(first_part, Extractor::new(tag.to_owned().into(), Matcher::Regex(expression)));
    }

    /// Adds a tag that every stat has.
    pub fn add_fixed(&mut self, tag: &str, value: &str) {
        self.add(None, Extractor::new(tag.to_owned().into(), Matcher::Fixed(value.into())));
    }

    /// Adds Envoy's own rules for `tag`; says whether there are any.
    pub fn add_default(&mut self, tag: &str) -> bool {
        let mut rules = defaults::RULES.iter().filter(|rule| rule.tag == tag).peekable();
        let is_known = rules.peek().is_some();
        rules.for_each(|rule| self.add_rule(rule));
        is_known
    }

    /// Takes `name` apart.
    pub fn extract(&self, name: &str) -> Tagged<'_> {
        let mut tagged = Tagged { name: String::new(), tags: Vec::new() };
        let mut cuts: Vec<Cut> = Vec::new();
        let first_part = name.split('.').next().unwrap_or(name);
        let anchored = self.by_first_part.get(first_part).map_or(&[][..], Vec::as_slice);
        for extractor in self.anywhere.iter().chain(anchored) {
            if tagged.tags.iter().any(|(tag, _)| *tag == extractor.tag()) {
                continue;
            }
            if let Some((value, cut)) = extractor.find(name) {
                tagged.tags.push((extractor.tag(), value.to_owned()));
                cuts.extend(cut);
            }
        }
        tagged.name = without(name, cuts);
        tagged
    }

    /// The tags that every stat has.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.anywhere.iter().filter_map(Extractor::fixed)
    }

    fn add_rule(&mut self, rule: &'static defaults::Rule) {
        let matcher = Matcher::of(rule);
        let first_part = match rule.pattern {
            defaults::Pattern::Parts(parts) => parts.split('.').next().filter(|part| !matches!(*part, "$" | "*")),
            defaults::Pattern::Regex(expression) => literal_first_part(expression),
        };
        self.add(first_part.map(Box::from), Extractor::new(rule.tag.into(), matcher));
    }

    fn add(&mut self, first_part: Option<Box<str>>, extractor: Extractor) {
        match first_part {
            Some(part) => self.by_first_part.entry(part).or_default().push(extractor),
            None => self.anywhere.push(extractor),
        }
    }
}

impl Default for TagRules {
    fn default() -> Self {
        let mut rules = Self::none();
        defaults::RULES.iter().for_each(|rule| rules.add_rule(rule));
        rules
    }
}

impl fmt::Debug for TagRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagRules").field("anywhere", &self.anywhere.len()).finish_non_exhaustive()
    }
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// What is left of the name.
    pub name: String,
    /// Tag names with their values, in Envoy's order.
    pub tags: Vec<(&'a str, String)>,
}

/// The part before the first dot that an expression of the form `^part\.…` or `^part$` asks for.
fn literal_first_part(expression: &str) -> Option<&str> {
    let body = expression.strip_prefix('^')?;
    let end = body.find(|byte: char| !byte.is_ascii_alphanumeric() && byte != '_')?;
    let (part, rest) = body.split_at(end);
    (!part.is_empty() && (rest.starts_with("\\.") || rest == "$")).then_some(part)
}

/// `name` without the bytes in `cuts`, which may overlap.
fn without(name: &str, mut cuts: Vec<Cut>) -> String {
    cuts.sort_unstable_by_key(|cut| cut.start);
    let mut left = String::with_capacity(name.len());
    let mut at = 0;
    for cut in cuts {
        left.push_str(name.get(at..cut.start).unwrap_or_default());
        at = at.max(cut.end);
    }
    left.push_str(&name[at..]);
    // Names do not end in dots, even when what stood behind them is a tag now.
    left.truncate(left.trim_end_matches('.').len());
    left
}

#[cfg(test)]
mod tests;
