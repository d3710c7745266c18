//! The files of the process.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::thread::JoinHandle;
use std::time::Duration;

use nuncio_stats::Scope;

use super::queue::Queue;
use super::stats::FileStats;
use super::stats::Tallies;
use super::target::OpenError;
use super::target::Target;
use super::writer;

/// Shared: all files that are written to. One a process; used by main and wherever configuration is built.
#[derive(Debug)]
pub struct FileManager {
    options: Options,
    tallies: Arc<Tallies>,
    open: Mutex<Open>,
}

/// When lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `--file-flush-interval-msec`: a line waits no longer than this.
    pub flush_interval: Duration,
    /// `--file-flush-min-size-kb`: this much is written at once.
    pub min_flush_bytes: usize,
}

/// Shared: one file. When the last holder is gone, what waits is written and the file closed.
pub struct File {
    /// Where workers keep their batch for this file; reused after its end.
    pub(super) slot: usize,
    pub(super) queue: Arc<Queue>,
    target: Target,
}

#[derive(Debug, Default)]
struct Open {
    slots: Vec<Weak<File>>,
    threads: Vec<JoinHandle<()>>,
}

impl Default for Options {
    /// Envoy's: ten seconds, 64 KiB.
    fn default() -> Self {
        Self { flush_interval: Duration::from_secs(10), min_flush_bytes: 64 * 1024 }
    }
}

impl FileManager {
    /// No files yet.
    pub fn new(options: Options) -> Self {
        Self { options, tallies: Arc::default(), open: Mutex::default() }
    }

    /// The stats of all files, for main; `scope` is `filesystem.`.
    pub fn stats(&self, scope: &Scope) -> FileStats {
        FileStats::new(scope, Arc::clone(&self.tallies))
    }

    /// Opens a file and starts its thread, or finds it among the open ones.
    ///
    /// # Errors
    /// When it cannot be opened, or no thread started.
    pub fn open(&self, target: Target) -> Result<Arc<File>, OpenError> {
        let mut open = self.lock();
        if let Some(file) = open.files().find(|file| file.target == target) {
            return Ok(file);
        }
        let file = self.start(&target, &mut open).map_err(|source| OpenError { target, source })?;
        let slot = file.slot;
        if slot == open.slots.len() {
            open.slots.push(Weak::new());
        }
        open.slots[slot] = Arc::downgrade(&file);
        Ok(file)
    }

    /// Opens all files anew, each by its thread: after they were moved away (SIGUSR1, `/reopen_logs`).
    pub fn reopen(&self) {
        self.lock().files().for_each(|file| file.queue.reopen());
    }

    /// Writes everything that workers handed over, and waits for it.
    pub fn flush(&self) {
        let files: Vec<_> = self.lock().files().collect();
        files.iter().for_each(|file| file.queue.flush());
    }

    /// Writes everything, ends all threads and waits for them. Lines that come later are dropped.
    pub fn shut_down(&self) {
        let threads = {
            let mut open = self.lock();
            open.files().for_each(|file| file.queue.close());
            std::mem::take(&mut open.threads)
        };
        // A thread that panicked has nothing left to write.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    fn start(&self, target: &Target, open: &mut Open) -> std::io::Result<Arc<File>> {
        let Options { flush_interval, min_flush_bytes } = self.options;
        let output = target.open()?;
        let queue = Arc::new(Queue::new(flush_interval, min_flush_bytes, Arc::clone(&self.tallies)));
        let thread = writer::start(target.clone(), output, Arc::clone(&queue), Arc::clone(&self.tallies))?;
        open.threads.retain(|thread| !thread.is_finished());
        open.threads.push(thread);
        let free = open.slots.iter().position(|slot| slot.strong_count() == 0);
        Ok(Arc::new(File { slot: free.unwrap_or(open.slots.len()), queue, target: target.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Configuration is built and logs are reopened rarely; no worker comes here.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FileManager {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Open {
    fn files(&self) -> impl Iterator<Item = Arc<File>> + '_ {
        self.slots.iter().filter_map(Weak::upgrade)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.target)
    }
}
