//! Bytes between a connection's transport and its codec. Output is written at the end of the worker's tick.

use std::io;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nuncio_codec::{Codec, Outbox};
use nuncio_message::{MAX_IO_SLICES, ReadBlock};
use nuncio_network::Transport;
use nuncio_worker::Flush;

use super::{Connection, Phase};
use crate::connection_manager::Side;

/// What came of a read.
pub(crate) enum Read {
    Pending,
    Bytes(usize),
    Eof,
    Broken,
}

impl Connection {
    /// Whether nothing must be read now, because the codec wants nothing, or too much waits to be written.
    pub(in crate::connection_manager) fn is_read_blocked(&self) -> bool {
        self.phase() == Phase::Open && (!self.peek(Codec::wants_input) || self.queued() >= self.limits.buffer)
    }

    /// Whether the codec goes on once bytes have left.
    pub(in crate::connection_manager) fn is_pausing(&self) -> bool {
        self.phase() == Phase::Open && self.peek(Codec::is_pausing)
    }

    /// Reads no more until it is woken.
    pub(in crate::connection_manager) fn pause_reading(self: &Rc<Self>, task: &mut Context<'_>) -> Poll<()> {
        self.set_read_paused(true);
        // As in Envoy, a client that goes is noticed also while nothing is read of it, and an upstream is not.
        if matches!(self.side, Side::Downstream(_)) && self.peer_has_gone(task) {
            self.lost();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Reads once and hands the bytes to the codec.
    pub(crate) fn read(&self, task: &mut Context<'_>) -> Read {
        let mut transport = self.transport.borrow_mut();
        let Some(transport) = &mut *transport else { return Read::Broken };
        let mut block = ReadBlock::take();
        match transport.poll_read(task, block.bytes_mut()) {
            Poll::Pending => Read::Pending,
            Poll::Ready(Ok(0)) => Read::Eof,
            Poll::Ready(Ok(n)) => {
                if self.phase.get() == Phase::Open {
                    self.codec.borrow_mut().receive(block.freeze(n));
                }
                Read::Bytes(n)
            }
            Poll::Ready(Err(_)) => Read::Broken,
        }
    }

    /// Whether the peer has ended its direction; wakes the driver's task when it does.
    pub(crate) fn peer_has_gone(&self, task: &mut Context<'_>) -> bool {
        match &mut *self.transport.borrow_mut() {
            Some(transport) => transport.poll_peer_gone(task).is_ready(),
            None => true,
        }
    }

    /// Writes until nothing is left or the socket is full. `None` when the connection is broken.
    fn write(&self) -> Option<Written> {
        let mut transport = self.transport.borrow_mut();
        let transport = transport.as_mut()?;
        let mut codec = self.codec.borrow_mut();
        let before = codec.out().len();
        let mut left = before;
        let mut bytes = 0;
        let waker = self.waker.borrow();
        let mut task = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        while left > 0 {
            match poll_write(codec.out(), &mut **transport, &mut task) {
                Poll::Pending => break,
                // Nothing taken of something given: it never will be.
                Poll::Ready(Ok(0)) => return None,
                Poll::Ready(Ok(n)) => {
                    bytes += n;
                    codec.wrote(n, |id, bytes| self.http.note_left(self.stream(id), bytes, &self.side));
                    // There may be room for more now.
                    left = codec.out().len();
                }
                Poll::Ready(Err(_)) => return None,
            }
        }
        Some(Written { before, bytes, left })
    }

    /// Writes what waits, and closes if that was all.
    pub(crate) fn flush_now(self: &Rc<Self>) {
        self.is_dirty.set(false);
        let Some(Written { before, bytes, left }) = self.write() else {
            if self.phase.get() != Phase::Closed {
                self.http.connection_lost(self);
            }
            return;
        };
        self.count_written(bytes, left);
        if left == 0 && self.peek(Codec::ends_writing) {
            self.shut_down_write();
        }
        self.http.note_written();
        if self.phase.get() == Phase::Flushing {
            self.go_on_closing(before);
            return;
        }
        let half = self.limits.buffer / 2;
        if before > half && left <= half {
            // Reading may have stopped because too much waited here.
            self.wake_if_paused();
        }
    }

    /// Sends FIN behind what was written. More than once is as good as once.
    fn shut_down_write(&self) {
        if let Some(transport) = &mut *self.transport.borrow_mut() {
            transport.shut_down_write();
        }
    }

    pub(super) fn mark_dirty(self: &Rc<Self>) {
        if !self.is_dirty.replace(true) {
            let flush: Rc<dyn Flush> = Rc::clone(self) as Rc<dyn Flush>;
            self.http.worker().mark_dirty(flush);
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued(&self) -> usize {
        self.codec.borrow().out().len()
    }

    /// Has the driver polled, and look at the codec's events.
    pub(crate) fn wake(&self) {
        self.has_events.set(true);
        // Cloned, so that nothing is borrowed while the executor is called.
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the driver polled if it has stopped reading.
    pub(crate) fn wake_if_paused(&self) {
        if self.is_read_paused.get() {
            self.wake();
        }
    }

    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        match &*slot {
            Some(known) if known.will_wake(waker) => {}
            _ => *slot = Some(waker.clone()),
        }
    }

    pub(crate) fn is_read_paused(&self) -> bool {
        self.is_read_paused.get()
    }

    pub(crate) fn set_read_paused(&self, is_paused: bool) {
        self.is_read_paused.set(is_paused);
    }
}

impl Flush for Connection {
    fn flush(self: Rc<Self>) {
        self.flush_now();
    }
}

/// Bytes that waited, that were written, and that wait afterwards.
struct Written {
    before: usize,
    bytes: usize,
    left: usize,
}

/// Writes once. Most often little waits: then there is no need for a long list of slices.
fn poll_write(out: &Outbox, transport: &mut dyn Transport, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut few = [IoSlice::new(&[]); 4];
    let count = out.io_slices(&mut few);
    if count < few.len() {
        return transport.poll_write(task, &few[..count]);
    }
    let mut many = [IoSlice::new(&[]); MAX_IO_SLICES];
    let count = out.io_slices(&mut many);
    transport.poll_write(task, &many[..count])
}
