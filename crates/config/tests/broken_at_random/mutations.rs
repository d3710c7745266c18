//! Mistakes, each made in a line of a configuration in block style.

use super::random::Random;

/// The one error that follows from a mistake.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) code: &'static str,
    /// From 1.
    pub(crate) line: usize,
    /// From 1; `None` where only the line is known.
    pub(crate) column: Option<usize>,
    /// What the advice must name.
    pub(crate) help: String,
}

/// Makes a mistake in a line, if it can be made there.
pub(crate) type Mutation = fn(&[&str], usize, &mut Random) -> Option<(Vec<String>, Expected)>;

/// A line `key: value`, which may begin an item of a list.
struct Entry<'l> {
    /// Columns in front of the key, from 0.
    indent: usize,
    is_item: bool,
    key: &'l str,
    value: &'l str,
}

impl<'l> Entry<'l> {
    fn read(line: &'l str) -> Option<Self> {
        let spaces = line.len() - line.trim_start().len();
        let is_item = line[spaces..].starts_with("- ");
        let indent = if is_item { spaces + 2 } else { spaces };
        let (key, value) = line[indent..].split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_key.then_some(Self { indent, is_item, key, value: value.split(" #").next().unwrap_or_default().trim() })
    }
}

/// The line of the key that the mapping of this line is the value of, through lists.
fn parent(lines: &[&str], line: usize) -> Option<usize> {
    let indent = Entry::read(lines[line])?.indent;
    let holds = |at: &usize| {
        Entry::read(lines[*at]).is_some_and(|above| above.indent < indent && above.value.is_empty())
            || lines[*at].contains(".v3.HttpProtocolOptions:")
    };
    (0..line).rev().find(holds)
}

/// Whether a line belongs to what may have any keys.
fn is_free(lines: &[&str], line: usize) -> bool {
    const FREE: [&str; 5] =
        ["metadata", "dynamicMetadata", "static_layer", "staticLayer", "typed_extension_protocol_options"];
    let mut at = Some(line);
    while let Some(line) = at {
        match Entry::read(lines[line]) {
            Some(entry) if FREE.contains(&entry.key) && at != Some(line + 1) => return entry.key != FREE[4],
            Some(_) => at = parent(lines, line),
            None => return false,
        }
    }
    false
}

/// The last line of what belongs to this one.
fn end(lines: &[&str], line: usize) -> usize {
    let Some(entry) = Entry::read(lines[line]) else { return line };
    let belongs = |text: &&&str| {
        let indent = text.len() - text.trim_start().len();
        // Items of a list may stand as far left as its key.
        indent > entry.indent
            || (indent == entry.indent && text.trim_start().starts_with("- ") && entry.value.is_empty())
    };
    line + lines[line + 1..].iter().take_while(belongs).count()
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

/// Swaps two neighbours in a word, which then is another.
fn swap_letters(word: &str, random: &mut Random) -> Option<String> {
    let mut letters: Vec<char> = word.chars().collect();
    let at = random.below(letters.len().checked_sub(1).filter(|places| *places > 3)?);
    letters.swap(at, at + 1);
    let swapped: String = letters.into_iter().collect();
    (swapped != word && swapped.contains('_') == word.contains('_')).then_some(swapped)
}

fn snake(key: &str) -> String {
    key.chars().fold(String::new(), |name, c| match c.is_ascii_uppercase() {
        true => name + "_" + &c.to_ascii_lowercase().to_string(),
        false => name + &c.to_string(),
    })
}

pub(crate) fn misspell_key(lines: &[&str], line: usize, random: &mut Random) -> Option<(Vec<String>, Expected)> {
    let entry = Entry::read(lines[line])?;
    if is_free(lines, line) {
        return None;
    }
    let wrong = swap_letters(entry.key, random)?;
    let mut broken = owned(lines);
    broken[line].replace_range(entry.indent..entry.indent + entry.key.len(), &wrong);
    let help = format!("'{}'", snake(entry.key));
    Some((broken, Expected { code: "unknown-field", line: line + 1, column: Some(entry.indent + 1), help }))
}

/// Moves the last key of a mapping, with all that belongs to it, to where the mapping's own key is.
pub(crate) fn raise_key(lines: &[&str], line: usize, _: &mut Random) -> Option<(Vec<String>, Expected)> {
    /// Fields that their parents' parents have too.
    const EVERYWHERE: [&str; 4] = ["name", "address", "filters", "value"];
    let entry = Entry::read(lines[line])?;
    let above = parent(lines, line)?;
    let home = Entry::read(lines[above])?;
    let last = end(lines, line);
    let is_last = last == end(lines, above);
    let is_list = lines[above + 1].trim_start().starts_with("- ") || entry.is_item;
    if !is_last || is_list || is_free(lines, line) || EVERYWHERE.contains(&entry.key) || line == above + 1 {
        return None;
    }
    let mut broken = owned(lines);
    let width = entry.indent - home.indent;
    broken[line..=last].iter_mut().for_each(|line| _ = line.drain(..width));
    let help = format!("'{}'", snake(home.key));
    Some((broken, Expected { code: "unknown-field", line: line + 1, column: Some(home.indent + 1), help }))
}

pub(crate) fn mistype_value(lines: &[&str], line: usize, random: &mut Random) -> Option<(Vec<String>, Expected)> {
    let entry = Entry::read(lines[line])?;
    if is_free(lines, line) || entry.value.is_empty() {
        return None;
    }
    let is_duration = entry.value.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
    let is_number = entry.value.chars().all(|c| c.is_ascii_digit());
    let is_enum =
        entry.value.len() > 3 && entry.value.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c));
    let (code, wrong, help) = if is_duration {
        let millis = 1 + random.below(999);
        ("duration", format!("{millis}ms"), format!("write 0.{}s", format!("{millis:03}").trim_end_matches('0')))
    } else if is_number {
        ("type-mismatch", "many".to_owned(), String::new())
    } else if is_enum {
        ("unknown-enum", swap_letters(entry.value, random)?, format!("'{}'", entry.value))
    } else {
        return None;
    };
    let start = lines[line].rfind(entry.value)?;
    let mut broken = owned(lines);
    broken[line].replace_range(start..start + entry.value.len(), &wrong);
    Some((broken, Expected { code, line: line + 1, column: Some(start + 1), help }))
}

