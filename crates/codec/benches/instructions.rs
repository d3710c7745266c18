//! Counts the instructions of the codecs in valgrind's simulated processor, where every run gives the same number, and
//! fails when there are more than allowed. `cargo bench -p nuncio-codec --bench instructions [SCENARIO]`; the bounds
//! are for the `bench` profile, which builds as `release` does.
//!
//! A scenario runs twice, with the tables warm, in a child under `valgrind --tool=callgrind` that counts inside
//! functions named `proxied_*` only: the difference in instructions is that of the difference in rounds.

#[path = "../tests/proxied/mod.rs"]
mod proxied;

use std::env;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;

use nuncio_codec::Protocol;
use nuncio_codec::hpack::Decoder;
use nuncio_codec::hpack::Encoder;
use nuncio_message::HeaderId;
use nuncio_message::Headers;

use proxied::Proxied;

/// A scenario's name, the most instructions that one round may have, and what it runs.
struct Scenario {
    name: &'static str,
    bound: f64,
    run: fn(u32),
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "http1", bound: 7_400.0, run: |rounds| exchanges(Protocol::Http11, Protocol::Http11, rounds) },
    Scenario { name: "http2", bound: 10_000.0, run: |rounds| exchanges(Protocol::Http2, Protocol::Http2, rounds) },
    Scenario {
        name: "http2-http1",
        bound: 9_400.0,
        run: |rounds| exchanges(Protocol::Http2, Protocol::Http11, rounds),
    },
    Scenario { name: "hpack-encode", bound: 2_050.0, run: hpack_encode },
    Scenario { name: "hpack-decode", bound: 1_500.0, run: hpack_decode },
];
const WARM: u32 = 100;
const ROUNDS: u32 = 1_000;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [child, name, rounds] = arguments.as_slice()
        && child == "--run"
    {
        let rounds = rounds.parse().map_err(io::Error::other)?;
        SCENARIOS.iter().filter(|scenario| scenario.name == name).for_each(|scenario| (scenario.run)(rounds));
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = |scenario: &&Scenario| arguments.is_empty() || arguments.iter().any(|name| name == scenario.name);
    let mut verdict = ExitCode::SUCCESS;
    for scenario in SCENARIOS.iter().filter(wanted) {
        let count = f64::from(count(scenario, WARM + ROUNDS)? - count(scenario, WARM)?) / f64::from(ROUNDS);
        let is_within = count <= scenario.bound;
        let remark = if is_within { "" } else { "  TOO MANY" };
        writeln!(io::stdout(), "{:<14}{count:>10.1} of {:>8.0}{remark}", scenario.name, scenario.bound)?;
        if !is_within {
            verdict = ExitCode::FAILURE;
        }
    }
    Ok(verdict)
}

/// Instructions of so many rounds.
fn count(scenario: &Scenario, rounds: u32) -> io::Result<u32> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let profile = target.join(format!("callgrind.{}.{rounds}", scenario.name));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*proxied_*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--run", scenario.name, &rounds.to_string()])
        .stdout(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    let total = total.ok_or_else(|| io::Error::other("callgrind counted nothing"))?;
    total.trim().parse().map_err(io::Error::other)
}

fn exchanges(downstream: Protocol, upstream: Protocol, rounds: u32) {
    let mut proxied = Proxied::new(downstream, upstream);
    (0..rounds).for_each(|_| proxied.exchange());
}

/// A request head that is the same each time but for its id.
fn heads(rounds: u32) -> impl Iterator<Item = Headers> {
    let request = proxied::list(proxied::REQUEST);
    (0..rounds).map(move |round| {
        let mut request = request.clone();
        request.push(HeaderId::X_REQUEST_ID, &proxied::request_id(round));
        request
    })
}

fn hpack_encode(rounds: u32) {
    let mut encoder = Encoder::new(true);
    let mut block = Vec::new();
    for head in heads(rounds) {
        block.clear();
        proxied_encode(&mut encoder, &head, &mut block);
    }
}

#[inline(never)]
fn proxied_encode(encoder: &mut Encoder, head: &Headers, block: &mut Vec<u8>) {
    encoder.begin(block);
    head.iter().for_each(|header| encoder.field(header, block));
}

fn hpack_decode(rounds: u32) {
    let mut encoder = Encoder::new(true);
    let mut decoder = Decoder::new(4096, 65_536);
    let mut block = Vec::new();
    let mut bytes = 0;
    for head in heads(rounds) {
        block.clear();
        encoder.begin(&mut block);
        head.iter().for_each(|header| encoder.field(header, &mut block));
        proxied_decode(&mut decoder, &block, &mut bytes);
    }
    assert!(bytes > rounds as usize * 100, "all fields were handed out");
}

#[inline(never)]
fn proxied_decode(decoder: &mut Decoder, block: &[u8], bytes: &mut usize) {
    let taken = decoder.decode(block, true, |field| {
        *bytes += field.value.len();
        true
    });
    taken.expect("the encoder's blocks are valid");
}
