//! A peer's end of an HTTP/2 connection: frames, windows and streams, apart from the codec under test.
//!
//! It checks what the proxy sends: frames of streams that exist, within the windows, and no more credit than was used.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use fluke_hpack::Decoder;

use super::executor::Sim;
use super::frame::{self, FrameHead};
use super::ledger::Ledger;
use super::notify::Notify;
use super::pipe::{Broken, End, Received};

/// Bytes of one DATA frame that we send at most.
const MAX_DATA: u64 = 16_384;
const DEFAULT_WINDOW: i64 = 65_535;

/// Which side a peer plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Client,
    Origin,
}

/// How a peer treats windows and streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// The window of a stream that we give.
    pub(crate) window: u32,
    /// Percent of DATA frames after which the window is refilled at once; the others wait for a later one.
    pub(crate) refills: u64,
    /// Streams that we allow at once.
    pub(crate) max_streams: u32,
    /// Longest pause before each read of the socket, in microseconds.
    pub(crate) max_pause: u64,
    /// The connection window that the proxy gives at most.
    pub(crate) their_window: i64,
}

/// One thing that happened on a stream.
#[derive(Debug)]
pub(crate) enum Incoming {
    Head { fields: Vec<(String, String)>, end: bool },
    Data { bytes: Vec<u8>, end: bool },
    Reset,
}

/// Cloning is cheap. Owner: the tasks of one peer.
#[derive(Clone)]
pub(crate) struct Http2 {
    inner: Rc<Inner>,
}

struct Inner {
    sim: Sim,
    ledger: Ledger,
    end: End,
    part: Part,
    manners: Manners,
    out: RefCell<Vec<u8>>,
    streams: RefCell<BTreeMap<u32, Stream>>,
    accepted: RefCell<VecDeque<u32>>,
    next_id: Cell<u32>,
    decoder: RefCell<Decoder<'static>>,
    send_window: Cell<i64>,
    their_initial: Cell<i64>,
    our_initial: Cell<i64>,
    their_max_streams: Cell<u32>,
    receive_window: Cell<i64>,
    is_over: Cell<bool>,
    is_leaving: Cell<bool>,
    /// After our GOAWAY: the last stream that is served.
    last_served: Cell<u32>,
    is_paused: Cell<bool>,
    changed: Notify,
}

struct Stream {
    send_window: i64,
    receive_window: i64,
    unrefilled: i64,
    incoming: VecDeque<Incoming>,
    /// The other side sends nothing more.
    is_ended: bool,
    is_reset: bool,
    /// We send nothing more.
    is_done: bool,
}

impl Http2 {
    /// Begins to speak: the preface (client) and SETTINGS, and tasks that read and write.
    pub(crate) fn start(sim: &Sim, ledger: &Ledger, end: End, part: Part, manners: Manners) -> Self {
        let inner = Inner {
            sim: sim.clone(),
            ledger: ledger.clone(),
            end,
            part,
            manners,
            out: RefCell::default(),
            streams: RefCell::default(),
            accepted: RefCell::default(),
            next_id: Cell::new(1),
            decoder: RefCell::new(Decoder::new()),
            send_window: Cell::new(DEFAULT_WINDOW),
            their_initial: Cell::new(DEFAULT_WINDOW),
            our_initial: Cell::new(DEFAULT_WINDOW),
            their_max_streams: Cell::new(u32::MAX),
            receive_window: Cell::new(DEFAULT_WINDOW),
            is_over: Cell::new(false),
            is_leaving: Cell::new(false),
            last_served: Cell::new(u32::MAX),
            is_paused: Cell::new(false),
            changed: Notify::default(),
        };
        let this = Self { inner: Rc::new(inner) };
        if part == Part::Client {
            this.put(frame::PREFACE);
        }
        this.put(&frame::settings(&[
            (frame::INITIAL_WINDOW_SIZE, manners.window),
            (frame::MAX_CONCURRENT_STREAMS, manners.max_streams),
        ]));
        let (reader, writer) = (this.clone(), this.clone());
        sim.start(async move { reader.read().await });
        sim.start(async move { writer.write().await });
        this
    }

    // What the owner does.

    /// Waits until a stream may be opened, and opens it; `None` when no more may be.
    pub(crate) async fn open(&self) -> Option<u32> {
        let may_open = || (self.active() as u32) < self.inner.their_max_streams.get();
        self.inner.changed.until(|| self.is_closing() || may_open()).await;
        if self.is_closing() {
            return None;
        }
        let id = self.inner.next_id.replace(self.inner.next_id.get() + 2);
        self.begin(id);
        Some(id)
    }

