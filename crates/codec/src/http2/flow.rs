//! Flow-control windows (RFC 9113 section 5.2).

/// The largest window (RFC 9113 section 6.9.1).
const MAX_WINDOW: i64 = 0x7fff_ffff;
/// The window of a connection, and of streams until SETTINGS say otherwise.
pub(super) const DEFAULT_WINDOW: u32 = 65_535;

/// What we allow the peer to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveWindow {
    size: u32,
    /// Bytes received for which no WINDOW_UPDATE was sent.
    used: u32,
    /// The part of them that has been consumed.
    consumed: u32,
}

/// The peer sent more, or allowed more, than it may.
#[derive(Debug)]
pub(super) struct WindowError;

impl ReceiveWindow {
    pub(super) fn new(size: u32) -> Self {
        Self { size, used: 0, consumed: 0 }
    }

    pub(super) fn receive(&mut self, bytes: u32) -> Result<(), WindowError> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.size { Err(WindowError) } else { Ok(()) }
    }

    /// Notes that bytes were consumed; returns the increment to send once half of the window is.
    pub(super) fn consume(&mut self, bytes: u32) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(bytes).min(self.used);
        if self.consumed == 0 || self.consumed < self.size / 2 {
            return None;
        }
        self.used -= self.consumed;
        Some(std::mem::take(&mut self.consumed))
    }

    /// Whether an update would be sent if everything were consumed that has been received.
    pub(super) fn is_low(&self) -> bool {
        self.used - self.consumed > 0 && self.used >= self.size / 2
    }

    /// Changes the size, as by our own SETTINGS.
    pub(super) fn resize(&mut self, size: u32) {
        self.size = size;
    }
}

/// What the peer allows us to send; negative after a lowered SETTINGS_INITIAL_WINDOW_SIZE.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendWindow(i64);

impl SendWindow {
    pub(super) fn new(size: u32) -> Self {
        Self(size.into())
    }

    /// Bytes that may be sent now.
    pub(super) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.0 -= bytes as i64;
    }

    /// Moves the window by a WINDOW_UPDATE or a changed initial size.
    pub(super) fn shift(&mut self, by: i64) -> Result<(), WindowError> {
        self.0 += by;
        if self.0 > MAX_WINDOW { Err(WindowError) } else { Ok(()) }
    }
}
