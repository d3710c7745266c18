//! The process's stats: who has registered what.

use std::any::Any;
use std::any::TypeId;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

use foldhash::fast::RandomState;

use crate::cell::CellRef;
use crate::group::Kind;
use crate::histogram::Bucket;
use crate::histogram::Merged;
use crate::lookups::Lookups;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::snapshot::Deltas;
use crate::snapshot::Name;
use crate::snapshot::Selection;
use crate::snapshot::Snapshot;
use crate::snapshot::put;

/// Shared, atomic: all stats of the process. Cloning is cheap.
#[derive(Clone)]
pub struct Store(Arc<Registry>);

impl Store {
    /// An empty store for `workers` workers, main included, with Envoy's default settings.
    pub fn new(workers: u16) -> Self {
        Self::with_settings(workers, Settings::default())
    }

    /// An empty store for `workers` workers, main included.
    pub fn with_settings(workers: u16, settings: Settings) -> Self {
        Self(Arc::new(Registry {
            workers: workers.max(1),
            settings,
            members: Mutex::default(),
            lookups: Lookups::default(),
        }))
    }

    /// The scope whose stats' names begin with `prefix`, dot included: `"server."`.
    pub fn scope(&self, prefix: &str) -> Scope {
        Scope::new(Arc::clone(&self.0), prefix)
    }

    /// Which names were looked up while requests ran, as the page `/stats/recentlookups` tells them.
    pub fn recent_lookups(&self) -> String {
        self.0.lookups.describe()
    }

    /// Begins or ends to record the names that are looked up; they are counted all the time.
    pub fn record_lookups(&self, is_on: bool) {
        self.0.lookups.record(is_on);
    }

    /// Forgets the names that were looked up, and their number.
    pub fn clear_lookups(&self) {
        self.0.lookups.clear();
    }

    /// The value of the counter of that full name, summed over the workers, and not lowered by resets.
    ///
    /// Walks everything that is registered: for tests and rare questions, not for the request path.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.find(name, |sum, cell| match cell {
            CellRef::Counter(counter) => Some(sum.wrapping_add(counter.value())),
            CellRef::Gauge(_) | CellRef::SetGauge(_) | CellRef::Histogram(_) | CellRef::TextReadout(_) => None,
        })
    }

    /// The value of the gauge of that full name; walks like [`counter`](Self::counter).
    pub fn gauge(&self, name: &str) -> Option<i64> {
        let sum = self.find(name, |sum, cell| match cell {
            CellRef::Gauge(gauge) => Some(sum.wrapping_add_signed(gauge.value())),
            CellRef::SetGauge(gauge) => Some(sum.wrapping_add(gauge.value())),
            CellRef::Counter(_) | CellRef::Histogram(_) | CellRef::TextReadout(_) => None,
        });
        sum.map(u64::cast_signed)
    }

    fn find(&self, name: &str, add: impl Fn(u64, CellRef<'_>) -> Option<u64>) -> Option<u64> {
        let mut sum = None;
        for member in self.0.members() {
            let Some(rest) = name.strip_prefix(&**member.entry().prefix()) else { continue };
            let mut wanted = None;
            member.describe(&mut |index, name, _| {
                if name == rest {
                    wanted = Some(index);
                }
            });
            let Some(wanted) = wanted else { continue };
            let mut found = Some(sum.unwrap_or(0));
            member.visit(&mut |index, cell| {
                if index == wanted {
                    found = found.and_then(|found| add(found, cell));
                }
            });
            sum = found.or(sum);
        }
        sum
    }
}

impl Store {
    /// Merges what workers have recorded in histograms since the last time: it becomes their interval. Main does
    /// this at each flush of the stats.
    pub fn latch_histograms(&self) {
        for member in self.0.members() {
            let mut parts: BTreeMap<usize, Vec<(Bucket, u32)>> = BTreeMap::new();
            member.visit(&mut |index, cell| {
                if let CellRef::Histogram(histogram) = cell {
                    histogram.visit(&mut |bucket, count| parts.entry(index).or_default().push((bucket, count)));
                }
            });
            if !parts.is_empty() {
                member.entry().with_derived(|derived| {
                    for (index, counts) in parts {
                        derived.histograms.entry(index).or_default().latch(counts);
                    }
                });
            }
        }
    }

    /// Starts all counters at zero again, as `/reset_counters` does. Workers are not involved: main remembers what
    /// to take away.
    pub fn reset_counters(&self) {
        for member in self.0.members() {
            let mut sums = Vec::new();
            member.visit(&mut |index, cell| {
                if let CellRef::Counter(counter) = cell {
                    let sum = sums.get(index).copied().unwrap_or(0_u64).wrapping_add(counter.value());
                    put(&mut sums, index, sum);
                }
            });
            if sums.iter().any(|sum| *sum != 0) {
                member.entry().with_derived(|derived| derived.baselines = sums);
            }
        }
    }

