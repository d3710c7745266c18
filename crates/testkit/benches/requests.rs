//! Counts what a request costs the worker: instructions (in valgrind's simulated processor, where every run gives the
//! same number), writes and allocations; fails when there are more than allowed.
//! `cargo bench -p nuncio-testkit --bench requests [SCENARIO]`; the bounds are for the `bench` profile.
//!
//! A scenario runs twice, warm, in a child under `valgrind --tool=callgrind` that counts inside `counted_turn` only: the
//! difference in instructions is that of the difference in batches.

#[path = "../../codec/tests/counting/mod.rs"]
mod counting;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nuncio_testkit::counted::{Lifetime, Proxy, Setup, Version};

/// What the route table and the filters look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Config {
    /// The router alone, default timeouts and stats.
    Plain,
    /// And a default access log to a file.
    Logged,
    /// And a retry policy and 1,000 routes.
    Rich,
    /// The router, and before it ten filters that look at everything.
    TenFilters,
    /// The same ten in the cluster's chain, for each attempt.
    TenUpstream,
}

/// A name, what runs, and the most that one request may cost.
struct Scenario {
    name: &'static str,
    downstream: Version,
    upstream: Version,
    concurrency: usize,
    config: Config,
    lifetime: Lifetime,
    instructions: f64,
    writes: f64,
    allocations: f64,
}

const fn scenario(
    name: &'static str,
    (downstream, upstream): (Version, Version),
    concurrency: usize,
    config: Config,
    (instructions, writes): (f64, f64),
) -> Scenario {
    let (lifetime, allocations) = (Lifetime::Kept, 0.0);
    Scenario { name, downstream, upstream, concurrency, config, lifetime, instructions, writes, allocations }
}

/// With a new connection for each request, which makes so many allocations.
const fn one_request(scenario: Scenario, allocations: f64) -> Scenario {
    Scenario { lifetime: Lifetime::OneRequest, allocations, ..scenario }
}

const H1: (Version, Version) = (Version::Http1, Version::Http1);
const H2_H1: (Version, Version) = (Version::Http2, Version::Http1);
const H2_H2: (Version, Version) = (Version::Http2, Version::Http2);

