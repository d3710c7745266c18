//! Request heads as they come from the client, made fit for filters and upstreams.

use std::rc::Rc;

use nuncio_message::{HeaderId, HeaderSet, Headers};
use nuncio_telemetry::{Address, ResponseFlag};

use super::client_address::Origin;
use super::config::{ConnectionManager, RequestIds};
use super::path_rules::Verdict;
use super::{Core, Source, referer};
use crate::filter::LocalReply;
use crate::local_reply::is_grpc_request;
use crate::sanitize_hop_by_hop;
use crate::upgrade;

/// What only internal clients may say: it steers retries and timeouts.
const INTERNAL_ONLY: HeaderSet = HeaderSet::of(&[
    HeaderId::X_ENVOY_RETRY_ON,
    HeaderId::X_ENVOY_RETRY_GRPC_ON,
    HeaderId::X_ENVOY_MAX_RETRIES,
    HeaderId::X_ENVOY_UPSTREAM_ALT_STAT_NAME,
    HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS,
    HeaderId::X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS,
    HeaderId::X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE,
    HeaderId::X_ENVOY_UPSTREAM_STREAM_DURATION_MS,
    HeaderId::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS,
    HeaderId::X_ENVOY_FORCE_TRACE,
    HeaderId::X_ENVOY_IP_TAGS,
    HeaderId::X_ENVOY_ORIGINAL_URL,
    HeaderId::X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT,
    HeaderId::X_ENVOY_RETRIABLE_STATUS_CODES,
    HeaderId::X_ENVOY_RETRIABLE_HEADER_NAMES,
]);

/// What the edge takes out besides: other proxies behind it may say so.
const NOT_FROM_OUTSIDE: HeaderSet = HeaderSet::of(&[
    HeaderId::X_ENVOY_DECORATOR_OPERATION,
    HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER,
    HeaderId::X_ENVOY_DOWNSTREAM_SERVICE_NODE,
    HeaderId::X_ENVOY_ORIGINAL_PATH,
    HeaderId::X_ENVOY_ORIGINAL_HOST,
]);

/// Checks the head and rewrites it.
///
/// # Errors
/// The reply to a head that cannot be served, as Envoy words it.
pub(super) fn request(core: &mut Core) -> Result<(), LocalReply> {
    let manager = Rc::clone(&core.manager);
    let config = &*manager.config;
    if sanitize_hop_by_hop::request_nominated(&mut core.request).is_err() {
        core.info.flags.set(ResponseFlag::DownstreamProtocolError);
        return Err(LocalReply::new(400, "Bad Request", "http1.connection_header_rejected"));
    }
    if !core.request.has(HeaderId::AUTHORITY) {
        return Err(LocalReply::new(400, "", "missing_host_header"));
    }
    if core.request.get(HeaderId::METHOD) == Some(b"QUERY") && !core.request.has(HeaderId::CONTENT_TYPE) {
        return Err(LocalReply::new(400, "", "query_missing_content_type"));
    }
    path(core, config)?;
    host(core, config);
    let request = &mut core.request;
    let is_upgrade = match upgrade::protocol(request) {
        None => false,
        Some(protocol) if protocol.eq_ignore_ascii_case(b"h2c") => {
            // Envoy stays with HTTP/1.
            request.remove(HeaderId::UPGRADE);
            request.remove(HeaderId::HTTP2_SETTINGS);
            false
        }
        Some(_) => true,
    };
    sanitize_hop_by_hop::request(request, is_upgrade);
    request.remove(HeaderId::X_ENVOY_INTERNAL);
    if request.get(HeaderId::REFERER).is_some_and(|value| !referer::is_valid(value)) {
        request.remove(HeaderId::REFERER);
    }
    let origin = identify(core, config);
    scheme(&mut core.request, config);
    origin_headers(core, config, origin);
    // Envoy answers it at once, unless told to let the upstream do so; any other expectation is passed on.
    let expects_continue =
        core.request.get(HeaderId::EXPECT).is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
    if expects_continue && !config.proxy_100_continue {
        core.request.remove(HeaderId::EXPECT);
        core.send_continue();
    }
    Ok(())
}

