//! The command line: Envoy's options under Envoy's names and by its rules; what is not supported is refused with a reason.

mod arguments;
mod fault;
mod report;
mod values;

use std::error::Error as _;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser, ValueHint};
use nuncio_admin::pages::Level;
use nuncio_network::IpVersion;
use nuncio_worker::Random;

use crate::about;
use crate::commands;
use crate::validate::CheckOptions;
use arguments::Request;
use fault::{Fault, NotANumber};
pub(crate) use report::LOG_FORMAT;
pub(crate) use values::{ComponentLevels, DrainStrategy, Mode};
use values::{component_levels, ip_version, level, number, path, tag};

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "nuncio",
    about = "A proxy that takes Envoy v3 configurations.\n\nWithout a configuration it runs an example to try it with.",
    disable_version_flag = true,
    disable_help_flag = true,
    term_width = 80,
    args_override_self = false
)]
pub(crate) struct Options {
    /// Bootstrap file (.yaml, .yml, .json, .pb, .pb_text)
    #[arg(short = 'c', long, value_name = "FILE", value_parser = path(), value_hint = ValueHint::FilePath)]
    pub(crate) config_path: Option<PathBuf>,
    /// Bootstrap as YAML or JSON text, merged over --config-path
    #[arg(long, value_name = "YAML", value_hint = ValueHint::Other)]
    pub(crate) config_yaml: Option<String>,
    /// Take unknown fields in the bootstrap as warnings
    #[arg(long)]
    pub(crate) allow_unknown_static_fields: bool,
    /// The same; deprecated
    #[arg(long)]
    allow_unknown_fields: bool,
    /// Refuse unknown fields in dynamic resources (none yet)
    #[arg(long)]
    pub(crate) reject_unknown_dynamic_fields: bool,
    /// Ignore unknown fields in dynamic resources (none yet)
    #[arg(long)]
    pub(crate) ignore_unknown_dynamic_fields: bool,
    /// Do not warn of deprecated fields
    #[arg(long)]
    pub(crate) skip_deprecated_logs: bool,
    /// Extensions to leave out, category/name
    #[arg(long, value_name = "NAMES", action = ArgAction::Set, value_delimiter = ',', value_hint = ValueHint::Other)]
    pub(crate) disable_extensions: Vec<String>,
    /// Worker threads; by default one for each processor that may be used
    #[arg(long, value_name = "N", value_parser = number::<u16>)]
    pub(crate) concurrency: Option<u16>,
    /// serve, validate (check only) or init_only
    #[arg(long, value_name = "MODE", default_value = "serve", value_parser = Mode::parse)]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) checks: CheckOptions,
    /// trace, debug, info, warning, error, critical or off
    #[arg(short = 'l', long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    pub(crate) log_level: Level,
    /// Levels of single components: upstream:debug,http:trace
    #[arg(long, value_name = "PAIRS", default_value = "", hide_default_value = true, value_parser = component_levels)]
    pub(crate) component_log_level: ComponentLevels,
    /// Form of a line of the log, in spdlog's syntax
    #[arg(long, value_name = "FORMAT", value_hint = ValueHint::Other)]
    pub(crate) log_format: Option<String>,
    /// Escape what C would in the log's messages: an entry is one line
    #[arg(long)]
    pub(crate) log_format_escaped: bool,
    /// Always so: what the log tells of a bug is one entry
    #[arg(long)]
    pub(crate) log_stacktrace_single_entry: bool,
    /// File to log to, instead of standard error
    #[arg(long, value_name = "FILE", value_parser = path(), value_hint = ValueHint::FilePath)]
    pub(crate) log_path: Option<PathBuf>,
    /// Milliseconds for which access logs buffer at most
    #[arg(long, value_name = "MS", default_value = "10000", value_parser = number::<u64>)]
    pub(crate) file_flush_interval_msec: u64,
    /// Kibibytes that access logs buffer before they write
    #[arg(long, value_name = "KB", default_value = "64", value_parser = number::<u32>)]
    pub(crate) file_flush_min_size_kb: u32,
    /// node.cluster
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) service_cluster: String,
    /// node.id
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) service_node: String,
    /// node.locality.zone
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) service_zone: String,
    /// Which of the machine's own addresses is ours: v4 or v6
    #[arg(long, value_name = "VERSION", default_value = "v4", value_parser = ip_version)]
    pub(crate) local_address_ip_version: IpVersion,
    /// File to write the address of the admin listener to
    #[arg(long, value_name = "FILE", value_parser = path(), value_hint = ValueHint::FilePath)]
    pub(crate) admin_address_path: Option<PathBuf>,
    /// Tag of all stats, tag:value; may be repeated
    #[arg(long, value_name = "TAG:VALUE", action = ArgAction::Append, value_parser = tag)]
    pub(crate) stats_tag: Vec<(String, String)>,
    /// Shown by /server_info; nothing is shared yet
    #[arg(long, value_name = "N", default_value = "0", value_parser = number::<u32>)]
    pub(crate) base_id: u32,
    /// Let the server choose the base id
    #[arg(long)]
    pub(crate) use_dynamic_base_id: bool,
    /// File to write the base id to
    #[arg(long, value_name = "FILE", value_parser = path(), value_hint = ValueHint::FilePath)]
    pub(crate) base_id_path: Option<PathBuf>,
    /// Always so: there is no hot restart yet
    #[arg(long)]
    pub(crate) disable_hot_restart: bool,
    /// Which of a row of hot restarts this is
    #[arg(long, value_name = "N", default_value = "0", value_parser = number::<u32>)]
    pub(crate) restart_epoch: u32,
    /// Start all the same where there is no parent to take over from
    #[arg(long)]
    pub(crate) skip_hot_restart_on_no_parent: bool,
    /// Do not take over the parent's stats; there is no hot restart yet
    #[arg(long)]
    pub(crate) skip_hot_restart_parent_stats: bool,
    /// Socket of hot restart, not there yet
    #[arg(long, value_name = "PATH", default_value = SOCKET_PATH, value_hint = ValueHint::FilePath)]
    pub(crate) socket_path: String,
    /// Permissions of that socket
    #[arg(long, value_name = "MODE", default_value = SOCKET_MODE, value_hint = ValueHint::Other)]
    pub(crate) socket_mode: String,
    /// Seconds over which listeners drain; they do not yet
    #[arg(long, value_name = "S", default_value = "600", value_parser = number::<u32>)]
    pub(crate) drain_time_s: u32,
    /// gradual or immediate, which is the same yet
    #[arg(long, value_name = "STRATEGY", default_value = "gradual", value_parser = DrainStrategy::parse)]
    pub(crate) drain_strategy: DrainStrategy,
    /// Seconds until a hot restart's parent ends
    #[arg(long, value_name = "S", default_value = "900", value_parser = number::<u32>)]
    pub(crate) parent_shutdown_time_s: u32,
    /// Always so: the processors that this process may use are counted
    #[arg(long)]
    pub(crate) cpuset_threads: bool,
    /// Let the system write a core file when the process crashes
    #[arg(long)]
    pub(crate) enable_core_dump: bool,
    /// Print the version of the hot restart protocol, and exit
    #[arg(long)]
    hot_restart_version: bool,
    /// Print the version, and exit
    #[arg(long)]
    version: bool,
    /// Print this, and exit
    #[arg(short = 'h', long)]
    help: bool,
}

