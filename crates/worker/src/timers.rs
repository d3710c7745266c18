//! One coarse timer wheel per worker: 1 ms steps, lazily re-armed entries, no cancellation.
//!
//! Invariants:
//! 1. An entry fires once, at or after its deadline, never before it.
//! 2. Entries are never removed early. The owner keeps one [`Alarm`] a slot: an entry whose deadline is not the one
//!    that the alarm holds is stale and ignored. So a stream that ends leaves its entry to the next one in its slot,
//!    and a request whose timeout does not fire costs no timer work at all.
//! 3. Level `n` holds entries that are less than `256^(n+1)` ms away, in 256 lists; they move down as time comes near.

use std::cell::Cell;
use std::rc::Rc;

use nuncio_message::Tick;

const LEVELS: usize = 4;
const SLOTS: usize = 256;
const NIL: u32 = u32::MAX;

/// Who is told when an entry fires.
pub trait Expire {
    /// The entry that was armed for `index` with deadline `at` has fired.
    fn expire(&self, index: u32, at: Tick);
}

/// A registered [`Expire`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerClass(pub(crate) u8);

/// The earliest deadline that a slot has an entry for.
#[derive(Debug)]
pub struct Alarm {
    armed: Cell<Tick>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { armed: Cell::new(Tick::NEVER) }
    }
}

impl Alarm {
    /// Whether an entry at `deadline` is needed because none fires at or before it; if so, it counts as armed.
    #[inline]
    pub(crate) fn needs(&self, deadline: Tick) -> bool {
        let is_needed = deadline < self.armed.get();
        if is_needed {
            self.armed.set(deadline);
        }
        is_needed
    }

    /// Whether the entry that fired with deadline `at` is the current one; it is then used up.
    pub fn take(&self, at: Tick) -> bool {
        let is_current = self.armed.get() == at;
        if is_current {
            self.armed.set(Tick::NEVER);
        }
        is_current
    }
}

struct Entry {
    at: u64,
    index: u32,
    next: u32,
    class: u8,
}

/// The wheel. Owner: the worker.
pub(crate) struct Timers {
    /// The first millisecond that has not been processed.
    now: u64,
    entries: Vec<Entry>,
    free: u32,
    heads: [[u32; SLOTS]; LEVELS],
    occupied: [[u64; SLOTS / 64]; LEVELS],
    len: usize,
    classes: Vec<Rc<dyn Expire>>,
}

