//! Counters of a connection, under the names of Envoy's `http2.*` stats.

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the owner last drained them with [`Tally::take`].
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct Tally {
            is_dirty: bool,
            $($(#[$doc])* pub $name: u32,)*
        }

        impl Tally {
            /// Calls `add` with the name and value of each counter that is not zero.
            pub fn for_each(&self, mut add: impl FnMut(&'static str, u32)) {
                $(if self.$name != 0 { add(stringify!($name), self.$name); })*
            }
        }
    };
}

tally! {
    /// Header blocks whose cookies are larger than a header list may be.
    cookies_total_bytes_too_large,
    /// Headers dropped because of an underscore in their name.
    dropped_headers_with_underscores,
    /// GOAWAY frames sent.
    goaway_sent,
    /// Header lists larger than `max_head_bytes`.
    header_list_size_too_large,
    /// Header lists with too many headers.
    header_overflow,
    /// Header blocks for streams that are gone.
    headers_cb_no_stream,
    /// Connections closed because of too many empty frames in a row.
    inbound_empty_frames_flood,
    /// Connections closed because of too many PRIORITY frames.
    inbound_priority_frames_flood,
    /// Connections closed because of too many WINDOW_UPDATE frames.
    inbound_window_update_frames_flood,
    /// Connections closed because a keepalive PING was not answered.
    keepalive_timeout,
    /// METADATA frames without content.
    metadata_empty_frames,
    /// Connections closed because of too many queued control frames.
    outbound_control_flood,
    /// Connections closed because of too many queued frames.
    outbound_flood,
    /// Requests rejected because of an underscore in a header's name.
    requests_rejected_with_underscores_in_headers,
    /// Messages that break the rules of HTTP.
    rx_messaging_error,
    /// RST_STREAM frames received.
    rx_reset,
    /// Streams refused by the peer, or to it.
    stream_refused_errors,
    /// Trailers of requests; as in Envoy, those of responses are not counted.
    trailers,
    /// Streams given up because their data could not be flushed in time.
    tx_flush_timeout,
    /// RST_STREAM frames sent.
    tx_reset,
}

impl Tally {
    /// Whether anything was counted.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Hands out the counters and starts again at zero.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The counters, to be raised.
    pub(super) fn mark(&mut self) -> &mut Self {
        self.is_dirty = true;
        self
    }
}
