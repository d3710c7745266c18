//! Findings for programs: one JSON object a line.

use serde_json::{Map, Value};

use crate::Source;
use crate::diagnostic::{Diagnostic, Span};

/// Writes one object a line: `severity`, `code`, `path`, `file`, `line`, `column`, `end_line`, `end_column`, `message`,
/// `help`. What is not known is left out.
pub fn render(diagnostics: &[Diagnostic], source: &Source) -> String {
    diagnostics.iter().map(|d| line(d, source)).collect()
}

fn line(diagnostic: &Diagnostic, source: &Source) -> String {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("severity", diagnostic.severity.as_str().into());
    put("code", diagnostic.code.into());
    put("message", diagnostic.message.clone().into());
    if !diagnostic.path.is_root() {
        put("path", diagnostic.path.to_string().into());
    }
    let place = diagnostic.span.map(|span| source.place(span.start.line));
    put("file", place.map_or(source.name(), |(name, _)| name).into());
    if let (Some(Span { start, end }), Some((_, number))) = (diagnostic.span, place) {
        put("line", number.into());
        put("column", start.column.into());
        put("end_line", (number + end.line.saturating_sub(start.line)).into());
        put("end_column", end.column.into());
    }
    if let Some(help) = &diagnostic.help {
        put("help", help.clone().into());
    }
    format!("{}\n", Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::Source;
    use crate::diagnostic::{Diagnostic, Path, Position, Span, code};

    #[test]
    fn each_finding_is_one_object_on_one_line() {
        let start = Position { line: 3, column: 5 };
        let path = Path::root().field("node").field("id");
        let all = [
            Diagnostic::error(code::INVALID, path, "a \"b\"\nc").with_span(Span::at(start)),
            Diagnostic::warning(code::SOURCE, Path::root(), "d").with_help(Some("e".to_owned())),
        ];
        let source = Source::yaml("x.yaml", "a\nb").with_overlay(Source::yaml("overlay", "c"));
        let text = render(&all, &source);
        let objects: Vec<serde_json::Value> =
            text.lines().map(|l| serde_json::from_str(l).expect("each line is an object")).collect();
        assert_eq!(objects[0]["message"], "a \"b\"\nc");
        assert_eq!((&objects[0]["file"], &objects[0]["line"]), (&"overlay".into(), &1.into()));
        assert_eq!(objects[1]["file"], "x.yaml");
        assert_eq!(objects[0]["path"], "node.id");
        assert_eq!(objects[1]["help"], "e");
        assert_eq!(objects[1].get("line"), None);
    }
}
