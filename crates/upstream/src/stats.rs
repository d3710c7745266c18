//! The stats of a cluster, under `cluster.<name>.`.

use nuncio_stats::stat_group;

stat_group! {
    /// What main counts and sets: membership and updates.
    pub struct MembershipStats {
        counter assignment_stale,
        counter assignment_timeout_received,
        counter assignment_use_cached,
        counter bind_errors,
        counter total_match_count = "default.total_match_count",
        counter lb_recalculate_zone_structures,
        set_gauge lb_subsets_active,
        counter lb_subsets_created,
        counter lb_subsets_removed,
        set_gauge max_host_weight,
        counter membership_change,
        set_gauge membership_degraded,
        set_gauge membership_excluded,
        set_gauge membership_healthy,
        set_gauge membership_total,
        counter original_dst_host_invalid,
        counter update_attempt,
        counter update_empty,
        counter update_failure,
        counter update_no_rebuild,
        counter update_success,
        set_gauge version,
        set_gauge warming_state,
    }
}

stat_group! {
    /// What workers count: connections and requests.
    pub struct TrafficStats {
        counter lb_healthy_panic,
        counter lb_local_cluster_not_ok,
        counter lb_subsets_fallback,
        counter lb_subsets_fallback_panic,
        counter lb_subsets_selected,
        counter lb_zone_cluster_too_small,
        counter lb_zone_no_capacity_left,
        counter lb_zone_routing_all_directly,
        counter lb_zone_routing_cross_zone,
        counter lb_zone_routing_sampled,
        counter retry_or_shadow_abandoned,
        gauge upstream_cx_active,
        counter upstream_cx_close_notify,
        counter upstream_cx_connect_attempts_exceeded,
        counter upstream_cx_connect_fail,
        counter upstream_cx_connect_timeout,
        counter upstream_cx_connect_with_0_rtt,
        counter upstream_cx_destroy,
        counter upstream_cx_destroy_local,
        counter upstream_cx_destroy_local_with_active_rq,
        counter upstream_cx_destroy_remote,
        counter upstream_cx_destroy_remote_with_active_rq,
        counter upstream_cx_destroy_with_active_rq,
        counter upstream_cx_http1_total,
        counter upstream_cx_http2_total,
        counter upstream_cx_http3_total,
        counter upstream_cx_idle_timeout,
        counter upstream_cx_max_duration_reached,
        counter upstream_cx_max_requests,
        counter upstream_cx_none_healthy,
        counter upstream_cx_overflow,
        counter upstream_cx_pool_overflow,
        counter upstream_cx_preconnect_skipped,
        counter upstream_cx_protocol_error,
        gauge upstream_cx_rx_bytes_buffered,
        counter upstream_cx_rx_bytes_total,
        counter upstream_cx_total,
        gauge upstream_cx_tx_bytes_buffered,
        counter upstream_cx_tx_bytes_total,
        counter upstream_flow_control_backed_up_total,
        counter upstream_flow_control_drained_total,
        counter upstream_flow_control_paused_reading_total,
        counter upstream_flow_control_resumed_reading_total,
        counter upstream_http3_broken,
        counter upstream_internal_redirect_failed_total,
        counter upstream_internal_redirect_succeeded_total,
        counter upstream_queue_overloaded,
        counter upstream_rq_0rtt,
        gauge upstream_rq_active,
        counter upstream_rq_active_overflow,
        counter upstream_rq_cancelled,
        counter upstream_rq_completed,
        counter upstream_rq_maintenance_mode,
        counter upstream_rq_max_duration_reached,
        gauge upstream_rq_pending_active,
        counter upstream_rq_pending_failure_eject,
        counter upstream_rq_pending_overflow,
        counter upstream_rq_pending_total,
        counter upstream_rq_per_try_idle_timeout,
        counter upstream_rq_per_try_timeout,
        counter upstream_rq_retry,
        counter upstream_rq_retry_backoff_exponential,
        counter upstream_rq_retry_backoff_ratelimited,
        counter upstream_rq_retry_limit_exceeded,
        counter upstream_rq_retry_overflow,
        counter upstream_rq_retry_success,
        counter upstream_rq_rx_reset,
        counter upstream_rq_rx_reset_no_error,
        counter upstream_rq_timeout,
        counter upstream_rq_total,
        counter upstream_rq_tx_reset,
        histogram upstream_cx_connect_ms: Milliseconds,
        histogram upstream_cx_length_ms: Milliseconds,
        histogram upstream_rq_per_cx: Unspecified,
    }
}

stat_group! {
    /// One priority's circuit breakers, `circuit_breakers.<priority>.`: 1 while a limit is reached.
    pub struct BreakerStats {
        gauge cx_open,
        gauge cx_pool_open,
        gauge rq_open,
        gauge rq_pending_open,
        gauge rq_retry_open,
    }
}

stat_group! {
    /// What is left of one priority's circuit breakers, with `track_remaining`.
    pub struct RemainingStats {
        gauge remaining_cx,
        set_gauge remaining_cx_pools,
        gauge remaining_pending,
        gauge remaining_retries,
        gauge remaining_rq,
    }
}
