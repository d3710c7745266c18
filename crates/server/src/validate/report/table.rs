//! The report as text.

use std::fmt::Write;

use serde_json::json;

use super::differences::DIFFERENCES;
use super::{Report, Verdict};

/// The width that output is made for, in columns.
const WIDTH: usize = 80;

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Waits => "waits",
            Self::Wrong => "wrong",
        }
    }
}

/// For people.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let of = |verdict| report.files.iter().filter(|file| file.verdict == verdict).count();
    let (runs, waits, wrong) = (of(Verdict::Runs), of(Verdict::Waits), of(Verdict::Wrong));
    line(
        &mut out,
        format_args!(
            "{} files: {runs} can be run, {waits} wait for what is not there yet, {wrong} are wrong",
            report.files.len()
        ),
    );
    head(&mut out, "FILE", "VERDICT  MISTAKES  NOT YET  WARNINGS");
    for file in &report.files {
        let columns =
            format!("{:<7}{:>10}{:>9}{:>10}", file.verdict.as_str(), file.mistakes, file.missing, file.warnings);
        row(&mut out, &file.name, &columns, FILES);
    }
    head(&mut out, "EXTENSION", "STATE      FILES");
    for (name, extension) in &report.extensions {
        row(&mut out, &short(name), &format!("{:<9}{:>7}", extension.state.as_str(), extension.files), NAMES);
    }
    head(&mut out, "NOT YET", "FILES");
    for (field, files) in &report.missing {
        row(&mut out, field, &format!("{files:>5}"), NAMES);
    }
    head(&mut out, "WITHOUT EFFECT", "FILES");
    for ((field, why), files) in &report.without_effect {
        row(&mut out, &format!("{field}: {why}"), &format!("{files:>5}"), NAMES);
    }
    head(&mut out, "DIFFERENT FROM ENVOY", "");
    for (subject, difference) in differences(report) {
        row(&mut out, &format!("{subject}: {}; {}", difference.how, difference.why), "", NAMES);
    }
    out
}

/// For programs: one object a line.
pub(super) fn render_json(report: &Report) -> String {
    let files = report.files.iter().map(|file| {
        json!({
            "file": file.name, "verdict": file.verdict.as_str(), "mistakes": file.mistakes, "not_yet": file.missing,
            "warnings": file.warnings,
        })
    });
    let extensions = report.extensions.iter().map(
        |(name, extension)| json!({ "extension": name, "state": extension.state.as_str(), "files": extension.files }),
    );
    let missing =
        report.missing.iter().map(|(field, files)| json!({ "field": field, "state": "not yet", "files": files }));
    let without_effect = report
        .without_effect
        .iter()
        .map(|((field, why), files)| json!({ "field": field, "state": "without effect", "why": why, "files": files }));
    let different = differences(report)
        .map(|(subject, difference)| json!({ "different": subject, "how": difference.how, "why": difference.why }));
    let lines = files.chain(extensions).chain(missing).chain(without_effect).chain(different);
    lines.map(|object| format!("{object}\n")).collect()
}

/// The differences that concern these files, each with what it is of.
fn differences(report: &Report) -> impl Iterator<Item = (String, &'static super::differences::Difference)> {
    DIFFERENCES.iter().filter_map(|difference| match difference.of {
        None => Some(("every file".to_owned(), difference)),
        Some(name) => report.extensions.contains_key(name).then(|| (short(name), difference)),
    })
}

fn short(type_name: &str) -> String {
    type_name.strip_prefix("envoy.extensions.").unwrap_or(type_name).to_owned()
}

fn head(out: &mut String, left: &str, right: &str) {
    line(out, format_args!(""));
    let text = format!("{left}{right:>width$}", width = WIDTH - left.len());
    line(out, format_args!("{}", text.trim_end()));
}

/// Where names and sentences may be broken, and paths of files.
const NAMES: [char; 2] = [' ', '.'];
const FILES: [char; 2] = [' ', '/'];

/// A text on the left, which may need several lines, and columns on the right of its last one.
fn row(out: &mut String, left: &str, right: &str, breaks: [char; 2]) {
    let room = WIDTH - right.len() - usize::from(!right.is_empty()) * 2;
    let mut rest = left;
    let mut indent = "";
    while rest.chars().count() + indent.len() > room {
        let limit = rest.char_indices().nth(room - indent.len()).map_or(rest.len(), |(at, _)| at);
        // At a space, in front of a dot or slash, or wherever there is no more room.
        let end = rest[..limit].rfind(breaks).filter(|end| *end > 0).unwrap_or(limit);
        line(out, format_args!("{indent}{}", rest[..end].trim_end()));
        rest = rest[end..].trim_start();
        indent = "    ";
    }
    let width = room + usize::from(!right.is_empty()) * 2 - indent.len();
    let text = format!("{indent}{rest:<width$}{right}");
    line(out, format_args!("{}", text.trim_end()));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::{FILES, NAMES, WIDTH, row};

    #[test]
    fn a_long_text_is_broken_and_its_columns_stand_right() {
        let check = |left: &str, right: &str, breaks, expected: &str| {
            let mut out = String::new();
            row(&mut out, left, right, breaks);
            assert_eq!(out, expected);
            assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
        };
        check("short", "1", NAMES, &format!("short{}1\n", " ".repeat(74)));
        let (long, spaces) = ("x".repeat(70), " ".repeat(62));
        check(&format!("{long}.tail.more"), "12", NAMES, &format!("{long}.tail\n    .more{}12\n", " ".repeat(69)));
        check(
            &format!("{long}/tail.yaml/more"),
            "12",
            FILES,
            &format!("{long}\n    /tail.yaml/more{}12\n", &spaces[3..]),
        );
        check(&"y".repeat(100), "", NAMES, &format!("{}\n    {}\n", "y".repeat(80), "y".repeat(20)));
    }
}
