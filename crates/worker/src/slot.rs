//! Slots: what main publishes and workers read without a lock.
//!
//! Invariants:
//! 1. `version` changes after `current` did, so that a worker that sees the new version finds the new content.
//! 2. A worker's half was built from the content that it remembers the version of; it is rebuilt when they differ.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A place for one published resource, made on first mention, filled, replaced and emptied by updates.
/// Shared, written by main only; a worker reads it through [`Locals`].
pub struct Slot<T> {
    index: u32,
    name: Arc<str>,
    version: AtomicU64,
    current: RwLock<Option<Arc<T>>>,
}

impl<T> Slot<T> {
    /// An empty slot. `index` is dense and unique among the slots that share a [`Locals`].
    pub fn new(index: u32, name: Arc<str>) -> Self {
        Self { index, name, version: AtomicU64::new(0), current: RwLock::new(None) }
    }

    /// The resource's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Fills, replaces or empties the slot; returns what was in it.
    pub fn publish(&self, content: Option<Arc<T>>) -> Option<Arc<T>> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, content);
        drop(current);
        self.version.fetch_add(1, Ordering::Release);
        old
    }

    /// The content, for main and for a worker's slow path.
    pub fn load(&self) -> Option<Arc<T>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One worker's halves of all slots of one kind. Owner: the worker.
pub struct Locals<T, L> {
    halves: RefCell<Vec<Half<L>>>,
    build: Build<T, L>,
}

type Build<T, L> = Box<dyn Fn(&Slot<T>, Arc<T>) -> L>;

struct Half<L> {
    version: u64,
    local: Option<Rc<L>>,
}

impl<T, L> Locals<T, L> {
    /// No halves yet; `build` makes one on first use.
    pub fn new(build: impl Fn(&Slot<T>, Arc<T>) -> L + 'static) -> Self {
        Self { halves: RefCell::new(Vec::new()), build: Box::new(build) }
    }

    /// This worker's half of what is in the slot now; `None` when it is empty. One atomic load when nothing changed.
    pub fn get(&self, slot: &Slot<T>) -> Option<Rc<L>> {
        let version = slot.version.load(Ordering::Acquire);
        if let Some(half) = self.halves.borrow().get(slot.index as usize)
            && half.version == version
        {
            return half.local.clone();
        }
        self.rebuild(slot, version)
    }

    /// The halves that exist, for pages and for shutting down.
    pub fn existing(&self) -> Vec<Rc<L>> {
        self.halves.borrow().iter().filter_map(|half| half.local.clone()).collect()
    }

    /// Drops all halves.
    pub fn clear(&self) {
        // Dropping a half may look slots up: not while borrowed.
        drop(self.halves.take());
    }

    #[cold]
    fn rebuild(&self, slot: &Slot<T>, version: u64) -> Option<Rc<L>> {
        let local = slot.load().map(|content| Rc::new((self.build)(slot, content)));
        let mut halves = self.halves.borrow_mut();
        while halves.len() <= slot.index as usize {
            halves.push(Half { version: u64::MAX, local: None });
        }
        let old = std::mem::replace(&mut halves[slot.index as usize], Half { version, local: local.clone() });
        drop(halves);
        drop(old);
        local
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn halves_are_built_once_per_content() {
        let built = Rc::new(Cell::new(0));
        let count = Rc::clone(&built);
        let locals = Locals::new(move |slot: &Slot<u32>, content: Arc<u32>| {
            count.set(count.get() + 1);
            format!("{}={content}", slot.name())
        });
        let slot = Slot::new(3, Arc::from("a"));
        assert!(locals.get(&slot).is_none());
        slot.publish(Some(Arc::new(1)));
        assert_eq!(locals.get(&slot).as_deref().map(String::as_str), Some("a=1"));
        let held = locals.get(&slot);
        slot.publish(Some(Arc::new(2)));
        assert_eq!(locals.get(&slot).as_deref().map(String::as_str), Some("a=2"));
        assert_eq!((held.as_deref().map(String::as_str), built.get()), (Some("a=1"), 2));
        slot.publish(None);
        assert!(locals.get(&slot).is_none());
    }
}
