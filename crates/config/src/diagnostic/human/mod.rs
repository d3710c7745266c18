//! Findings for people: the message, the place, the line with a caret, and advice, in 80 columns.

mod colour;

use std::fmt::Write;

pub use colour::paint;

use crate::Source;
use crate::diagnostic::{Diagnostic, Position, Span};

/// The width that output is made for, in columns.
const WIDTH: usize = 80;

/// Writes all findings, each followed by an empty line.
///
/// ```text
/// error[unknown-field]: unknown field 'connect_timout'
///   --> bootstrap.yaml:39:5
///    |
/// 39 |     connect_timout: 0.25s
///    |     ^^^^^^^^^^^^^^
///    = in static_resources.clusters[0].connect_timout
///    = help: did you mean 'connect_timeout'?
/// ```
pub fn render(diagnostics: &[Diagnostic], source: &Source) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        write_one(&mut out, diagnostic, source);
        out.push('\n');
    }
    out
}

fn write_one(out: &mut String, diagnostic: &Diagnostic, source: &Source) {
    let head = format!("{}[{}]: ", diagnostic.severity.as_str(), diagnostic.code);
    write_wrapped(out, &head, "    ", &sentence(diagnostic), Break::Spaces);
    let margin = match diagnostic.span {
        Some(span) => write_place(out, span, source),
        None => {
            line(out, format_args!("  --> {}", source.name()));
            2
        }
    };
    let note = format!("{:margin$} = ", "");
    let indent = " ".repeat(note.len() + 3);
    if !diagnostic.path.is_root() {
        let path = diagnostic.path.to_string();
        write_wrapped(out, &format!("{note}in "), &indent, &path, Break::Dots);
    }
    if let Some(help) = &diagnostic.help {
        write_wrapped(out, &format!("{note}help: "), &indent, help, Break::Spaces);
    }
}

/// Writes the arrow, the source line and the caret; returns the width of the line number.
fn write_place(out: &mut String, span: Span, source: &Source) -> usize {
    let Position { line: row, column } = span.start;
    let (name, number) = source.place(row);
    let margin = number.to_string().len().max(2);
    let arrow = format_args!("{:margin$}--> {name}:{number}:{column}", "");
    line(out, arrow);
    let Some(text) = source.line(row) else {
        return margin;
    };
    let (excerpt, before, width) = excerpt(text, span, WIDTH - margin - 3);
    line(out, format_args!("{:margin$} |", ""));
    line(out, format_args!("{number:margin$} | {excerpt}"));
    let caret = format!("{}{}", " ".repeat(before), "^".repeat(width));
    line(out, format_args!("{:margin$} | {caret}", ""));
    margin
}

/// The part of a line that shows the span: what to print, columns before the caret, carets.
fn excerpt(text: &str, span: Span, room: usize) -> (String, usize, usize) {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let all: Vec<char> = text.trim_end().chars().map(printable).collect();
    let start = (span.start.column as usize).saturating_sub(1).min(all.len());
    let end = if span.end.line == span.start.line {
        (span.end.column as usize).saturating_sub(1).min(all.len())
    } else {
        all.len()
    };
    let width = end.saturating_sub(start).max(1);
    if all.len() <= room {
        return (all.iter().collect(), start, width);
    }
    // A long line, as in minified JSON: show the place with a third of the room in front of it.
    let first = start.saturating_sub(room / 3);
    let head = if first > 0 { "…" } else { "" };
    let last = (first + room - 2).min(all.len()); // room for an ellipsis at both ends
    let tail = if last < all.len() { "…" } else { "" };
    let shown: String = all[first..last].iter().collect();
    let before = start - first + head.chars().count();
    (format!("{head}{shown}{tail}"), before, width.min(last.saturating_sub(start).max(1)))
}

/// The message with its subject: `must be at most 5` alone says little.
fn sentence(diagnostic: &Diagnostic) -> String {
    let message = &diagnostic.message;
    let needs_subject = message.starts_with("must ") || message.starts_with("is ");
    match diagnostic.path.subject() {
        Some(subject) if needs_subject => format!("{subject} {message}"),
        _ => message.clone(),
    }
}

/// Where a text may be broken. Type names have dots, but are there to be copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    Spaces,
    Dots,
}

/// Writes `head` and `text` in lines of the right width, as far as it can be broken.
fn write_wrapped(out: &mut String, head: &str, indent: &str, text: &str, at: Break) {
    let mut row = head.to_owned();
    let mut is_fresh = true;
    for piece in pieces(text, at) {
        let width = row.chars().count() + piece.trim_end().chars().count();
        if width > WIDTH && !is_fresh {
            line(out, format_args!("{}", row.trim_end()));
            row = indent.to_owned();
        }
        row.push_str(piece);
        is_fresh = false;
    }
    line(out, format_args!("{}", row.trim_end()));
}

/// Splits behind spaces, or in front of dots.
fn pieces(text: &str, at: Break) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut ends = rest.char_indices().skip(1);
        let is_break = |(place, c): &(usize, char)| match at {
            Break::Spaces => rest[..*place].ends_with(' '),
            Break::Dots => *c == '.',
        };
        let end = ends.find(is_break).map_or(rest.len(), |(place, _)| place);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests;
