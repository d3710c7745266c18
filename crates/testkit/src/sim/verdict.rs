//! The rules that hold in every world.

use nuncio_http::Census;
use nuncio_message::live_blocks;
use nuncio_stats::ScalarKind;
use nuncio_upstream::{Resource, RoutingPriority};

use super::executor::Idle;
use super::ledger::{Exchange, Outcome};
use super::world::World;

/// Looked at while the world runs.
pub(crate) fn look(world: &World) {
    if !world.scenario.is_heavy || !world.sim.polls().is_multiple_of(16) {
        return;
    }
    world.most_held.set(world.most_held.get().max(world.ledger.most_under_way()));
}

/// Looked at when nothing can happen any more; `blocks` were in use before the world was.
pub(crate) fn judge(world: &World, end: Idle, blocks: usize) {
    let fail = |what: String| world.ledger.fail(&world.sim, what);
    match end {
        Idle::Quiet => {}
        Idle::OutOfTime => fail("something goes on for ever".to_owned()),
        Idle::Spinning => fail("tasks wake each other without end".to_owned()),
    }
    world.ledger.judge(&world.sim, may_repeat);
    let (held, limit) = (world.most_held.get(), world.scenario.most_under_way());
    if held > limit {
        fail(format!("{held} bytes of one body were under way, more than {limit}"));
    }
    let census = world.http.census();
    if census != Census::default() {
        fail(format!("not everything has ended: {census:?}"));
    }
    let left = live_blocks().saturating_sub(blocks);
    if left > 0 {
        fail(format!("{left} blocks are still in use"));
    }
    let planned = world.ledger.outcomes().iter().filter(|(exchange, _)| exchange.panics.is_some()).count() as u64;
    if world.http.panics() > planned {
        fail(format!("{} panics where {planned} were planned", world.http.panics()));
    }
    stats(world);
    breakers(world);
    calm(world);
}

/// How often more than once a request may be sent: only where the route's policy retries what was sent already.
fn may_repeat(exchange: &Exchange) -> u32 {
    if exchange.route == "again" { 2 } else { 0 }
}

/// Where nothing goes wrong, every request that has a way to an origin is answered by one: whatever a time limit had
/// to clean up is a wake-up lost.
fn calm(world: &World) {
    if !world.scenario.is_calm {
        return;
    }
    for (exchange, outcome) in world.ledger.outcomes() {
        let reaches_origin = matches!(exchange.route, "plain" | "retry" | "again" | "none");
        if reaches_origin && !matches!(outcome, Some(Outcome::Complete { from_origin: true, .. })) {
            world.ledger.fail(&world.sim, format!("nothing went wrong, and yet: {outcome:?} of {exchange:?}"));
        }
    }
}

/// Nothing is taken of any breaker.
fn breakers(world: &World) {
    for cluster in world.clusters.borrow().iter() {
        for priority in [RoutingPriority::Default, RoutingPriority::High] {
            for resource in Resource::ALL {
                let taken = cluster.breakers(priority).in_use(resource);
                if taken != 0 {
                    world.ledger.fail(&world.sim, format!("{taken} of the breaker of {resource:?} are still taken"));
                }
            }
        }
    }
}

/// Gauges are back at zero, and each request was finished once.
fn stats(world: &World) {
    let fail = |what: String| world.ledger.fail(&world.sim, what);
    let snapshot = world.store.flush();
    for (name, value) in snapshot.scalars() {
        let name = name.to_string();
        let is_state = !name.contains(".membership_");
        if value.kind == ScalarKind::Gauge && value.value != 0 && is_state {
            fail(format!("{name} is {}", value.value.cast_signed()));
        }
    }
    let begun = world.store.counter("http.in.downstream_rq_total").unwrap_or(0);
    let times = snapshot.histograms().map(|(name, values)| (name.to_string(), values.cumulative_count()));
    let ended = times.into_iter().find(|(name, _)| name == "http.in.downstream_rq_time").map_or(0, |(_, count)| count);
    if begun != ended {
        fail(format!("{begun} requests began and {ended} ended"));
    }
    let sent = world.ledger.count_sent();
    if begun > sent {
        fail(format!("{sent} requests were sent and {begun} began"));
    }
}