    /// Latches the histograms and reads everything for the sinks, with what each counter grew by since the last
    /// flush.
    pub fn flush(&self) -> Snapshot {
        self.latch_histograms();
        Snapshot::take(self, &Selection { used_only: false, kinds: &|_| true, names: None }, Deltas::Take)
    }

    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.0
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn accepts(&self, name: Name<'_>) -> bool {
        self.settings().accepts.as_ref().is_none_or(|accepts| accepts(&name.to_string()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("workers", &self.0.workers).finish_non_exhaustive()
    }
}

/// Which worker writes: main is 0, the workers 1 to N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIndex(pub u16);

impl WorkerIndex {
    /// Main, which owns what is set rather than counted.
    pub const MAIN: Self = Self(0);
}

/// Something that has stats: a group or a table of dynamic names.
pub(crate) trait Member: Any + Send + Sync {
    fn entry(&self) -> &Entry;

    /// Shows index, name below the prefix, and kind of each stat, by rising index.
    fn describe(&self, describe: &mut dyn FnMut(usize, &str, Kind));

    /// Shows every worker's cells with their index.
    fn visit(&self, visitor: &mut dyn FnMut(usize, CellRef<'_>));

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

pub(crate) struct Registry {
    workers: u16,
    settings: Settings,
    // A lock: taken when configuration is built or dropped, and when main reads; never on the request path.
    members: Mutex<HashMap<Key, Weak<dyn Member>, RandomState>>,
    lookups: Lookups,
}

/// Two registrations with the same key share their stats.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    prefix: Arc<str>,
    group: TypeId,
}

impl Registry {
    pub(crate) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    pub(crate) const fn workers(&self) -> u16 {
        self.workers
    }

    /// The member of type `T` under `prefix`: the one that is there, or a new one.
    pub(crate) fn join<T: Member>(self: &Arc<Self>, prefix: &Arc<str>, make: fn(&Arc<Self>, &Arc<str>) -> T) -> Arc<T> {
        let key = Key { prefix: Arc::clone(prefix), group: TypeId::of::<T>() };
        let mut members = self.lock();
        let present = members.get(&key).and_then(Weak::upgrade);
        if let Some(present) = present.and_then(|present| present.into_any().downcast::<T>().ok()) {
            return present;
        }
        let member = Arc::new(make(self, prefix));
        let weak: Weak<T> = Arc::downgrade(&member);
        members.insert(key, weak);
        member
    }

    /// All that is registered now, in no order.
    pub(crate) fn members(&self) -> Vec<Arc<dyn Member>> {
        // Upgraded handles may be the last ones by the time they are dropped, which locks again: not in here.
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn forget(&self, key: &Key) {
        let mut members = self.lock();
        // Another thread may have registered the same name since: its handle is alive, ours is not.
        if members.get(key).is_some_and(|member| member.strong_count() == 0) {
            members.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Weak<dyn Member>, RandomState>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member's place in the registry, given back on drop.
pub(crate) struct Entry {
    registry: Arc<Registry>,
    key: Key,
    // A lock, since the entry is shared; only main takes it. Boxed: most members never need it.
    derived: Mutex<Option<Box<Derived>>>,
}

/// Main: what is kept beside a member's cells, by the index of the stat.
#[derive(Default)]
pub(crate) struct Derived {
    /// What `/reset_counters` takes away.
    pub(crate) baselines: Vec<u64>,
    /// What sinks have been told.
    pub(crate) flushed: Vec<u64>,
    pub(crate) histograms: BTreeMap<usize, Merged>,
}

impl Entry {
    pub(crate) fn new<T: Member>(registry: &Arc<Registry>, prefix: &Arc<str>) -> Self {
        let key = Key { prefix: Arc::clone(prefix), group: TypeId::of::<T>() };
        Self { registry: Arc::clone(registry), key, derived: Mutex::default() }
    }

    pub(crate) const fn prefix(&self) -> &Arc<str> {
        &self.key.prefix
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Lends what is derived, made now if it is missing.
    pub(crate) fn with_derived<T>(&self, lend: impl FnOnce(&mut Derived) -> T) -> T {
        lend(self.lock().get_or_insert_default())
    }

    /// Lends what is derived when there is anything, or when it is to be made.
    pub(crate) fn with_derived_if(&self, make: bool, lend: impl FnOnce(&mut Derived)) {
        let mut derived = self.lock();
        if make {
            derived.get_or_insert_default();
        }
        if let Some(derived) = derived.as_mut() {
            lend(derived);
        }
    }

    /// The histogram of that index as it was last latched.
    pub(crate) fn merged(&self, index: usize) -> Merged {
        let derived = self.lock();
        derived.as_ref().and_then(|derived| derived.histograms.get(&index)).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Derived>>> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.forget(&self.key);
    }
}
