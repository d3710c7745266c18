//! What a reader sees: all stats that it asked for, summed over workers, sorted by name.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::cell::CellRef;
use crate::group::Kind;
use crate::group::Unit;
use crate::histogram::Merged;
use crate::histogram::QUANTILES;
use crate::store::Entry;
use crate::store::Member;
use crate::store::Store;

/// Values at one moment: counters and gauges together, histograms as of the last latch, and text readouts.
///
/// A name that several groups have, with the same kind, is one stat: its values are added.
#[derive(Default)]
pub struct Snapshot {
    entries: Vec<Arc<dyn Member>>,
    /// The parts of all names below their prefixes, one after the other.
    names: String,
    pub(crate) scalars: Vec<Sample<Scalar>>,
    pub(crate) histograms: Vec<Sample<(Unit, Merged)>>,
    pub(crate) texts: Vec<Sample<Arc<str>>>,
}

/// A full name in its two parts, without joining them.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    prefix: &'a str,
    rest: &'a str,
}

/// A counter or a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar {
    /// Which of the two.
    pub kind: ScalarKind,
    /// The value; for a counter, since it was last reset.
    pub value: u64,
    /// For a counter, what was added since the last [`Store::flush`]; set in snapshots that a flush makes.
    pub delta: u64,
}

/// Counters and gauges stand in one list, since they are shown so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// A counter.
    Counter,
    /// A gauge.
    Gauge,
}

/// A histogram, for those who pass it on.
#[derive(Debug, Clone, Copy)]
pub struct HistogramValues<'a> {
    /// What its values measure.
    pub unit: Unit,
    merged: &'a Merged,
}

impl HistogramValues<'_> {
    /// The fractions that [`interval_quantiles`](Self::interval_quantiles) tells of.
    pub const QUANTILES: [f64; 10] = QUANTILES;

    /// The number of values in the last interval.
    pub fn interval_count(&self) -> u64 {
        self.merged.interval.count()
    }

    /// Their sum, as near as buckets tell it.
    pub fn interval_sum(&self) -> f64 {
        self.merged.interval.sum()
    }

    /// Their quantiles; not numbers when there are no values.
    pub fn interval_quantiles(&self) -> [f64; 10] {
        self.merged.interval.quantiles()
    }

    /// The number of values of all time.
    pub fn cumulative_count(&self) -> u64 {
        self.merged.cumulative.count()
    }

    /// Their sum, as near as buckets tell it.
    pub fn cumulative_sum(&self) -> f64 {
        self.merged.cumulative.sum()
    }

    /// For each upper bound, in order, how many values of all time are below it.
    pub fn cumulative_counts(&self, bounds: &[f64]) -> Vec<u64> {
        self.merged.cumulative.cumulative_counts(bounds)
    }
}

/// Which stats to read.
pub(crate) struct Selection<'a> {
    pub(crate) used_only: bool,
    pub(crate) kinds: &'a dyn Fn(Kind) -> bool,
    pub(crate) names: Option<&'a dyn Fn(&str) -> bool>,
}

#[derive(Debug)]
pub(crate) struct Sample<T> {
    entry: u32,
    name: Range<usize>,
    pub(crate) value: T,
}

impl Snapshot {
    /// The counters and gauges, by name.
    pub fn scalars(&self) -> impl Iterator<Item = (Name<'_>, Scalar)> {
        self.scalars.iter().map(|sample| (self.name(sample), sample.value))
    }

    /// The text readouts, by name.
    pub fn texts(&self) -> impl Iterator<Item = (Name<'_>, &str)> {
        self.texts.iter().map(|sample| (self.name(sample), &*sample.value))
    }

    /// The histograms, by name.
    pub fn histograms(&self) -> impl Iterator<Item = (Name<'_>, HistogramValues<'_>)> {
        let values = |sample| {
            let Sample { value: (unit, merged), .. }: &Sample<(Unit, Merged)> = sample;
            HistogramValues { unit: *unit, merged }
        };
        self.histograms.iter().map(move |sample| (self.name(sample), values(sample)))
    }