/// An entry that has fired.
pub(crate) struct Fired {
    pub(crate) owner: Rc<dyn Expire>,
    pub(crate) index: u32,
    pub(crate) at: Tick,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            now: 0,
            entries: Vec::new(),
            free: NIL,
            heads: [[NIL; SLOTS]; LEVELS],
            occupied: [[0; SLOTS / 64]; LEVELS],
            len: 0,
            classes: Vec::new(),
        }
    }

    pub(crate) fn register(&mut self, owner: Rc<dyn Expire>) -> TimerClass {
        let class = u8::try_from(self.classes.len()).expect("a handful of timer classes are registered at start");
        self.classes.push(owner);
        TimerClass(class)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets all owners and entries: breaks the cycles when a worker ends.
    pub(crate) fn clear(&mut self) {
        *self = Self { now: self.now, ..Self::new() };
    }

    pub(crate) fn arm(&mut self, class: TimerClass, index: u32, at: Tick) {
        // The owner knows the entry by its deadline, so that one is kept even if it has passed already.
        let id = self.allocate(Entry { at: at.0, index, next: NIL, class: class.0 });
        self.place(id);
        self.len += 1;
    }

    /// The time at which [`Timers::advance`] should be called next: exact within 256 ms, a lower bound beyond.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        if self.len == 0 {
            return None;
        }
        let mut earliest = u64::MAX;
        for level in 0..LEVELS {
            let shift = 8 * level as u32;
            let current = (self.now >> shift) as usize % SLOTS;
            if let Some(distance) = self.distance(level, current) {
                let at = ((self.now >> shift) + distance as u64) << shift;
                earliest = earliest.min(at.max(self.now));
            }
        }
        Some(Tick(earliest))
    }

    /// Whether there is a millisecond up to and including `now` that has not been processed.
    #[inline]
    pub(crate) fn is_due(&self, now: Tick) -> bool {
        self.now <= now.0
    }

    /// Processes all milliseconds up to and including `now`, collecting what fires.
    pub(crate) fn advance(&mut self, now: Tick, fired: &mut Vec<Fired>) {
        while self.now <= now.0 {
            let slot = self.now as usize % SLOTS;
            if slot == 0 {
                self.cascade();
            }
            let mut id = self.unlink(0, slot);
            while id != NIL {
                let entry = &self.entries[id as usize];
                let next = entry.next;
                fired.push(Fired {
                    owner: Rc::clone(&self.classes[usize::from(entry.class)]),
                    index: entry.index,
                    at: Tick(entry.at),
                });
                self.entries[id as usize].next = self.free;
                self.free = id;
                self.len -= 1;
                id = next;
            }
            self.now = self.skip_to(now.0);
        }
    }

    /// The next millisecond at which something may happen, at most one past `limit`.
    fn skip_to(&self, limit: u64) -> u64 {
        let next = self.now + 1;
        let boundary = next.next_multiple_of(SLOTS as u64);
        let target = match self.distance(0, next as usize % SLOTS) {
            _ if self.len == 0 => limit + 1,
            Some(distance) => (next + distance as u64).min(boundary),
            None => boundary,
        };
        target.min(limit + 1)
    }

    fn allocate(&mut self, entry: Entry) -> u32 {
        if self.free == NIL {
            self.entries.push(entry);
            return self.entries.len() as u32 - 1;
        }
        let id = self.free;
        self.free = std::mem::replace(&mut self.entries[id as usize], entry).next;
        id
    }

    fn place(&mut self, id: u32) {
        let at = self.entries[id as usize].at.max(self.now);
        let distance = at - self.now;
        let level = (0..LEVELS - 1).find(|level| distance < 1 << (8 * (level + 1))).unwrap_or(LEVELS - 1);
        // Farther than the wheel reaches: parked in the last list before the turn, and placed anew from there.
        let reach = self.now.saturating_add((1 << (8 * LEVELS)) - (1 << (8 * (LEVELS - 1))));
        let slot = (at.min(reach) >> (8 * level)) as usize % SLOTS;
        self.entries[id as usize].next = self.heads[level][slot];
        self.heads[level][slot] = id;
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
    }

    fn unlink(&mut self, level: usize, slot: usize) -> u32 {
        self.occupied[level][slot / 64] &= !(1 << (slot % 64));
        std::mem::replace(&mut self.heads[level][slot], NIL)
    }

    /// At a turn of level 0, moves entries that have come near down.
    fn cascade(&mut self) {
        for level in 1..LEVELS {
            let slot = (self.now >> (8 * level)) as usize % SLOTS;
            let mut id = self.unlink(level, slot);
            while id != NIL {
                let next = self.entries[id as usize].next;
                self.place(id);
                id = next;
            }
            if slot != 0 {
                return;
            }
        }
    }

    /// How many lists after `from` the next occupied one is, going round.
    fn distance(&self, level: usize, from: usize) -> Option<usize> {
        let words = &self.occupied[level];
        let (first, bit) = (from / 64, from % 64);
        let ahead = words[first] >> bit;
        if ahead != 0 {
            return Some(ahead.trailing_zeros() as usize);
        }
        (1..=words.len()).find_map(|step| {
            let word = words[(first + step) % words.len()];
            let word = if step == words.len() { word & ((1 << bit) - 1) } else { word };
            (word != 0).then(|| step * 64 - bit + word.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Log(RefCell<Vec<(u32, u64)>>);

    impl Expire for Log {
        fn expire(&self, index: u32, at: Tick) {
            self.0.borrow_mut().push((index, at.0));
        }
    }

    fn run(timers: &mut Timers, now: u64) -> Vec<(u32, u64)> {
        let mut fired = Vec::new();
        timers.advance(Tick(now), &mut fired);
        fired.iter().map(|fired| (fired.index, fired.at.0)).collect()
    }

    proptest! {
        #[test]
        fn fires_once_never_early_and_on_time(
            deadlines in proptest::collection::vec(0u64..200_000, 1..60),
            steps in proptest::collection::vec(1u64..20_000, 1..60),
        ) {
            let mut timers = Timers::new();
            let class = timers.register(Rc::new(Log::default()));
            for (index, at) in deadlines.iter().enumerate() {
                timers.arm(class, index as u32, Tick(*at));
            }
            let (mut now, mut seen) = (0, vec![false; deadlines.len()]);
            for step in steps {
                if let Some(next) = timers.next_deadline() {
                    let earliest = deadlines.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(at, _)| *at).min();
                    prop_assert!(Some(next.0) <= earliest, "{next:?} {earliest:?}");
                }
                now += step;
                for (index, at) in run(&mut timers, now) {
                    prop_assert!(at <= now && at == deadlines[index as usize] && !seen[index as usize]);
                    seen[index as usize] = true;
                }
                for (index, at) in deadlines.iter().enumerate() {
                    prop_assert_eq!(seen[index], *at <= now, "entry {} at {} now {}", index, at, now);
                }
            }
        }
    }

    #[test]
    fn entries_beyond_the_wheel_wait_their_turn() {
        let mut timers = Timers::new();
        let class = timers.register(Rc::new(Log::default()));
        let far = 6_000_000_000;
        timers.arm(class, 1, Tick(far));
        assert_eq!(run(&mut timers, far - 1), []);
        assert_eq!(run(&mut timers, far), [(1, far)]);
    }

    #[test]
    fn past_deadlines_fire_at_the_next_step_and_memory_is_reused() {
        let mut timers = Timers::new();
        let class = timers.register(Rc::new(Log::default()));
        run(&mut timers, 1000);
        for _ in 0..100 {
            timers.arm(class, 3, Tick(5));
            assert_eq!(timers.next_deadline().map(|at| at.0), Some(timers.now));
            let now = timers.now;
            assert_eq!(run(&mut timers, now), [(3, 5)], "known by the deadline that it was armed with");
        }
        assert_eq!(timers.entries.len(), 1);
    }

    #[test]
    fn an_alarm_knows_its_own_entry() {
        let alarm = Alarm::default();
        assert!(alarm.needs(Tick(10)) && !alarm.needs(Tick(20)) && alarm.needs(Tick(5)));
        assert!(!alarm.take(Tick(10)) && alarm.take(Tick(5)) && !alarm.take(Tick(5)));
    }
}
