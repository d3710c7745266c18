//! A simulated TCP connection: bytes, FIN and RST, with delays, cut as the seed decides, and of limited capacity.
//!
//! What one end writes flies for a while, arrives, and is read by the other. An end that is dropped with bytes unread
//! sends RST, as Linux does, otherwise FIN; whoever writes to an end that is gone gets an RST back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nuncio_network::Transport;

use super::executor::Sim;

/// How a connection treats its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Longest flight, in microseconds.
    pub(crate) max_delay: u64,
    /// Bytes that fly or wait unread in one direction.
    pub(crate) capacity: usize,
    /// Longest piece that one call reads or writes.
    pub(crate) max_piece: usize,
    /// How often, in percent, a call is told to wait for no reason.
    pub(crate) pending: u64,
    /// The connection is reset after that many bytes in either direction.
    pub(crate) reset_after: Option<u64>,
}

impl Weather {
    /// Weather for much data: cut less fine, and little of it under way.
    pub(crate) fn draw_steady(sim: &Sim) -> Self {
        Self {
            max_delay: sim.pick(&[0, 100, 5_000]),
            capacity: sim.pick(&[2_000, 16_000]),
            max_piece: sim.pick(&[10_000, 100_000]),
            pending: sim.pick(&[0, 5]),
            reset_after: None,
        }
    }

    /// Draws a connection's weather; one in `odds` is reset somewhere.
    pub(crate) fn draw(sim: &Sim, odds: u64) -> Self {
        Self {
            max_delay: sim.pick(&[0, 0, 1, 100, 5_000, 50_000]),
            capacity: sim.pick(&[100, 2_000, 16_000, 64_000, 300_000]),
            max_piece: sim.pick(&[3, 50, 700, 10_000, 100_000, 100_000]),
            pending: sim.pick(&[0, 0, 5, 40]),
            reset_after: (odds > 0 && sim.below(odds) == 0).then(|| sim.size(100_000)),
        }
    }
}

/// One end. Dropping it closes it.
pub(crate) struct End {
    sim: Sim,
    pipe: Rc<RefCell<Pipe>>,
    side: usize,
    name: Rc<str>,
    is_closed: Cell<bool>,
}

/// What an end finds when it reads.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Received {
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

/// The connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken;

struct Pipe {
    weather: Weather,
    /// What each end is sent: `ways[0]` is read by end 0.
    ways: [Way; 2],
}

