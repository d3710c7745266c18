//! Options of a connection: `envoy.config.core.v3.Http2ProtocolOptions` and what the owner knows from elsewhere.

use std::time::Duration;

/// All of a connection's options; shared by the connections of a listener or cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// `hpack_table_size`, bytes.
    pub hpack_table_size: u32,
    /// `max_concurrent_streams` that the peer may open.
    pub max_concurrent_streams: u32,
    /// `initial_stream_window_size`, bytes, 65535 to 2^31-1.
    pub initial_stream_window_size: u32,
    /// `initial_connection_window_size`, bytes, 65535 to 2^31-1.
    pub initial_connection_window_size: u32,
    /// `allow_connect`: extended CONNECT (RFC 8441).
    pub allow_connect: bool,
    /// `max_outbound_frames` that may wait to be written.
    pub max_outbound_frames: u32,
    /// `max_outbound_control_frames` (PING, SETTINGS and RST_STREAM) that may wait to be written.
    pub max_outbound_control_frames: u32,
    /// `max_consecutive_inbound_frames_with_empty_payload`.
    pub max_consecutive_inbound_frames_with_empty_payload: u32,
    /// `max_inbound_priority_frames_per_stream`.
    pub max_inbound_priority_frames_per_stream: u32,
    /// `max_inbound_window_update_frames_per_data_frame_sent`.
    pub max_inbound_window_update_frames_per_data_frame_sent: u32,
    /// RST_STREAM frames that may come at once.
    pub stream_reset_burst: u32,
    /// RST_STREAM frames that may come each second in the long run.
    pub stream_reset_rate: u32,
    /// `override_stream_error_on_invalid_http_message`: whether a malformed message costs its stream only.
    pub override_stream_error_on_invalid_http_message: bool,
    /// `connection_keepalive`.
    pub connection_keepalive: Option<Keepalive>,
    /// `enable_huffman_encoding`.
    pub enable_huffman_encoding: bool,
    /// Longest name or value that is accepted, in bytes as encoded (`max_header_field_size_kb`).
    pub max_header_field_size: u32,
    /// `custom_settings_parameters`: identifiers and values, sent before our own and
    /// instead of those with the same identifier.
    pub custom_settings_parameters: Vec<(u16, u32)>,
    /// `disallow_obs_text`: whether bytes above 127 in values are refused.
    pub disallow_obs_text: bool,
    /// Bytes of names and values of a header list (`max_request_headers_kb`, `max_response_headers_kb`).
    pub max_head_bytes: u32,
    /// Headers of a list (`common_http_protocol_options.max_headers_count`).
    pub max_headers: u32,
    /// `common_http_protocol_options.headers_with_underscores_action`; server only.
    pub headers_with_underscores_action: HeadersWithUnderscores,
    /// How long data may wait for window at the end of a stream (the stream idle timeout).
    pub flush_timeout: Option<Duration>,
}

/// `envoy.config.core.v3.KeepaliveSettings`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// Time between PING frames.
    pub interval: Option<Duration>,
    /// Time for the answer.
    pub timeout: Duration,
    /// Added to the interval: the owner draws `interval_jitter`.
    pub jitter: Duration,
    /// `connection_idle_interval`: a PING goes before a stream on a connection that was idle for longer.
    pub connection_idle_interval: Option<Duration>,
}

/// `HeadersWithUnderscoresAction`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HeadersWithUnderscores {
    /// They are passed on.
    #[default]
    Allow,
    /// The request is rejected.
    RejectRequest,
    /// They are dropped.
    DropHeader,
}

impl Default for Options {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            hpack_table_size: 4096,
            max_concurrent_streams: 1024,
            initial_stream_window_size: 16 * 1024 * 1024,
            initial_connection_window_size: 24 * 1024 * 1024,
            allow_connect: false,
            max_outbound_frames: 10_000,
            max_outbound_control_frames: 1_000,
            max_consecutive_inbound_frames_with_empty_payload: 1,
            max_inbound_priority_frames_per_stream: 100,
            max_inbound_window_update_frames_per_data_frame_sent: 10,
            stream_reset_burst: 1_000,
            stream_reset_rate: 33,
            override_stream_error_on_invalid_http_message: false,
            connection_keepalive: None,
            enable_huffman_encoding: true,
            max_header_field_size: 64 * 1024,
            custom_settings_parameters: Vec::new(),
            disallow_obs_text: false,
            max_head_bytes: 60 * 1024,
            max_headers: 100,
            headers_with_underscores_action: HeadersWithUnderscores::Allow,
            flush_timeout: None,
        }
    }
}