    /// The next stream that the other side opened; `None` at the end of the connection.
    pub(crate) async fn accept(&self) -> Option<u32> {
        self.inner.changed.until(|| self.inner.is_over.get() || !self.inner.accepted.borrow().is_empty()).await;
        self.inner.accepted.borrow_mut().pop_front()
    }

    pub(crate) fn send_head(&self, id: u32, fields: &[(&str, &str)], end: bool) {
        if self.can_send(id) {
            let flags = frame::END_HEADERS | if end { frame::END_STREAM } else { 0 };
            self.put(&frame::frame(frame::HEADERS, flags, id, &frame::header_block(fields)));
            self.done_if(id, end);
        }
    }

    /// Sends all of `bytes` as the windows allow.
    pub(crate) async fn send_data(&self, id: u32, mut bytes: &[u8], end: bool) -> Result<(), Broken> {
        loop {
            let inner = &self.inner;
            let room = || inner.send_window.get().min(self.with(id, |stream| stream.send_window).unwrap_or(0));
            inner.changed.until(|| !self.can_send(id) || bytes.is_empty() || room() > 0).await;
            if !self.can_send(id) {
                return Err(Broken);
            }
            let n = (bytes.len() as u64).min(MAX_DATA).min(room().max(0) as u64);
            let (now, later) = bytes.split_at(n as usize);
            bytes = later;
            inner.send_window.set(inner.send_window.get() - n as i64);
            self.with(id, |stream| stream.send_window -= n as i64);
            let is_last = bytes.is_empty();
            let flags = if end && is_last { frame::END_STREAM } else { 0 };
            self.put(&frame::frame(frame::DATA, flags, id, now));
            if is_last {
                self.done_if(id, end);
                return Ok(());
            }
        }
    }

    /// What comes next on a stream.
    pub(crate) async fn next(&self, id: u32) -> Incoming {
        let has_news = || {
            self.inner.is_over.get()
                || self.with(id, |stream| !stream.incoming.is_empty() || stream.is_reset).unwrap_or(true)
        };
        self.inner.changed.until(has_news).await;
        self.with(id, |stream| stream.incoming.pop_front()).flatten().unwrap_or(Incoming::Reset)
    }

    /// RST_STREAM.
    pub(crate) fn reset(&self, id: u32, code: u32) {
        if self.with(id, |stream| std::mem::replace(&mut stream.is_reset, true)) == Some(false) {
            self.put(&frame::frame(frame::RST_STREAM, 0, id, &code.to_be_bytes()));
        }
        self.inner.changed.notify();
    }

    /// Forgets a stream that is over on both sides.
    pub(crate) fn forget(&self, id: u32) {
        self.inner.streams.borrow_mut().remove(&id);
        self.inner.changed.notify();
    }

    /// GOAWAY: streams up to the last one seen are served.
    pub(crate) fn go_away(&self) {
        let last = self.inner.streams.borrow().keys().next_back().copied().unwrap_or(0);
        self.inner.last_served.set(last);
        self.put(&frame::frame(frame::GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat()));
    }

    /// Allows another number of streams.
    pub(crate) fn allow_streams(&self, max: u32) {
        self.put(&frame::settings(&[(frame::MAX_CONCURRENT_STREAMS, max)]));
    }

    /// Sends what is no HTTP/2, or anything else.
    pub(crate) fn put(&self, bytes: &[u8]) {
        self.inner.out.borrow_mut().extend_from_slice(bytes);
        self.inner.changed.notify();
    }

    /// Stops or goes on reading the socket.
    pub(crate) fn set_paused(&self, is_paused: bool) {
        self.inner.is_paused.set(is_paused);
        self.inner.changed.notify();
    }

    /// Whether no new stream can be opened.
    pub(crate) fn is_closing(&self) -> bool {
        self.inner.is_over.get() || self.inner.is_leaving.get()
    }

    /// Streams under way.
    pub(crate) fn active(&self) -> usize {
        self.inner.streams.borrow().len()
    }

    pub(crate) fn cut(&self) {
        self.inner.end.reset();
        self.over();
    }

    pub(crate) fn close(&self) {
        self.inner.end.close();
        self.over();
    }

    // What happens by itself.

