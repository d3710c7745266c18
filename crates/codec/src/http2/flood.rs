//! Protection against peers that send frames which cost them nothing. The formulas are Envoy's.

use std::collections::VecDeque;

use nuncio_message::Tick;

use super::options::Options;

/// Counts frames that are suspicious in numbers.
#[derive(Debug)]
pub(super) struct Inbound {
    empty_in_row: u32,
    priorities: u32,
    window_updates: u32,
    data_frames_sent: u32,
    resets: TokenBucket,
}

/// Which limit was exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flood {
    Empty,
    Priority,
    WindowUpdate,
    Outbound,
    OutboundControl,
}

impl Flood {
    /// Envoy's details: of the stream whose frame was one too many, or of all streams.
    pub(super) fn details(self) -> &'static str {
        match self {
            Self::Empty => "http2.inbound_empty_frames_flood",
            Self::Priority => "codec_error:Too_many_PRIORITY_frames",
            Self::WindowUpdate => "codec_error:Too_many_WINDOW_UPDATE_frames",
            Self::Outbound => "codec_error:Too_many_frames_in_the_outbound_queue.",
            Self::OutboundControl => "codec_error:Too_many_control_frames_in_the_outbound_queue.",
        }
    }
}

impl Inbound {
    pub(super) fn new(options: &Options, now: Tick) -> Self {
        Self {
            empty_in_row: 0,
            priorities: 0,
            window_updates: 0,
            data_frames_sent: 0,
            resets: TokenBucket::new(options.stream_reset_burst, now),
        }
    }

    pub(super) fn sent_data_frame(&mut self) {
        self.data_frames_sent = self.data_frames_sent.saturating_add(1);
    }

    /// A HEADERS, CONTINUATION or DATA frame; an empty one does not end its stream either.
    pub(super) fn content(&mut self, is_empty: bool, options: &Options) -> Result<(), Flood> {
        self.empty_in_row = if is_empty { self.empty_in_row + 1 } else { 0 };
        let is_flood = self.empty_in_row > options.max_consecutive_inbound_frames_with_empty_payload;
        if is_flood { Err(Flood::Empty) } else { Ok(()) }
    }

    /// A PRIORITY frame while `streams` are open.
    pub(super) fn priority(&mut self, streams: usize, options: &Options) -> Result<(), Flood> {
        self.priorities = self.priorities.saturating_add(1);
        let limit = u64::from(options.max_inbound_priority_frames_per_stream) * (1 + streams as u64);
        if u64::from(self.priorities) > limit { Err(Flood::Priority) } else { Ok(()) }
    }

    /// A WINDOW_UPDATE frame while `streams` are open.
    pub(super) fn window_update(&mut self, streams: usize, options: &Options) -> Result<(), Flood> {
        self.window_updates = self.window_updates.saturating_add(1);
        let for_data =
            u64::from(options.max_inbound_window_update_frames_per_data_frame_sent) * u64::from(self.data_frames_sent);
        let limit = 5 + 2 * (streams as u64 + for_data);
        if u64::from(self.window_updates) > limit { Err(Flood::WindowUpdate) } else { Ok(()) }
    }

    /// Whether an RST_STREAM is within the allowed rate.
    pub(super) fn reset(&mut self, options: &Options, now: Tick) -> bool {
        self.resets.take(options, now)
    }
}

/// Tokens that come back each second, up to a burst.
#[derive(Debug)]
struct TokenBucket {
    tokens: u64,
    filled: Tick,
}

impl TokenBucket {
    fn new(burst: u32, now: Tick) -> Self {
        Self { tokens: burst.into(), filled: now }
    }

    fn take(&mut self, options: &Options, now: Tick) -> bool {
        let seconds = now.0.saturating_sub(self.filled.0) / 1000;
        if seconds > 0 {
            let gained = seconds.saturating_mul(options.stream_reset_rate.into());
            self.tokens = self.tokens.saturating_add(gained).min(options.stream_reset_burst.into());
            self.filled = Tick(self.filled.0 + seconds * 1000);
        }
        let has_token = self.tokens > 0;
        self.tokens -= u64::from(has_token);
        has_token
    }
}

/// Counts the frames that wait to be written.
///
/// Frames are grouped by the write that left them behind, so that the common case, everything is written at once,
/// costs an addition a frame.
#[derive(Default, Debug)]
pub(super) struct Outbound {
    frames: u32,
    control: u32,
    /// The part of both that was queued since the last write.
    recent: Group,
    /// Older groups that have not been written yet.
    waiting: VecDeque<Group>,
    written: u64,
}

/// Frames that end at or before the `end`th byte of the connection.
#[derive(Clone, Copy, Default, Debug)]
struct Group {
    end: u64,
    frames: u32,
    control: u32,
}

impl Outbound {
    pub(super) fn frame(&mut self, options: &Options) -> Result<(), Flood> {
        self.frames += 1;
        self.recent.frames += 1;
        if self.frames > options.max_outbound_frames { Err(Flood::Outbound) } else { Ok(()) }
    }

    pub(super) fn control_frame(&mut self, options: &Options) -> Result<(), Flood> {
        self.control += 1;
        self.recent.control += 1;
        self.frame(options)?;
        if self.control > options.max_outbound_control_frames { Err(Flood::OutboundControl) } else { Ok(()) }
    }

    /// `bytes` were written, `left` still wait.
    pub(super) fn wrote(&mut self, bytes: usize, left: usize) {
        self.written += bytes as u64;
        if left == 0 {
            (self.frames, self.control, self.recent) = (0, 0, Group::default());
            self.waiting.clear();
            return;
        }
        if self.recent.frames > 0 {
            self.waiting.push_back(Group { end: self.written + left as u64, ..self.recent });
            self.recent = Group::default();
        }
        while let Some(group) = self.waiting.front().filter(|group| group.end <= self.written) {
            self.frames -= group.frames;
            self.control -= group.control;
            self.waiting.pop_front();
        }
    }

    /// Frames that wait, and the control frames among them.
    pub(super) fn waiting(&self) -> (u32, u32) {
        (self.frames, self.control)
    }
}
