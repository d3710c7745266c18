//! Names that are looked up while requests run, which takes a lock: how many, and on demand which.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Shared: the lookups of names in a store.
#[derive(Debug, Default)]
pub(crate) struct Lookups(
    // A lock: it is taken only where that of the names is taken, too.
    Mutex<Seen>,
);

#[derive(Debug, Default)]
struct Seen {
    total: u64,
    /// Names and how often they were looked up, while that is recorded.
    recent: Option<HashMap<Box<str>, u64>>,
}

/// The most names that are told apart.
const MAX_RECENT: usize = 100;

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `prefix` and `name` together were looked up.
    pub(crate) fn note(&self, prefix: &str, name: &str) {
        let mut seen = self.lock();
        seen.total += 1;
        let Some(recent) = &mut seen.recent else { return };
        let full = format!("{prefix}{name}");
        if let Some(count) = recent.get_mut(full.as_str()) {
            *count += 1;
        } else if recent.len() < MAX_RECENT {
            recent.insert(full.into(), 1);
        }
    }

    pub(crate) fn record(&self, is_on: bool) {
        let mut seen = self.lock();
        match (is_on, &seen.recent) {
            (true, None) => seen.recent = Some(HashMap::new()),
            (false, _) => seen.recent = None,
            (true, Some(_)) => {}
        }
    }

    pub(crate) fn clear(&self) {
        let mut seen = self.lock();
        seen.total = 0;
        if let Some(recent) = &mut seen.recent {
            recent.clear();
        }
    }

    /// As Envoy's page tells them: the rarest first.
    pub(crate) fn describe(&self) -> String {
        let seen = self.lock();
        let mut text = match &seen.recent {
            None => "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n".to_owned(),
            Some(recent) => {
                let mut names: Vec<_> = recent.iter().map(|(name, count)| (*count, name)).collect();
                names.sort();
                let lines = names.iter().map(|(count, name)| format!("{count:8} {name}\n"));
                std::iter::once("   Count Lookup\n".to_owned()).chain(lines).collect()
            }
        };
        let _ = writeln!(text, "\ntotal: {}", seen.total);
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::Dynamic;
    use crate::Store;
    use crate::WorkerIndex;

    #[test]
    fn names_are_recorded_on_demand_and_counted_always() {
        let store = Store::new(2);
        let names = Dynamic::new(&store.scope("cluster.a.")).local(WorkerIndex(1));
        names.counter("x").inc();
        names.counter("x").inc();
        let off = "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 1\n";
        assert_eq!(store.recent_lookups(), off);
        store.record_lookups(true);
        names.counter("y").inc();
        for worker in [0, 1] {
            Dynamic::new(&store.scope("b.")).local(WorkerIndex(worker)).counter("z").inc();
        }
        let on = "   Count Lookup\n       1 cluster.a.y\n       2 b.z\n\ntotal: 4\n";
        assert_eq!(store.recent_lookups(), on);
        store.clear_lookups();
        assert_eq!(store.recent_lookups(), "   Count Lookup\n\ntotal: 0\n");
        store.record_lookups(false);
        assert!(store.recent_lookups().starts_with("Lookup tracking is not enabled."));
    }
}
