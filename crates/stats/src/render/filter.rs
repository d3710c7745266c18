//! The `filter` parameter: an RE2 expression, refused in RE2's words.

use std::fmt;

use regex::Regex;

/// Which names a page shows.
#[derive(Debug)]
pub struct Filter {
    expression: Regex,
    invert: bool,
}

impl Filter {
    /// Compiles `pattern`, which may match any part of a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(pattern: &str, invert: bool) -> Result<Self, InvalidFilter> {
        Scan::new(pattern).run().map_err(InvalidFilter)?;
        // Where the two languages differ, ours has the last word.
        let told = |error: regex::Error| match error {
            regex::Error::CompiledTooBig(_) => "pattern too large - compile failed".to_owned(),
            error => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        };
        let expression = Regex::new(pattern).map_err(|error| InvalidFilter(told(error)))?;
        Ok(Self { expression, invert })
    }

    /// Whether a stat, or whatever else is filtered, has a name that is wanted.
    pub fn accepts(&self, name: &str) -> bool {
        self.expression.is_match(name) != self.invert
    }
}

/// Why an expression is refused, as RE2 says it.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidFilter(String);

impl InvalidFilter {
    pub(crate) fn not_utf8() -> Self {
        Self("invalid UTF-8".to_owned())
    }
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFilter {}

/// Looks for the mistakes that RE2 has words for.
struct Scan<'a> {
    pattern: &'a str,
    at: usize,
    depth: usize,
    /// What stands before, for a repetition.
    before: Before,
}

#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Operand,
    /// A repetition that began there.
    Repetition(usize),
}

impl<'a> Scan<'a> {
    const fn new(pattern: &'a str) -> Self {
        Self { pattern, at: 0, depth: 0, before: Before::Nothing }
    }

