//! `filesystem.`: what became of lines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use nuncio_stats::Group;
use nuncio_stats::Local;
use nuncio_stats::Scope;
use nuncio_stats::WorkerIndex;
use nuncio_stats::stat_group;

stat_group! {
    /// `filesystem.`
    pub(super) struct Stats {
        counter flushed_by_timer,
        counter reopen_failed,
        counter write_buffered,
        counter write_completed,
        counter write_failed,
        gauge write_total_buffered,
    }
}

/// Shared, atomic: counts of all files since they were last taken into the stats.
#[derive(Default, Debug)]
pub(super) struct Tallies {
    flushed_by_timer: AtomicU64,
    reopen_failed: AtomicU64,
    buffered: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    waiting_bytes: AtomicU64,
}

/// Main: the stats of all files. File threads have no stat blocks, so main takes their counts over.
pub struct FileStats {
    /// Keeps the stats alive.
    _group: Group<Stats>,
    local: Local<Stats>,
    tallies: Arc<Tallies>,
    waiting_bytes: u64,
}

impl FileStats {
    pub(super) fn new(scope: &Scope, tallies: Arc<Tallies>) -> Self {
        let group = Stats::new(scope);
        Self { local: group.local(WorkerIndex::MAIN), _group: group, tallies, waiting_bytes: 0 }
    }

    /// Takes over what happened since the last call. To be called before stats are read.
    pub fn update(&mut self) {
        let take = |tally: &AtomicU64| tally.swap(0, Ordering::Relaxed);
        self.local.flushed_by_timer.add(take(&self.tallies.flushed_by_timer));
        self.local.reopen_failed.add(take(&self.tallies.reopen_failed));
        self.local.write_buffered.add(take(&self.tallies.buffered));
        self.local.write_completed.add(take(&self.tallies.completed));
        self.local.write_failed.add(take(&self.tallies.failed));
        let waiting = self.tallies.waiting_bytes.load(Ordering::Relaxed);
        self.local.write_total_buffered.add(waiting.cast_signed() - self.waiting_bytes.cast_signed());
        self.waiting_bytes = waiting;
    }
}

impl Tallies {
    pub(super) fn flushed_by_timer(&self) {
        self.flushed_by_timer.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reopen_failed(&self) {
        self.reopen_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn buffered(&self, lines: u64, bytes: usize) {
        self.buffered.fetch_add(lines, Ordering::Relaxed);
        self.waiting_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, lines: u64) {
        self.failed.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn written(&self, bytes: usize, result: &io::Result<()>) {
        let tally = if result.is_ok() { &self.completed } else { &self.failed };
        tally.fetch_add(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}
