//! The options about findings, which Envoy does not have.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum, ValueHint};
use nuncio_config::diagnostic::{code, paint, render_human, render_json};
use nuncio_config::{Diagnostic, Severity, Source};

use crate::bootstrap::Checked;

/// How findings are told, and which.
#[derive(Args, Debug)]
pub(crate) struct CheckOptions {
    /// How findings are told: human, or json (one a line)
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human", hide_possible_values = true)]
    pub(crate) error_format: ErrorFormat,
    /// Warnings not to give, by their codes
    #[arg(
        long,
        value_name = "CODE,...",
        value_delimiter = ',',
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(code::WARNINGS)
    )]
    pub(crate) lint_off: Vec<String>,
    /// Tell what these files wait for; with --mode validate
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) report: Vec<PathBuf>,
}

/// `--error-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorFormat {
    /// With an excerpt and a caret, in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl CheckOptions {
    /// Whether this is a warning that was switched off.
    pub(crate) fn is_off(&self, finding: &Diagnostic) -> bool {
        finding.severity == Severity::Warning && self.lint_off.iter().any(|code| code == finding.code)
    }

    /// The findings as text. For people it ends with how many there are, or is empty.
    pub(crate) fn render(&self, checked: &Checked, source: &Source) -> String {
        match self.error_format {
            ErrorFormat::Json => render_json(&checked.findings, source),
            ErrorFormat::Human => {
                let text = plain(checked, source);
                if shows_colour() { paint(&text) } else { text }
            }
        }
    }
}

/// The findings for people, without colours.
pub(crate) fn plain(checked: &Checked, source: &Source) -> String {
    render_human(&checked.findings, source) + &summary(checked, source)
}

/// How many findings there are.
fn summary(checked: &Checked, source: &Source) -> String {
    let Checked { config: _, findings, errors, dropped, uses: _ } = checked;
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    let verdict = match (errors, warnings) {
        (0, 0) => return String::new(),
        (0, _) => "valid",
        _ => "invalid",
    };
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let counts: Vec<String> = [(*errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| count(number, what))
        .collect();
    let more = if *dropped > 0 { format!("; {dropped} of these are not shown") } else { String::new() };
    format!("{} is {verdict}: {}{more}\n", source.name(), counts.join(", "))
}

/// On a terminal, unless the operator does not want it: https://no-color.org.
fn shows_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}
