use super::{WIDTH, render};
use crate::Source;
use crate::diagnostic::{Diagnostic, Path, Position, Span, code};

fn check(source: &Source, diagnostic: Diagnostic, expected: &str) {
    let text = render(&[diagnostic], source);
    assert_eq!(text, format!("{expected}\n"));
    let too_wide = |l: &&str| l.chars().count() > WIDTH;
    assert_eq!(text.lines().find(too_wide), None);
}

fn span(line: u32, from: u32, to: u32) -> Span {
    let start = Position { line, column: from };
    let end = Position { line, column: to };
    Span { start, end }
}

#[test]
fn the_caret_stands_under_the_text() {
    let source = Source::yaml("a.yaml", "node:\n  idd: x\n");
    let path = Path::root().field("node").field("idd");
    let found = Diagnostic::error(code::UNKNOWN_FIELD, path, "unknown field 'idd'")
        .with_span(span(2, 3, 6))
        .with_help(Some("did you mean 'id'?".to_owned()));
    check(
        &source,
        found,
        "error[unknown-field]: unknown field 'idd'
  --> a.yaml:2:3
   |
 2 |   idd: x
   |   ^^^
   = in node.idd
   = help: did you mean 'id'?
",
    );
}

#[test]
fn a_finding_without_a_place_names_the_file() {
    let source = Source::yaml("a.yaml", "");
    let found = Diagnostic::warning(code::SOURCE, Path::root(), "odd");
    check(&source, found, "warning[source]: odd\n  --> a.yaml\n");
}

#[test]
fn a_long_line_is_shown_around_the_caret() {
    let text = format!("{{\"a\": \"{}\", \"bad\": 1, \"c\": \"{}\"}}", "x".repeat(200), "y".repeat(200));
    let at = u32::try_from(text.find("\"bad\"").expect("it is there")).expect("small") + 1;
    let source = Source::json("a.json", text);
    let found = Diagnostic::error(code::UNKNOWN_FIELD, Path::root(), "m").with_span(span(1, at, at + 5));
    check(
        &source,
        found,
        "error[unknown-field]: m
  --> a.json:1:211
   |
 1 | …xxxxxxxxxxxxxxxxxxxxxx\", \"bad\": 1, \"c\": \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
   |                           ^^^^^
",
    );
}

#[test]
fn long_messages_and_paths_are_wrapped() {
    let source = Source::yaml("a.yaml", "");
    let mut path = Path::root();
    for _ in 0..8 {
        path = path.field("filter_chains").index(0);
    }
    let found = Diagnostic::error(code::INVALID, path, "word ".repeat(30).trim_end());
    check(
        &source,
        found,
        "error[invalid]: word word word word word word word word word word word word word
    word word word word word word word word word word word word word word word
    word word
  --> a.yaml
   = in filter_chains[0].filter_chains[0].filter_chains[0].filter_chains[0]
        .filter_chains[0].filter_chains[0].filter_chains[0].filter_chains[0]
",
    );
}

#[test]
fn a_message_without_a_subject_gets_one() {
    let source = Source::yaml("a.yaml", "");
    let path = Path::root().field("a").field("routes").index(2);
    let found = Diagnostic::error(code::INVALID, path, "must be set");
    let expected = "error[invalid]: routes[2] must be set\n  --> a.yaml\n   = in a.routes[2]\n";
    check(&source, found, expected);
}
