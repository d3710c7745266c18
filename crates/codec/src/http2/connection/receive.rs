//! Cuts frames out of the input. DATA is passed on piecemeal; other frames are collected until they are whole.

use nuncio_message::Chunk;

use super::Http2;
use super::headers::has_good_prefix;
use crate::http2::frame::{FRAME_HEAD_BYTES, FrameHead, MAX_FRAME_BYTES, PREFACE, flag, kind};
use crate::http2::streams::{Receiving, Slot};
use crate::{ConnectionError, ErrorCode, Event, Role, StreamId};

/// The input and where in it the connection stands.
#[derive(Debug)]
pub(super) struct Inbox {
    input: Chunk,
    /// The beginning of a frame head or payload whose rest has not come.
    partial: Vec<u8>,
    stage: Stage,
}

/// `Preface → Head → (Payload | Body | Skip) → Head → …`
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Bytes of the client's preface that have been seen.
    Preface(usize),
    Head,
    Payload(FrameHead),
    Body(Body),
    Skip(usize),
}

/// The payload of a DATA frame.
#[derive(Clone, Copy, Debug)]
struct Body {
    stream: StreamId,
    /// `None` when the stream is gone and the bytes only count for the connection.
    slot: Option<Slot>,
    data_left: usize,
    padding_left: usize,
    end_stream: bool,
}

/// What one step came to.
pub(super) enum Step {
    Event(Event),
    Onward,
    Starved,
}

impl Inbox {
    pub(super) fn new(role: Role) -> Self {
        let stage = match role {
            Role::Server => Stage::Preface(0),
            Role::Client => Stage::Head,
        };
        Self { input: Chunk::empty(), partial: Vec::new(), stage }
    }

    pub(super) fn put(&mut self, input: Chunk) {
        debug_assert!(self.input.is_empty(), "input is handed over when the former was used up");
        self.input = input;
    }

    /// Lets go of the block that was read into.
    pub(super) fn used_up(&mut self) {
        self.input = Chunk::empty();
    }

    /// Whether there is input, and it begins with a frame.
    pub(super) fn is_before_frame(&self) -> bool {
        matches!(self.stage, Stage::Head) && !self.input.is_empty()
    }

    /// Takes exactly `len` bytes if the input has them; collects what there is otherwise.
    fn take_whole(&mut self, len: usize) -> Option<Whole> {
        if self.partial.is_empty() && self.input.len() >= len {
            return Some(Whole::Slice(self.input.split_to(len)));
        }
        let missing = (len - self.partial.len()).min(self.input.len());
        self.partial.extend_from_slice(&self.input[..missing]);
        self.input.advance(missing);
        if self.partial.len() < len {
            return None;
        }
        Some(Whole::Joined(std::mem::take(&mut self.partial)))
    }

    fn head(&mut self) -> Option<FrameHead> {
        if self.partial.is_empty()
            && let Some(bytes) = self.input.first_chunk::<FRAME_HEAD_BYTES>()
        {
            let head = FrameHead::parse(bytes);
            self.input.advance(FRAME_HEAD_BYTES);
            return Some(head);
        }
        let whole = self.take_whole(FRAME_HEAD_BYTES)?;
        whole.bytes().first_chunk().map(FrameHead::parse)
    }
}

/// A payload in one piece.
enum Whole {
    Slice(Chunk),
    Joined(Vec<u8>),
}

impl Whole {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Slice(chunk) => chunk,
            Self::Joined(bytes) => bytes,
        }
    }
}

impl Http2 {
    /// Does the next piece of work that the input allows.
    pub(super) fn step(&mut self) -> Result<Step, ConnectionError> {
        match self.inbox.stage {
            Stage::Preface(seen) => self.preface(seen),
            Stage::Head => match self.inbox.head() {
                Some(head) => self.begin_frame(head),
                None => Ok(Step::Starved),
            },
            Stage::Payload(head) => match self.inbox.take_whole(head.len as usize) {
                Some(payload) => {
                    self.inbox.stage = Stage::Head;
                    self.frame(head, payload.bytes())
                }
                None => {
                    if head.kind == kind::HEADERS && self.head.is_none() && has_good_prefix(head, &self.inbox.partial) {
                        self.begin_block(head)?;
                    }
                    Ok(Step::Starved)
                }
            },
            Stage::Body(body) => self.body(body),
            Stage::Skip(left) => Ok(self.skip(left)),
        }
    }

    fn preface(&mut self, seen: usize) -> Result<Step, ConnectionError> {
        let rest = &PREFACE[seen..];
        let n = rest.len().min(self.inbox.input.len());
        if self.inbox.input[..n] != rest[..n] {
            return Err(self.fail_silently(None, super::end::CODEC_ERROR));
        }
        self.inbox.input.advance(n);
        if n < rest.len() {
            self.inbox.stage = Stage::Preface(seen + n);
            return Ok(Step::Starved);
        }
        self.inbox.stage = Stage::Head;
        self.open_connection();
        Ok(Step::Onward)
    }

