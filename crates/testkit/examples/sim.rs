//! Runs the simulation over many seeds: `sim --seeds 0..10000`, or one with its trace: `sim --seed 7`.
//!
//! With the feature `plants`, `--plant NAME` before that plants a bug; `planted` beside this crate shows that each of
//! them is found.

#![expect(clippy::print_stdout, reason = "its output")]

use std::ops::Range;
use std::process::ExitCode;

use nuncio_testkit::sim::run;

/// Failing seeds that are shown before it gives up.
const MAX_FAILURES: usize = 10;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.len() > 1 && arguments[0] == "--plant" {
        if !plant(&arguments[1]) {
            println!("no such bug, or the feature `plants` is not there: {}", arguments[1]);
            return ExitCode::from(2);
        }
        arguments.drain(..2);
    }
    let parsed = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--seeds", range] => range.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?)),
        ["--seed", seed] => seed.parse().ok().map(|seed: u64| seed..seed + 1),
        _ => None,
    };
    let Some(seeds) = parsed else {
        println!("usage: sim --seeds A..B | --seed N");
        return ExitCode::from(2);
    };
    run_all(seeds, arguments[0] == "--seed")
}

fn run_all(seeds: Range<u64>, is_tracing: bool) -> ExitCode {
    let (mut failed, mut outcomes, mut count) = (Vec::new(), [0; 4], 0_u64);
    for seed in seeds {
        let report = run(seed, is_tracing);
        report.trace.iter().for_each(|line| println!("{line}"));
        count += 1;
        outcomes.iter_mut().zip(report.outcomes).for_each(|(sum, more)| *sum += more);
        if !report.failures.is_empty() {
            println!("seed {seed}: {}", report.failures.join("\n    "));
            failed.push(seed);
            if failed.len() >= MAX_FAILURES {
                break;
            }
        }
    }
    let [origin, own, ended, given_up] = outcomes;
    println!(
        "{count} seeds; requests answered by origins {origin}, by the proxy {own}, cut off {ended}, given up {given_up}"
    );
    println!("failed: {failed:?}");
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "plants")]
fn plant(name: &str) -> bool {
    use nuncio_http::plant::{Plant, plant};
    let bug = match name {
        "lost-wakeup" => Plant::LostWakeup,
        "leaked-breaker-slot" => Plant::LeakedBreakerSlot,
        "double-credit" => Plant::DoubleCredit,
        _ => return false,
    };
    plant(Some(bug));
    true
}

#[cfg(not(feature = "plants"))]
fn plant(_: &str) -> bool {
    false
}