    async fn write(self) {
        loop {
            self.inner.changed.until(|| self.inner.is_over.get() || !self.inner.out.borrow().is_empty()).await;
            let bytes = self.inner.out.take();
            if self.inner.is_over.get() || self.inner.end.send(&bytes).await.is_err() {
                return;
            }
        }
    }

    async fn read(self) {
        let mut buffer = Vec::new();
        loop {
            self.inner.changed.until(|| !self.inner.is_paused.get() || self.inner.is_over.get()).await;
            if self.inner.manners.max_pause > 0 {
                self.inner.sim.sleep(self.inner.sim.below(self.inner.manners.max_pause)).await;
            }
            match self.inner.end.receive().await {
                Received::Bytes(bytes) => buffer.extend_from_slice(&bytes),
                end @ (Received::Fin | Received::Reset) => {
                    self.inner.sim.trace(|| format!("{:?}: {end:?}", self.inner.part));
                    self.inner.end.close();
                    self.over();
                    return;
                }
            }
            if self.inner.part == Part::Origin && buffer.starts_with(frame::PREFACE) {
                buffer.drain(..frame::PREFACE.len());
            }
            while let Some(head) = FrameHead::read(&buffer) {
                let total = FrameHead::BYTES + head.length;
                if head.length > 16_384 && !buffer.starts_with(b"PRI") {
                    self.fail(format!("a frame of {} bytes", head.length));
                    self.close();
                    return;
                }
                if buffer.len() < total {
                    break;
                }
                let payload: Vec<u8> = buffer.drain(..total).skip(FrameHead::BYTES).collect();
                self.handle(head, payload);
            }
        }
    }

    fn handle(&self, head: FrameHead, payload: Vec<u8>) {
        let FrameHead { kind, flags, stream: id, .. } = head;
        self.inner.sim.trace(|| format!("{} {:?} gets {head:?}", self.inner.end.name(), self.inner.part));
        match kind {
            frame::SETTINGS if flags & frame::ACK == 0 => self.settings(&payload),
            frame::SETTINGS => self.our_settings_hold(),
            frame::PING if flags & frame::ACK == 0 => self.put(&frame::frame(frame::PING, frame::ACK, 0, &payload)),
            frame::HEADERS => self.headers(id, flags, &payload),
            frame::DATA => self.data(id, flags, payload),
            frame::WINDOW_UPDATE => self.window_update(id, i64::from(frame::number(&payload, 0))),
            frame::RST_STREAM => {
                self.with(id, |stream| stream.is_reset = true);
            }
            frame::GOAWAY => {
                self.inner.is_leaving.set(true);
                let last = frame::number(&payload, 0);
                let is_ours = |id: u32| (id % 2 == 1) == (self.inner.part == Part::Client);
                for (id, stream) in self.inner.streams.borrow_mut().iter_mut() {
                    stream.is_reset |= is_ours(*id) && *id > last;
                }
            }
            frame::CONTINUATION => self.fail("a CONTINUATION that no head needs".to_owned()),
            _ => {}
        }
        self.inner.changed.notify();
    }

