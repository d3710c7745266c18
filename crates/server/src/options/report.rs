//! The command line as `/server_info` shows it.

use std::path::Path;
use std::time::Duration;

use nuncio_admin::Json;
use nuncio_network::IpVersion;

use super::Options;

/// Envoy's form of a line of the log.
pub(crate) const LOG_FORMAT: &str = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";

impl Options {
    /// `envoy.admin.v3.CommandLineOptions`; what is missing here stands at its default.
    pub(crate) fn as_json(&self, concurrency: u16) -> Json {
        let path = |path: Option<&Path>| Json::text(path.map_or_else(String::new, |path| path.display().to_string()));
        let extensions = self.disable_extensions.iter().map(Json::text).collect();
        let number = |number: u32| Json::Number(number.into());
        let span = |seconds: u32| Json::text(format!("{seconds}s"));
        let tags = self.stats_tag.iter().map(|(tag, value)| Json::text(format!("{tag}:{value}"))).collect();
        Json::object([
            ("base_id", Json::wide(self.base_id)),
            ("concurrency", number(concurrency.into())),
            ("config_path", path(self.config_path.as_deref())),
            ("config_yaml", Json::text(self.config_yaml.clone().unwrap_or_default())),
            ("allow_unknown_static_fields", Json::Bool(self.allow_unknown_static_fields)),
            ("admin_address_path", path(self.admin_address_path.as_deref())),
            (
                "local_address_ip_version",
                Json::text(if self.local_address_ip_version == IpVersion::V4 { "v4" } else { "v6" }),
            ),
            ("log_level", Json::text(self.log_level.name())),
            ("component_log_level", Json::text(&self.component_log_level.text)),
            ("log_format", Json::text(self.log_format.as_deref().unwrap_or(LOG_FORMAT))),
            ("log_path", path(self.log_path.as_deref())),
            ("service_cluster", Json::text(&self.service_cluster)),
            ("service_node", Json::text(&self.service_node)),
            ("service_zone", Json::text(&self.service_zone)),
            ("file_flush_interval", Json::text(duration(self.file_flush_interval()))),
            ("drain_time", span(self.drain_time_s)),
            ("parent_shutdown_time", span(self.parent_shutdown_time_s)),
            ("mode", Json::text(self.mode.name())),
            ("disable_hot_restart", Json::Bool(self.disable_hot_restart)),
            ("enable_mutex_tracing", Json::Bool(false)),
            ("restart_epoch", number(self.restart_epoch)),
            ("cpuset_threads", Json::Bool(self.cpuset_threads)),
            ("reject_unknown_dynamic_fields", Json::Bool(self.reject_unknown_dynamic_fields)),
            ("log_format_escaped", Json::Bool(self.log_format_escaped)),
            ("disabled_extensions", Json::List(extensions)),
            ("ignore_unknown_dynamic_fields", Json::Bool(self.ignore_unknown_dynamic_fields)),
            ("use_dynamic_base_id", Json::Bool(self.use_dynamic_base_id)),
            ("base_id_path", path(self.base_id_path.as_deref())),
            ("drain_strategy", Json::text(self.drain_strategy.name())),
            ("enable_fine_grain_logging", Json::Bool(false)),
            ("socket_path", Json::text(&self.socket_path)),
            // Envoy tells 0 here, too, whatever was given.
            ("socket_mode", number(0)),
            ("enable_core_dump", Json::Bool(self.enable_core_dump)),
            ("stats_tag", Json::List(tags)),
            ("skip_hot_restart_on_no_parent", Json::Bool(self.skip_hot_restart_on_no_parent)),
            ("skip_hot_restart_parent_stats", Json::Bool(self.skip_hot_restart_parent_stats)),
            ("skip_deprecated_logs", Json::Bool(self.skip_deprecated_logs)),
            // As the mode.
            ("file_flush_min_size", number(0)),
            ("log_stacktrace_single_entry", Json::Bool(self.log_stacktrace_single_entry)),
        ])
    }
}

/// A duration as protobuf writes it: seconds with none, three, six or nine digits behind the point.
fn duration(span: Duration) -> String {
    match (span.as_secs(), span.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}.{millis:03}s"),
    }
}
