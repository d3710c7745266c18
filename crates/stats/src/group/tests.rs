use crate::Dynamic;
use crate::Store;
use crate::WorkerIndex;

stat_group! {
    /// `csrf.`
    struct Stats {
        counter valid,
        /// With a note.
        counter total_match_count = "default.total_match_count",
        gauge active,
        set_gauge version,
        histogram time: Milliseconds,
        text_readout text,
    }
}

stat_group! { struct Other { counter valid } }

#[test]
fn values_are_summed_over_workers() {
    let store = Store::new(3);
    let shared = Stats::new(&store.scope("http.a.").scope("csrf."));
    let first = shared.local(WorkerIndex(1));
    let second = shared.local(WorkerIndex(2));
    first.valid.inc();
    second.valid.add(4);
    second.total_match_count.inc();
    first.active.add(3);
    second.active.sub(2);
    shared.local(WorkerIndex::MAIN).version.set(7);
    assert_eq!(store.counter("http.a.csrf.valid"), Some(5));
    assert_eq!(store.counter("http.a.csrf.default.total_match_count"), Some(1));
    assert_eq!(store.gauge("http.a.csrf.active"), Some(1));
    assert_eq!(store.gauge("http.a.csrf.version"), Some(7));
    assert_eq!(store.counter("http.a.csrf.active"), None);
}

#[test]
fn same_group_under_the_same_prefix_is_shared() {
    let store = Store::new(1);
    let scope = store.scope("cluster.a.");
    let old = Stats::new(&scope);
    old.local(WorkerIndex::MAIN).valid.inc();
    let new = Stats::new(&store.scope("cluster.a."));
    drop(old);
    new.local(WorkerIndex::MAIN).valid.inc();
    assert_eq!(store.counter("cluster.a.valid"), Some(2));
}

#[test]
fn groups_of_two_types_under_one_prefix_are_summed() {
    let store = Store::new(1);
    let scope = store.scope("a.");
    let (one, two) = (Stats::new(&scope), Other::new(&scope));
    one.local(WorkerIndex::MAIN).valid.inc();
    two.local(WorkerIndex::MAIN).valid.inc();
    Dynamic::new(&scope).local(WorkerIndex::MAIN).counter("valid").inc();
    // The dynamic table went with its last handle.
    assert_eq!(store.counter("a.valid"), Some(2));
}

#[test]
fn dropped_group_is_forgotten_and_starts_afresh() {
    let store = Store::new(1);
    let scope = store.scope("cluster.a.");
    let shared = Stats::new(&scope);
    let local = shared.local(WorkerIndex::MAIN);
    local.valid.inc();
    drop(shared);
    assert_eq!(store.counter("cluster.a.valid"), None);
    local.valid.inc();
    let again = Stats::new(&scope);
    assert_eq!(store.counter("cluster.a.valid"), Some(0));
    drop(again);
}

#[test]
fn guard_holds_the_gauge_up() {
    let store = Store::new(2);
    let shared = Stats::new(&store.scope(""));
    let local = shared.local(WorkerIndex(1));
    let guards = [local.guard(|stats| &stats.active), local.guard(|stats| &stats.active)];
    assert_eq!(store.gauge("active"), Some(2));
    drop(guards);
    assert_eq!(store.gauge("active"), Some(0));
}