    pub(crate) fn name<T>(&self, sample: &Sample<T>) -> Name<'_> {
        let prefix = self.entries.get(sample.entry as usize).map_or("", |member| &**member.entry().prefix());
        Name { prefix, rest: &self.names[sample.name.clone()] }
    }

    /// Reads what is registered with `store`. Deltas are taken, and so used up, when `flush` says so.
    pub(crate) fn take(store: &Store, selection: &Selection<'_>, deltas: Deltas) -> Self {
        let mut members = store.registry().members();
        members.sort_unstable_by(|one, other| one.entry().prefix().cmp(other.entry().prefix()));
        let mut snapshot = Self::default();
        for member in members {
            snapshot.read(store, &*member, selection, deltas);
            snapshot.entries.push(member);
        }
        snapshot.sort();
        snapshot
    }

    fn read(&mut self, store: &Store, member: &dyn Member, selection: &Selection<'_>, deltas: Deltas) {
        let entry = self.entries.len() as u32;
        let mut stats = RawStats::of(member);
        stats.take_deltas(member.entry(), deltas);
        for (index, raw) in stats.raw.into_iter().enumerate() {
            let kind = raw.kind;
            let histogram = matches!(kind, Kind::Histogram(_)).then(|| member.entry().merged(index));
            let is_used = raw.is_used || histogram.as_ref().is_some_and(|merged| !merged.cumulative.is_empty());
            if (selection.used_only && !is_used) || !(selection.kinds)(kind) {
                continue;
            }
            let rest = &stats.names[raw.name];
            let full = Name { prefix: member.entry().prefix(), rest };
            if !store.accepts(full) || selection.names.is_some_and(|accepts| !accepts(&full.to_string())) {
                continue;
            }
            let name = self.names.len()..self.names.len() + rest.len();
            self.names.push_str(rest);
            match (kind, histogram) {
                (Kind::Counter, _) => {
                    let value = Scalar { kind: ScalarKind::Counter, value: raw.value, delta: raw.delta };
                    self.scalars.push(Sample { entry, name, value });
                }
                (Kind::Gauge, _) => {
                    let value = Scalar { kind: ScalarKind::Gauge, value: raw.value, delta: 0 };
                    self.scalars.push(Sample { entry, name, value });
                }
                (Kind::Histogram(unit), merged) => {
                    self.histograms.push(Sample { entry, name, value: (unit, merged.unwrap_or_default()) });
                }
                (Kind::TextReadout, _) => {
                    self.texts.push(Sample { entry, name, value: raw.text.unwrap_or_default() });
                }
            }
        }
    }

    fn sort(&mut self) {
        let mut scalars = std::mem::take(&mut self.scalars);
        self.sort_samples(&mut scalars, |one, other| {
            let same = one.kind == other.kind;
            if same {
                one.value = one.value.wrapping_add(other.value);
                one.delta = one.delta.wrapping_add(other.delta);
            }
            same
        });
        let mut histograms = std::mem::take(&mut self.histograms);
        self.sort_samples(&mut histograms, |one, other| {
            one.1.absorb(&other.1);
            true
        });
        let mut texts = std::mem::take(&mut self.texts);
        self.sort_samples(&mut texts, |_, _| true);
        (self.scalars, self.histograms, self.texts) = (scalars, histograms, texts);
    }

    fn sort_samples<T>(&self, samples: &mut Vec<Sample<T>>, mut join: impl FnMut(&mut T, &mut T) -> bool) {
        // Stable, and quick on what is nearly sorted, as members by prefix are.
        samples.sort_by(|one, other| self.name(one).cmp(&self.name(other)));
        samples.dedup_by(|later, earlier| {
            self.name(later) == self.name(earlier) && join(&mut earlier.value, &mut later.value)
        });
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("scalars", &self.scalars.len()).finish_non_exhaustive()
    }
}

/// Whether reading uses up the counters' deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deltas {
    Keep,
    Take,
}

impl Name<'_> {
    /// Compares as the joined names would.
    fn cmp(&self, other: &Self) -> Ordering {
        let common = self.prefix.len().min(other.prefix.len());
        let (one, other_prefix) = (self.prefix.as_bytes(), other.prefix.as_bytes());
        one[..common].cmp(&other_prefix[..common]).then_with(|| {
            let rest = one[common..].iter().chain(self.rest.as_bytes());
            rest.cmp(other_prefix[common..].iter().chain(other.rest.as_bytes()))
        })
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        f.write_str(self.rest)
    }
}

