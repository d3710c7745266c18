//! The thread's spare lists: their vectors keep their capacity, so that a steady stream of messages allocates nothing.

use std::cell::RefCell;

use super::list::List;

/// Lists kept; more are freed.
const MAX_SPARE: usize = 256;
/// A list that grew beyond this is freed rather than kept.
const MAX_KEPT_BYTES: usize = 16 * 1024;

/// Lists move in and out of the pool in their boxes.
type Lists = Vec<Box<List>>;

thread_local! {
    static SPARE: RefCell<Lists> = const { RefCell::new(Vec::new()) };
}

/// An empty list, with recycled memory if there is some.
#[inline(never)]
pub(super) fn take() -> Box<List> {
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Takes over a list that is not needed any more.
#[inline(never)]
pub(super) fn put(mut list: Box<List>) {
    if list.capacity() > MAX_KEPT_BYTES {
        return;
    }
    list.clear();
    // After thread-local destructors ran there is no pool, and the memory is simply freed.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MAX_SPARE {
            spare.push(list);
        }
    });
}
