//! The command line: Envoy's options under Envoy's names, those that are not supported yet refused with a reason.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, ValueEnum};
use nuncio_admin::Json;
use nuncio_admin::pages::Level;

use crate::about;
use crate::validate::CheckOptions;

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "nuncio",
    about = "A proxy that takes Envoy v3 configurations.\n\nWithout a configuration it runs an example to try it with.",
    disable_version_flag = true,
    term_width = 80,
    args_override_self = false
)]
pub(crate) struct Options {
    /// Bootstrap file (.yaml, .yml, .json, .pb, .pb_text)
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(crate) config_path: Option<PathBuf>,
    /// Bootstrap as YAML text; merged into that of --config-path
    #[arg(long, value_name = "YAML")]
    pub(crate) config_yaml: Option<String>,
    /// Worker threads; by default one for each processor that may be used
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u16>,
    /// Check the configuration and serve, or check it only
    #[arg(long, value_enum, default_value = "serve")]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) checks: CheckOptions,
    /// trace, debug, info, warning, error, critical or off
    #[arg(short = 'l', long, value_name = "LEVEL", default_value = "info", value_parser = parse_level)]
    pub(crate) log_level: Level,
    /// Levels of single components: upstream:debug,http:trace
    #[arg(long, value_name = "PAIRS", default_value = "", hide_default_value = true)]
    pub(crate) component_log_level: String,
    /// File to log to, instead of standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) log_path: Option<PathBuf>,
    /// Milliseconds after which what an access log has buffered is written
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub(crate) file_flush_interval_msec: u64,
    /// Kibibytes that an access log buffers before it writes them
    #[arg(long, value_name = "KB", default_value_t = 64)]
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
    /// File to write the address of the admin listener to
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_address_path: Option<PathBuf>,
    /// Tag of all stats, tag:value; may be repeated
    #[arg(long, value_name = "TAG:VALUE", action = ArgAction::Append, value_parser = parse_tag)]
    pub(crate) stats_tag: Vec<(String, String)>,
    /// Shown by /server_info; without hot restart nothing is shared
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) base_id: u32,
    /// File to write the base id to
    #[arg(long, value_name = "FILE")]
    pub(crate) base_id_path: Option<PathBuf>,
    /// Always so: there is no hot restart yet
    #[arg(long)]
    pub(crate) disable_hot_restart: bool,
    /// 0, since there is no hot restart yet
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=0))]
    pub(crate) restart_epoch: u32,
    /// Seconds over which listeners would drain; nothing drains yet
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) drain_time_s: u32,
    /// gradual or immediate; nothing drains yet
    #[arg(long, value_enum, default_value = "gradual")]
    pub(crate) drain_strategy: DrainStrategy,
    /// Seconds until a hot restart's parent ends; there is no hot restart yet
    #[arg(long, value_name = "S", default_value_t = 900)]
    pub(crate) parent_shutdown_time_s: u32,
    /// Always so: the processors that this process may use are counted
    #[arg(long)]
    pub(crate) cpuset_threads: bool,
    /// Print the version of the hot restart protocol, and exit
    #[arg(long)]
    hot_restart_version: bool,
    /// Print the version, and exit
    #[arg(long)]
    version: bool,
}

/// `--mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Checks and serves.
    Serve,
    /// Checks only.
    Validate,
}

/// `--drain-strategy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrainStrategy {
    /// More and more connections over the drain time.
    Gradual,
    /// All at once.
    Immediate,
}

/// Options of Envoy that are not here, and why.
const MISSING: &[(&str, &str)] = &[
    ("allow-unknown-fields", "unknown fields are always errors"),
    ("allow-unknown-static-fields", "unknown fields are always errors"),
    ("disable-extensions", "extensions cannot be disabled yet"),
    ("enable-core-dump", "use the limits of the system, `ulimit -c`"),
    ("enable-fine-grain-logging", "levels are by component, see --component-log-level"),
    ("enable-mutex-tracing", "there is no lock to trace on the request path"),
    ("ignore-unknown-dynamic-fields", "there are no dynamic resources yet"),
    ("ignore_rest", "use --"),
    ("local-address-ip-version", "the local address is not chosen by it yet"),
    ("log-format", "the log's format is fixed yet"),
    ("log-format-escaped", "the log's format is fixed yet"),
    ("log-stacktrace-single-entry", "the log has no stack traces"),
    ("reject-unknown-dynamic-fields", "there are no dynamic resources yet"),
    ("skip-deprecated-logs", "warnings cannot be turned off yet"),
    ("skip-hot-restart-on-no-parent", "there is no hot restart yet"),
    ("skip-hot-restart-parent-stats", "there is no hot restart yet"),
    ("socket-mode", "there is no hot restart yet"),
    ("socket-path", "there is no hot restart yet"),
    ("use-dynamic-base-id", "there is no hot restart yet, base ids never collide"),
];

