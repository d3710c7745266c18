//! Runs the simulation over many seeds: `sim --seeds 0..10000`, or one with its trace: `sim --seed 7`.

#![expect(clippy::print_stdout, reason = "its output")]

use std::ops::Range;
use std::process::ExitCode;

use nuncio_testkit::sim::run;

/// Failing seeds that are shown before it gives up.
const MAX_FAILURES: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
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
