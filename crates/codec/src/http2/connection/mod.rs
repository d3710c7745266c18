//! One HTTP/2 connection.

mod end;
mod frames;
mod headers;
mod receive;
mod send;

use std::collections::VecDeque;
use std::rc::Rc;

use nuncio_message::{Chunk, Headers, Tick};

use self::end::Pings;
use self::receive::Inbox;
use super::flood::{Inbound, Outbound};
use super::flow::{DEFAULT_WINDOW, ReceiveWindow, SendWindow};
use super::head::Head;
use super::options::Options;
use super::recall::Memory;
use super::streams::{Sending, Slot, Streams};
use super::tally::Tally;
use crate::hpack::{Decoder, Encoder};
use crate::{ConnectionError, ErrorCode, Event, Outbox, Protocol, ResetCause, Role, StreamId};

/// The codec of one HTTP/2 connection. Owner: the connection's driver.
///
/// Invariants:
/// 1. A stream is in `streams` while at least one direction is open; the owner is told when it goes early.
/// 2. `ready` holds exactly the streams that have queued data or an end to send and whose own window allows it.
/// 3. Between HEADERS and END_HEADERS `head` is there, and no other frame is accepted.
#[derive(Debug)]
pub struct Http2 {
    role: Role,
    options: Rc<Options>,
    now: Tick,
    inbox: Inbox,
    /// Events that came out of one frame besides the first.
    events: VecDeque<Event>,
    failed: Option<ConnectionError>,
    head: Option<Box<Head>>,
    decoder: Decoder,
    encoder: Encoder,
    memory: Memory,
    streams: Streams,
    ready: VecDeque<Slot>,
    /// Streams that were answered completely while input was read: they end when all of it has been.
    answered: Vec<StreamId>,
    is_reading: bool,
    pause: Pause,
    receive_window: ReceiveWindow,
    send_window: SendWindow,
    out: Outbox,
    inbound: Inbound,
    outbound: Outbound,
    pings: Pings,
    tally: Tally,
    peer: Peer,
    going: Going,
    /// SETTINGS of ours that the peer has not acknowledged.
    unacknowledged_settings: u32,
    /// The highest stream the peer opened, and the next one of ours.
    last_peer_stream: StreamId,
    next_stream: StreamId,
    /// At the latest when the first stream must have flushed its last data.
    flush_by: Tick,
}

/// A pause between two frames for credit to come back. There is one at the most until it does.
#[derive(Clone, Copy, Default, Debug)]
struct Pause {
    /// The last DATA frame has used up half of a window.
    is_due: bool,
    is_on: bool,
    is_spent: bool,
}

impl Pause {
    /// Whether to stop here; the next time work goes on.
    fn begins(&mut self, is_before_frame: bool) -> bool {
        if std::mem::take(&mut self.is_on) {
            self.is_due = false;
        } else if self.is_due && is_before_frame {
            self.is_on = !std::mem::replace(&mut self.is_spent, true);
            self.is_due = self.is_on;
        }
        self.is_on
    }
}

/// What the peer told us in its SETTINGS.
#[derive(Debug)]
struct Peer {
    initial_window: u32,
    max_concurrent_streams: u32,
    allows_connect: bool,
    has_sent_settings: bool,
}

/// How the connection comes to its end.
#[derive(Clone, Copy, Default, Debug)]
struct Going {
    /// The peer takes no more streams.
    is_away: bool,
    /// The last of our streams that it processes.
    last_processed: Option<StreamId>,
    /// We take no more streams.
    is_final: bool,
    has_eof: bool,
}

