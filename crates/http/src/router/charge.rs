//! What the router counts of a response, its own replies included, in the cluster that was asked.

use std::rc::Rc;

use nuncio_message::{HeaderId, Headers, Tick};
use nuncio_telemetry::Moment;
use nuncio_upstream::{ClusterCodes, ResponsePart};

use crate::connection_manager::Core;

/// Where responses are counted. Owner: the router's part of its stream.
#[derive(Default)]
pub(super) struct Codes {
    /// The cluster's, once the route has named it.
    pub(super) own: Option<Rc<ClusterCodes>>,
    /// Besides, if the request asks for it.
    pub(super) alternative: Option<Rc<ClusterCodes>>,
}

impl Codes {
    /// Counts the answer to the request; `response` is its head when it came from a host.
    pub(super) fn charge(&self, status: u16, response: Option<&Headers>, core: &Core) {
        for codes in self.own.iter().chain(&self.alternative) {
            charge_response(codes, status, &core.request, response);
        }
    }

    /// Counts how long the whole answer of a host took from the end of the request, if that was before it.
    pub(super) fn charge_time(&self, now: Tick, core: &Core) {
        let Some(sent) = core.info.timing.at(Moment::DownstreamReceiveEnd) else { return };
        let ms = (now - sent).as_millis() as u64;
        for codes in self.own.iter().chain(&self.alternative) {
            charge_time(codes, ms, &core.request, core.response.as_ref());
        }
    }
}

fn charge_response(codes: &ClusterCodes, status: u16, request: &Headers, response: Option<&Headers>) {
    codes.all().count(status);
    if is_canary(response) {
        codes.part(ResponsePart::Canary).count(status);
    }
    codes.part(origin_of(request)).count(status);
}

fn charge_time(codes: &ClusterCodes, ms: u64, request: &Headers, response: Option<&Headers>) {
    codes.all().took(ms);
    if is_canary(response) {
        codes.part(ResponsePart::Canary).took(ms);
    }
    codes.part(origin_of(request)).took(ms);
}

fn is_canary(response: Option<&Headers>) -> bool {
    response.and_then(|head| head.get(HeaderId::X_ENVOY_UPSTREAM_CANARY)) == Some(b"true")
}

fn origin_of(request: &Headers) -> ResponsePart {
    let is_internal = request.get(HeaderId::X_ENVOY_INTERNAL) == Some(b"true");
    if is_internal { ResponsePart::Internal } else { ResponsePart::External }
}

#[cfg(test)]
mod tests {
    use nuncio_stats::{Store, WorkerIndex};

    use super::*;

    #[test]
    fn answers_are_counted_by_who_asked_and_who_answered() {
        let store = Store::new(2);
        let codes = ClusterCodes::new(&store.scope(""), WorkerIndex(1));
        let (mut internal, mut canary) = (Headers::new(), Headers::new());
        internal.push(HeaderId::X_ENVOY_INTERNAL, b"true");
        canary.push(HeaderId::X_ENVOY_UPSTREAM_CANARY, b"true");
        charge_response(&codes, 200, &Headers::new(), Some(&canary));
        charge_response(&codes, 201, &internal, None);
        for (name, expected) in [
            ("upstream_rq_completed", Some(2)),
            ("canary.upstream_rq_200", Some(1)),
            ("external.upstream_rq_200", Some(1)),
            ("internal.upstream_rq_201", Some(1)),
            ("external.upstream_rq_201", None),
        ] {
            assert_eq!(store.counter(name), expected, "{name}");
        }
    }
}
