//! What codecs count, under `http1.` and `http2.`: of the process for downstream connections, of a cluster for upstream
//! ones. Codecs keep tallies, which are added here when a connection's events have been handled.

use std::cell::{Cell, OnceCell};

use nuncio_codec::{Codec, Protocol, Role, http1, http2};
use nuncio_stats::{Held, Scope, WorkerIndex, stat_group};

stat_group! {
    /// `http1.`
    pub(crate) struct Http1Stats {
        counter dropped_headers_with_underscores,
        counter metadata_not_supported_error,
        counter requests_rejected_with_underscores_in_headers,
        counter response_flood,
    }
}

stat_group! {
    /// `http2.`
    pub(crate) struct Http2Stats {
        counter cookies_total_bytes_too_large,
        gauge deferred_stream_close,
        counter dropped_headers_with_underscores,
        counter goaway_sent,
        counter header_list_size_too_large,
        counter header_overflow,
        counter headers_cb_no_stream,
        counter inbound_empty_frames_flood,
        counter inbound_priority_frames_flood,
        counter inbound_window_update_frames_flood,
        counter keepalive_timeout,
        counter metadata_empty_frames,
        // Envoy has two HTTP/2 libraries and counts by theirs; ours stands where its default does.
        counter nghttp2_downstream_connections,
        counter nghttp2_upstream_connections,
        counter oghttp2_downstream_connections,
        counter oghttp2_upstream_connections,
        counter outbound_control_flood,
        gauge outbound_control_frames_active,
        counter outbound_flood,
        gauge outbound_frames_active,
        gauge pending_send_bytes,
        counter requests_rejected_with_underscores_in_headers,
        counter rx_messaging_error,
        counter rx_reset,
        counter stream_refused_errors,
        gauge streams_active,
        counter trailers,
        counter tx_flush_timeout,
        counter tx_reset,
        // Envoy records these only under a runtime flag that is off by default.
        histogram cookie_count: Unspecified,
        histogram cookie_size: Bytes,
        histogram header_count: Unspecified,
        histogram header_list_size: Bytes,
    }
}

/// Per worker: the codec stats of one scope. Each version's are registered with its first connection, as in Envoy.
pub(crate) struct CodecStats {
    scope: Scope,
    worker: WorkerIndex,
    http1: OnceCell<Held<Http1Stats>>,
    http2: OnceCell<Held<Http2Stats>>,
}

/// What of one HTTP/2 connection stands in gauges. Owner: the connection.
#[derive(Default)]
pub(crate) struct CodecGauges {
    /// Streams, frames, control frames, pending bytes.
    held: Cell<[u32; 4]>,
}

impl CodecStats {
    pub(crate) fn new(scope: &Scope, worker: WorkerIndex) -> Self {
        Self { scope: scope.clone(), worker, http1: OnceCell::new(), http2: OnceCell::new() }
    }

    /// A connection's version is known.
    pub(crate) fn begin(&self, protocol: Protocol, role: Role) {
        match (protocol, role) {
            (Protocol::Http10 | Protocol::Http11, _) => {
                self.http1();
            }
            (Protocol::Http2, Role::Server) => self.http2().nghttp2_downstream_connections.inc(),
            (Protocol::Http2, Role::Client) => self.http2().nghttp2_upstream_connections.inc(),
        }
    }

    /// Adds what `codec` has counted since the last call.
    #[inline]
    pub(crate) fn drain(&self, codec: &mut Codec, gauges: &CodecGauges) {
        match codec {
            Codec::Http1(codec) => {
                if codec.tally().is_dirty() {
                    self.add_http1(&std::mem::take(codec.tally()));
                }
            }
            Codec::Undecided(_) => {}
            Codec::Http2(codec) => {
                if codec.tally().is_dirty() {
                    self.add_http2(&codec.tally().take());
                }
                let (frames, control_frames) = codec.outbound_frames();
                self.set_gauges(
                    gauges,
                    [
                        codec.active_streams() as u32,
                        frames,
                        control_frames,
                        u32::try_from(codec.pending_send_bytes()).unwrap_or(u32::MAX),
                    ],
                );
            }
        }
    }

    /// The connection is gone: so is what it held in gauges.
    pub(crate) fn end(&self, codec: &mut Codec, gauges: &CodecGauges) {
        self.drain(codec, gauges);
        self.set_gauges(gauges, [0; 4]);
    }

    #[inline]
    fn set_gauges(&self, gauges: &CodecGauges, now: [u32; 4]) {
        let before = gauges.held.get();
        if before == now {
            return;
        }
        gauges.held.set(now);
        let stats = self.http2();
        for (gauge, before, now) in [
            (&stats.streams_active, before[0], now[0]),
            (&stats.outbound_frames_active, before[1], now[1]),
            (&stats.outbound_control_frames_active, before[2], now[2]),
            (&stats.pending_send_bytes, before[3], now[3]),
        ] {
            gauge.add(i64::from(now) - i64::from(before));
        }
    }