impl Http2 {
    /// A connection that has sent nothing yet. A client's preface is put out at once, a server's SETTINGS as soon as
    /// the peer's preface has come.
    pub fn new(role: Role, options: &Rc<Options>, now: Tick) -> Self {
        let mut connection = Self {
            role,
            options: Rc::clone(options),
            now,
            inbox: Inbox::new(role),
            events: VecDeque::new(),
            failed: None,
            head: None,
            decoder: Decoder::new(options.hpack_table_size, options.max_header_field_size as usize),
            encoder: Encoder::new(options.enable_huffman_encoding),
            memory: Memory::new(),
            streams: Streams::default(),
            ready: VecDeque::new(),
            answered: Vec::new(),
            is_reading: false,
            pause: Pause::default(),
            receive_window: ReceiveWindow::new(DEFAULT_WINDOW),
            send_window: SendWindow::new(DEFAULT_WINDOW),
            out: Outbox::new(),
            inbound: Inbound::new(options, now),
            outbound: Outbound::default(),
            pings: Pings::new(options, now),
            tally: Tally::default(),
            peer: Peer {
                initial_window: DEFAULT_WINDOW,
                max_concurrent_streams: u32::MAX,
                allows_connect: false,
                has_sent_settings: false,
            },
            going: Going::default(),
            unacknowledged_settings: 0,
            last_peer_stream: 0,
            next_stream: 1,
            flush_by: Tick::NEVER,
        };
        if role == Role::Client {
            connection.open_connection();
            connection.widen_connection();
        }
        connection
    }

    /// Hands over bytes that were read. Called again only after [`Http2::next`] has returned `None`.
    pub fn receive(&mut self, input: Chunk) {
        self.inbox.put(input);
        self.is_reading = true;
    }

    /// The peer has closed its side: every stream ends.
    pub fn receive_eof(&mut self) {
        self.going.has_eof = true;
        for slot in self.streams.slots() {
            if let Some(stream) = self.streams.get(slot) {
                let stream = stream.id;
                self.announce(stream);
                self.events.push_back(Event::Reset { stream, cause: ResetCause::ConnectionTermination });
                self.streams.remove(slot);
            }
        }
        self.head = None;
        self.ready.clear();
    }

