//! What the router is configured to do.

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::extensions::filters::http::router::v3::Router;

use super::upstream_filters::{self, Owner};
use crate::filter::{ChainFilter, FilterParser};

/// `envoy.extensions.filters.http.router.v3.Router`. Shared by all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouterOptions {
    /// `suppress_envoy_headers`: neither requests nor responses get `x-envoy-` headers.
    pub(crate) suppresses_envoy_headers: bool,
    /// `respect_expected_rq_timeout`: the proxy before us has said how long the request may take.
    pub(crate) respects_expected_timeout: bool,
}

impl RouterOptions {
    /// Parses the message: the options, and the filters of attempts on clusters that have none.
    ///
    /// # Errors
    /// When anything in it is not supported; all errors have been reported.
    pub(crate) fn parse(
        proto: Router,
        at: &At<'_>,
        filter: &FilterParser<'_>,
    ) -> Result<(Self, Option<Vec<ChainFilter>>), Invalid> {
        let Router {
            dynamic_stats,
            start_child_span,
            upstream_log,
            upstream_log_options,
            suppress_envoy_headers,
            strict_check_headers,
            respect_expected_rq_timeout,
            suppress_grpc_request_failure_code_stats,
            upstream_http_filters,
            reject_connect_request_early_data,
        } = proto;
        let mut f = at.fields();
        f.unsupported("dynamic_stats", dynamic_stats.filter(|is_on| !is_on));
        f.without_effect("start_child_span", start_child_span, "there is no tracing");
        f.unsupported("upstream_log", upstream_log);
        f.unsupported("upstream_log_options", upstream_log_options);
        f.unsupported("strict_check_headers", strict_check_headers);
        f.unsupported("suppress_grpc_request_failure_code_stats", suppress_grpc_request_failure_code_stats);
        let filters = f.value("upstream_http_filters", upstream_http_filters, |protos, at| {
            upstream_filters::parse(protos, at, Owner::Router, filter)
        });
        let is_set = reject_connect_request_early_data.filter(|is_on| *is_on);
        f.unsupported("reject_connect_request_early_data", is_set);
        f.finish(|| {
            let options = Self {
                suppresses_envoy_headers: suppress_envoy_headers,
                respects_expected_timeout: respect_expected_rq_timeout,
            };
            (options, filters.take())
        })
    }
}
