//! `envoy.config.accesslog.v3.AccessLog`: lists of access logs in listeners, connection managers and proxies.

use std::sync::Arc;

use nuncio_config::AnyConfig;
use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar::non_empty;
use nuncio_proto::envoy::config::accesslog::v3 as pb;
use nuncio_proto::envoy::config::core::v3::SubstitutionFormatString;
use nuncio_proto::envoy::extensions::access_loggers::file::v3 as file_pb;
use nuncio_proto::envoy::extensions::access_loggers::file::v3::file_access_log::AccessLogFormat;
use nuncio_proto::envoy::extensions::access_loggers::stream::v3 as stream_pb;
use nuncio_proto::envoy::extensions::access_loggers::stream::v3::stderr_access_log;
use nuncio_proto::envoy::extensions::access_loggers::stream::v3::stdout_access_log;

use super::AccessLog;
use super::AccessLogs;
use super::file::FileManager;
use super::file::OpenError;
use super::file::Target;
use super::filter::Filter;
use crate::formatter::Empty;
use crate::formatter::Formatter;
use crate::formatter::text_format;

/// A list of access logs as configured, its files not opened yet.
#[derive(Debug)]
pub struct Config {
    logs: Vec<LogConfig>,
}

#[derive(Debug)]
struct LogConfig {
    filter: Option<Arc<Filter>>,
    sink: Sink,
}

#[derive(Debug)]
struct Sink {
    formatter: Arc<Formatter>,
    target: Target,
}

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT: &str = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR: &str = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog";
/// Envoy's other access loggers.
const NOT_YET: &[&str] = &[
    "envoy.extensions.access_loggers.dynamic_modules.v3.DynamicModuleAccessLog",
    "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig",
    "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
    "envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig",
    "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
    "envoy.extensions.access_loggers.stats.v3.Config",
    "envoy.extensions.access_loggers.wasm.v3.WasmAccessLog",
];

impl Config {
    /// Parses the elements of a field such as `access_log`, each at its index below `at`.
    ///
    /// # Errors
    /// When a log is wrong, or uses what is not supported.
    pub fn parse(protos: Vec<pb::AccessLog>, at: &At<'_>) -> Result<Self, Invalid> {
        let protos = protos.into_iter().enumerate();
        let logs: Vec<_> = protos.map(|(index, proto)| LogConfig::parse(proto, &at.index(index))).collect();
        Ok(Self { logs: logs.into_iter().collect::<Result<_, _>>()? })
    }

    /// Opens the files. Logs with the same path share one.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn open(&self, files: &FileManager) -> Result<AccessLogs, OpenError> {
        let open = |LogConfig { filter, sink: Sink { formatter, target } }: &LogConfig| {
            let (filter, formatter) = (filter.clone(), Arc::clone(formatter));
            Ok(AccessLog { filter, formatter, file: files.open(target.clone())? })
        };
        Ok(AccessLogs { logs: self.logs.iter().map(open).collect::<Result<_, _>>()? })
    }
}

impl LogConfig {
    fn parse(proto: pb::AccessLog, at: &At<'_>) -> Result<Self, Invalid> {
        // The name is a label; the type decides.
        let pb::AccessLog { name: _, filter, config_type } = proto;
        let mut f = at.fields();
        let filter = f.optional("filter", filter, Filter::parse);
        let config = config_type.map(|pb::access_log::ConfigType::TypedConfig(any)| any);
        let sink = f.required("typed_config", config, |any, at| Sink::parse(&AnyConfig::parse(any, at)?, at));
        f.finish(|| Self { filter: filter.take().map(Arc::new), sink: sink.take() })
    }
}

impl Sink {
    fn parse(any: &AnyConfig, at: &At<'_>) -> Result<Self, Invalid> {
        match any.type_name() {
            FILE => Self::file(any.decode(at)?, at),
            STDOUT => {
                let stream_pb::StdoutAccessLog { access_log_format } = any.decode(at)?;
                let format = access_log_format.map(|stdout_access_log::AccessLogFormat::LogFormat(format)| format);
                Self::stream(Target::Stdout, format, at)
            }
            STDERR => {
                let stream_pb::StderrAccessLog { access_log_format } = any.decode(at)?;
                let format = access_log_format.map(|stderr_access_log::AccessLogFormat::LogFormat(format)| format);
                Self::stream(Target::Stderr, format, at)
            }
            name if NOT_YET.contains(&name) => Err(at.not_implemented(&format!("the access logger '{name}'"))),
            _ => Err(any.unknown(at, "access logger", [FILE, STDOUT, STDERR].iter().chain(NOT_YET).copied())),
        }
    }

    fn file(proto: file_pb::FileAccessLog, at: &At<'_>) -> Result<Self, Invalid> {
        let file_pb::FileAccessLog { path, access_log_format } = proto;
        let mut f = at.fields();
        let path = f.value("path", path, non_empty);
        let formatter = match access_log_format {
            // Without a format, or with an empty one here, it is the default.
            None => f.keep(default_format(at)),
            Some(AccessLogFormat::Format(text)) if text.is_empty() => f.keep(default_format(at)),
            Some(AccessLogFormat::Format(text)) => {
                f.value("format", text, |text, at| text_format(&text, Empty::Dash, at))
            }
            Some(AccessLogFormat::JsonFormat(json)) => {
                f.value("json_format", json, |json, at| Formatter::parse_json(&json, Empty::Dash, at))
            }
            Some(AccessLogFormat::TypedJsonFormat(json)) => {
                f.value("typed_json_format", json, |json, at| Formatter::parse_json(&json, Empty::Dash, at))
            }
            Some(AccessLogFormat::LogFormat(format)) => f.value("log_format", format, Formatter::from_proto),
        };
        f.finish(|| Self { formatter: Arc::new(formatter.take()), target: Target::Path(path.take().into()) })
    }

    fn stream(target: Target, format: Option<SubstitutionFormatString>, at: &At<'_>) -> Result<Self, Invalid> {
        let mut f = at.fields();
        let formatter = match format {
            Some(format) => f.value("log_format", format, Formatter::from_proto),
            None => f.keep(default_format(at)),
        };
        f.finish(|| Self { formatter: Arc::new(formatter.take()), target })
    }
}

fn default_format(at: &At<'_>) -> Result<Formatter, Invalid> {
    text_format(Formatter::DEFAULT, Empty::Dash, at)
}

#[cfg(test)]
mod tests;