fn path(core: &mut Core, config: &ConnectionManager) -> Result<(), LocalReply> {
    let stats = &core.manager.stats;
    let rejected = || LocalReply::new(400, "", "path_normalization_failed");
    let path = match core.request.get(HeaderId::PATH) {
        Some(path @ [b'/', ..]) => path,
        Some(path) if path.contains(&b'#') => return Err(rejected()),
        _ if core.request.get(HeaderId::METHOD) == Some(b"CONNECT") => return Ok(()),
        _ => {
            stats.downstream_rq_non_relative_path.inc();
            return Err(LocalReply::new(404, "", "absolute_path_rejected"));
        }
    };
    match config.path_rules.apply(path) {
        Verdict::Same => {}
        Verdict::Changed(path) => core.request.set(HeaderId::PATH, &path),
        Verdict::Redirect(path) if !is_grpc_request(&core.request) => {
            stats.downstream_rq_redirected_with_normalized_path.inc();
            let mut reply = LocalReply::new(307, "", "path_normalization_failed");
            reply.headers.push(("location", path));
            return Err(reply);
        }
        Verdict::Redirect(_) | Verdict::Rejected => {
            stats.downstream_rq_failed_path_normalization.inc();
            return Err(rejected());
        }
    }
    Ok(())
}

fn host(core: &mut Core, config: &ConnectionManager) {
    let Source::Connection { connection, .. } = &core.source else { return };
    let authority = core.request.get(HeaderId::AUTHORITY).unwrap_or_default();
    if let Some(host) = config.host_rules.apply(authority, connection.info.local_address.port()) {
        core.request.set(HeaderId::AUTHORITY, &host);
    }
}

/// Finds out who the client is, and notes it for logs.
fn identify(core: &mut Core, config: &ConnectionManager) -> Origin {
    let Source::Connection { connection, .. } = &core.source else { return Origin::External };
    let (Address::Ip(peer), Address::Ip(local)) = (&connection.info.remote_address, &connection.info.local_address)
    else {
        return Origin::External;
    };
    let client = config.client_rules.identify(&mut core.request, *peer, *local);
    core.info.remote_address = client.address.map(|address| Address::Ip((address, 0).into()));
    client.origin
}

/// Sees to it that there is a scheme: what the client or the proxy before us says, if that is one of the two there are.
fn scheme(request: &mut Headers, config: &ConnectionManager) {
    if let Some(scheme) = config.scheme_to_overwrite {
        request.set(HeaderId::SCHEME, scheme.as_bytes());
        request.set(HeaderId::X_FORWARDED_PROTO, scheme.as_bytes());
    } else if !request.has(HeaderId::SCHEME) {
        let is_https =
            request.get(HeaderId::X_FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        request.push(HeaderId::SCHEME, if is_https { b"https" } else { b"http" });
    }
}

/// The headers that say where a request comes from and who has passed it on.
fn origin_headers(core: &mut Core, config: &ConnectionManager, origin: Origin) {
    let request = &mut core.request;
    if origin == Origin::Internal {
        request.set(HeaderId::X_ENVOY_INTERNAL, b"true");
    } else {
        if origin == Origin::Edge {
            request.remove_all(&NOT_FROM_OUTSIDE);
        }
        request.remove_all(&INTERNAL_ONLY);
        for name in config.routes.internal_only_headers() {
            request.remove_by_name(name);
        }
    }
    if let Some(agent) = &config.user_agent {
        agent.add(request);
    }
    if !config.via.is_empty() {
        request.append(HeaderId::VIA, b", ", config.via.as_bytes());
    }
    if origin == Origin::Edge
        && let Some(Address::Ip(client)) = core.info.downstream_remote_address()
    {
        request.set(HeaderId::X_ENVOY_EXTERNAL_ADDRESS, client.ip().to_string().as_bytes());
    }
    request_id(core, config.request_ids, origin);
    // Without TLS there is no certificate that could be forwarded, or believed.
    if !config.forwards_client_cert_always {
        core.request.remove(HeaderId::X_FORWARDED_CLIENT_CERT);
    }
}

/// Gives the request an id unless it has one that counts.
fn request_id(core: &mut Core, ids: RequestIds, origin: Origin) {
    let RequestIds::Generate { keeps_external, packs_trace_reason } = ids else { return };
    let request = &mut core.request;
    let known = request.get(HeaderId::X_REQUEST_ID).filter(|id| !id.is_empty());
    match (known, origin) {
        (Some(_), Origin::Internal | Origin::External) => {}
        // The outside may name a request, but not decide about its trace.
        (Some(id), Origin::Edge) if keeps_external => {
            if let Ok(mut id) = <[u8; 36]>::try_from(id)
                && packs_trace_reason
            {
                // The version digit of an id says why it is traced; 4: it is not.
                id[14] = b'4';
                request.set(HeaderId::X_REQUEST_ID, &id);
            }
        }
        (Some(_), Origin::Edge) | (None, _) => {
            let id = core.http.worker().random().uuid();
            request.set(HeaderId::X_REQUEST_ID, &id);
        }
    }
}
