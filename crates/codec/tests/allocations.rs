//! A steady stream of messages allocates nothing.
#![expect(unsafe_code, reason = "a global allocator that counts")]

mod proxied;

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;

use nuncio_codec::Protocol;

use proxied::Proxied;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u32> = const { Cell::new(0) };
}

fn note() {
    // The thread may be at its end.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the rules of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules of this very method.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the rules of this very method.
        unsafe { System.realloc(at, layout, bytes) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn warm_connections_allocate_nothing_for_a_message() {
    for (downstream, upstream) in [
        (Protocol::Http11, Protocol::Http11),
        (Protocol::Http2, Protocol::Http11),
        (Protocol::Http11, Protocol::Http2),
        (Protocol::Http2, Protocol::Http2),
    ] {
        let mut proxied = Proxied::new(downstream, upstream);
        (0..200).for_each(|_| proxied.exchange());
        let before = ALLOCATIONS.get();
        (0..500).for_each(|_| proxied.exchange());
        assert_eq!(ALLOCATIONS.get() - before, 0, "{downstream:?} to {upstream:?}");
    }
}
