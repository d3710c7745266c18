//! One rule for one tag.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use crate::tags::defaults::Pattern;
use crate::tags::defaults::Rule;

/// The bytes of a name that a tag takes away.
pub(super) type Cut = Range<usize>;

pub(super) struct Extractor {
    tag: Cow<'static, str>,
    matcher: Matcher,
}

pub(super) enum Matcher {
    Regex(Regex),
    Fixed(Box<str>),
    /// One of our own rules; its expression is compiled when it is first needed, since most processes need few.
    Rule(&'static Rule, OnceLock<Option<Regex>>),
}

impl Matcher {
    pub(super) const fn of(rule: &'static Rule) -> Self {
        Self::Rule(rule, OnceLock::new())
    }
}

impl Extractor {
    pub(super) const fn new(tag: Cow<'static, str>, matcher: Matcher) -> Self {
        Self { tag, matcher }
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// Tag and value when it is in every name.
    pub(super) fn fixed(&self) -> Option<(&str, &str)> {
        match &self.matcher {
            Matcher::Fixed(value) => Some((&self.tag, value)),
            Matcher::Regex(_) | Matcher::Rule(..) => None,
        }
    }

    /// The tag's value in `name`, and what it takes away.
    pub(super) fn find<'n>(&'n self, name: &'n str) -> Option<(&'n str, Option<Cut>)> {
        let (value, cut) = match &self.matcher {
            Matcher::Fixed(value) => return Some((value, None)),
            Matcher::Regex(expression) => find_groups(expression, name)?,
            Matcher::Rule(Rule { pattern: Pattern::Parts(parts), .. }, _) => find_parts(parts, name)?,
            Matcher::Rule(Rule { pattern: Pattern::Regex(expression), needs, never, .. }, compiled) => {
                if !name.contains(needs) {
                    return None;
                }
                let found = find_groups(compiled.get_or_init(|| Regex::new(expression).ok()).as_ref()?, name)?;
                if found.0 == *never {
                    return None;
                }
                found
            }
        };
        Some((value, Some(cut)))
    }
}

fn find_groups<'n>(expression: &Regex, name: &'n str) -> Option<(&'n str, Cut)> {
    let groups = expression.captures(name)?;
    let cut = groups.get(1)?;
    let value = groups.get(2).unwrap_or(cut);
    Some((value.as_str(), cut.range()))
}

/// Matches a name part by part: `*` stands for any part, `$` for the part that is the value, `**` for any number of
/// parts, as few as possible, but at the end for one at least.
fn find_parts<'n>(pattern: &str, name: &'n str) -> Option<(&'n str, Cut)> {
    let mut value = None;
    let mut patterns = pattern.split('.').peekable();
    let mut at = Some(0);
    while let Some(expected) = patterns.next() {
        if expected == "**" {
            let Some(next) = patterns.peek() else {
                at?;
                break;
            };
            at = Some(at? + find_part(&name[at?..], next)?);
            continue;
        }
        let start = at?;
        let end = name[start..].find('.').map_or(name.len(), |length| start + length);
        let part = &name[start..end];
        match expected {
            "*" => {}
            "$" => value = Some((part, start..end)),
            literal if literal != part => return None,
            _ => {}
        }
        at = (end < name.len()).then_some(end + 1);
        if patterns.peek().is_none() && at.is_some() {
            return None;
        }
    }
    let (part, range) = value?;
    // The part goes with the dot behind it; the last one, with the dot before it.
    let cut =
        if range.end < name.len() { range.start..range.end + 1 } else { range.start.saturating_sub(1)..range.end };
    Some((part, cut))
}

/// Where in `rest` the first part is that equals `wanted`.
fn find_part(rest: &str, wanted: &str) -> Option<usize> {
    let mut at = 0;
    for part in rest.split('.') {
        if part == wanted {
            return Some(at);
        }
        at += part.len() + 1;
    }
    None
}
