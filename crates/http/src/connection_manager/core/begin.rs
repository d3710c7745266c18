//! The beginning of a stream, in memory that another has left if there is any.

use std::rc::Rc;

use nuncio_codec::{Codec, Protocol};
use nuncio_message::Headers;
use nuncio_telemetry::{Moment, StreamInfo};

use super::chosen_route::RouteState;
use super::{Core, Source, Stage};
use crate::chain::{Actions, Chain, ChainId, Held};
use crate::connection_manager::timeouts::Deadlines;
use crate::connection_manager::{Deadline, Manager, Stream};
use crate::http_worker::HttpWorker;
use crate::router::Router;
use crate::streams::StreamKey;

impl Stream {
    /// Makes a stream for a request that begins, in `spare` memory if there is any.
    pub(crate) fn begin(
        spare: Option<Box<Self>>,
        key: StreamKey,
        http: &Rc<HttpWorker>,
        manager: &Rc<Manager>,
        source: Source,
    ) -> Box<Self> {
        let mut stream = match spare {
            Some(mut stream) => {
                stream.core.renew(key, manager, source);
                stream.chain.renew(&manager.plan);
                stream
            }
            None => Box::new(Self {
                core: Core::new(key, http, manager, source),
                chain: Chain::new(ChainId::Downstream, &manager.plan),
                router: Router::default(),
            }),
        };
        stream.core.start();
        stream
    }
}

impl Core {
    fn new(key: StreamKey, http: &Rc<HttpWorker>, manager: &Rc<Manager>, source: Source) -> Self {
        Self {
            key,
            http: Rc::clone(http),
            manager: Rc::clone(manager),
            source,
            info: StreamInfo::default(),
            request: Headers::new(),
            request_trailers: None,
            response: None,
            response_trailers: None,
            held: Held::default(),
            actions: Actions::default(),
            spare_chain: None,
            deadlines: Deadlines::default(),
            route: RouteState::NotAsked,
            unreleased: 0,
            is_request_complete: false,
            is_request_broken: false,
            is_head_request: false,
            is_extended_connect: false,
            upgrade: None,
            is_request_changed: false,
            is_request_refused: false,
            stage: Stage::Waiting,
            is_over: false,
            flows: Default::default(),
            drained: Vec::new(),
            response_credit: 0,
            buffer_limit: 0,
        }
    }

    /// Makes it the core of another stream; `clear` was called before.
    fn renew(&mut self, key: StreamKey, manager: &Rc<Manager>, source: Source) {
        self.key = key;
        if !Rc::ptr_eq(&self.manager, manager) {
            self.manager = Rc::clone(manager);
        }
        self.source = source;
    }

    /// The stream begins now.
    fn start(&mut self) {
        let clock = self.http.worker().clock();
        let now = clock.now();
        self.buffer_limit = self.manager.config.buffer_limit_bytes;
        self.info.start_micros = clock.wall_micros();
        self.info.timing.mark(Moment::DownstreamReceiveBegin, now);
        if let Source::Connection { connection, .. } = &self.source {
            self.info.connection = Some(Rc::clone(&connection.info));
            self.info.timing.mark(Moment::DownstreamConnectBegin, connection.opened);
            // Known better with the head, which may never come.
            let is_http2 = connection.peek(Codec::protocol) == Protocol::Http2;
            let (protocol, total) = match is_http2 {
                true => (Protocol::Http2, &self.manager.stats.downstream_rq_http2_total),
                false => (Protocol::Http11, &self.manager.stats.downstream_rq_http1_total),
            };
            self.info.protocol = Some(protocol);
            total.inc();
        }
        self.deadlines.set_idle(self.manager.config.stream_idle_timeout, now);
        for (deadline, span) in [
            (Deadline::RequestHeaders, self.manager.config.request_headers_timeout),
            (Deadline::Request, self.manager.config.request_timeout),
            (Deadline::Duration, self.manager.config.max_stream_duration),
        ] {
            if !span.is_zero() {
                self.deadlines.set(deadline, now + span);
            }
        }
        self.manager.stats.downstream_rq_total.inc();
        self.manager.stats.downstream_rq_active.inc();
    }
}