    /// The next event; `None` when more input is needed.
    ///
    /// # Errors
    /// When the connection is finished. A GOAWAY for the peer, if Envoy would send one, stands in [`Http2::out`].
    pub fn next(&mut self, now: Tick) -> Result<Option<Event>, ConnectionError> {
        self.now = now;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(error) = self.failed {
                return Err(error);
            }
            if self.going.has_eof {
                return Ok(None);
            }
            if self.pause.begins(self.inbox.is_before_frame()) {
                return Ok(None);
            }
            match self.step() {
                Ok(receive::Step::Event(event)) => return Ok(Some(event)),
                Ok(receive::Step::Onward) => {}
                Ok(receive::Step::Starved) => {
                    self.inbox.used_up();
                    self.end_answered();
                    return Ok(self.begin_unfinished_head());
                }
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// Whether reading should go on. Windows, not read interest, hold the peer back.
    pub fn wants_input(&self) -> bool {
        self.failed.is_none() && !self.going.has_eof && !self.pause.is_on
    }

    /// Whether [`Self::next`] has stopped before the end of its input, for bytes to leave that were handed out: half of
    /// a window is used up, and their credit may allow what comes next. Envoy takes bytes for consumed as soon as they
    /// were passed on, so that it never sees a peer overrun the window in this way.
    pub fn is_pausing(&self) -> bool {
        self.pause.is_on
    }

    /// Whether [`Self::open`] would give a stream.
    pub fn has_capacity(&self) -> bool {
        let limit = self.peer.max_concurrent_streams.min(self.options.max_concurrent_streams);
        let has_room = self.streams.len() < limit as usize;
        self.role == Role::Client && has_room && !self.is_closing() && self.next_stream < 1 << 31
    }

    /// Reserves a stream for a request (client); `None` when the connection takes none at present.
    pub fn open(&mut self) -> Option<StreamId> {
        if !self.has_capacity() {
            return None;
        }
        let id = self.next_stream;
        self.next_stream += 2;
        self.streams.insert(id, self.options.initial_stream_window_size, self.peer.initial_window);
        Some(id)
    }

    /// Whether the peer accepts extended CONNECT (client).
    pub fn allows_connect(&self) -> bool {
        self.peer.allows_connect
    }

    /// What waits to be written.
    pub fn out(&self) -> &Outbox {
        &self.out
    }

    /// What waits to be written, to be cleared or looked at slice by slice.
    pub fn out_mut(&mut self) -> &mut Outbox {
        &mut self.out
    }

    /// Takes out `n` bytes that were written; `left` hears of body bytes that have gone with them.
    pub fn wrote(&mut self, n: usize, left: impl FnMut(StreamId, u32)) {
        self.out.wrote(n, left);
        self.outbound.wrote(n, self.out.len());
    }

    /// Body bytes of a stream that wait for the peer's window.
    pub fn queued(&self, stream: StreamId) -> usize {
        let slot = self.streams.find(stream);
        slot.and_then(|slot| self.streams.get(slot)).map_or(0, |stream| stream.queue.len())
    }

    /// Body bytes of all streams that wait for window: Envoy's gauge `pending_send_bytes`.
    pub fn pending_send_bytes(&self) -> usize {
        self.streams.iter().map(|stream| stream.queue.len()).sum()
    }

    /// Frames, and control frames among them, that wait to be written: Envoy's gauges `outbound_frames_active` and
    /// `outbound_control_frames_active`.
    pub fn outbound_frames(&self) -> (u32, u32) {
        self.outbound.waiting()
    }

    /// Whether no further stream can begin. A client's GOAWAY says nothing about its own streams.
    pub fn is_closing(&self) -> bool {
        (self.going.is_away && self.role == Role::Client)
            || self.going.is_final
            || self.going.has_eof
            || self.failed.is_some()
    }

    /// Always false: only HTTP/1 messages ask for the end of their connection.
    pub fn close_requested(&self) -> bool {
        false
    }

    /// HTTP/2.
    pub fn protocol(&self) -> Protocol {
        Protocol::Http2
    }

    /// Streams that are open in at least one direction: Envoy's gauge `streams_active`.
    pub fn active_streams(&self) -> usize {
        self.streams.len()
    }

    /// Counters for the owner to drain.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Body bytes that were handed out have left the proxy: their window goes back to the peer. After the end of the
    /// stream only the connection's share counts.
    pub fn release(&mut self, stream: StreamId, bytes: u32) {
        if let Some(stream) = self.streams.by_id(stream)
            && stream.receiving != super::streams::Receiving::Closed
            && let Some(increment) = stream.receive_window.consume(bytes)
        {
            let id = stream.id;
            self.put_window_update(id, increment);
        }
        self.release_connection(bytes);
        let is_low = |window: Option<&ReceiveWindow>| window.is_some_and(ReceiveWindow::is_low);
        let of_stream = self.streams.by_id(stream).map(|stream| &stream.receive_window);
        self.pause.is_due &= self.receive_window.is_low() || is_low(of_stream);
    }

    fn release_connection(&mut self, bytes: u32) {
        self.pause.is_spent = false;
        if let Some(increment) = self.receive_window.consume(bytes) {
            self.put_window_update(0, increment);
        }
    }

    /// Forgets a stream and tells the peer: RST_STREAM.
    pub fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        let Some(slot) = self.streams.find(stream) else { return };
        // A request that was reserved but never sent is unknown to the peer, who must not hear of it.
        let is_unsent = self.role == Role::Client && self.streams.get(slot).is_some_and(|stream| stream.is_unsent());
        if !is_unsent {
            self.put_reset(stream, code);
        }
        self.forget(slot);
    }

    /// Takes a stream out of everything but the events that already stand in the queue.
    fn forget(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get(slot) else { return };
        if stream.is_ready {
            self.ready.retain(|&ready| ready != slot);
        }
        if let Some(head) = &mut self.head
            && head.slot == slot
            && head.kind != super::head::Kind::Ignored
        {
            head.kind = super::head::Kind::Ignored;
            head.headers = Headers::new();
        }
        self.streams.remove(slot);
    }

    /// All input has been read: what was answered meanwhile ends now.
    fn end_answered(&mut self) {
        self.is_reading = false;
        while let Some(id) = self.answered.pop() {
            if let Some(slot) = self.streams.find(id) {
                self.end_sending(slot);
            }
        }
    }

    /// Takes a stream out once both directions have ended.
    fn retire(&mut self, slot: Slot) {
        if let Some(stream) = self.streams.get(slot)
            && stream.receiving == super::streams::Receiving::Closed
            && stream.sending == Sending::Closed
        {
            self.streams.remove(slot);
        }
    }
}
