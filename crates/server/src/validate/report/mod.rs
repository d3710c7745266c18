//! `--mode validate --report FILE…`: what would have to come before a set of configurations can move here.
//!
//! What is supported is told by what the checks found, not by a list beside them; the list of `differences` is of what is
//! supported and yet not the same.

mod differences;
mod state;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;

use nuncio_config::diagnostic::{Segment, code};
use nuncio_config::{Diagnostic, Path, Severity, Source};
use nuncio_upstream::Clusters;

use super::ErrorFormat;
use crate::bootstrap;
use crate::extensions::Extensions;
use crate::options::{Mode, Options};
use state::State;

/// What a set of files needs.
#[derive(Debug, Default)]
struct Report {
    files: Vec<File>,
    /// By the name of the type.
    extensions: BTreeMap<String, Extension>,
    /// Fields that are not there yet, without the indexes of their paths, and in how many files they are.
    missing: BTreeMap<String, usize>,
    /// Fields that change nothing, and why.
    without_effect: BTreeMap<(String, String), usize>,
}

/// One file.
#[derive(Debug)]
struct File {
    name: String,
    verdict: Verdict,
    mistakes: usize,
    missing: usize,
    warnings: usize,
}

/// What can be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It can be run.
    Runs,
    /// It needs what is not there yet.
    Waits,
    /// Envoy would not take it either, or it cannot be read.
    Wrong,
}

/// The uses of one type.
#[derive(Debug)]
struct Extension {
    state: State,
    files: usize,
}

/// Prints the report.
///
/// # Errors
/// When not every file can be run.
#[expect(clippy::print_stdout, reason = "what was asked for on the command line")]
pub(crate) fn run(options: &Options, threads: u16, extensions: &Extensions) -> anyhow::Result<()> {
    if options.mode != Mode::Validate {
        anyhow::bail!("--report needs --mode validate");
    }
    let mut report = Report::default();
    for path in &options.checks.report {
        report.add(path, options, threads, extensions);
    }
    match options.checks.error_format {
        ErrorFormat::Human => print!("{}", table::render(&report)),
        ErrorFormat::Json => print!("{}", table::render_json(&report)),
    }
    let stuck = report.files.iter().filter(|file| file.verdict != Verdict::Runs).count();
    if stuck > 0 {
        anyhow::bail!("{stuck} of {} files cannot be run", report.files.len());
    }
    Ok(())
}

impl Report {
    fn add(&mut self, path: &FilePath, options: &Options, threads: u16, extensions: &Extensions) {
        let name = path.display().to_string();
        let Ok(source) = Source::from_file(path) else {
            self.files.push(File { name, verdict: Verdict::Wrong, mistakes: 1, missing: 0, warnings: 0 });
            return;
        };
        let checked = bootstrap::check(&source, options, threads, &Clusters::default(), extensions);
        let of = |code: &'static str| checked.findings.iter().filter(move |finding| finding.code == code);
        let count = |severity| checked.findings.iter().filter(|finding| finding.severity == severity).count();
        let missing = of(code::NOT_IMPLEMENTED).count();
        let mistakes = count(Severity::Error) - missing;
        let verdict = match (mistakes, checked.errors) {
            (0, 0) => Verdict::Runs,
            (0, _) => Verdict::Waits,
            _ => Verdict::Wrong,
        };
        self.files.push(File { name, verdict, mistakes, missing, warnings: count(Severity::Warning) });
        count_each(&mut self.missing, of(code::NOT_IMPLEMENTED).map(what).collect());
        count_each(&mut self.without_effect, of(code::NO_EFFECT).map(why).collect());
        for (type_name, state) in state::of_types(&checked) {
            let extension = self.extensions.entry(type_name).or_insert(Extension { state, files: 0 });
            extension.state = extension.state.max(state);
            extension.files += 1;
        }
    }
}

fn count_each<K: Ord>(counts: &mut BTreeMap<K, usize>, keys: BTreeSet<K>) {
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
}

/// What is not there yet: the field, and what of it if it is not all.
fn what(finding: &Diagnostic) -> String {
    let shape = shape(&finding.path);
    let message = finding.message.strip_suffix(" is not supported yet").unwrap_or(&finding.message);
    let is_field = finding.path.segments().iter().rev().find_map(|segment| match segment {
        Segment::Field(name) => Some(message == format!("'{name}'")),
        Segment::Index(_) | Segment::Key(_) => None,
    });
    if is_field == Some(true) { shape } else { format!("{shape}: {message}") }
}

/// A field that changes nothing, and why.
fn why(finding: &Diagnostic) -> (String, String) {
    let why = finding.message.split_once(" has no effect: ").map_or(finding.message.as_str(), |(_, why)| why);
    (shape(&finding.path), why.to_owned())
}

/// A path without what differs from file to file.
fn shape(path: &Path) -> String {
    let parts = path.segments().iter().map(|segment| match segment {
        Segment::Field(name) => format!(".{name}"),
        Segment::Index(_) | Segment::Key(_) => "[]".to_owned(),
    });
    parts.collect::<String>().trim_start_matches('.').to_owned()
}