    fn begin_frame(&mut self, head: FrameHead) -> Result<Step, ConnectionError> {
        if head.len as usize > MAX_FRAME_BYTES {
            return Err(self.fail(ErrorCode::FRAME_SIZE_ERROR, "too large frame size"));
        }
        if !self.peer.has_sent_settings && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "SETTINGS expected"));
        }
        if let Some(block) = &self.head
            && (head.kind != kind::CONTINUATION || head.stream != block.stream)
        {
            let debug = "unexpected non-CONTINUATION frame or stream_id is invalid";
            return Err(self.fail(ErrorCode::PROTOCOL_ERROR, debug));
        }
        match head.kind {
            kind::DATA => self.begin_data(head),
            kind::HEADERS..=kind::CONTINUATION => {
                self.inbox.stage = Stage::Payload(head);
                Ok(Step::Onward)
            }
            _ => {
                self.inbox.stage = Stage::Skip(head.len as usize);
                Ok(Step::Onward)
            }
        }
    }

    fn skip(&mut self, left: usize) -> Step {
        let n = left.min(self.inbox.input.len());
        self.inbox.input.advance(n);
        if n < left {
            self.inbox.stage = Stage::Skip(left - n);
            return Step::Starved;
        }
        self.inbox.stage = Stage::Head;
        Step::Onward
    }

    fn begin_data(&mut self, head: FrameHead) -> Result<Step, ConnectionError> {
        let mut padding = 0;
        let mut len = head.len as usize;
        self.check_data_stream(head)?;
        if head.has(flag::PADDED) {
            if len == 0 {
                return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "DATA: insufficient padding space"));
            }
            let Some(length_byte) = self.padding_length() else {
                // The head is read again together with the byte behind it.
                self.inbox.partial.extend_from_slice(&head.bytes());
                return Ok(Step::Starved);
            };
            padding = length_byte;
            len -= 1;
            if padding > len {
                return Err(self.fail(ErrorCode::PROTOCOL_ERROR, "DATA: invalid padding"));
            }
        }
        let data_left = len - padding;
        let end_stream = head.has(flag::END_STREAM);
        self.count_content(head.stream, data_left == 0 && !end_stream)?;
        let is_fine = self.receive_data(head)?;
        let slot = self.streams.find(head.stream).filter(|_| is_fine);
        // The length of the padding, too, is flow-controlled, and of no further use.
        let overhead = head.len - data_left as u32;
        if slot.is_none() {
            self.release_connection(head.len);
        } else if overhead > 0 {
            self.release(head.stream, overhead);
        }
        self.inbox.stage =
            Stage::Body(Body { stream: head.stream, slot, data_left, padding_left: padding, end_stream });
        Ok(Step::Onward)
    }

    /// The byte behind the head of a padded frame, if it has come.
    fn padding_length(&mut self) -> Option<usize> {
        let &length = self.inbox.input.first()?;
        self.inbox.input.advance(1);
        Some(length.into())
    }

    fn body(&mut self, mut body: Body) -> Result<Step, ConnectionError> {
        let n = body.data_left.min(self.inbox.input.len());
        body.data_left -= n;
        if body.data_left == 0 && body.padding_left == 0 {
            self.inbox.stage = Stage::Head;
            let data = self.inbox.input.split_to(n);
            return Ok(self.data(body.stream, body.slot, data, body.end_stream));
        }
        if n > 0 {
            let data = self.inbox.input.split_to(n);
            self.inbox.stage = Stage::Body(body);
            return Ok(self.data(body.stream, body.slot, data, false));
        }
        let padding = body.padding_left.min(self.inbox.input.len());
        if body.data_left > 0 || padding == 0 {
            return Ok(Step::Starved);
        }
        self.inbox.input.advance(padding);
        body.padding_left -= padding;
        self.inbox.stage = Stage::Body(body);
        Ok(Step::Onward)
    }

    /// Passes a piece of a body on.
    fn data(&mut self, id: StreamId, slot: Option<Slot>, data: Chunk, end_stream: bool) -> Step {
        let Some(slot) = slot else { return Step::Onward };
        // It may have been reset, and its slot reused, since the frame began.
        let Some(stream) = self.streams.get_mut(slot).filter(|stream| stream.id == id) else {
            self.release_connection(data.len() as u32);
            return Step::Onward;
        };
        stream.received += data.len() as u64;
        let received = stream.received;
        let is_mismatch =
            stream.content_length.is_some_and(|length| received > length || (end_stream && received != length));
        if is_mismatch {
            self.release_connection(data.len() as u32);
            self.reset_by_protocol(slot, ErrorCode::PROTOCOL_ERROR, super::end::REMOTE_RESET);
            return Step::Onward;
        }
        if end_stream {
            stream.receiving = Receiving::Closed;
            self.retire(slot);
        } else if data.is_empty() {
            return Step::Onward;
        }
        Step::Event(Event::Data { stream: id, data, end_stream })
    }
}
