//! A worker's lines on their way to the files.

use std::cell::RefCell;
use std::sync::Arc;

use super::manager::File;
use super::queue::Queue;
use crate::line::Line;

/// A batch is handed over before the end of the tick when it grows to this.
const BATCH_BYTES: usize = 64 * 1024;
/// A batch's memory beyond this is given back.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// Per worker: the lines printed since the last [`flush`](Self::flush), a batch a file.
#[derive(Default)]
pub struct Batches {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    batches: Vec<Option<Batch>>,
    /// Slots with lines.
    dirty: Vec<usize>,
}

struct Batch {
    queue: Arc<Queue>,
    /// Keeps the file open while there are lines for it.
    file: Option<Arc<File>>,
    line: Line,
    lines: u64,
}

impl Batches {
    /// No lines yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints a line for `file`. `print` must not print another.
    pub fn print(&self, file: &Arc<File>, print: impl FnOnce(&mut Line)) {
        let state = &mut *self.state.borrow_mut();
        let batch = state.batch(file);
        print(&mut batch.line);
        batch.lines += 1;
        if batch.line.len() >= BATCH_BYTES {
            batch.hand_over();
        }
    }

    /// Whether there is something to flush.
    pub fn is_dirty(&self) -> bool {
        !self.state.borrow().dirty.is_empty()
    }

    /// Hands all lines over to the files. To be called at the end of each tick, and before the worker ends.
    pub fn flush(&self) {
        let state = &mut *self.state.borrow_mut();
        for slot in state.dirty.drain(..) {
            if let Some(batch) = &mut state.batches[slot] {
                batch.hand_over();
                batch.file = None;
            }
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.flush();
    }
}

impl State {
    #[inline]
    fn batch(&mut self, file: &Arc<File>) -> &mut Batch {
        let slot = file.slot;
        if !matches!(self.batches.get(slot), Some(Some(batch)) if batch.file.is_some()) {
            self.begin(file);
        }
        self.batches[slot].as_mut().expect("begin fills the slot")
    }

    /// Makes the file's batch ready for the first line of a tick.
    #[cold]
    fn begin(&mut self, file: &Arc<File>) {
        let slot = file.slot;
        if self.batches.len() <= slot {
            self.batches.resize_with(slot + 1, || None);
        }
        // A batch without lines may be of a file that is gone and left its slot to this one.
        match &mut self.batches[slot] {
            Some(batch) if Arc::ptr_eq(&batch.queue, &file.queue) => batch.file = Some(Arc::clone(file)),
            other => *other = Some(Batch::new(file)),
        }
        self.dirty.push(slot);
    }
}

impl Batch {
    fn new(file: &Arc<File>) -> Self {
        Self { queue: Arc::clone(&file.queue), file: Some(Arc::clone(file)), line: Line::new(), lines: 0 }
    }

    fn hand_over(&mut self) {
        if self.lines > 0 {
            self.queue.push(self.line.as_bytes(), self.lines);
            self.line.clear();
            self.line.shrink_to(MAX_KEPT_BYTES);
            self.lines = 0;
        }
    }
}
