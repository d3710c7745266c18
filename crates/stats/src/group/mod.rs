//! Groups of stats: what a component declares, its shared half and its per-worker half.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::OnceLock;

use crate::cell::CellRef;
use crate::scope::Scope;
use crate::store::Entry;
use crate::store::Member;
use crate::store::Registry;
use crate::store::WorkerIndex;

/// Declares a group of stats: a struct whose fields are cells, written as `<kind> <name>`.
///
/// Kinds: `counter`, `gauge`, `set_gauge` (main only), `histogram`, `text_readout` (main only). A histogram takes a
/// unit, `histogram upstream_rq_time: Milliseconds`; a name that is no identifier is written after an equals sign,
/// `counter total_match_count = "default.total_match_count"`. The struct gets `new(&Scope) -> Group<Self>`.
///
/// Main's block is as big as a worker's: when main sets a few gauges of something whose counters only workers
/// touch, declare two groups and register both under the same prefix.
#[macro_export]
macro_rules! stat_group {
    ($(#[$meta:meta])* $vis:vis struct $group:ident {
        $($(#[$field_meta:meta])* $kind:ident $field:ident $(: $unit:ident)? $(= $name:literal)?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $group {
            $(
                #[doc = concat!("The ", stringify!($kind), " `", $crate::stat_group!(@name $field $(= $name)?), "`.")]
                $(#[$field_meta])*
                $vis $field: $crate::stat_group!(@cell $kind),
            )*
        }

        impl $group {
            /// Registers the group under the scope's prefix, or joins it when it is registered already.
            $vis fn new(scope: &$crate::Scope) -> $crate::Group<Self> {
                $crate::Group::new(scope)
            }
        }

        impl $crate::StatGroup for $group {
            const STATS: &'static [$crate::Descriptor] = &[
                $($crate::Descriptor {
                    name: $crate::stat_group!(@name $field $(= $name)?),
                    kind: $crate::stat_group!(@kind $kind $($unit)?),
                }),*
            ];

            fn visit<'a>(&'a self, visitor: &mut dyn FnMut(usize, $crate::CellRef<'a>)) {
                let mut index = 0..;
                $(
                    if let Some(index) = index.next() {
                        visitor(index, $crate::CellRef::from(&self.$field));
                    }
                )*
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident = $name:literal) => { $name };
    (@cell counter) => { $crate::Counter };
    (@cell gauge) => { $crate::Gauge };
    (@cell set_gauge) => { $crate::SetGauge };
    (@cell histogram) => { $crate::Histogram };
    (@cell text_readout) => { $crate::TextReadout };
    (@kind counter) => { $crate::Kind::Counter };
    (@kind gauge) => { $crate::Kind::Gauge };
    (@kind set_gauge) => { $crate::Kind::Gauge };
    (@kind text_readout) => { $crate::Kind::TextReadout };
    (@kind histogram) => { $crate::Kind::Histogram($crate::Unit::Unspecified) };
    (@kind histogram $unit:ident) => { $crate::Kind::Histogram($crate::Unit::$unit) };
}

/// A block of cells with static names; implemented by [`stat_group!`].
pub trait StatGroup: Default + Send + Sync + 'static {
    /// The cells' names and kinds, in the order in which [`visit`](Self::visit) shows them.
    const STATS: &'static [Descriptor];

    /// Shows each cell with its index in [`STATS`](Self::STATS).
    fn visit<'a>(&'a self, visitor: &mut dyn FnMut(usize, CellRef<'a>));
}

/// What is known of a stat without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The name below the scope's prefix.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of stats that a reader tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only grows.
    Counter,
    /// A number that comes and goes.
    Gauge,
    /// A distribution.
    Histogram(Unit),
    /// A text.
    TextReadout,
}

/// What a histogram's values measure; sinks and renderers differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Plain numbers.
    #[default]
    Unspecified,
    /// Bytes.
    Bytes,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
}

/// Shared, atomic: a registered group of stats. Cloning is cheap; the stats live as long as a clone or a
/// [`Local`]'s component holds one.
pub struct Group<C: StatGroup>(Arc<Shared<C>>);

impl<C: StatGroup> Group<C> {
    /// Registers the group under the scope's prefix, or joins it when it is registered already.
    pub fn new(scope: &Scope) -> Self {
        Self(scope.registry().join(scope.prefix(), Shared::new))
    }

    /// The half of `worker`; its block is allocated at the first call.
    ///
    /// # Panics
    /// When `worker` is not below the number of workers that the [`Store`](crate::Store) was made for.
    pub fn local(&self, worker: WorkerIndex) -> Local<C> {
        let block =
            self.0.blocks.get(usize::from(worker.0)).expect("a worker's index is below the store's worker count");
        Local::new(Arc::clone(block.get_or_init(Arc::default)))
    }
}

impl<C: StatGroup> Group<C> {
    /// As [`local`](Self::local), and keeps the group registered.
    ///
    /// # Panics
    /// When `worker` is not below the number of workers that the [`Store`](crate::Store) was made for.
    pub fn held(self, worker: WorkerIndex) -> Held<C> {
        Held { local: self.local(worker), _group: self }
    }
}

impl<C: StatGroup> Clone for Group<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: StatGroup> fmt::Debug for Group<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("prefix", &self.0.entry.prefix()).finish_non_exhaustive()
    }
}

