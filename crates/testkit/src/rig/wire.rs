//! A connection between the proxy and the test: bytes arrive at once, as many as the test lets through.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nuncio_network::Transport;

/// The test's end.
pub struct End {
    wire: Rc<RefCell<Wire>>,
}

/// The proxy's end.
pub(super) struct Near {
    wire: Rc<RefCell<Wire>>,
}

struct Wire {
    to_proxy: VecDeque<u8>,
    to_test: Vec<u8>,
    /// Bytes that the proxy may still write before it has to wait.
    room: usize,
    is_ended_by_test: bool,
    is_reset_by_test: bool,
    is_closed_by_proxy: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(super) fn pair() -> (Near, End) {
    let wire = Rc::new(RefCell::new(Wire {
        to_proxy: VecDeque::new(),
        to_test: Vec::new(),
        room: usize::MAX,
        is_ended_by_test: false,
        is_reset_by_test: false,
        is_closed_by_proxy: false,
        reader: None,
        writer: None,
    }));
    (Near { wire: Rc::clone(&wire) }, End { wire })
}

impl End {
    /// Sends bytes to the proxy.
    pub fn write(&self, bytes: &[u8]) {
        let mut wire = self.wire.borrow_mut();
        wire.to_proxy.extend(bytes);
        let waker = wire.reader.take();
        drop(wire);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the connection from the test's side (FIN).
    pub fn finish(&self) {
        self.wire.borrow_mut().is_ended_by_test = true;
        self.write(b"");
    }

    /// Breaks the connection (RST).
    pub fn reset(&self) {
        self.wire.borrow_mut().is_reset_by_test = true;
        self.write(b"");
        self.set_room(usize::MAX);
    }

    /// What the proxy has written since the last call.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.wire.borrow_mut().to_test)
    }

    /// As [`Self::take`], as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.take()).into_owned()
    }

    /// Bytes that were sent to the proxy and it has not read.
    pub fn unread(&self) -> usize {
        self.wire.borrow().to_proxy.len()
    }

    /// From now on the proxy can write this many bytes, then it has to wait.
    pub fn set_room(&self, bytes: usize) {
        let mut wire = self.wire.borrow_mut();
        wire.room = bytes;
        let waker = wire.writer.take();
        drop(wire);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the proxy has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.wire.borrow().is_closed_by_proxy
    }
}

impl Transport for Near {
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.wire.borrow_mut();
        if wire.is_reset_by_test {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = wire.to_proxy.len().min(target.len());
        if count == 0 && !wire.is_ended_by_test {
            wire.reader = Some(task.waker().clone());
            return Poll::Pending;
        }
        for (to, from) in target.iter_mut().zip(wire.to_proxy.drain(..count)) {
            *to = from;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write(&mut self, task: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut wire = self.wire.borrow_mut();
        if wire.is_reset_by_test {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if wire.room == 0 {
            wire.writer = Some(task.waker().clone());
            return Poll::Pending;
        }
        let mut written = 0;
        for slice in slices {
            let count = slice.len().min(wire.room);
            wire.to_test.extend_from_slice(&slice[..count]);
            if wire.room != usize::MAX {
                wire.room -= count;
            }
            written += count;
        }
        Poll::Ready(Ok(written))
    }

    fn shut_down_write(&mut self) {
        self.wire.borrow_mut().is_closed_by_proxy = true;
    }

    fn reset_on_close(&mut self) {}
}

impl Drop for Near {
    fn drop(&mut self) {
        self.wire.borrow_mut().is_closed_by_proxy = true;
    }
}
