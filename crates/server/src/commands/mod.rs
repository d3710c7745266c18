//! The commands that Envoy does not have: `nuncio init`, `explain`, `schema` and `completions`. None starts a proxy.

mod explain;
mod init;
mod schema;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::options::{Options, Parsed};

/// A command of our own.
#[derive(Parser, Debug)]
#[command(name = "nuncio", term_width = 80)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print a commented configuration to start from
    Init {
        /// What the proxy is for: edge, sidecar, egress or tcp
        #[arg(value_parser = init::Role::parse)]
        role: init::Role,
    },
    /// Tell what a message or field is, and its rules
    Explain {
        /// Cluster, Cluster.name, or from the bootstrap: admin.address
        name: String,
    },
    /// Print a JSON Schema of the bootstrap, for editors
    Schema,
    /// Print completions for a shell: bash, zsh, fish, elvish or powershell
    Completions {
        /// The shell
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
}

/// Runs the command, if the command line is one: Envoy has no arguments that are not options.
pub(crate) fn read(arguments: &[OsString]) -> Option<Parsed> {
    let first = arguments.get(1)?.to_str()?;
    if !Line::command().get_subcommands().any(|command| command.get_name() == first) {
        return None;
    }
    Some(match Line::try_parse_from(arguments) {
        Ok(line) => match run(&line.command) {
            Ok(text) => Parsed::Print(text),
            Err(why) => Parsed::Refuse(format!("error: {why}\n")),
        },
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Parsed::Print(error.to_string()),
        Err(error) => Parsed::Refuse(error.to_string()),
    })
}

/// What the command prints, or why it cannot.
fn run(command: &Command) -> Result<String, String> {
    match command {
        Command::Init { role } => role.starter().map(str::to_owned),
        Command::Explain { name } => explain::explain(name),
        Command::Schema => Ok(schema::schema().document()),
        Command::Completions { shell } => Ok(completions(*shell)),
    }
}

/// Of the options and of these commands.
fn completions(shell: Shell) -> String {
    let mut command = Options::command().subcommands(Line::command().get_subcommands().cloned());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "nuncio", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Parsed> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        super::read(&arguments)
    }

    #[test]
    fn only_the_first_argument_makes_a_command() {
        for line in ["nuncio", "nuncio -c init", "nuncio initialise", "nuncio --service-node schema"] {
            assert!(read(line).is_none(), "{line}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        let check = |line: &str, expected: &str| match read(line) {
            Some(Parsed::Refuse(text)) => assert!(text.contains(expected), "{expected} in {text}"),
            other => panic!("{line}: {other:?}"),
        };
        check("nuncio init", "<ROLE>");
        check("nuncio init nope", "there is no role 'nope': edge, sidecar, egress or tcp");
        check("nuncio init tcp", "error: there is no tcp_proxy yet\n");
        check("nuncio explain", "<NAME>");
        check("nuncio completions tcsh", "tcsh");
    }

    #[test]
    fn completions_know_options_and_commands() {
        for shell in ["bash", "zsh", "fish"] {
            let Some(Parsed::Print(text)) = read(&format!("nuncio completions {shell}")) else { panic!("{shell}") };
            for word in ["config-path", "component-log-level", "explain", "completions"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }
}