    fn run(mut self) -> Result<(), String> {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' if self.depth == 0 => return Err(format!("unexpected ): {}", self.pattern)),
                ')' => {
                    self.depth -= 1;
                    self.step(1, Before::Operand);
                }
                '|' => self.step(1, Before::Nothing),
                '*' | '+' | '?' => self.repeat(1)?,
                '{' => match self.counted()? {
                    Some(length) => self.repeat(length)?,
                    None => self.step(1, Before::Operand),
                },
                other => self.step(other.len_utf8(), Before::Operand),
            }
        }
        if self.depth == 0 { Ok(()) } else { Err(format!("missing ): {}", self.pattern)) }
    }

    fn rest(&self) -> &'a str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    const fn step(&mut self, length: usize, before: Before) {
        self.at += length;
        self.before = before;
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(escaped) = self.rest().chars().nth(1) else { return Err("trailing \\".to_owned()) };
        let is_known = !escaped.is_ascii_alphanumeric() || "AbBCdDEpPQsSwWzaftnrvx0".contains(escaped);
        if !is_known {
            return Err(format!("invalid escape sequence: \\{escaped}"));
        }
        self.step(1 + escaped.len_utf8(), Before::Operand);
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        let class = self.rest();
        let first = if class.starts_with("[^") { 2 } else { 1 };
        let mut bytes = class.bytes().enumerate().skip(first);
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'\\' => _ = bytes.next(),
                b'[' if class[index..].starts_with("[:") => {
                    if let Some(length) = class[index..].find(":]") {
                        _ = bytes.nth(length);
                    }
                }
                // A bracket that comes first stands for itself.
                b']' if index > first => {
                    self.step(index + 1, Before::Operand);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(format!("missing ]: {class}"))
    }

    fn open(&mut self) -> Result<(), String> {
        let group = self.rest();
        self.depth += 1;
        let Some(options) = group.strip_prefix("(?") else {
            self.step(1, Before::Nothing);
            return Ok(());
        };
        if options.starts_with("P<") || (options.starts_with('<') && !options.starts_with(['=', '!'])) {
            let is_look_behind = options.starts_with("<=") || options.starts_with("<!");
            return match options.find('>') {
                Some(end) if !is_look_behind => {
                    self.step(2 + end + 1, Before::Nothing);
                    Ok(())
                }
                _ if is_look_behind => Err(format!("invalid perl operator: {}", &group[..4])),
                _ => Err(format!("invalid named capture group: {group}")),
            };
        }
        let flags = options.find(|flag: char| !"imsU-".contains(flag)).unwrap_or(options.len());
        match options[flags..].chars().next() {
            Some(':') => self.step(2 + flags + 1, Before::Nothing),
            Some(')') => {
                self.depth -= 1;
                self.step(2 + flags + 1, Before::Nothing);
            }
            Some(other) => {
                return Err(format!("invalid perl operator: {}", &group[..2 + flags + other.len_utf8()]));
            }
            None => return Err(format!("missing ): {}", self.pattern)),
        }
        Ok(())
    }

    /// The length of `{n}`, `{n,}` or `{n,m}`; `None` when the brace stands for itself.
    fn counted(&self) -> Result<Option<usize>, String> {
        let Some((bounds, _)) = self.rest()[1..].split_once('}') else { return Ok(None) };
        let (least, most) = bounds.split_once(',').unwrap_or((bounds, bounds));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(least) || !(most.is_empty() || is_number(most)) {
            return Ok(None);
        }
        let least: u32 = least.parse().unwrap_or(u32::MAX);
        let most: u32 = if most.is_empty() { least } else { most.parse().unwrap_or(u32::MAX) };
        if least > 1000 || most > 1000 || most < least {
            return Err(format!("invalid repetition size: {{{bounds}}}"));
        }
        Ok(Some(bounds.len() + 2))
    }

    fn repeat(&mut self, length: usize) -> Result<(), String> {
        // A question mark behind makes it lazy, and belongs to it.
        let length = if self.rest()[length..].starts_with('?') { length + 1 } else { length };
        let operator = &self.rest()[..length];
        match self.before {
            Before::Nothing => Err(format!("no argument for repetition operator: {}", &operator[..1])),
            Before::Repetition(start) => {
                Err(format!("bad repetition operator: {}", &self.pattern[start..self.at + length]))
            }
            Before::Operand => {
                self.step(length, Before::Repetition(self.at));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Envoy 1.40 answers after "Invalid re2 regex: ".
    #[test]
    fn expressions_are_refused_in_re2s_words() {
        let check = |pattern: &str, expected: &str| {
            assert_eq!(Filter::parse(pattern, false).unwrap_err().to_string(), expected, "{pattern}");
        };
        check("(", "missing ): (");
        check("((\"", "missing ): ((\"");
        check("a)", "unexpected ): a)");
        check("a[x", "missing ]: [x");
        check("a[", "missing ]: [");
        check("*a", "no argument for repetition operator: *");
        check("+", "no argument for repetition operator: +");
        check("?", "no argument for repetition operator: ?");
        check("x|*", "no argument for repetition operator: *");
        check("(*)", "no argument for repetition operator: *");
        check("a**", "bad repetition operator: **");
        check("a*+", "bad repetition operator: *+");
        check("a???", "bad repetition operator: ???");
        check("a{2000}", "invalid repetition size: {2000}");
        check("a{3,2}", "invalid repetition size: {3,2}");
        check("(?<a)", "invalid named capture group: (?<a)");
        check("\\q", "invalid escape sequence: \\q");
        check("(a)\\1", "invalid escape sequence: \\1");
        check("a\\", "trailing \\");
        check("(?z)", "invalid perl operator: (?z");
        check("(?=a)", "invalid perl operator: (?=");
        check("(?!a)", "invalid perl operator: (?!");
        check("(?<=a)", "invalid perl operator: (?<=");
    }

    #[test]
    fn expressions_that_re2_knows_are_accepted() {
        for pattern in
            ["[]a]", "[^]a]+?", "(?i)a", "(?i:a|b)*", "(?P<x>a){2,3}?", "(?<x>a)", "\\.\\d+\\x41", "[[:alpha:]]"]
        {
            assert!(Filter::parse(pattern, false).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn inverted_filter_accepts_what_does_not_match() {
        let filter = Filter::parse("[a-z_]", true).unwrap();
        assert!(!filter.accepts("server.live") && filter.accepts("123"));
    }
}
