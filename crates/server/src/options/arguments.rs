//! The rules by which Envoy reads its command line, which are those of its library TCLAP: an option's value is the next
//! argument, whatever that looks like; an option is given once; short options are not combined.
//!
//! `--option=value`, which Envoy does not know, is read too.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

use super::fault::Fault;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Run with these arguments, each an option by its long name, with `=` before its value.
    Run(Vec<OsString>),
    /// `-h` or `--help`: what stands behind is not read.
    Help,
    /// `--version`: what stands behind is not read.
    Version,
}

/// Reads arguments, without the program's name.
///
/// # Errors
/// The first that breaks a rule.
pub(super) fn read(command: &Command, arguments: &[OsString]) -> Result<Request, Fault> {
    let mut seen = HashSet::new();
    let mut options = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.to_str() {
            Some("--" | "--ignore_rest") => break,
            Some("-h" | "--help") => return Ok(Request::Help),
            Some("--version") => return Ok(Request::Version),
            // Envoy passes over it.
            Some("-") => continue,
            _ => {}
        }
        let unknown = || Fault::Unknown(argument.to_string_lossy().into_owned());
        let (option, joined) = find(command, argument).ok_or_else(unknown)?;
        if !matches!(option.get_action(), ArgAction::Append) && !seen.insert(option.get_id()) {
            return Err(Fault::Twice(title(option)));
        }
        let name = option.get_long().unwrap_or_default();
        if !takes_value(option) {
            options.push(format!("--{name}").into());
            continue;
        }
        let value = joined.or_else(|| rest.next().cloned()).ok_or_else(|| Fault::NoValue(title(option)))?;
        if value.is_empty() && is_number(option) {
            continue; // An empty number is none: it keeps its default.
        }
        let put = |value: &OsStr| {
            let mut text = OsString::from(format!("--{name}="));
            text.push(value);
            text
        };
        options.push(put(&value));
        if takes_many(option) {
            // Ours, not Envoy's: up to the next option.
            let is_value = |next: &&OsString| !next.as_encoded_bytes().starts_with(b"-");
            let more = rest.as_slice().iter().take_while(is_value).count();
            options.extend(rest.by_ref().take(more).map(|value| put(value)));
        }
    }
    Ok(Request::Run(options))
}

/// The option, and its value where that is part of the same argument.
fn find<'c>(command: &'c Command, argument: &OsStr) -> Option<(&'c Arg, Option<OsString>)> {
    let named = |name: &str| command.get_arguments().find(|option| is_named(option, name));
    let Some(text) = argument.to_str() else { return find_bytes(command, argument) };
    if let Some(option) = named(text) {
        return Some((option, None));
    }
    // One argument with a space in it, `--mode validate`: some launchers build such, and Envoy reads them.
    let (name, value) = text.split_once(' ').or_else(|| text.split_once('=').filter(|_| text.starts_with("--")))?;
    named(name).filter(|option| takes_value(option)).map(|option| (option, Some(value.into())))
}

/// `--option=value` where the value is a path that is not text.
fn find_bytes<'c>(command: &'c Command, argument: &OsStr) -> Option<(&'c Arg, Option<OsString>)> {
    use std::os::unix::ffi::OsStrExt;

    let bytes = argument.as_bytes();
    let split = bytes.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&bytes[..split]).ok()?;
    let option = command.get_arguments().find(|option| is_named(option, name) && takes_value(option))?;
    Some((option, Some(OsStr::from_bytes(&bytes[split + 1..]).to_owned())))
}

fn is_named(option: &Arg, name: &str) -> bool {
    match name.strip_prefix("--") {
        Some(long) => option.get_long() == Some(long),
        None => name
            .strip_prefix('-')
            .is_some_and(|short| option.get_short().is_some_and(|letter| short == letter.to_string())),
    }
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

fn takes_many(option: &Arg) -> bool {
    option.get_num_args().is_some_and(|count| count.max_values() > 1)
}

fn is_number(option: &Arg) -> bool {
    let parser = option.get_value_parser().type_id();
    let [short, int, long] = [
        clap::builder::ValueParser::from(clap::value_parser!(u16)).type_id(),
        clap::builder::ValueParser::from(clap::value_parser!(u32)).type_id(),
        clap::builder::ValueParser::from(clap::value_parser!(u64)).type_id(),
    ];
    parser == short || parser == int || parser == long
}

/// The option as Envoy's messages name it: `-c (--config-path)`.
pub(super) fn title(option: &Arg) -> String {
    let short = option.get_short().map_or_else(String::new, |letter| format!("-{letter} "));
    format!("{short}(--{})", option.get_long().unwrap_or_default())
}