/// What a command line comes to.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Run with these.
    Run(Box<Options>),
    /// Print this, and end well.
    Print(String),
    /// Print this, and end with an error.
    Refuse(String),
}

impl Options {
    /// Reads the command line, the program's name first.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Parsed {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let program = arguments.first().map_or_else(|| "nuncio".into(), |name| name.to_string_lossy().into_owned());
        if let Some(refused) = arguments.iter().skip(1).find_map(|argument| refuse(&argument.to_string_lossy())) {
            return Parsed::Refuse(refused);
        }
        match Self::command().try_get_matches_from(&arguments).and_then(|matches| Self::from_arg_matches(&matches)) {
            Ok(options) if options.version => {
                Parsed::Print(format!("\n{program}  version: {}\n\n", about::BUILD.line()))
            }
            Ok(options) if options.hot_restart_version => Parsed::Print("disabled\n".to_owned()),
            Ok(options) => Parsed::Run(Box::new(options)),
            Err(error) if error.kind() == ErrorKind::DisplayHelp => Parsed::Print(error.to_string()),
            Err(error) => Parsed::Refuse(error.to_string()),
        }
    }

    /// `--file-flush-interval-msec`
    pub(crate) fn file_flush_interval(&self) -> Duration {
        Duration::from_millis(self.file_flush_interval_msec)
    }

    /// Warns of what was given but changes nothing yet.
    pub(crate) fn tell_without_effect(&self) {
        let drains = self.drain_time_s != 600 || self.drain_strategy != DrainStrategy::Gradual;
        if drains {
            tracing::warn!("--drain-time-s and --drain-strategy have no effect yet: listeners do not drain");
        }
        if self.parent_shutdown_time_s != 900 {
            tracing::warn!("--parent-shutdown-time-s has no effect yet: there is no hot restart");
        }
    }

    /// Whether there is nothing to serve but the example.
    pub(crate) fn is_example(&self) -> bool {
        self.config_path.is_none() && self.config_yaml.is_none() && self.mode == Mode::Serve
    }

    /// `envoy.admin.v3.CommandLineOptions`; what is missing here stands at its default.
    pub(crate) fn as_json(&self, concurrency: u16) -> Json {
        let path = |path: &Option<PathBuf>| {
            Json::text(path.as_ref().map_or_else(String::new, |path| path.display().to_string()))
        };
        let no = || Json::Bool(false);
        let number = |number: u32| Json::Number(number.into());
        let span = |seconds: u32| Json::text(format!("{seconds}s"));
        let tags = self.stats_tag.iter().map(|(tag, value)| Json::text(format!("{tag}:{value}"))).collect();
        Json::object([
            ("base_id", Json::wide(self.base_id)),
            ("concurrency", number(concurrency.into())),
            ("config_path", path(&self.config_path)),
            ("config_yaml", Json::text(self.config_yaml.clone().unwrap_or_default())),
            ("allow_unknown_static_fields", no()),
            ("admin_address_path", path(&self.admin_address_path)),
            ("local_address_ip_version", Json::text("v4")),
            ("log_level", Json::text(self.log_level.name())),
            ("component_log_level", Json::text(&self.component_log_level)),
            ("log_format", Json::text("[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v")),
            ("log_path", path(&self.log_path)),
            ("service_cluster", Json::text(&self.service_cluster)),
            ("service_node", Json::text(&self.service_node)),
            ("service_zone", Json::text(&self.service_zone)),
            ("file_flush_interval", Json::text(duration(self.file_flush_interval()))),
            ("drain_time", span(self.drain_time_s)),
            ("parent_shutdown_time", span(self.parent_shutdown_time_s)),
            ("mode", Json::text(if self.mode == Mode::Serve { "Serve" } else { "Validate" })),
            ("disable_hot_restart", Json::Bool(self.disable_hot_restart)),
            ("enable_mutex_tracing", no()),
            ("restart_epoch", number(self.restart_epoch)),
            ("cpuset_threads", Json::Bool(self.cpuset_threads)),
            ("reject_unknown_dynamic_fields", no()),
            ("log_format_escaped", no()),
            ("disabled_extensions", Json::List(Vec::new())),
            ("ignore_unknown_dynamic_fields", no()),
            ("use_dynamic_base_id", no()),
            ("base_id_path", path(&self.base_id_path)),
            (
                "drain_strategy",
                Json::text(if self.drain_strategy == DrainStrategy::Gradual { "Gradual" } else { "Immediate" }),
            ),
            ("enable_fine_grain_logging", no()),
            ("socket_path", Json::text("@envoy_domain_socket")),
            ("socket_mode", number(0)),
            ("enable_core_dump", no()),
            ("stats_tag", Json::List(tags)),
            ("skip_hot_restart_on_no_parent", no()),
            ("skip_hot_restart_parent_stats", no()),
            ("skip_deprecated_logs", no()),
            // Envoy tells 0 here whatever was given.
            ("file_flush_min_size", number(0)),
            ("log_stacktrace_single_entry", no()),
        ])
    }
}