/// Equal when the joined names are, wherever they are cut.
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Name<'_> {}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        other.strip_prefix(self.prefix) == Some(self.rest)
    }
}

/// A member's stats, summed over the workers.
struct RawStats {
    names: String,
    raw: Vec<Raw>,
}

struct Raw {
    name: Range<usize>,
    kind: Kind,
    value: u64,
    delta: u64,
    is_used: bool,
    is_signed: bool,
    text: Option<Arc<str>>,
}

impl RawStats {
    fn of(member: &dyn Member) -> Self {
        let mut stats = Self { names: String::new(), raw: Vec::new() };
        member.describe(&mut |_, name, kind| {
            let range = stats.names.len()..stats.names.len() + name.len();
            stats.names.push_str(name);
            stats.raw.push(Raw { name: range, kind, value: 0, delta: 0, is_used: false, is_signed: false, text: None });
        });
        member.visit(&mut |index, cell| {
            // Dynamic stats may have been made since they were described.
            if let Some(raw) = stats.raw.get_mut(index) {
                raw.add(cell);
            }
        });
        stats.raw.iter_mut().for_each(Raw::clamp);
        stats
    }

    fn take_deltas(&mut self, entry: &Entry, deltas: Deltas) {
        let mut counters: Vec<(usize, &mut Raw)> =
            self.raw.iter_mut().enumerate().filter(|(_, raw)| raw.kind == Kind::Counter).collect();
        counters.iter_mut().for_each(|(_, raw)| raw.delta = raw.value);
        // Most members have nothing derived, and reading should not make it.
        let make = deltas == Deltas::Take && counters.iter().any(|(_, raw)| raw.delta != 0);
        entry.with_derived_if(make, |derived| {
            for (index, raw) in counters {
                let sum = raw.value;
                raw.value = sum.wrapping_sub(derived.baselines.get(index).copied().unwrap_or(0));
                raw.delta = sum.wrapping_sub(derived.flushed.get(index).copied().unwrap_or(0));
                if deltas == Deltas::Take && raw.delta != 0 {
                    put(&mut derived.flushed, index, sum);
                }
            }
        });
    }
}

impl Raw {
    fn add(&mut self, cell: CellRef<'_>) {
        match cell {
            CellRef::Counter(counter) => {
                self.value = self.value.wrapping_add(counter.value());
                self.is_used |= counter.is_used();
            }
            CellRef::Gauge(gauge) => {
                self.value = self.value.wrapping_add_signed(gauge.value());
                self.is_used |= gauge.is_used();
                self.is_signed = true;
            }
            CellRef::SetGauge(gauge) => {
                self.value = self.value.wrapping_add(gauge.value());
                self.is_used |= gauge.is_used();
            }
            CellRef::Histogram(_) => {}
            CellRef::TextReadout(text) => {
                self.text = text.value().or(self.text.take());
                self.is_used |= self.text.is_some();
            }
        }
    }
}

impl Raw {
    /// Workers are read one after the other, so that what one gave to another may be missing for a moment.
    fn clamp(&mut self) {
        if self.is_signed {
            self.value = self.value.cast_signed().max(0).cast_unsigned();
        }
    }
}

