//! Stats whose names are known only while requests run, such as `upstream_rq_200`: made on first use.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use crate::cell::CellRef;
use crate::cell::Counter;
use crate::cell::Gauge;
use crate::group::Kind;
use crate::group::Local;
use crate::group::Unit;
use crate::histogram::Histogram;
use crate::scope::Scope;
use crate::store::Entry;
use crate::store::Member;
use crate::store::Registry;
use crate::store::WorkerIndex;

/// Shared, atomic: a scope's stats with dynamic names. Cloning is cheap.
///
/// At most [`Dynamic::MAX_NAMES`] stats are made under one prefix; what is counted beyond is not published, since
/// names may come from requests.
#[derive(Clone)]
pub struct Dynamic(Arc<Shared>);

impl Dynamic {
    /// The most stats under one prefix.
    pub const MAX_NAMES: usize = 4096;

    /// The dynamic stats under the scope's prefix.
    pub fn new(scope: &Scope) -> Self {
        Self(scope.registry().join(scope.prefix(), Shared::new))
    }

    /// The half of `worker`, with nothing looked up yet.
    pub fn local(&self, worker: WorkerIndex) -> LocalDynamic {
        LocalDynamic { shared: self.clone(), worker, seen: RefCell::default() }
    }

    fn cell<T: DynamicCell>(&self, worker: WorkerIndex, name: &str, unit: Unit) -> Arc<T> {
        self.0.entry.registry().lookups().note(self.0.entry.prefix(), name);
        let mut stats = self.0.lock();
        let known = stats.iter_mut().position(|stat| *stat.name == *name && T::pick(&mut stat.cells).is_some());
        let index = known.unwrap_or_else(|| {
            if stats.len() < Self::MAX_NAMES {
                stats.push(Stat { name: name.into(), cells: T::cells(self.0.entry.registry().workers(), unit) });
                stats.len() - 1
            } else {
                usize::MAX
            }
        });
        let cell = stats.get_mut(index).and_then(|stat| T::pick(&mut stat.cells)?.get_mut(usize::from(worker.0)));
        // Beyond the limit: a cell that nobody reads, which the caller keeps as if it were published.
        cell.map_or_else(Arc::default, |cell| Arc::clone(cell.get_or_insert_default()))
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dynamic").field("prefix", &self.0.entry.prefix()).finish_non_exhaustive()
    }
}

/// Per worker: the dynamic stats that this worker has met, by name. A stat met before costs one hash lookup.
#[derive(Debug)]
pub struct LocalDynamic {
    shared: Dynamic,
    worker: WorkerIndex,
    seen: RefCell<HashMap<Box<str>, Seen, RandomState>>,
}

#[derive(Debug, Default)]
struct Seen {
    counter: Option<Local<Counter>>,
    gauge: Option<Local<Gauge>>,
    histogram: Option<Local<Histogram>>,
}

impl LocalDynamic {
    /// The counter of that name below the prefix.
    pub fn counter(&self, name: &str) -> Local<Counter> {
        self.resolve(name, Unit::default(), |seen| &mut seen.counter)
    }

    /// The gauge of that name below the prefix.
    pub fn gauge(&self, name: &str) -> Local<Gauge> {
        self.resolve(name, Unit::default(), |seen| &mut seen.gauge)
    }

    /// The histogram of that name below the prefix. The unit is that of whoever asked first.
    pub fn histogram(&self, name: &str, unit: Unit) -> Local<Histogram> {
        self.resolve(name, unit, |seen| &mut seen.histogram)
    }

    fn resolve<T: DynamicCell>(
        &self,
        name: &str,
        unit: Unit,
        slot: fn(&mut Seen) -> &mut Option<Local<T>>,
    ) -> Local<T> {
        let mut seen = self.seen.borrow_mut();
        if let Some(known) = seen.get_mut(name).and_then(|seen| slot(seen).clone()) {
            return known;
        }
        let cell: Local<T> = Local::new(self.shared.cell(self.worker, name, unit));
        // Unpublished cells are bounded as well: beyond the limit nothing is remembered.
        if seen.len() < Dynamic::MAX_NAMES {
            *slot(seen.entry(name.into()).or_default()) = Some(cell.clone());
        }
        cell
    }
}

/// Shared, atomic: counters that differ by a number in their name, `upstream_rq_200`, `upstream_rq_2xx`.
#[derive(Debug, Clone)]
pub struct Numbered {
    shared: Dynamic,
    before: &'static str,
    after: &'static str,
}

impl Numbered {
    /// Counters named by what stands `before` the number and `after` it.
    pub fn new(scope: &Scope, before: &'static str, after: &'static str) -> Self {
        Self { shared: Dynamic::new(scope), before, after }
    }

    /// The half of `worker`.
    pub fn local(&self, worker: WorkerIndex) -> LocalNumbered {
        LocalNumbered { shared: self.clone(), worker, seen: RefCell::default() }
    }
}

/// Per worker: the counters of the numbers that this worker has met.
#[derive(Debug)]
pub struct LocalNumbered {
    shared: Numbered,
    worker: WorkerIndex,
    // Few numbers are common, so a walk is quicker than a hash and smaller than an array.
    seen: RefCell<Vec<(u16, Local<Counter>)>>,
}

impl LocalNumbered {
    /// Adds one to the counter of `number`.
    #[inline]
    pub fn inc(&self, number: u16) {
        let mut seen = self.seen.borrow_mut();
        match seen.iter().find(|(known, _)| *known == number) {
            Some((_, counter)) => counter.inc(),
            None => seen.push((number, self.first(number))),
        }
    }