/// Per worker: the cells of one worker. Not `Send`, so that no other thread writes them.
///
/// It does not keep the group registered: hold it beside the [`Group`] that it came from.
pub struct Local<T> {
    cells: Arc<T>,
    not_send: PhantomData<*const ()>,
}

impl<T> Local<T> {
    pub(crate) const fn new(cells: Arc<T>) -> Self {
        Self { cells, not_send: PhantomData }
    }

    /// Adds one to the gauge that `pick` names, until the guard is dropped.
    #[inline]
    pub fn guard(&self, pick: fn(&T) -> &crate::Gauge) -> GaugeGuard<T> {
        pick(&self.cells).inc();
        GaugeGuard { local: self.clone(), pick }
    }
}

impl<T> Deref for Local<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.cells
    }
}

/// Per worker: the cells of one worker, and the group that they are of, which stays registered as long as this lives.
#[derive(Debug)]
pub struct Held<C: StatGroup> {
    local: Local<C>,
    _group: Group<C>,
}

impl<C: StatGroup> Deref for Held<C> {
    type Target = Local<C>;

    #[inline]
    fn deref(&self) -> &Local<C> {
        &self.local
    }
}

impl<T> Clone for Local<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.cells))
    }
}

impl<T: fmt::Debug> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.fmt(f)
    }
}

/// Holds a gauge up by one until it is dropped.
#[must_use = "the gauge goes down again when the guard is dropped"]
pub struct GaugeGuard<T> {
    local: Local<T>,
    pick: fn(&T) -> &crate::Gauge,
}

impl<T> Drop for GaugeGuard<T> {
    fn drop(&mut self) {
        (self.pick)(&self.local).dec();
    }
}

impl<T> fmt::Debug for GaugeGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GaugeGuard")
    }
}

/// Shared, atomic: the blocks of a group, one a worker, made on first use.
struct Shared<C: StatGroup> {
    entry: Entry,
    blocks: Box<[OnceLock<Arc<C>>]>,
}

impl<C: StatGroup> Shared<C> {
    fn new(registry: &Arc<Registry>, prefix: &Arc<str>) -> Self {
        let entry = Entry::new::<Self>(registry, prefix);
        Self { entry, blocks: (0..registry.workers()).map(|_| OnceLock::new()).collect() }
    }
}

impl<C: StatGroup> Member for Shared<C> {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn describe(&self, describe: &mut dyn FnMut(usize, &str, Kind)) {
        for (index, stat) in C::STATS.iter().enumerate() {
            describe(index, stat.name, stat.kind);
        }
    }

    fn visit(&self, visitor: &mut dyn FnMut(usize, CellRef<'_>)) {
        for block in self.blocks.iter().filter_map(OnceLock::get) {
            block.visit(visitor);
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

#[cfg(test)]
mod tests;