/// Makes `values` as long as needed, and puts one in its place.
pub(crate) fn put(values: &mut Vec<u64>, index: usize, value: u64) {
    if values.len() <= index {
        values.resize(index + 1, 0);
    }
    values[index] = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dynamic;
    use crate::Settings;
    use crate::WorkerIndex;
    use crate::stat_group;

    stat_group! { struct One { counter b, gauge a, histogram time: Milliseconds, set_gauge c } }

    stat_group! { struct Two { counter b, gauge a, histogram time: Milliseconds } }

    const WORKER: WorkerIndex = WorkerIndex(1);

    fn scalars(snapshot: &Snapshot) -> Vec<(String, u64, u64)> {
        snapshot.scalars().map(|(name, scalar)| (name.to_string(), scalar.value, scalar.delta)).collect()
    }

    fn read(store: &Store, used_only: bool) -> Vec<(String, u64, u64)> {
        scalars(&Snapshot::take(store, &Selection { used_only, kinds: &|_| true, names: None }, Deltas::Keep))
    }

    #[test]
    fn reset_starts_counters_again_and_leaves_gauges_and_deltas() {
        let store = Store::new(2);
        let group = One::new(&store.scope("x."));
        let local = group.local(WORKER);
        local.b.add(3);
        local.a.inc();
        store.reset_counters();
        let value = |name: &str, value, delta| (name.to_owned(), value, delta);
        assert_eq!(read(&store, false), [value("x.a", 1, 0), value("x.b", 0, 3), value("x.c", 0, 0)]);
        assert_eq!(read(&store, true), [value("x.a", 1, 0), value("x.b", 0, 3)]);
        local.b.inc();
        assert_eq!(read(&store, true), [value("x.a", 1, 0), value("x.b", 1, 4)]);
    }

    #[test]
    fn flush_tells_what_counters_grew_by() {
        let store = Store::new(2);
        let group = One::new(&store.scope("x."));
        let local = group.local(WORKER);
        let deltas = || scalars(&store.flush()).into_iter().map(|(_, _, delta)| delta).sum::<u64>();
        local.b.add(3);
        assert_eq!([deltas(), deltas()], [3, 0]);
        local.b.add(2);
        store.reset_counters();
        local.b.add(2);
        assert_eq!([deltas(), deltas()], [4, 0]);
    }

    #[test]
    fn stats_of_the_same_name_are_one() {
        let store = Store::new(2);
        let scope = store.scope("x.");
        let (one, two) = (One::new(&scope), Two::new(&scope));
        let elsewhere = Dynamic::new(&store.scope("")).local(WORKER);
        one.local(WORKER).b.add(1);
        two.local(WORKER).b.add(10);
        elsewhere.counter("x.b").add(100);
        one.local(WORKER).time.record(5);
        two.local(WORKER).time.record(7);
        let snapshot = store.flush();
        let counter = snapshot.scalars().find(|(name, _)| *name == *"x.b").expect("the counter").1;
        assert_eq!((counter.value, counter.delta), (111, 111));
        let histograms: Vec<_> = snapshot.histograms().map(|(_, values)| values.interval_count()).collect();
        assert_eq!(histograms, [2]);
    }

    #[test]
    fn order_is_that_of_the_joined_names() {
        let store = Store::new(2);
        let names = ["cluster.a-b.x", "cluster.a.x", "cluster.a.x.y", "cluster.ab", "cluster_manager.x", "cluster.a.w"];
        let scopes = ["cluster.", "cluster.a.", "cluster.a-", "", "cluster_manager.", "cluster.a.x."];
        let mut held = Vec::new();
        for name in names {
            let scope = scopes.iter().filter(|scope| name.starts_with(**scope)).max_by_key(|scope| scope.len());
            let scope = scope.expect("the empty scope at least");
            let local = Dynamic::new(&store.scope(scope)).local(WORKER);
            local.counter(&name[scope.len()..]).inc();
            held.push(local);
        }
        let read: Vec<String> = read(&store, false).into_iter().map(|(name, _, _)| name).collect();
        let mut expected = names.map(str::to_owned);
        expected.sort();
        assert_eq!(read, expected);
    }

    #[test]
    fn gauge_below_zero_is_shown_as_zero_but_big_ones_that_are_set_as_they_are() {
        let store = Store::new(2);
        let group = One::new(&store.scope("x."));
        group.local(WORKER).a.dec();
        group.local(WorkerIndex::MAIN).c.set(u64::MAX);
        let values: Vec<u64> = read(&store, true).into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, [0, u64::MAX]);
    }

    #[test]
    fn stats_that_the_matcher_rejects_are_not_read() {
        let settings = Settings { accepts: Some(Box::new(|name| name.ends_with(".a"))), ..Settings::default() };
        let store = Store::with_settings(2, settings);
        let group = One::new(&store.scope("x."));
        group.local(WORKER).b.inc();
        assert_eq!(read(&store, false), [("x.a".to_owned(), 0, 0)]);
        assert_eq!(store.flush().histograms().count(), 0);
    }
}
