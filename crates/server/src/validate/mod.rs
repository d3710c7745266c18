//! `--mode validate`: the complete list of what is wrong with a configuration, or not there yet.

mod options;
mod report;

use nuncio_config::Source;
use nuncio_upstream::Clusters;

use crate::bootstrap;
use crate::extensions::Extensions;
use crate::options::Options;
pub(crate) use options::{CheckOptions, ErrorFormat, plain};
pub(crate) use report::run as report;

/// Checks a configuration. Standard output has one line, Envoy's, if it is valid; findings go to standard error.
///
/// # Errors
/// The rendered findings, if any is an error.
#[expect(clippy::print_stdout, reason = "the answer of --mode validate")]
pub(crate) fn run(source: &Source, options: &Options, threads: u16, extensions: &Extensions) -> anyhow::Result<()> {
    let checked = bootstrap::check(source, options, threads, &Clusters::default(), extensions);
    let text = options.checks.render(&checked, source);
    if checked.errors > 0 {
        anyhow::bail!("{text}");
    }
    eprint!("{text}");
    println!("configuration '{}' OK", options.config_path.as_deref().unwrap_or("".as_ref()).display());
    Ok(())
}
