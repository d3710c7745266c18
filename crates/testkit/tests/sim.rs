//! The simulation over many seeds: a few hundred by default, others by environment.
//!
//! `SIM_SEED=n` runs one seed and prints its trace; `SIM_SEEDS=a..b` runs those.

use std::ops::Range;

use nuncio_testkit::sim::run;

fn seeds() -> Range<u64> {
    let parse = |text: &str| text.parse().expect("a seed is a number");
    if let Ok(seed) = std::env::var("SIM_SEED") {
        let seed = parse(&seed);
        return seed..seed + 1;
    }
    let Ok(range) = std::env::var("SIM_SEEDS") else { return 0..300 };
    let (from, to) = range.split_once("..").expect("seeds are given as a..b");
    parse(from)..parse(to)
}

#[test]
fn every_rule_holds_for_every_seed() {
    let is_tracing = std::env::var("SIM_SEED").is_ok();
    let mut failed = Vec::new();
    for seed in seeds() {
        let report = run(seed, is_tracing);
        report.trace.iter().for_each(|line| println!("{line}"));
        if !report.failures.is_empty() {
            println!("seed {seed}: {}", report.failures.join("\n    "));
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}; SIM_SEED=n shows a trace", failed.len());
}