/// One direction.
#[derive(Default)]
struct Way {
    flying: VecDeque<(u64, Item)>,
    flying_bytes: usize,
    arrived: VecDeque<u8>,
    fin: bool,
    reset: bool,
    /// The reader is gone.
    is_deaf: bool,
    /// The writer has sent FIN or RST.
    is_ended: bool,
    written: u64,
    last_arrival: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Item {
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

/// Makes a connection.
pub(crate) fn pipe(sim: &Sim, name: &str, weather: Weather) -> (End, End) {
    let name = format!("{name}{}", sim.number());
    sim.trace(|| format!("{name} opens: {weather:?}"));
    let pipe = Rc::new(RefCell::new(Pipe { weather, ways: Default::default() }));
    let name: Rc<str> = Rc::from(name.as_str());
    let end = |side| End {
        sim: sim.clone(),
        pipe: Rc::clone(&pipe),
        side,
        name: Rc::clone(&name),
        is_closed: Cell::new(false),
    };
    (end(0), end(1))
}

impl End {
    /// The next bytes, or the end.
    pub(crate) async fn receive(&self) -> Received {
        let mut piece = vec![0; 16 * 1024];
        let result = poll_fn(|cx| self.poll_read(cx, &mut piece)).await;
        match result {
            Ok(0) => Received::Fin,
            Ok(n) => {
                piece.truncate(n);
                Received::Bytes(piece)
            }
            Err(_) => Received::Reset,
        }
    }

    /// Writes all of `bytes`.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, &[IoSlice::new(bytes)])).await.map_err(|_| Broken)?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Ends our direction.
    pub(crate) fn finish(&self) {
        self.put(1 - self.side, Item::Fin);
    }

    /// Cuts the connection: nothing more arrives on either side but the reset.
    pub(crate) fn reset(&self) {
        self.put(1 - self.side, Item::Reset);
        let reader = {
            let way = &mut self.pipe.borrow_mut().ways[self.side];
            way.reset = true;
            way.arrived.clear();
            way.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Sends `item` to end `to`.
    fn put(&self, to: usize, item: Item) {
        let mut pipe = self.pipe.borrow_mut();
        let max_delay = pipe.weather.max_delay;
        let way = &mut pipe.ways[to];
        if way.is_ended {
            return;
        }
        match &item {
            Item::Bytes(bytes) => {
                way.flying_bytes += bytes.len();
                way.written += bytes.len() as u64;
            }
            Item::Fin | Item::Reset => way.is_ended = true,
        }
        let writer = if way.is_ended { way.writer.take() } else { None };
        match &item {
            Item::Bytes(_) | Item::Fin => {}
            Item::Reset => {
                // What is still on its way is lost or not, as it happens.
                if self.sim.chance(50) {
                    way.flying.clear();
                    way.flying_bytes = 0;
                }
            }
        }
        let delay = if max_delay == 0 { 0 } else { self.sim.below(max_delay + 1) };
        let at = (self.sim.now() + delay).max(way.last_arrival);
        way.last_arrival = at;
        way.flying.push_back((at, item));
        drop(pipe);
        if let Some(writer) = writer {
            writer.wake();
        }
        let (shared, sim) = (Rc::clone(&self.pipe), self.sim.clone());
        if at == self.sim.now() {
            arrive(&shared, to, at);
        } else {
            self.sim.after(at - self.sim.now(), move || arrive(&shared, to, sim.now()));
        }
    }

    fn poll_read(&self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe.borrow_mut();
        let weather = pipe.weather;
        let way = &mut pipe.ways[self.side];
        if !way.arrived.is_empty() {
            if self.waits(weather, task) {
                return Poll::Pending;
            }
            let n = target.len().min(way.arrived.len()).min(self.piece(weather));
            way.arrived.iter().zip(target.iter_mut()).take(n).for_each(|(byte, place)| *place = *byte);
            way.arrived.drain(..n);
            let writer = way.writer.take();
            drop(pipe);
            if let Some(writer) = writer {
                writer.wake();
            }
            return Poll::Ready(Ok(n));
        }
        if way.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if way.fin {
            return Poll::Ready(Ok(0));
        }
        way.reader = Some(task.waker().clone());
        Poll::Pending
    }

    fn poll_write(&self, task: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pipe = self.pipe.borrow_mut();
        let weather = pipe.weather;
        if pipe.ways[self.side].reset || pipe.ways[1 - self.side].is_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let way = &mut pipe.ways[1 - self.side];
        let room = weather.capacity.saturating_sub(way.flying_bytes + way.arrived.len());
        if room == 0 {
            way.writer = Some(task.waker().clone());
            return Poll::Pending;
        }
        if self.waits(weather, task) {
            return Poll::Pending;
        }
        let mut left = room.min(self.piece(weather));
        if let Some(limit) = weather.reset_after {
            left = left.min((limit.saturating_sub(way.written)) as usize);
            if left == 0 {
                drop(pipe);
                self.sim.trace(|| format!("{} breaks", self.name));
                self.snap();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
        }
        let mut bytes = Vec::new();
        for slice in slices {
            let n = slice.len().min(left);
            bytes.extend_from_slice(&slice[..n]);
            left -= n;
        }
        let n = bytes.len();
        drop(pipe);
        if n > 0 {
            self.sim.trace(|| format!("{}/{} sends {n}: {}", self.name, self.side, preview(&bytes)));
            self.put(1 - self.side, Item::Bytes(bytes));
        }
        Poll::Ready(Ok(n))
    }

    /// The network between the ends is gone.
    fn snap(&self) {
        let mut pipe = self.pipe.borrow_mut();
        let mut wakers = Vec::new();
        for way in &mut pipe.ways {
            (way.is_ended, way.reset) = (true, true);
            way.flying.clear();
            way.flying_bytes = 0;
            wakers.extend([way.reader.take(), way.writer.take()]);
        }
        drop(pipe);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn piece(&self, weather: Weather) -> usize {
        if self.sim.chance(50) { weather.max_piece } else { 1 + self.sim.below(weather.max_piece as u64) as usize }
    }

    /// Whether this call has to wait for no reason; the task is then woken soon.
    fn waits(&self, weather: Weather, task: &Context<'_>) -> bool {
        if weather.pending == 0 || !self.sim.chance(weather.pending) {
            return false;
        }
        let waker = task.waker().clone();
        self.sim.after(self.sim.below(3), move || waker.wake());
        true
    }

    /// Closes it, as dropping does.
    pub(crate) fn close(&self) {
        if self.is_closed.replace(true) {
            return;
        }
        let unread = {
            let mut pipe = self.pipe.borrow_mut();
            let way = &mut pipe.ways[self.side];
            way.is_deaf = true;
            let unread = !way.arrived.is_empty();
            way.arrived.clear();
            unread
        };
        if unread {
            self.sim.trace(|| format!("{}/{} closes with bytes unread", self.name, self.side));
            self.put(1 - self.side, Item::Reset);
        } else {
            self.sim.trace(|| format!("{}/{} closes", self.name, self.side));
            self.put(1 - self.side, Item::Fin);
        }
    }
}

/// Moves what has arrived by `now` to where end `to` reads it.
fn arrive(pipe: &Rc<RefCell<Pipe>>, to: usize, now: u64) {
    let mut guard = pipe.borrow_mut();
    let mut answers_reset = false;
    let way = &mut guard.ways[to];
    while way.flying.front().is_some_and(|(at, _)| *at <= now) {
        match way.flying.pop_front() {
            Some((_, Item::Bytes(bytes))) => {
                way.flying_bytes = way.flying_bytes.saturating_sub(bytes.len());
                if way.is_deaf {
                    answers_reset = true;
                } else if !way.reset {
                    way.arrived.extend(bytes);
                }
            }
            Some((_, Item::Fin)) => way.fin = true,
            Some((_, Item::Reset)) => way.reset = true,
            None => {}
        }
    }
    let mut wakers = vec![way.reader.take()];
    if way.reset {
        // A reset ends both directions.
        let back = &mut guard.ways[1 - to];
        back.is_ended = true;
        wakers.push(back.writer.take());
    }
    if answers_reset {
        let back = &mut guard.ways[1 - to];
        back.reset = true;
        wakers.push(back.reader.take());
        wakers.push(guard.ways[to].writer.take());
    }
    drop(guard);
    wakers.into_iter().flatten().for_each(Waker::wake);
}

/// The beginning of what is sent, fit for a line of a trace.
fn preview(bytes: &[u8]) -> String {
    let text: String = bytes.iter().take(60).map(|byte| char::from(*byte)).collect();
    text.escape_default().to_string()
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

impl Transport for End {
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(self, task, target)
    }

    fn poll_write(&mut self, task: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Self::poll_write(self, task, slices)
    }

    fn shut_down_write(&mut self) {
        self.finish();
    }

    fn reset_on_close(&mut self) {
        self.reset();
    }
}
