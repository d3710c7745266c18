use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nuncio_stats::Store;

use super::queue::MAX_WAITING_BYTES;
use super::*;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("nuncio-access-log-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn target(&self, name: &str) -> Target {
        Target::Path(self.0.join(name).to_str().unwrap().into())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Options under which nothing is written by itself.
fn never() -> Options {
    Options { flush_interval: Duration::from_secs(3_600), min_flush_bytes: usize::MAX }
}

fn print(batches: &Batches, file: &std::sync::Arc<File>, text: &str) {
    batches.print(file, |line| line.append(text.as_bytes()));
}

#[test]
fn lines_are_written_in_order_once_they_are_flushed() {
    let folder = Folder::new();
    let files = FileManager::new(never());
    let (a, b) = (files.open(folder.target("a")).unwrap(), files.open(folder.target("b")).unwrap());
    let batches = Batches::new();
    print(&batches, &a, "1\n");
    print(&batches, &b, "2\n");
    print(&batches, &a, "3\n");
    files.flush();
    assert_eq!((folder.read("a"), folder.read("b")), (String::new(), String::new()));
    assert!(batches.is_dirty());
    batches.flush();
    assert!(!batches.is_dirty());
    files.flush();
    assert_eq!((folder.read("a").as_str(), folder.read("b").as_str()), ("1\n3\n", "2\n"));
    print(&batches, &a, "4\n");
    drop(batches);
    files.shut_down();
    assert_eq!(folder.read("a"), "1\n3\n4\n");
}

#[test]
fn logs_with_the_same_path_share_a_file_that_is_appended_to() {
    let folder = Folder::new();
    fs::write(folder.0.join("a"), "before\n").unwrap();
    let files = FileManager::new(never());
    let file = files.open(folder.target("a")).unwrap();
    assert!(std::sync::Arc::ptr_eq(&file, &files.open(folder.target("a")).unwrap()));
    let batches = Batches::new();
    print(&batches, &file, "after\n");
    batches.flush();
    files.shut_down();
    assert_eq!(folder.read("a"), "before\nafter\n");
}

#[test]
fn a_file_whose_log_is_gone_is_written_to_its_end_and_its_slot_reused() {
    let folder = Folder::new();
    let files = FileManager::new(never());
    let batches = Batches::new();
    let file = files.open(folder.target("a")).unwrap();
    let slot = file.slot;
    print(&batches, &file, "late\n");
    drop(file);
    batches.flush();
    let next = files.open(folder.target("b")).unwrap();
    assert_eq!(next.slot, slot);
    print(&batches, &next, "next\n");
    batches.flush();
    files.shut_down();
    assert_eq!((folder.read("a").as_str(), folder.read("b").as_str()), ("late\n", "next\n"));
}

#[test]
fn a_moved_file_is_made_anew_when_reopened() {
    let folder = Folder::new();
    let files = FileManager::new(never());
    let file = files.open(folder.target("a")).unwrap();
    let batches = Batches::new();
    print(&batches, &file, "old\n");
    batches.flush();
    files.flush();
    fs::rename(folder.0.join("a"), folder.0.join("a.1")).unwrap();
    files.reopen();
    files.flush();
    print(&batches, &file, "new\n");
    batches.flush();
    files.shut_down();
    assert_eq!((folder.read("a.1").as_str(), folder.read("a").as_str()), ("old\n", "new\n"));
}

#[test]
fn the_old_file_goes_on_when_it_cannot_be_reopened() {
    let folder = Folder::new();
    let store = Store::new(1);
    let files = FileManager::new(never());
    let mut stats = files.stats(&store.scope("filesystem."));
    let inner = folder.0.join("inner");
    fs::create_dir(&inner).unwrap();
    let file = files.open(folder.target("inner/a")).unwrap();
    fs::rename(&inner, folder.0.join("moved")).unwrap();
    files.reopen();
    files.flush();
    let batches = Batches::new();
    print(&batches, &file, "kept\n");
    batches.flush();
    files.shut_down();
    stats.update();
    assert_eq!(folder.read("moved/a"), "kept\n");
    assert!(store.counter("filesystem.reopen_failed") >= Some(1));
}

#[test]
fn enough_lines_are_written_without_waiting_for_the_timer() {
    let folder = Folder::new();
    let files = FileManager::new(Options { min_flush_bytes: 4, ..never() });
    // The reader of a pipe waits for the writer, so that the test needs no time.
    let path = folder.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut read = [0; 4];
            fs::File::open(path).unwrap().read_exact(&mut read).unwrap();
            read
        }
    });
    let file = files.open(folder.target("pipe")).unwrap();
    let batches = Batches::new();
    print(&batches, &file, "abc\n");
    batches.flush();
    assert_eq!(&reader.join().unwrap(), b"abc\n");
    files.shut_down();
}

