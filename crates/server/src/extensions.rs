//! What is built in, under Envoy's names: what `/server_info` lists, and what `--disable-extensions` leaves out.

use std::collections::BTreeSet;

use nuncio_admin::pages::Extension;
use nuncio_config::diagnostic::code;
use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::accesslog::v3::{AccessLog, access_log};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use prost_types::Any;

/// Envoy's categories.
pub(crate) const HTTP_FILTERS: &str = "envoy.filters.http";
pub(crate) const UPSTREAM_HTTP_FILTERS: &str = "envoy.filters.http.upstream";
pub(crate) const NETWORK_FILTERS: &str = "envoy.filters.network";
pub(crate) const ACCESS_LOGGERS: &str = "envoy.access_loggers";
const UPSTREAM_OPTIONS: &str = "envoy.upstream_options";

/// What other crates have without a registry: category, name, and the type of the configuration.
const OTHERS: &[(&str, &str, &str)] = &[
    (ACCESS_LOGGERS, "envoy.access_loggers.file", "envoy.extensions.access_loggers.file.v3.FileAccessLog"),
    (ACCESS_LOGGERS, "envoy.access_loggers.stderr", "envoy.extensions.access_loggers.stream.v3.StderrAccessLog"),
    (ACCESS_LOGGERS, "envoy.access_loggers.stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"),
    (HTTP_FILTERS, "envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"),
    (
        NETWORK_FILTERS,
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    ),
    (
        UPSTREAM_OPTIONS,
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    ),
];

/// What is built in. Immutable.
#[derive(Debug, Default)]
pub(crate) struct Extensions(Vec<Extension>);

impl Extensions {
    /// All but those in `disabled`, `category/name`.
    pub(crate) fn new(disabled: &[String]) -> Self {
        let other = |(category, name, config): &(&'static str, &str, &'static str)| Extension {
            category,
            name: (*name).to_owned(),
            types: vec![*config],
            is_disabled: false,
        };
        let http = nuncio_extensions_http::types().flat_map(|kind| {
            let categories = [Some(HTTP_FILTERS), kind.is_upstream.then_some(UPSTREAM_HTTP_FILTERS)];
            let (name, types) = (kind.name(), kind.types());
            categories.into_iter().flatten().map(move |category| Extension {
                category,
                name: name.clone(),
                types: types.clone(),
                is_disabled: false,
            })
        });
        let mut all = Self(OTHERS.iter().map(other).chain(http).collect());
        for name in disabled.iter().filter(|name| !name.is_empty()) {
            all.disable(name);
        }
        all
    }

    /// In Envoy's words.
    fn disable(&mut self, name: &str) {
        let known = self.0.iter_mut().find(|known| name.split_once('/') == Some((known.category, known.name.as_str())));
        match known {
            Some(known) => {
                known.is_disabled = true;
                tracing::info!("disabled extension '{name}'");
            }
            None => tracing::warn!("failed to disable invalid extension name '{name}'"),
        }
    }

    /// For `/server_info`.
    pub(crate) fn into_list(self) -> Vec<Extension> {
        self.0
    }

    /// Whether a type is the configuration of one of them.
    pub(crate) fn has(&self, type_name: &str) -> bool {
        self.0.iter().any(|known| known.types.contains(&type_name))
    }

    /// The types of all configurations.
    pub(crate) fn types(&self) -> BTreeSet<&'static str> {
        self.0.iter().flat_map(|known| known.types.iter().copied()).collect()
    }

    /// Refuses what was left out.
    ///
    /// # Errors
    /// When the extension of this category with this type of configuration is disabled.
    pub(crate) fn check(&self, category: &str, type_name: &str, at: &At<'_>) -> Result<(), Invalid> {
        let is_it = |known: &&Extension| known.category == category && known.types.contains(&type_name);
        match self.0.iter().find(is_it) {
            Some(Extension { name, is_disabled: true, .. }) => {
                let message = format!("'{category}/{name}' is disabled by --disable-extensions");
                Err(at.error(code::UNKNOWN_TYPE, message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what was left out of a connection manager: its filters, and its logs.
    pub(crate) fn check_manager(&self, proto: &hcm::HttpConnectionManager, at: &At<'_>) -> Result<(), Invalid> {
        let mut checked = self.check_logs(&proto.access_log, at);
        let filters = at.field("http_filters");
        for (index, filter) in proto.http_filters.iter().enumerate() {
            if let Some(hcm::http_filter::ConfigType::TypedConfig(any)) = &filter.config_type {
                let filter = filters.index(index);
                checked = self.check(HTTP_FILTERS, type_name(any), &filter.field("typed_config")).and(checked);
            }
        }
        checked
    }

    /// Refuses what was left out of the access logs beside `at`.
    pub(crate) fn check_logs(&self, logs: &[AccessLog], at: &At<'_>) -> Result<(), Invalid> {
        let mut checked = Ok(());
        let all = at.field("access_log");
        for (index, log) in logs.iter().enumerate() {
            if let Some(access_log::ConfigType::TypedConfig(any)) = &log.config_type {
                let log = all.index(index);
                checked = self.check(ACCESS_LOGGERS, type_name(any), &log.field("typed_config")).and(checked);
            }
        }
        checked
    }
}

fn type_name(any: &Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    const FAULT: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";
    const MUTATION: &str = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";

    #[test]
    fn an_extension_is_left_out_by_category_and_name() {
        let check = |disabled: &str, category: &str, type_name: &str, expected: &[&str]| {
            let found = Diagnostics::new();
            let disabled: Vec<_> = disabled.split(',').map(str::to_owned).collect();
            let allowed = Extensions::new(&disabled).check(category, type_name, &At::root(&found));
            assert_eq!(allowed.is_ok(), expected.is_empty());
            let messages: Vec<_> = found.sorted().into_iter().map(|found| found.message).collect();
            assert_eq!(messages, expected, "{disabled:?}");
        };
        let fault = "'envoy.filters.http/envoy.filters.http.fault' is disabled by --disable-extensions";
        check("", HTTP_FILTERS, FAULT, &[]);
        check("envoy.filters.http/envoy.filters.http.fault", HTTP_FILTERS, FAULT, &[fault]);
        check("x,envoy.filters.http/envoy.filters.http.fault", HTTP_FILTERS, FAULT, &[fault]);
        check("envoy.filters.http.fault", HTTP_FILTERS, FAULT, &[]);
        check("envoy.filters.http/envoy.filters.http.header_mutation", UPSTREAM_HTTP_FILTERS, MUTATION, &[]);
    }

    /// What Envoy 1.40 lists for the same extensions.
    #[test]
    fn extensions_are_listed_under_envoys_names() {
        let list = Extensions::new(&[]).into_list();
        let check = |category: &str, name: &str, types: &[&str]| {
            let found = list.iter().find(|known| known.category == category && known.name == name);
            assert_eq!(found.map(|known| &*known.types), Some(types), "{category}/{name}");
        };
        let per_route = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute";
        check(HTTP_FILTERS, "envoy.filters.http.header_mutation", &[MUTATION, per_route]);
        check(UPSTREAM_HTTP_FILTERS, "envoy.filters.http.header_mutation", &[MUTATION, per_route]);
        check(HTTP_FILTERS, "envoy.filters.http.fault", &[FAULT]);
        check(HTTP_FILTERS, "envoy.filters.http.router", &["envoy.extensions.filters.http.router.v3.Router"]);
    }
}