    fn settings(&self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            let (id, value) = (u16::from_be_bytes([setting[0], setting[1]]), frame::number(setting, 2));
            match id {
                frame::INITIAL_WINDOW_SIZE => {
                    let change = i64::from(value) - self.inner.their_initial.replace(i64::from(value));
                    self.inner.streams.borrow_mut().values_mut().for_each(|stream| stream.send_window += change);
                }
                frame::MAX_CONCURRENT_STREAMS => self.inner.their_max_streams.set(value),
                _ => {}
            }
        }
        self.put(&frame::frame(frame::SETTINGS, frame::ACK, 0, &[]));
    }

    /// The other side has our settings: until now it went by the default window.
    fn our_settings_hold(&self) {
        let ours = i64::from(self.inner.manners.window);
        let change = ours - self.inner.our_initial.replace(ours);
        let mut due = Vec::new();
        for (id, stream) in self.inner.streams.borrow_mut().iter_mut() {
            stream.receive_window += change;
            // More may have come than the window is now: nothing will, until it is opened again.
            if stream.receive_window < 100 && !stream.is_ended && !stream.is_reset {
                let amount = std::mem::take(&mut stream.unrefilled);
                stream.receive_window += amount;
                due.push((*id, amount));
            }
        }
        due.into_iter().for_each(|(id, amount)| self.refill(id, amount));
    }

    fn headers(&self, id: u32, flags: u8, block: &[u8]) {
        let decoded = self.inner.decoder.borrow_mut().decode(block);
        let Ok(fields) = decoded else {
            self.fail(format!("a header block that cannot be decoded: {:?}", decoded.err()));
            return;
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let fields = fields.into_iter().map(|(name, value)| (text(name), text(value))).collect();
        if self.inner.part == Part::Origin && !self.inner.streams.borrow().contains_key(&id) {
            if id < self.inner.next_id.get() {
                // Of a stream that we have forgotten: its trailers.
                return;
            }
            if id > self.inner.last_served.get() {
                // RFC 9113 section 6.8: on its way when GOAWAY was sent; its sender may try it elsewhere.
                return;
            }
            self.inner.next_id.set(id + 2);
            self.begin(id);
            self.inner.accepted.borrow_mut().push_back(id);
        }
        let end = flags & frame::END_STREAM != 0;
        self.push(id, Incoming::Head { fields, end }, end);
    }

    fn data(&self, id: u32, flags: u8, bytes: Vec<u8>) {
        let (length, end) = (bytes.len() as i64, flags & frame::END_STREAM != 0);
        let inner = &self.inner;
        inner.receive_window.set(inner.receive_window.get() - length);
        if inner.receive_window.get() < 0 {
            self.fail("more data than the connection's window".to_owned());
        }
        let window = self.with(id, |stream| {
            stream.receive_window -= length;
            stream.unrefilled += length;
            stream.receive_window
        });
        if length > 0 && window.is_some_and(|window| window < 0) {
            self.fail(format!("more data than the window of stream {id}"));
        }
        self.push(id, Incoming::Data { bytes, end }, end);
        // The connection's window is refilled at once, the stream's when it is nearly used up, or by chance.
        self.refill(0, length);
        inner.receive_window.set(inner.receive_window.get() + length);
        let refills = inner.sim.chance(inner.manners.refills);
        let due = self.with(id, |stream| {
            let is_due = !end && !stream.is_reset && (refills || stream.receive_window < 100);
            let amount = if is_due { std::mem::take(&mut stream.unrefilled) } else { 0 };
            stream.receive_window += amount;
            amount
        });
        self.refill(id, due.unwrap_or(0));
    }

    fn refill(&self, id: u32, amount: i64) {
        if amount > 0 {
            self.put(&frame::frame(frame::WINDOW_UPDATE, 0, id, &(amount as u32).to_be_bytes()));
        }
    }

    fn window_update(&self, id: u32, amount: i64) {
        let inner = &self.inner;
        if id == 0 {
            inner.send_window.set(inner.send_window.get() + amount);
            if inner.send_window.get() > inner.manners.their_window {
                self.fail(format!("more credit for the connection than was used: {}", inner.send_window.get()));
            }
            return;
        }
        let limit = inner.their_initial.get();
        let window = self.with(id, |stream| {
            stream.send_window += amount;
            stream.send_window
        });
        if window.is_some_and(|window| window > limit) {
            self.fail(format!("more credit for stream {id} than was used: {window:?} of {limit}"));
        }
    }

    fn push(&self, id: u32, incoming: Incoming, end: bool) {
        let was_ended = self.with(id, |stream| {
            let was_ended = stream.is_ended;
            stream.is_ended |= end;
            if !stream.is_reset {
                stream.incoming.push_back(incoming);
            }
            was_ended
        });
        if was_ended == Some(true) {
            self.fail(format!("a frame of stream {id} after its end"));
        }
    }

    fn begin(&self, id: u32) {
        let stream = Stream {
            send_window: self.inner.their_initial.get(),
            receive_window: self.inner.our_initial.get(),
            unrefilled: 0,
            incoming: VecDeque::new(),
            is_ended: false,
            is_reset: false,
            is_done: false,
        };
        self.inner.streams.borrow_mut().insert(id, stream);
    }

    fn can_send(&self, id: u32) -> bool {
        !self.inner.is_over.get() && self.with(id, |stream| !stream.is_reset && !stream.is_done).unwrap_or(false)
    }

    fn done_if(&self, id: u32, end: bool) {
        self.with(id, |stream| stream.is_done |= end);
    }

    fn with<R>(&self, id: u32, f: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.inner.streams.borrow_mut().get_mut(&id).map(f)
    }

    fn over(&self) {
        self.inner.is_over.set(true);
        self.inner.changed.notify();
    }

    fn fail(&self, what: String) {
        self.inner.ledger.fail(&self.inner.sim, format!("{:?} was sent {what}", self.inner.part));
    }
}
