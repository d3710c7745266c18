//! The thread's spare lists: their vectors keep their capacity, so that a steady stream of messages allocates nothing.

use std::cell::RefCell;

use super::Headers;

/// Lists kept; more are freed.
const MAX_SPARE: usize = 256;
/// A list that grew beyond this is freed rather than kept.
const MAX_KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<(Vec<u8>, Vec<super::Entry>)>> = const { RefCell::new(Vec::new()) };
}

/// An empty list with recycled memory.
pub(super) fn take() -> Option<Headers> {
    let (store, entries) = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok()??;
    Some(Headers { store, entries, present: 0, hot: [0; super::HOT], live: 0, live_bytes: 0, dead_bytes: 0 })
}

/// Takes over the memory of a list that is being dropped.
pub(super) fn put(list: &mut Headers) {
    if list.store.capacity() > MAX_KEPT_BYTES {
        return;
    }
    let (mut store, mut entries) = (std::mem::take(&mut list.store), std::mem::take(&mut list.entries));
    store.clear();
    entries.clear();
    // After thread-local destructors ran there is no pool, and the memory is simply freed.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MAX_SPARE {
            spare.push((store, entries));
        }
    });
}
