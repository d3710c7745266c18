//! The thread that writes one file.

use std::io;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;

use super::queue::Queue;
use super::stats::Tallies;
use super::target::Output;
use super::target::Target;

/// A burst's memory beyond this is given back.
const MAX_KEPT_BYTES: usize = 1024 * 1024;

/// Starts the thread, which ends after [`Queue::close`].
pub(super) fn start(
    target: Target,
    output: Output,
    queue: Arc<Queue>,
    tallies: Arc<Tallies>,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("access_log".to_owned()).spawn(move || run(&target, output, &queue, &tallies))
}

fn run(target: &Target, mut output: Output, queue: &Queue, tallies: &Tallies) {
    let mut chunk = Vec::new();
    let mut must_reopen = false;
    while !queue.has_ended() {
        let round = queue.next_round(&mut chunk);
        must_reopen |= round.reopens;
        if must_reopen {
            match target.open() {
                Ok(reopened) => (output, must_reopen) = (reopened, false),
                // The old file goes on until the next round's attempt.
                Err(_) => tallies.reopen_failed(),
            }
        }
        let bytes = chunk.len();
        if bytes > 0 {
            let result = output.write_all(&chunk);
            tallies.written(bytes, &result);
            chunk.clear();
            chunk.shrink_to(MAX_KEPT_BYTES);
        }
        queue.end_round(round, bytes);
    }
}
