//! What the head of a response decides for a request that asks for a tunnel.

use nuncio_message::HeaderId;

use super::Router;
use super::attempt::Handshake;
use crate::connection_manager::{Core, Frame};
use crate::upgrade;

impl Router {
    /// A frame of the response to such a request, before anybody has seen it. Of an answer to a WebSocket handshake that is neither a yes
    /// nor an error only the head goes on, as in Envoy.
    pub(super) fn shake_hands(&mut self, frame: Frame, core: &mut Core) -> Frame {
        let Some(attempt) = &mut self.attempt else { return frame };
        let Frame::Head { mut headers, end_stream } = frame else { return frame };
        if attempt.pool.is_http2() {
            upgrade::response_from_http2(&core.request, &mut headers);
        }
        let status = headers.status().unwrap_or(0);
        let is_refused = match attempt.handshake() {
            Handshake::WebSocket => !(status == 101 || status >= 400),
            Handshake::None | Handshake::Other | Handshake::Connect => false,
        };
        if matches!((attempt.handshake(), status), (Handshake::WebSocket, 101) | (Handshake::Connect, 200..=299)) {
            attempt.open_tunnel(core);
        }
        self.is_handshake_refused = is_refused;
        if is_refused {
            headers.remove(HeaderId::CONTENT_LENGTH);
        }
        Frame::Head { headers, end_stream: end_stream || is_refused }
    }
}
