//! Counters, gauges, histograms and text readouts: how they are written on the request path and read on main.
//!
//! A component declares its stats beside itself with [`stat_group!`], registers them under a [`Scope`] when its
//! configuration is built, and takes a per-worker half, a [`Local`], on a worker's first use:
//!
//! ```
//! use nuncio_stats::{Store, WorkerIndex, stat_group};
//!
//! stat_group! {
//!     /// `http.<stat_prefix>.csrf.`
//!     pub struct Stats { counter request_valid, gauge active, histogram time: Milliseconds }
//! }
//!
//! let store = Store::new(3);
//! let shared = Stats::new(&store.scope("http.ingress.csrf."));
//! let local = shared.local(WorkerIndex(1));
//! local.request_valid.inc();
//! let active = local.guard(|stats| &stats.active);
//! local.time.record(12);
//! assert_eq!(store.counter("http.ingress.csrf.request_valid"), Some(1));
//! assert_eq!(store.gauge("http.ingress.csrf.active"), Some(1));
//! drop(active);
//! assert_eq!(store.gauge("http.ingress.csrf.active"), Some(0));
//! ```
//!
//! Invariants:
//! 1. A cell is written by one worker only: its block is reachable for writing through a [`Local`] alone, which is
//!    not `Send`, and the caller gives each thread its own [`WorkerIndex`]. So a write is a load and a store.
//! 2. A cell only main sets ([`SetGauge`], [`TextReadout`]) is used through main's block, [`WorkerIndex::MAIN`].
//! 3. Values are read by summing over the workers' blocks; what is derived (baselines of `/reset_counters`, merged
//!    histograms) is kept beside the group and touched by main only.
//! 4. Groups of the same type under the same prefix are one: a cluster that replaces another keeps its counts. When
//!    the last holder of a group is gone, so are its stats.

mod cell;
mod dynamic;
mod group;
mod histogram;
mod lookups;
pub mod render;
mod scope;
mod settings;
mod snapshot;
mod store;
mod tags;

pub use cell::{CellRef, Counter, Gauge, SetGauge, TextReadout};
pub use dynamic::{Dynamic, LocalDynamic, LocalNumbered, Numbered};
pub use group::{Descriptor, GaugeGuard, Group, Held, Kind, Local, StatGroup, Unit};
pub use histogram::Histogram;
pub use scope::{Scope, sanitize};
pub use settings::{NameMatcher, Settings};
pub use snapshot::{HistogramValues, Name, Scalar, ScalarKind, Snapshot};
pub use store::{Store, WorkerIndex};
pub use tags::{TagRules, Tagged};