#[test]
fn a_line_waits_no_longer_than_the_flush_interval() {
    let folder = Folder::new();
    let store = Store::new(1);
    let files = FileManager::new(Options { flush_interval: Duration::from_millis(1), ..never() });
    let path = folder.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn(move || {
        let mut read = [0; 4];
        fs::File::open(path).unwrap().read_exact(&mut read).unwrap();
        read
    });
    let file = files.open(folder.target("pipe")).unwrap();
    let batches = Batches::new();
    print(&batches, &file, "abc\n");
    batches.flush();
    assert_eq!(&reader.join().unwrap(), b"abc\n");
    files.shut_down();
    let mut stats = files.stats(&store.scope("filesystem."));
    stats.update();
    assert!(store.counter("filesystem.flushed_by_timer") >= Some(1));
}

#[test]
fn lines_beyond_what_may_wait_are_dropped_and_counted() {
    let folder = Folder::new();
    let store = Store::new(1);
    let files = FileManager::new(never());
    let mut stats = files.stats(&store.scope("filesystem."));
    let file = files.open(folder.target("a")).unwrap();
    let batches = Batches::new();
    let line = "x".repeat(1_023) + "\n";
    for _ in 0..MAX_WAITING_BYTES / 1_024 + 100 {
        print(&batches, &file, &line);
    }
    batches.flush();
    stats.update();
    let written = MAX_WAITING_BYTES as u64 / 1_024;
    assert_eq!(store.counter("filesystem.write_buffered"), Some(written));
    assert_eq!(store.counter("filesystem.write_failed"), Some(100));
    assert_eq!(store.gauge("filesystem.write_total_buffered"), Some(MAX_WAITING_BYTES as i64));
    files.flush();
    stats.update();
    assert_eq!(store.counter("filesystem.write_completed"), Some(1));
    assert_eq!(store.gauge("filesystem.write_total_buffered"), Some(0));
    assert_eq!(folder.read("a").len(), MAX_WAITING_BYTES);
}

#[test]
fn a_write_that_fails_is_counted() {
    let store = Store::new(1);
    let files = FileManager::new(never());
    let mut stats = files.stats(&store.scope("filesystem."));
    let file = files.open(Target::Path("/dev/full".into())).unwrap();
    let batches = Batches::new();
    print(&batches, &file, "lost\n");
    batches.flush();
    files.flush();
    stats.update();
    assert_eq!(store.counter("filesystem.write_failed"), Some(1));
    assert_eq!(store.counter("filesystem.write_completed"), Some(0));
    assert_eq!(store.gauge("filesystem.write_total_buffered"), Some(0));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let error = FileManager::new(never()).open(Target::Path("/no/such/folder/x.log".into())).unwrap_err();
    assert_eq!(error.to_string(), "unable to open file '/no/such/folder/x.log'");
    assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn lines_of_many_threads_arrive_whole() {
    let folder = Folder::new();
    let files = FileManager::new(Options { min_flush_bytes: 64, ..never() });
    let file = files.open(folder.target("a")).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let file = &file;
            scope.spawn(move || {
                let batches = Batches::new();
                for number in 0..500 {
                    print(&batches, file, &format!("{worker} {number}\n"));
                    if number % 7 == 0 {
                        batches.flush();
                    }
                }
            });
        }
    });
    files.shut_down();
    let text = folder.read("a");
    for worker in 0..4 {
        let prefix = format!("{worker} ");
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }
    assert_eq!(text.lines().count(), 2_000);
}