    fn http1(&self) -> &Held<Http1Stats> {
        self.http1.get_or_init(|| Http1Stats::new(&self.scope.scope("http1.")).held(self.worker))
    }

    fn http2(&self) -> &Held<Http2Stats> {
        self.http2.get_or_init(|| Http2Stats::new(&self.scope.scope("http2.")).held(self.worker))
    }

    #[cold]
    fn add_http1(&self, tally: &http1::Tally) {
        let http1::Tally {
            dropped_headers_with_underscores,
            metadata_not_supported_error,
            requests_rejected_with_underscores_in_headers,
            response_flood,
        } = *tally;
        let stats = self.http1();
        for (counter, count) in [
            (&stats.dropped_headers_with_underscores, dropped_headers_with_underscores),
            (&stats.metadata_not_supported_error, metadata_not_supported_error),
            (&stats.requests_rejected_with_underscores_in_headers, requests_rejected_with_underscores_in_headers),
            (&stats.response_flood, response_flood),
        ] {
            if count > 0 {
                counter.add(u64::from(count));
            }
        }
    }

    #[cold]
    fn add_http2(&self, tally: &http2::Tally) {
        let stats = self.http2();
        tally.for_each(|name, count| {
            let counter = match name {
                "cookies_total_bytes_too_large" => &stats.cookies_total_bytes_too_large,
                "dropped_headers_with_underscores" => &stats.dropped_headers_with_underscores,
                "goaway_sent" => &stats.goaway_sent,
                "header_list_size_too_large" => &stats.header_list_size_too_large,
                "header_overflow" => &stats.header_overflow,
                "headers_cb_no_stream" => &stats.headers_cb_no_stream,
                "inbound_empty_frames_flood" => &stats.inbound_empty_frames_flood,
                "inbound_priority_frames_flood" => &stats.inbound_priority_frames_flood,
                "inbound_window_update_frames_flood" => &stats.inbound_window_update_frames_flood,
                "keepalive_timeout" => &stats.keepalive_timeout,
                "metadata_empty_frames" => &stats.metadata_empty_frames,
                "outbound_control_flood" => &stats.outbound_control_flood,
                "outbound_flood" => &stats.outbound_flood,
                "requests_rejected_with_underscores_in_headers" => &stats.requests_rejected_with_underscores_in_headers,
                "rx_messaging_error" => &stats.rx_messaging_error,
                "rx_reset" => &stats.rx_reset,
                "stream_refused_errors" => &stats.stream_refused_errors,
                "trailers" => &stats.trailers,
                "tx_flush_timeout" => &stats.tx_flush_timeout,
                "tx_reset" => &stats.tx_reset,
                _ => {
                    debug_assert!(false, "the codec counts {name}, which has no stat");
                    return;
                }
            };
            counter.add(u64::from(count));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use nuncio_message::{Chunk, Tick};
    use nuncio_stats::Store;

    use super::*;

    #[test]
    fn each_version_has_stats_from_its_first_connection_on() {
        let store = Store::new(2);
        let stats = CodecStats::new(&store.scope(""), WorkerIndex(1));
        assert_eq!(store.counter("http1.response_flood"), None);
        stats.begin(Protocol::Http11, Role::Server);
        assert_eq!(store.counter("http1.response_flood"), Some(0));
        assert_eq!(store.counter("http2.rx_reset"), None);
        stats.begin(Protocol::Http2, Role::Client);
        assert_eq!(store.counter("http2.nghttp2_upstream_connections"), Some(1));
        assert_eq!(store.counter("http2.nghttp2_downstream_connections"), Some(0));
    }

    #[test]
    fn tallies_and_gauges_follow_a_connection() {
        let store = Store::new(2);
        let stats = CodecStats::new(&store.scope(""), WorkerIndex(1));
        let gauges = CodecGauges::default();
        let mut codec = Codec::http2(Role::Server, Rc::default(), Tick(0));
        // Preface, SETTINGS, HEADERS of `GET http://a/` without END_STREAM (RFC 7541 appendix A); then RST_STREAM.
        codec.receive(Chunk::copy_from(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x04\0\0\0\x01\x82\x86\x84\x41\x01a",
        ));
        while codec.next(Tick(0)).expect("the frames are valid").is_some() {}
        stats.drain(&mut codec, &gauges);
        assert_eq!(store.gauge("http2.streams_active"), Some(1));
        codec.receive(Chunk::copy_from(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"));
        while codec.next(Tick(0)).expect("the frames are valid").is_some() {}
        stats.end(&mut codec, &gauges);
        assert_eq!((store.gauge("http2.streams_active"), store.counter("http2.rx_reset")), (Some(0), Some(1)));
    }
}