/// The refusal of an option of Envoy that is not here.
fn refuse(argument: &str) -> Option<String> {
    let name = argument.strip_prefix("--")?.split('=').next()?;
    let (_, why) = MISSING.iter().find(|(missing, _)| *missing == name)?;
    Some(format!("error: --{name} is not supported: {why}\n"))
}

fn parse_level(text: &str) -> Result<Level, String> {
    // The command line, unlike the page, knows a short name.
    let name = if text == "warn" { "warning" } else { text };
    Level::from_name(name).ok_or_else(|| format!("invalid log level specified '{text}'"))
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let is_alphanumeric = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
    match text.split_once(':') {
        Some((name, value)) if is_alphanumeric(name) && !value.contains('.') => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("misformatted stats-tag '{text}'")),
    }
}

/// A duration as protobuf writes it: seconds with none, three, six or nine digits behind the point.
fn duration(span: Duration) -> String {
    match (span.as_secs(), span.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}.{millis:03}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Parsed {
        Options::read(std::iter::once("nuncio").chain(line.split_whitespace()).map(OsString::from))
    }

    fn run(line: &str) -> Options {
        match read(line) {
            Parsed::Run(options) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_command_lines_of_launchers_are_read() {
        let options = run("-c /etc/x.yaml --service-cluster a --service-node b --service-zone z -l warn \
             --component-log-level misc:error --drain-time-s 45 --drain-strategy immediate --disable-hot-restart \
             --parent-shutdown-time-s 60 --concurrency 2 --base-id 27 --restart-epoch 0 --file-flush-interval-msec 1000");
        assert_eq!(options.config_path, Some(PathBuf::from("/etc/x.yaml")));
        assert_eq!((options.log_level, options.drain_strategy), (Level::Warning, DrainStrategy::Immediate));
        assert_eq!((options.service_node.as_str(), options.concurrency), ("b", Some(2)));
        assert_eq!(run("--config-path=x --mode=validate").mode, Mode::Validate);
        assert!(run("").is_example() && !run("--mode validate").is_example());
    }

    #[test]
    fn options_that_are_missing_are_refused_with_a_reason() {
        let check = |line: &str, expected: &str| match read(line) {
            Parsed::Refuse(text) => assert!(text.contains(expected), "{expected} in {text}"),
            other => panic!("{line}: {other:?}"),
        };
        for (name, why) in MISSING {
            check(&format!("--{name} x"), &format!("--{name} is not supported: {why}"));
        }
        check("--log-format=x", "--log-format is not supported");
        check("--bogus", "unexpected argument '--bogus'");
        check("-l bogus", "invalid log level specified 'bogus'");
        check("--stats-tag x", "misformatted stats-tag 'x'");
        check("--restart-epoch 1", "1 is not in 0..=0");
        check("extra", "unexpected argument 'extra'");
    }

    #[test]
    fn the_version_line_has_five_parts() {
        let Parsed::Print(text) = read("--version") else { panic!("printed") };
        let line = text.trim().strip_prefix("nuncio  version: ").expect("Envoy's form");
        assert_eq!(line.split('/').count(), 5);
        assert_eq!(line.split('/').nth(1), Some("1.40.0"));
    }

    #[test]
    fn help_fits_eighty_columns() {
        let Parsed::Print(text) = read("--help") else { panic!("printed") };
        let long: Vec<_> = text.lines().filter(|line| line.len() > 80).collect();
        assert!(long.is_empty(), "{long:#?}");
    }

    #[test]
    fn options_are_told_in_the_order_of_the_proto() {
        let text = run("--file-flush-interval-msec 50 --stats-tag a:b").as_json(3).document();
        assert!(text.starts_with("{\n \"base_id\": \"0\",\n \"concurrency\": 3,\n \"config_path\": \"\",\n"), "{text}");
        assert!(text.contains("\"file_flush_interval\": \"0.050s\"") && text.contains("[\n  \"a:b\"\n ]"), "{text}");
    }
}
