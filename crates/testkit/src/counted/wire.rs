//! A connection in memory: two queues of bytes, and who waits for them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nuncio_message::{Chunk, ReadBlock};
use nuncio_network::Transport;

/// One direction.
#[derive(Default)]
struct Way {
    bytes: RefCell<VecDeque<u8>>,
    reader: RefCell<Option<Waker>>,
}

/// The worker's end.
pub(super) struct NearEnd {
    input: Rc<Way>,
    output: Rc<Way>,
    writes: Rc<Cell<u64>>,
}

/// The peer's end.
pub(super) struct FarEnd {
    input: Rc<Way>,
    output: Rc<Way>,
}

/// Makes a connection whose near end counts its writes in `writes`.
pub(super) fn wire(writes: &Rc<Cell<u64>>) -> (NearEnd, FarEnd) {
    let (to_worker, from_worker) = (Rc::<Way>::default(), Rc::<Way>::default());
    let near = NearEnd { input: Rc::clone(&to_worker), output: Rc::clone(&from_worker), writes: Rc::clone(writes) };
    (near, FarEnd { input: from_worker, output: to_worker })
}

impl FarEnd {
    /// Sends to the worker.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.output.bytes.borrow_mut().extend(bytes);
        if let Some(reader) = self.output.reader.take() {
            reader.wake();
        }
    }

    /// What the worker has sent; `None` when that is nothing.
    pub(super) fn receive(&self) -> Option<Chunk> {
        let mut bytes = self.input.bytes.borrow_mut();
        if bytes.is_empty() {
            return None;
        }
        let mut block = ReadBlock::take();
        let n = bytes.len().min(block.bytes_mut().len());
        block.bytes_mut().iter_mut().zip(bytes.drain(..n)).for_each(|(place, byte)| *place = byte);
        Some(block.freeze(n))
    }
}

impl Transport for NearEnd {
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut bytes = self.input.bytes.borrow_mut();
        if bytes.is_empty() {
            *self.input.reader.borrow_mut() = Some(task.waker().clone());
            return Poll::Pending;
        }
        let (head, _) = bytes.as_slices();
        let n = head.len().min(target.len());
        target[..n].copy_from_slice(&head[..n]);
        bytes.drain(..n);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.writes.set(self.writes.get() + 1);
        let mut bytes = self.output.bytes.borrow_mut();
        slices.iter().for_each(|slice| bytes.extend(slice.iter()));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn shut_down_write(&mut self) {}

    fn reset_on_close(&mut self) {}
}