const SOCKET_PATH: &str = "@envoy_domain_socket";
const SOCKET_MODE: &str = "600";

/// Options of Envoy that are not here, and why.
const MISSING: &[(&str, &str)] = &[
    ("--enable-fine-grain-logging", "levels are by component yet, see --component-log-level"),
    ("--enable-mutex-tracing", "no lock is waited for on the path of a request"),
];

/// What a command line comes to.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Run with these.
    Run(Box<Options>),
    /// Print this, and end well.
    Print(String),
    /// Print this on standard error, and end well.
    Tell(String),
    /// Print this, and end with an error.
    Refuse(String),
}

impl Options {
    /// Reads the command line, the program's name first.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Parsed {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        if let Some(parsed) = commands::read(&arguments) {
            return parsed;
        }
        let (program, arguments) =
            arguments.split_first().map_or((None, &*arguments), |(name, rest)| (Some(name), rest));
        let program = program.map_or_else(|| "nuncio".into(), |name| name.to_string_lossy().into_owned());
        let mut command = Self::command();
        match arguments::read(&command, arguments) {
            Ok(Request::Help) => Parsed::Print(command.render_help().to_string()),
            Ok(Request::Version) => Parsed::Print(format!("\n{program}  version: {}\n\n", about::BUILD.line())),
            Ok(Request::Run(arguments)) => match Self::parse_values(command, arguments) {
                // Envoy, too, tells this on standard error and without an end of line.
                Ok(options) if options.hot_restart_version => Parsed::Tell("disabled".to_owned()),
                Ok(options) => Parsed::Run(Box::new(options)),
                Err(fault) => Parsed::Refuse(format!("{fault}{}", usage(&fault, &program))),
            },
            Err(fault) => Parsed::Refuse(refuse(fault, &program)),
        }
    }

    fn parse_values(command: Command, arguments: Vec<OsString>) -> Result<Self, Fault> {
        let arguments = std::iter::once("nuncio".into()).chain(arguments);
        let mut options = command
            .try_get_matches_from(arguments)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| fault(&error))?;
        options.allow_unknown_static_fields |= options.allow_unknown_fields;
        options.check_epoch()?;
        if options.use_dynamic_base_id && !options.disable_hot_restart {
            options.base_id = Random::from_system().below(u64::from(u32::MAX) / 10) as u32;
        }
        Ok(options)
    }

    fn check_epoch(&self) -> Result<(), Fault> {
        let epoch = self.restart_epoch;
        if epoch > 0 && self.use_dynamic_base_id {
            return Err(Fault::Meaning(format!("cannot use --restart-epoch={epoch} with --use-dynamic-base-id")));
        }
        if epoch > 0 && !self.disable_hot_restart && !self.skip_hot_restart_on_no_parent {
            let why = "is not supported: there is no hot restart yet, so that there is no parent to take over from; \
                       --disable-hot-restart or --skip-hot-restart-on-no-parent starts all the same";
            return Err(Fault::Meaning(format!("--restart-epoch {epoch} {why}")));
        }
        Ok(())
    }

    /// `--config-path`, unless it is empty.
    pub(crate) fn config_path(&self) -> Option<&Path> {
        self.config_path.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// `--config-yaml`, unless it is empty.
    pub(crate) fn config_yaml(&self) -> Option<&str> {
        self.config_yaml.as_deref().filter(|text| !text.is_empty())
    }

    /// `--file-flush-interval-msec`
    pub(crate) fn file_flush_interval(&self) -> Duration {
        Duration::from_millis(self.file_flush_interval_msec)
    }

    /// Warns of what was given but changes nothing, or something else than one might think.
    pub(crate) fn tell_without_effect(&self) {
        let drains = self.drain_time_s != 600 || self.drain_strategy != DrainStrategy::Gradual;
        if drains {
            tracing::warn!("--drain-time-s and --drain-strategy have no effect yet: listeners do not drain");
        }
        let restarts = self.parent_shutdown_time_s != 900
            || self.socket_path != SOCKET_PATH
            || self.socket_mode != SOCKET_MODE
            || self.skip_hot_restart_parent_stats;
        if restarts && !self.disable_hot_restart {
            tracing::warn!(
                "--parent-shutdown-time-s, --socket-path, --socket-mode and --skip-hot-restart-parent-stats have no effect \
                 yet: there is no hot restart"
            );
        }
        if self.concurrency.is_some() && self.cpuset_threads {
            tracing::warn!("Both --concurrency and --cpuset-threads options are set; not applying --cpuset-threads.");
        }
        if self.allow_unknown_fields {
            tracing::warn!("--allow-unknown-fields is deprecated, use --allow-unknown-static-fields instead.");
        }
    }

    /// Whether there is nothing to serve but the example.
    pub(crate) fn is_example(&self) -> bool {
        self.config_path.is_none() && self.config_yaml.is_none() && self.mode == Mode::Serve
    }
}