const SCENARIOS: &[Scenario] = &[
    scenario("h1", H1, 1, Config::Plain, (20_000.0, 2.0)),
    scenario("h1-16", H1, 16, Config::Plain, (20_000.0, 2.0)),
    scenario("h2-h1", H2_H1, 1, Config::Plain, (20_000.0, 2.1)),
    scenario("h2-h1-16", H2_H1, 16, Config::Plain, (20_000.0, 1.1)),
    scenario("h2-h2", H2_H2, 1, Config::Plain, (22_000.0, 2.2)),
    scenario("h2-h2-16", H2_H2, 16, Config::Plain, (22_000.0, 0.3)),
    scenario("h1-log", H1, 1, Config::Logged, (22_000.0, 2.0)),
    scenario("h2-h2-log", H2_H2, 16, Config::Logged, (24_000.0, 0.3)),
    scenario("h1-ten", H1, 1, Config::TenFilters, (24_000.0, 2.0)),
    scenario("h1-ten-up", H1, 1, Config::TenUpstream, (24_000.0, 2.0)),
    one_request(scenario("h1-conn", H1, 1, Config::Plain, (24_000.0, 2.0)), 9.1),
    scenario("h1-rich", H1, 1, Config::Rich, (26_000.0, 2.0)),
];
const WARM: u32 = 50;
const BATCHES: u32 = 200;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [child, name, batches] = arguments.as_slice()
        && child == "--run"
    {
        let batches = batches.parse().map_err(io::Error::other)?;
        let measured =
            SCENARIOS.iter().find(|scenario| scenario.name == name).map(|scenario| measure(scenario, batches));
        let (allocations, writes) = measured.ok_or_else(|| io::Error::other("no such scenario"))?;
        writeln!(io::stdout(), "{allocations} {writes}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = |scenario: &&Scenario| arguments.is_empty() || arguments.iter().any(|name| name == scenario.name);
    let mut verdict = ExitCode::SUCCESS;
    writeln!(io::stdout(), "{:<12}{:>22}{:>18}{:>13}", "a request", "instructions", "writes", "allocations")?;
    for scenario in SCENARIOS.iter().filter(wanted) {
        let requests = f64::from(BATCHES) * scenario.concurrency as f64;
        let (few, many) = (count(scenario, WARM)?, count(scenario, WARM + BATCHES)?);
        let per_request = |few: u64, many: u64| many.saturating_sub(few) as f64 / requests;
        let instructions = per_request(few.0, many.0);
        let allocations = per_request(few.1, many.1);
        let writes = per_request(few.2, many.2);
        let is_within = instructions <= scenario.instructions
            && writes <= scenario.writes + 1e-9
            && allocations < scenario.allocations + 0.01;
        writeln!(
            io::stdout(),
            "{:<12}{instructions:>12.0} of {:>6.0}{writes:>10.2} of {:>4.2}{allocations:>13.2} of {:>4.1}{}",
            scenario.name,
            scenario.instructions,
            scenario.writes,
            scenario.allocations,
            if is_within { "" } else { "  TOO MANY" }
        )?;
        if !is_within {
            verdict = ExitCode::FAILURE;
        }
    }
    Ok(verdict)
}

/// Allocations inside the batches and writes, of one run.
fn measure(scenario: &Scenario, batches: u32) -> (u64, u64) {
    let setup = Setup {
        downstream: scenario.downstream,
        upstream: scenario.upstream,
        concurrency: scenario.concurrency,
        lifetime: scenario.lifetime,
        bootstrap: bootstrap(scenario),
        allocations: counting::allocations,
    };
    let mut proxy = Proxy::new(setup);
    (0..batches).for_each(|_| proxy.exchange());
    (proxy.allocations(), proxy.writes())
}

/// Instructions, allocations and writes of so many batches.
fn count(scenario: &Scenario, batches: u32) -> io::Result<(u64, u64, u64)> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let profile = target.join(format!("callgrind.{}.{batches}", scenario.name));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted_turn*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--run", scenario.name, &batches.to_string()])
        .stderr(Stdio::piped())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().map_err(io::Error::other));
    let mut number = || numbers.next().ok_or_else(|| io::Error::other("the child counted nothing"))?;
    let (allocations, writes) = (number()?, number()?);
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    let total = total.ok_or_else(|| io::Error::other("callgrind counted nothing"))?;
    Ok((total.trim().parse().map_err(io::Error::other)?, allocations, writes))
}

fn bootstrap(scenario: &Scenario) -> String {
    let log = match scenario.config {
        Config::Plain | Config::TenFilters | Config::TenUpstream => "",
        Config::Logged | Config::Rich => {
            "
          access_log:
          - name: file
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null"
        }
    };
    let mut routes = String::new();
    let mut policy = "";
    if scenario.config == Config::Rich {
        policy = ", retry_policy: {retry_on: \"connect-failure,reset-before-request\", num_retries: 2}";
        for number in 0..999 {
            let _ = write!(
                routes,
                "\n                - {{match: {{prefix: \"/service-{number}/\"}}, route: {{cluster: a}}}}"
            );
        }
    }
    let filter = |name: &str, kind: &str| {
        let any = format!("{{\"@type\": type.googleapis.com/envoy.extensions.filters.http.{kind}}}");
        format!("{{name: {name}, typed_config: {any}}}, ")
    };
    // The name tells what it is: a configuration's type is of no meaning in here.
    let ten: String = (0..10).map(|number| filter(&format!("passthrough-{number}"), "cors.v3.Cors")).collect();
    let (filters, upstream_filters) = match scenario.config {
        Config::Plain | Config::Logged | Config::Rich => (String::new(), String::new()),
        Config::TenFilters => (ten, String::new()),
        Config::TenUpstream => (String::new(), ten + &filter("codec", "upstream_codec.v3.UpstreamCodec")),
    };
    let http2 = match scenario.upstream {
        Version::Http1 => "",
        Version::Http2 => {
            "
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}"
        }
    };
    format!(
        "
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress{log}
          route_config:
            virtual_hosts:
            - name: v
              domains: [\"*\"]
              routes:{routes}
                - {{match: {{prefix: \"/\"}}, route: {{cluster: a{policy}}}}}
          http_filters: [{filters}{{name: router, typed_config: {{
            \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router,
            upstream_http_filters: [{upstream_filters}]}}}}]
  clusters:
  - name: a{http2}
    load_assignment:
      cluster_name: a
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 1}}}}}}}}]}}]
"
    )
}