    #[cold]
    fn first(&self, number: u16) -> Local<Counter> {
        let Numbered { shared, before, after } = &self.shared;
        let counter: Local<Counter> =
            Local::new(shared.cell(self.worker, &format!("{before}{number}{after}"), Unit::default()));
        counter.inc();
        counter
    }
}

/// Shared, atomic: the table behind the handles.
struct Shared {
    entry: Entry,
    // A lock: a worker takes it when it meets a name for the first time, main when it reads.
    stats: Mutex<Vec<Stat>>,
}

struct Stat {
    name: Box<str>,
    cells: Cells,
}

/// A cell for each worker that has used the stat.
enum Cells {
    Counter(Box<[Option<Arc<Counter>>]>),
    Gauge(Box<[Option<Arc<Gauge>>]>),
    Histogram(Box<[Option<Arc<Histogram>>]>, Unit),
}

impl Shared {
    fn new(registry: &Arc<Registry>, prefix: &Arc<str>) -> Self {
        Self { entry: Entry::new::<Self>(registry, prefix), stats: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stat>> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member for Shared {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn describe(&self, describe: &mut dyn FnMut(usize, &str, Kind)) {
        for (index, stat) in self.lock().iter().enumerate() {
            let kind = match &stat.cells {
                Cells::Counter(_) => Kind::Counter,
                Cells::Gauge(_) => Kind::Gauge,
                Cells::Histogram(_, unit) => Kind::Histogram(*unit),
            };
            describe(index, &stat.name, kind);
        }
    }

    fn visit(&self, visitor: &mut dyn FnMut(usize, CellRef<'_>)) {
        for (index, stat) in self.lock().iter().enumerate() {
            match &stat.cells {
                Cells::Counter(cells) => cells.iter().flatten().for_each(|cell| visitor(index, CellRef::Counter(cell))),
                Cells::Gauge(cells) => cells.iter().flatten().for_each(|cell| visitor(index, CellRef::Gauge(cell))),
                Cells::Histogram(cells, _) => {
                    cells.iter().flatten().for_each(|cell| visitor(index, CellRef::Histogram(cell)));
                }
            }
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// The kinds that can have dynamic names.
trait DynamicCell: Default + Send + Sync + 'static {
    fn cells(workers: u16, unit: Unit) -> Cells;
    fn pick(cells: &mut Cells) -> Option<&mut [Option<Arc<Self>>]>;
}

impl DynamicCell for Counter {
    fn cells(workers: u16, _: Unit) -> Cells {
        Cells::Counter(vec![None; usize::from(workers)].into())
    }

    fn pick(cells: &mut Cells) -> Option<&mut [Option<Arc<Self>>]> {
        if let Cells::Counter(cells) = cells { Some(cells) } else { None }
    }
}

impl DynamicCell for Gauge {
    fn cells(workers: u16, _: Unit) -> Cells {
        Cells::Gauge(vec![None; usize::from(workers)].into())
    }

    fn pick(cells: &mut Cells) -> Option<&mut [Option<Arc<Self>>]> {
        if let Cells::Gauge(cells) = cells { Some(cells) } else { None }
    }
}

impl DynamicCell for Histogram {
    fn cells(workers: u16, unit: Unit) -> Cells {
        Cells::Histogram(vec![None; usize::from(workers)].into(), unit)
    }

    fn pick(cells: &mut Cells) -> Option<&mut [Option<Arc<Self>>]> {
        if let Cells::Histogram(cells, _) = cells { Some(cells) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn counters_of_the_same_name_are_one_across_workers_and_handles() {
        let store = Store::new(3);
        let scope = store.scope("cluster.a.");
        let codes = Numbered::new(&scope, "upstream_rq_", "");
        let first = codes.local(WorkerIndex(1));
        let second = codes.local(WorkerIndex(2));
        first.inc(200);
        first.inc(200);
        second.inc(200);
        second.inc(503);
        let named = Dynamic::new(&scope).local(WorkerIndex(2));
        named.counter("upstream_rq_200").add(10);
        named.counter("upstream_rq_200").add(100);
        assert_eq!(store.counter("cluster.a.upstream_rq_200"), Some(113));
        assert_eq!(store.counter("cluster.a.upstream_rq_503"), Some(1));
        assert_eq!(store.counter("cluster.a.upstream_rq_404"), None);
    }

    #[test]
    fn names_beyond_the_limit_are_counted_but_not_published() {
        let store = Store::new(1);
        let names = Dynamic::new(&store.scope("grpc."));
        let local = names.local(WorkerIndex::MAIN);
        for number in 0..=Dynamic::MAX_NAMES {
            local.counter(&number.to_string()).inc();
        }
        assert_eq!(store.counter(&format!("grpc.{}", Dynamic::MAX_NAMES - 1)), Some(1));
        assert_eq!(store.counter(&format!("grpc.{}", Dynamic::MAX_NAMES)), None);
        local.counter("0").inc();
        assert_eq!(store.counter("grpc.0"), Some(2));
    }

    #[test]
    fn one_name_may_be_a_counter_and_a_histogram() {
        let store = Store::new(1);
        let local = Dynamic::new(&store.scope("a.")).local(WorkerIndex::MAIN);
        local.histogram("x", Unit::Bytes).record(3);
        local.counter("x").inc();
        local.gauge("x").inc();
        assert_eq!(local.counter("x").value(), 1);
    }
}
