//! What is counted for a connection, of whichever side.

use nuncio_codec::{Codec, Protocol};
use nuncio_stats::Gauge;

use super::{Connection, Phase};

impl Connection {
    /// Counts the version as soon as it is known.
    pub(in crate::connection_manager) fn count_protocol(&self) {
        if self.counted.get().is_none() {
            let codec = self.codec.borrow();
            if !matches!(*codec, Codec::Undecided(_)) {
                let protocol = codec.protocol();
                self.counted.set(Some(protocol));
                self.side.count_protocol(protocol);
            }
        }
    }

    /// The version that was counted for this connection, once it is known.
    pub(in crate::connection_manager) fn protocol_counted(&self) -> Option<Protocol> {
        self.counted.get()
    }

    pub(in crate::connection_manager) fn count_read(&self, bytes: usize) {
        let (total, buffered) = self.side.received();
        total.add(bytes as u64);
        // As Envoy sets it: what the last read brought, until the next.
        self.set_buffered(0, buffered, bytes);
    }

    pub(super) fn count_written(&self, bytes: usize, left: usize) {
        let (total, buffered) = self.side.sent();
        if bytes > 0 {
            total.add(bytes as u64);
        }
        self.set_buffered(1, buffered, left);
        // What has been written is not outbound any more.
        self.drain_counts();
    }

    /// Adds what the codec has counted. After the end nothing may get into gauges any more.
    pub(in crate::connection_manager) fn drain_counts(&self) {
        if self.phase() == Phase::Closed {
            return;
        }
        self.side.codecs().drain(&mut self.codec.borrow_mut(), &self.gauges);
    }

    /// The connection is closed: nothing of it stays in gauges.
    pub(in crate::connection_manager) fn end_counts(&self) {
        self.side.codecs().end(&mut self.codec.borrow_mut(), &self.gauges);
        self.set_buffered(0, self.side.received().1, 0);
        self.set_buffered(1, self.side.sent().1, 0);
    }

    fn set_buffered(&self, which: usize, gauge: &Gauge, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = self.buffered[which].replace(bytes);
        if before != bytes {
            gauge.add(i64::from(bytes) - i64::from(before));
        }
    }
}