/// Deletes a key that a rule asks for.
pub(crate) fn delete_key(lines: &[&str], line: usize, _: &mut Random) -> Option<(Vec<String>, Expected)> {
    // Lines with such keys are few: the next one is taken.
    let found = (line..lines.len()).chain(0..line).find_map(|line| Some((line, rule_for(lines, line)?)));
    let (line, code) = found?;
    let entry = Entry::read(lines[line])?;
    let last = end(lines, line);
    let mut broken = owned(lines);
    broken.drain(line..=last);
    if entry.is_item {
        // The next key begins the item then.
        broken[line].replace_range(entry.indent - 2..entry.indent, "- ");
        let column = Some(entry.indent + 1);
        return Some((broken, Expected { code, line: line + 1, column, help: String::new() }));
    }
    let place = match first_of_item(lines, line) {
        Some(first) => first,
        None => parent(lines, line)?,
    };
    let column = Entry::read(lines[place])?.indent + 1;
    Some((broken, Expected { code, line: place + 1, column: Some(column), help: String::new() }))
}

/// The rule that a message without this key breaks.
fn rule_for(lines: &[&str], line: usize) -> Option<&'static str> {
    const NAMED: [&str; 6] = ["clusters", "filters", "http_filters", "layers", "resource_monitors", "virtual_hosts"];
    let entry = Entry::read(lines[line])?;
    match entry.key {
        "domains" if !entry.is_item => Some("repeated.min_items"),
        "stat_prefix" if !entry.is_item => Some("string.min_len"),
        "name" if entry.is_item => {
            let home = Entry::read(lines[parent(lines, line)?])?;
            let has_more = lines
                .get(line + 1)
                .is_some_and(|next| Entry::read(next).is_some_and(|next| next.indent == entry.indent && !next.is_item));
            (NAMED.contains(&home.key) && has_more).then_some("string.min_len")
        }
        _ => None,
    }
}

/// The line that begins the item of a list which this line is directly in.
fn first_of_item(lines: &[&str], line: usize) -> Option<usize> {
    let indent = Entry::read(lines[line])?.indent;
    let at = (0..=line).rev().find(|at| {
        Entry::read(lines[*at]).is_some_and(|entry| entry.indent < indent || (entry.indent == indent && entry.is_item))
    })?;
    Entry::read(lines[at]).is_some_and(|entry| entry.is_item && entry.indent == indent).then_some(at)
}

/// Moves one line to the right by one, behind a plain value that it then seems to go on with.
pub(crate) fn indent_line(lines: &[&str], line: usize, _: &mut Random) -> Option<(Vec<String>, Expected)> {
    let entry = Entry::read(lines[line]).filter(|entry| !entry.is_item)?;
    let before = Entry::read(lines[line.checked_sub(1)?])?;
    let is_plain =
        !before.value.is_empty() && before.value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !is_plain || before.indent != entry.indent || lines[line - 1].contains('#') {
        return None;
    }
    let mut broken = owned(lines);
    broken[line].insert(0, ' ');
    Some((broken, Expected { code: "syntax", line: line + 1, column: None, help: String::new() }))
}
