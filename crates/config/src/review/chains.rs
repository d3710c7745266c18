//! The order of filters: something must end a chain, and nothing may stand behind it.

use nuncio_proto::envoy::config::listener::v3::{Filter, FilterChain, filter};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, http_filter,
};

use crate::at::{At, type_name};
use crate::diagnostic::code;

/// A kind of filter chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// `http_filters` of a connection manager.
    Http,
    /// `filters` of a listener's chain.
    Network,
}

/// Whether a filter ends a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Terminal,
    Passing,
    /// It depends on its configuration, or on what it loads.
    Unknown,
}

/// What is wrong with the order of filters, in Envoy's words, and the index of the filter concerned. Each is given by its
/// name and the URL of its type.
pub fn filter_order(chain: Chain, filters: &[(String, String)]) -> Option<(usize, String)> {
    let last = filters.len().checked_sub(1)?;
    let kind = chain.name();
    filters.iter().enumerate().find_map(|(index, (name, url))| {
        let type_name = type_name(url);
        let known = extension_name(type_name);
        match chain.role(type_name) {
            Role::Terminal if index < last => Some(format!(
                "Error: terminal filter named {name} of type {known} must be the last filter in a {kind} filter chain."
            )),
            Role::Passing if index == last => Some(format!(
                "Error: non-terminal filter named {name} of type {known} is the last filter in a {kind} filter chain."
            )),
            Role::Terminal | Role::Passing | Role::Unknown => None,
        }
        .map(|message| (index, message))
    })
}

impl Chain {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Network => "network",
        }
    }

    fn role(self, type_name: &str) -> Role {
        let package = match self {
            Self::Http => "envoy.extensions.filters.http.",
            Self::Network => "envoy.extensions.filters.network.",
        };
        let Some(rest) = type_name.strip_prefix(package) else { return Role::Unknown };
        let folder = rest.split('.').next().unwrap_or_default();
        match (self, folder) {
            (Self::Http, "router") => Role::Terminal,
            (
                Self::Network,
                "http_connection_manager"
                | "tcp_proxy"
                | "redis_proxy"
                | "thrift_proxy"
                | "dubbo_proxy"
                | "echo"
                | "direct_response"
                | "generic_proxy",
            ) => Role::Terminal,
            (_, "composite" | "dynamic_modules" | "match_delegate" | "mcp_router" | "reverse_tunnel" | "wasm") => {
                Role::Unknown
            }
            _ => Role::Passing,
        }
    }
}

/// The name under which Envoy registers the type: `envoy.filters.http.router` for
/// `envoy.extensions.filters.http.router.v3.Router`.
fn extension_name(type_name: &str) -> String {
    let parts = type_name.split('.').filter(|part| *part != "extensions");
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    parts.take_while(|part| !is_version(part)).collect::<Vec<_>>().join(".")
}

/// Judges `http_filters`.
pub(super) fn review_http(proto: &HttpConnectionManager, at: &At<'_>) {
    let at = at.field("http_filters");
    if proto.http_filters.is_empty() {
        at.warning(code::NO_ROUTER, "there are no HTTP filters, so that no request is ever answered");
    }
    let url = |filter: &HttpFilter| match &filter.config_type {
        Some(http_filter::ConfigType::TypedConfig(any)) => any.type_url.clone(),
        Some(http_filter::ConfigType::ConfigDiscovery(_)) | None => String::new(),
    };
    let filters: Vec<_> = proto.http_filters.iter().map(|filter| (filter.name.clone(), url(filter))).collect();
    tell(Chain::Http, &filters, &at);
}

/// Judges the network filters of a filter chain.
pub(super) fn review_network(proto: &FilterChain, at: &At<'_>) {
    let url = |filter: &Filter| match &filter.config_type {
        Some(filter::ConfigType::TypedConfig(any)) => any.type_url.clone(),
        Some(filter::ConfigType::ConfigDiscovery(_)) | None => String::new(),
    };
    let filters: Vec<_> = proto.filters.iter().map(|filter| (filter.name.clone(), url(filter))).collect();
    tell(Chain::Network, &filters, &at.field("filters"));
}

fn tell(chain: Chain, filters: &[(String, String)], at: &At<'_>) {
    if let Some((index, message)) = filter_order(chain, filters) {
        at.index(index).invalid(message);
    }
}
