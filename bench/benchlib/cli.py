"""The command line: which proxies, which scenarios, how many rounds."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import load, origin, peers, report, scenarios
from .process import Died, raise_file_limit


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="CPU per request of the candidate and its peers.")
    parser.add_argument("--candidate", metavar="BIN", help="binary under test; named `candidate` in the tables")
    parser.add_argument("--peers", default="envoy,haproxy,nginx,h2o", metavar="LIST",
                        help="envoy, haproxy, nginx, h2o, or NAME=COMMAND (takes -c FILE --concurrency N); default all")
    parser.add_argument("--scenario", default="all", metavar="LIST",
                        help="all, or of: " + ", ".join(s.name for s in scenarios.ALL))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3, help="of one measured run")
    parser.add_argument("--warm-up", type=float, default=1, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--envoy", metavar="BIN", help="default: the one of parity's environment, else PATH")
    parser.add_argument("--bin", action="append", default=[], metavar="NAME=PATH", help="another nginx, haproxy or h2o")
    parser.add_argument("--port", type=int, default=18000,
                        help="of the proxy; admin is +1, the origins are +80 (HTTP/1.1) and +82 (HTTP/2)")
    parser.add_argument("--cores", default="0,1,1", metavar="PROXY,ORIGIN,LOAD")
    parser.add_argument("--keep", action="store_true", help="keep the folder of configurations and logs")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        wanted = scenarios.chosen(args.scenario)
    except ValueError as exc:
        sys.exit(f"bench: {exc}")
    missing = [tool for tool in ("nginx", "wrk", "h2load", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"bench: missing {', '.join(missing)}: nginx is the origin, wrk and h2load (nghttp2-client) the load")
    competitors = choose(args)
    if not competitors:
        sys.exit("bench: no proxy to measure")
    if raise_file_limit() < 2 * scenarios.HELD_CONNECTIONS + 200 and any(s.kind == "conns" for s in wanted):
        print("bench: scenario conns left out: it needs a limit of 20,000 open files", file=sys.stderr)
        wanted = [scenario for scenario in wanted if scenario.kind != "conns"]
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    os.chmod(folder, 0o755)  # a worker that gives up root still reads it
    try:
        return measure(args, wanted, competitors, folder)
    except KeyboardInterrupt:
        return 130
    finally:
        if args.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def choose(args) -> list[peers.Peer]:
    binaries = dict(item.split("=", 1) for item in args.bin)
    if args.envoy:
        binaries["envoy"] = args.envoy
    found: list[peers.Peer] = []
    if args.candidate:
        binary = shutil.which(args.candidate)
        if binary is None:
            sys.exit(f"bench: no executable {args.candidate!r}")
        found.append(peers.EnvoyLike("candidate", binary, ["-l", "error", "--base-id", str(args.port)]))
    for name in filter(None, args.peers.split(",")):
        try:
            found.append(peers.make(name, binaries))
        except peers.Unable as exc:
            print(f"bench: {name} skipped: {exc}", file=sys.stderr)
    return found


def measure(args, wanted, competitors, folder: Path) -> int:
    cores = scenarios.Cores(*map(int, args.cores.split(",")))
    setup = peers.Setup(folder, args.port, args.port + 80, args.port + 82)
    facts = machine(competitors)
    print(f"{facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}, load {facts['load'][0]:.2f}")
    for name, version in facts["versions"].items():
        print(f"  {name}: {version}")
    h2_origin = shutil.which("h2o")
    if h2_origin is None and any(scenario.upstream_h2 for scenario in wanted):
        print("bench: no h2o for the HTTP/2 origin: nginx takes its place and may be the limit", file=sys.stderr)
    sources = origin.start(shutil.which("nginx"), h2_origin, folder, setup.origin_h1, setup.origin_h2, cores.origin)
    report_ = {"machine": facts, "rounds": args.rounds, "seconds": args.seconds, "scenarios": {}}
    broken = False
    try:
        for scenario in wanted:
            results = rounds(args, scenario, competitors, setup, cores, sources)
            broken |= any(r.get("invalid") for r in results.values())
            report_["scenarios"][scenario.name] = {"what": scenario.what, "proxies": results}
            print(f"\n{scenario.name}: {scenario.what}")
            print(report.table(scenario.kind, results, competitors[0].name), flush=True)
            if args.json:  # after each scenario: a long run that is stopped has not been for nothing
                args.json.write_text(json.dumps(report_, indent=1) + "\n")
    finally:
        for source in sources:
            source.stop()
    return 1 if broken else 0


def rounds(args, scenario, competitors, setup, cores, sources) -> dict[str, dict]:
    """Interleaved: every round runs each proxy once, in an order that turns."""
    results: dict[str, dict] = {peer.name: {"rounds": []} for peer in competitors}
    for number in range(args.rounds):
        turn = number % len(competitors)
        for peer in competitors[turn:] + competitors[:turn]:
            result = results[peer.name]
            if "problem" in result:
                continue
            if sys.stderr.isatty():
                print(f"\r{scenario.name} {number + 1}/{args.rounds} {peer.name:20}", end="\r", file=sys.stderr)
            try:
                result["rounds"].append(scenarios.run(scenario, peer, setup, cores, sources, args.seconds,
                                                         args.warm_up))
            except peers.Unable as exc:
                result["problem"] = f"skipped: {exc}"
            except (Died, load.Broken, OSError) as exc:
                result["problem"], result["invalid"] = f"invalid: {exc}", True
    for result in results.values():
        judge(result)
    return results


def judge(result: dict) -> None:
    """A scenario with failed requests is invalid: what is cheap because it fails is not cheap."""
    failures = sum(entry.get("failures", 0) for entry in result["rounds"])
    if failures:
        notes = [note for entry in result["rounds"] for note in entry["notes"]]
        result["problem"], result["invalid"] = f"invalid: {failures} failed requests ({notes[0] if notes else ''})", True
    if any(entry.get("requests") == 0 for entry in result["rounds"]):
        result["problem"], result["invalid"] = "invalid: a round without any request answered", True
    if result["rounds"]:
        result["summary"] = report.summary(result["rounds"])


def machine(competitors) -> dict:
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": {peer.name: peer.version() for peer in competitors}}
