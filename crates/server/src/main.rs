//! `nuncio`: reads a bootstrap, starts the workers, and runs until it is told to stop.

mod about;
mod admin;
mod bootstrap;
mod code_pages;
mod commands;
mod echo;
mod extensions;
mod logging;
mod memory;
mod options;
mod process;
mod signals;
mod stats;
mod stats_config;
mod supervisor;
mod validate;

use std::process::ExitCode;

use options::{Options, Parsed};

#[expect(clippy::print_stdout, reason = "what was asked for on the command line")]
fn main() -> ExitCode {
    let options = match Options::read(std::env::args_os()) {
        Parsed::Run(options) => options,
        Parsed::Print(text) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Parsed::Tell(text) => {
            eprint!("{text}");
            return ExitCode::SUCCESS;
        }
        Parsed::Refuse(text) => {
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
    };
    match process::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whatever the log's level: why there is no server is always told.
            eprintln!("{}", format!("{error:#}").trim_end());
            ExitCode::FAILURE
        }
    }
}