/// The refusal of arguments that cannot be read.
fn refuse(fault: Fault, program: &str) -> String {
    let Fault::Unknown(argument) = &fault else { return format!("{fault}{}", usage(&fault, program)) };
    let name = argument.split('=').next().unwrap_or_default();
    if let Some((_, why)) = MISSING.iter().find(|(missing, _)| *missing == name) {
        return format!("error: {name} is not supported: {why}\n");
    }
    let advice =
        similar(argument).map_or_else(String::new, |similar| format!("\n             Did you mean {similar}?"));
    format!("{fault}{advice}{}", usage(&fault, program))
}

/// What follows on a fault; as Envoy, but for the list of all options.
fn usage(fault: &Fault, program: &str) -> String {
    match fault {
        Fault::Meaning(_) => "\n".to_owned(),
        _ => format!("\n\nFor complete USAGE and HELP type: \n   {program} --help\n\n"),
    }
}

/// The option that was meant, perhaps.
fn similar(argument: &str) -> Option<String> {
    let error = Options::command().try_get_matches_from(["nuncio", argument]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(name) => Some(name.clone()),
        _ => None,
    }
}

/// What clap found wrong with a value, in our words.
fn fault(error: &clap::Error) -> Fault {
    let source = error.source();
    let option = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => option.split(' ').next().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    match (error.kind(), source) {
        (ErrorKind::ValueValidation, Some(source)) => match source.downcast_ref::<NotANumber>() {
            Some(wrong) => Fault::Number { option: format!("({option})"), wrong: wrong.clone() },
            None => Fault::Meaning(source.to_string()),
        },
        // The arguments were read before, so that nothing else is left but text that is not UTF-8.
        _ => Fault::Meaning(error.to_string().trim_start_matches("error: ").trim_end().to_owned()),
    }
}

#[cfg(test)]
mod tests;
