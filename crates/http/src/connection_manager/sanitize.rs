//! Request heads as they come from the client, made fit for filters and upstreams.

use std::rc::Rc;

use nuncio_message::HeaderId;

use super::Core;
use crate::filter::LocalReply;
use crate::sanitize_hop_by_hop;

/// What an edge proxy does not let clients say.
const INTERNAL_ONLY: &[HeaderId] = &[
    HeaderId::X_ENVOY_RETRY_ON,
    HeaderId::X_ENVOY_RETRY_GRPC_ON,
    HeaderId::X_ENVOY_MAX_RETRIES,
    HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME,
    HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS,
    HeaderId::X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS,
    HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE,
    HeaderId::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS,
    HeaderId::X_ENVOY_FORCE_TRACE,
    HeaderId::X_ENVOY_IP_TAGS,
    HeaderId::X_ENVOY_ORIGINAL_URL,
    HeaderId::X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT,
    HeaderId::X_ENVOY_RETRIABLE_STATUS_CODES,
    HeaderId::X_ENVOY_RETRIABLE_HEADER_NAMES,
    HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER,
    HeaderId::X_ENVOY_DECORATOR_OPERATION,
    HeaderId::X_ENVOY_INTERNAL,
    HeaderId::X_ENVOY_IS_TIMEOUT_RETRY,
    HeaderId::X_ENVOY_UPSTREAM_STREAM_DURATION_MS,
];

/// Checks the head and rewrites it.
///
/// # Errors
/// The reply to a head that cannot be served, as Envoy words it.
pub(super) fn request(core: &mut Core) -> Result<(), LocalReply> {
    let config = Rc::clone(&core.manager);
    let config = &config.config;
    let request = &mut core.request;
    if !request.has(HeaderId::AUTHORITY) {
        return Err(LocalReply::new(400, "", "missing_host_header"));
    }
    match request.get(HeaderId::PATH) {
        Some(path) if path.contains(&b'#') => return Err(LocalReply::new(400, "", "path_normalization_failed")),
        Some([b'/', ..]) => {}
        _ if request.get(HeaderId::METHOD) == Some(b"CONNECT") => {}
        _ => {
            core.manager.stats.downstream_rq_non_relative_path.inc();
            return Err(LocalReply::new(404, "", "absolute_path_rejected"));
        }
    }
    let is_upgrade = request.has(HeaderId::UPGRADE)
        && request.get(HeaderId::CONNECTION).is_some_and(|value| {
            value.split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        });
    if is_upgrade {
        core.manager.stats.downstream_rq_ws_on_non_ws_route.inc();
        return Err(LocalReply::new(403, "", "upgrade_failed"));
    }
    sanitize_hop_by_hop::request(request, false);
    // Nothing is internal unless configured: clients may not steer retries and timeouts.
    for &id in INTERNAL_ONLY {
        request.remove(id);
    }
    if !request.has(HeaderId::X_FORWARDED_PROTO) {
        request.set(HeaderId::X_FORWARDED_PROTO, b"http");
    }
    if !request.has(HeaderId::SCHEME) {
        // By value for the two that there are: no allocation a request.
        match request.get(HeaderId::X_FORWARDED_PROTO) {
            Some(b"https") => request.push(HeaderId::SCHEME, b"https"),
            _ => request.push(HeaderId::SCHEME, b"http"),
        }
    }
    if config.generate_request_id && !request.has(HeaderId::X_REQUEST_ID) {
        let id = core.http.worker().random().uuid();
        request.set(HeaderId::X_REQUEST_ID, &id);
    }
    // Envoy answers it at once, unless told to let the upstream do so; any other expectation is passed on.
    let expects_continue = request.get(HeaderId::EXPECT).is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
    if expects_continue && !config.proxy_100_continue {
        request.remove(HeaderId::EXPECT);
        core.send_continue();
    }
    Ok(())
}
