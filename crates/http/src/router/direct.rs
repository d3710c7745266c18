//! Routes that no upstream answers: redirects and direct responses.

use nuncio_message::{HeaderId, HeaderMapKind};
use nuncio_telemetry::formatter::Inputs;

use super::target::uri;
use crate::connection_manager::Core;
use crate::filter::LocalReply;
use crate::route::{DirectResponse, Redirect, RouteRef};

pub(super) fn redirect(route: &RouteRef, redirect: &Redirect, core: &mut Core) {
    // Envoy counts a redirect as the direct response that it is; `rq_redirect` stays at zero.
    core.manager.counts.router.rq_direct_response.inc();
    let location = route.route().location(redirect, &core.request);
    if redirect.rewrites_path() {
        rewrite_logged_path(&location, core);
    }
    let mut reply = LocalReply::new(redirect.status, "", "direct_response");
    reply.headers.push(("location", location));
    core.reply(reply);
}

pub(super) fn respond(direct: &DirectResponse, core: &mut Core) {
    core.manager.counts.router.rq_direct_response.inc();
    let mut reply = LocalReply::new(direct.status, "", "direct_response");
    reply.body = direct.body.to_vec();
    if let Some(format) = &direct.format {
        reply.body =
            format.body(&Inputs { local_reply_body: &direct.body, ..core.subject(HeaderMapKind::Response).inputs() });
        reply.content_type = format.content_type().map(Box::from);
    }
    // RFC 9110, section 10.2.2: where the resource is that was made, or has moved.
    if matches!(direct.status, 201 | 300..=399) {
        reply.headers.extend(uri(&core.request).map(|uri| ("location", uri)));
    }
    core.reply(reply);
}

/// Gives the request the path of `location`, an absolute URL: the path that it would have gone on with.
fn rewrite_logged_path(location: &[u8], core: &mut Core) {
    let Some(scheme) = location.windows(3).position(|part| part == b"://") else { return };
    let Some(path) = location[scheme + 3..].iter().position(|&b| b == b'/') else { return };
    if !core.manager.config.router.suppresses_envoy_headers {
        let old = core.request.get(HeaderId::PATH).unwrap_or_default().to_vec();
        core.request.set(HeaderId::X_ENVOY_ORIGINAL_PATH, &old);
    }
    core.request.set(HeaderId::PATH, &location[scheme + 3 + path..]);
}
