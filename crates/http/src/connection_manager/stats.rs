//! The stats of a connection manager: under `http.<stat_prefix>.`, and once more for each listener.

use nuncio_stats::{Held, Scope, Store, WorkerIndex, sanitize, stat_group};

use crate::codec_stats::CodecStats;

stat_group! {
    /// Connections and requests.
    pub(crate) struct ManagerStats {
        gauge downstream_cx_active,
        counter downstream_cx_delayed_close_timeout,
        counter downstream_cx_destroy,
        counter downstream_cx_destroy_active_rq,
        counter downstream_cx_destroy_local,
        counter downstream_cx_destroy_local_active_rq,
        counter downstream_cx_destroy_remote,
        counter downstream_cx_destroy_remote_active_rq,
        counter downstream_cx_drain_close,
        gauge downstream_cx_http1_active,
        gauge downstream_cx_http1_soft_drain,
        counter downstream_cx_http1_total,
        gauge downstream_cx_http2_active,
        counter downstream_cx_http2_total,
        gauge downstream_cx_http3_active,
        counter downstream_cx_http3_total,
        counter downstream_cx_idle_timeout,
        counter downstream_cx_max_duration_reached,
        counter downstream_cx_max_requests_reached,
        counter downstream_cx_overload_disable_keepalive,
        counter downstream_cx_protocol_error,
        gauge downstream_cx_rx_bytes_buffered,
        counter downstream_cx_rx_bytes_total,
        gauge downstream_cx_ssl_active,
        counter downstream_cx_ssl_total,
        counter downstream_cx_total,
        gauge downstream_cx_tx_bytes_buffered,
        counter downstream_cx_tx_bytes_total,
        gauge downstream_cx_upgrades_active,
        counter downstream_cx_upgrades_total,
        counter downstream_flow_control_paused_reading_total,
        counter downstream_flow_control_resumed_reading_total,
        counter downstream_rq_1xx,
        counter downstream_rq_2xx,
        counter downstream_rq_3xx,
        counter downstream_rq_4xx,
        counter downstream_rq_5xx,
        gauge downstream_rq_active,
        counter downstream_rq_completed,
        counter downstream_rq_failed_path_normalization,
        counter downstream_rq_header_timeout,
        counter downstream_rq_http1_total,
        counter downstream_rq_http2_total,
        counter downstream_rq_http3_total,
        counter downstream_rq_idle_timeout,
        counter downstream_rq_max_duration_reached,
        counter downstream_rq_non_relative_path,
        counter downstream_rq_overload_close,
        counter downstream_rq_redirected_with_normalized_path,
        counter downstream_rq_rejected_via_ip_detection,
        counter downstream_rq_response_before_rq_complete,
        counter downstream_rq_rx_reset,
        counter downstream_rq_timeout,
        counter downstream_rq_too_large,
        counter downstream_rq_too_many_premature_resets,
        counter downstream_rq_total,
        counter downstream_rq_tx_reset,
        counter downstream_rq_ws_on_non_ws_route,
        counter rs_too_large,
        histogram downstream_cx_length_ms: Milliseconds,
        histogram downstream_rq_time: Milliseconds,
    }
}

stat_group! {
    /// `http.<stat_prefix>.` as well: what becomes of requests. Also `http.async-client.`, of calls of our own.
    pub struct RouterStats {
        counter no_cluster,
        counter no_route,
        counter passthrough_internal_redirect_bad_location,
        counter passthrough_internal_redirect_no_route,
        counter passthrough_internal_redirect_predicate,
        counter passthrough_internal_redirect_too_many_redirects,
        counter passthrough_internal_redirect_unsafe_scheme,
        counter rq_direct_response,
        counter rq_overload_local_reply,
        counter rq_redirect,
        counter rq_reset_after_downstream_response_started,
        counter rq_total,
    }
}

stat_group! {
    /// `http.<stat_prefix>.tracing.`
    pub(crate) struct TracingStats {
        counter client_enabled,
        counter health_check,
        counter not_traceable,
        counter random_sampling,
        counter service_forced,
    }
}

stat_group! {
    /// `listener.<name>.http.<stat_prefix>.`
    pub(crate) struct ListenerHttpStats {
        counter downstream_rq_1xx,
        counter downstream_rq_2xx,
        counter downstream_rq_3xx,
        counter downstream_rq_4xx,
        counter downstream_rq_5xx,
        counter downstream_rq_completed,
    }
}

/// Per worker: everything that is counted for one connection manager on one listener.
pub(crate) struct Counts {
    pub(crate) manager: Held<ManagerStats>,
    pub(crate) router: Held<RouterStats>,
    pub(crate) codecs: CodecStats,
    listener: Held<ListenerHttpStats>,
    _tracing: Held<TracingStats>,
}

impl Counts {
    /// `is_internal`: it is part of the process, as the admin's, whose routing and tracing Envoy does not count.
    pub(crate) fn new(prefix: &str, is_internal: bool, root: &Scope, listener: &Scope, worker: WorkerIndex) -> Self {
        let name = format!("http.{}.", sanitize(prefix));
        let scope = root.scope(&name);
        // What nobody can ask for is counted in a store of its own.
        let routing = if is_internal { Store::new(worker.0 + 1).scope(&name) } else { scope.clone() };
        Self {
            manager: ManagerStats::new(&scope).held(worker),
            router: RouterStats::new(&routing).held(worker),
            codecs: CodecStats::new(root, worker),
            listener: ListenerHttpStats::new(&listener.scope(&name)).held(worker),
            _tracing: TracingStats::new(&routing.scope("tracing.")).held(worker),
        }
    }

    /// A response's head goes downstream.
    pub(crate) fn response(&self, status: u16) {
        let (stats, listener) = (&self.manager, &self.listener);
        stats.downstream_rq_completed.inc();
        listener.downstream_rq_completed.inc();
        let class = match status / 100 {
            1 => (&stats.downstream_rq_1xx, &listener.downstream_rq_1xx),
            2 => (&stats.downstream_rq_2xx, &listener.downstream_rq_2xx),
            3 => (&stats.downstream_rq_3xx, &listener.downstream_rq_3xx),
            4 => (&stats.downstream_rq_4xx, &listener.downstream_rq_4xx),
            5 => (&stats.downstream_rq_5xx, &listener.downstream_rq_5xx),
            _ => return,
        };
        class.0.inc();
        class.1.inc();
    }
}
