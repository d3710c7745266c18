//! What is wrong with a configuration, where, and what to do about it.

pub mod code;
mod failed;
mod human;
mod json;
mod path;
mod sink;

pub(crate) use failed::Failed;
pub use human::{paint, render as render_human};
pub use json::render as render_json;
pub use path::{Path, Segment};
pub use sink::Diagnostics;

/// One finding about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can be used all the same.
    pub severity: Severity,
    /// A stable word for the kind of finding, for tools: see [`code`].
    pub code: &'static str,
    /// The field concerned, or its message if the field is absent.
    pub path: Path,
    /// The place in the text, if there is a text and it was looked up: see [`crate::Locator`].
    pub span: Option<Span>,
    /// What was expected and what was found: lower case, no full stop.
    pub message: String,
    /// What to write instead, if that can be told.
    pub help: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is rejected.
    Error,
    /// The configuration is accepted; the operator should know.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A range of text. The end is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The first character behind.
    pub end: Position,
}

/// A place in a text, as editors count: the first character is line 1, column 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Span {
    /// The empty range at `start`.
    pub fn at(start: Position) -> Self {
        Self { start, end: start }
    }
}

impl Diagnostic {
    /// An error at `path`, without a place in the text.
    pub fn error(code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, path, message.into())
    }

    /// A warning at `path`, without a place in the text.
    pub fn warning(code: &'static str, path: Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, path, message.into())
    }

    fn new(severity: Severity, code: &'static str, path: Path, message: String) -> Self {
        Self { severity, code, path, span: None, message, help: None }
    }

    /// The same at a place in the text.
    pub fn with_span(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same with advice.
    pub fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}
