"""Runs cases: each binary gets the same config, the same ports and the same traffic."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import config as cfg
from . import diff, net, observe, steps, upstreams, yamlio
from .case import Case, CaseError, PortPool
from .proxy import Proxy

CASE_TIMEOUT = 40.0


@dataclass
class Outcome:
    case: str
    status: str                      # passed, failed, error, skipped, recorded
    seconds: float = 0.0
    differences: list[diff.Difference] = field(default_factory=list)
    problem: str = ""
    log: str = ""

    def as_dict(self) -> dict:
        return {"case": self.case, "status": self.status, "seconds": round(self.seconds, 2),
                "problem": self.problem, "differences": [d.as_dict() for d in self.differences], "log": self.log}


@dataclass
class Observation:
    data: dict
    problems: list[str]
    log: str


class Runner:
    def __init__(self, oracle: str | None, candidate: str | None, jobs: int = 2, keep: bool = False,
                 header_order: bool = True, start_timeout: float = 15.0, concurrency: int = 1) -> None:
        self.oracle, self.candidate = oracle, candidate
        self.keep, self.header_order, self.start_timeout = keep, header_order, start_timeout
        self.concurrency = concurrency
        self.ports = PortPool()
        self.timings = False
        self.jobs = jobs
        self.slots = asyncio.Semaphore(jobs)
        self.root = Path(tempfile.gettempdir()) / "parity"
        self.root.mkdir(parents=True, exist_ok=True)

    # -- one binary, one case -----------------------------------------------
    async def observe(self, case: Case, binary: str, ports: dict[str, int],
                      patches: list[dict] | None = None) -> Observation:
        work = Path(tempfile.mkdtemp(prefix="", dir=self.root))
        resolver = cfg.Resolver(ports, str(work), net.cert_path, net.key_path)
        bootstrap = case.bootstrap()
        for patch in patches or []:
            bootstrap = cfg.apply_patch(bootstrap, patch["path"], cfg.expand(patch))
        bootstrap = resolver(bootstrap)
        config = work / "bootstrap.yaml"
        config.write_text(yamlio.dump(bootstrap))
        for item in resolver(cfg.expand(case.data.get("files") or [])):
            path = Path(item["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            if "symlink" in item:
                path.symlink_to(item["symlink"])
            else:
                path.write_text(steps.file_text(item))
        servers = {name: upstreams.make(name, resolver(cfg.expand(spec)), ports[name])
                   for name, spec in case.upstreams.items()}
        start = case.data.get("start") or {}
        proxy = Proxy(binary, config, work, ports.get("admin"), ports.get("admin", ports["listener"]),
                      [str(a) for a in resolver(case.data.get("args") or [])],
                      {k: str(v) for k, v in resolver(case.data.get("env") or {}).items()},
                      case.workers(self.concurrency))
        context = steps.Context(resolver, proxy, servers, work)
        data: dict = {}
        began = time.monotonic()
        try:
            for server in servers.values():
                if server.spec.get("start", True):
                    await server.start()
            data["start"] = await proxy.start(start.get("timeout", self.start_timeout), start.get("wait", True))
            results: dict = {}
            if proxy.alive:
                limit = case.data.get("timeout", CASE_TIMEOUT)
                try:
                    async with asyncio.timeout(limit):
                        await steps.run_steps(context, case.data.get("steps") or [], results)
                except (asyncio.TimeoutError, TimeoutError):
                    context.problems.append(f"the steps took more than {limit} s")
            data["steps"] = results
            context.close()
            await self._collect(case, proxy, servers, data)
            closing = time.monotonic()
            data["exit"] = await proxy.stop()
            if self.timings:
                marks = context.timings + [("stop", time.monotonic() - closing), ("all", time.monotonic() - began)]
                print(f"     {case.name}: " + ", ".join(f"{name} {spent:.2f}" for name, spent in marks if spent > 0.3))
            data["logs"] = self._logs(case, work)
            normaliser = observe.Normaliser(ports, str(work), case.compare)
            return Observation(normaliser.value(data), context.problems, proxy.log_tail())
        finally:
            proxy.kill()
            context.close()
            await asyncio.gather(*(server.shutdown() for server in servers.values()), return_exceptions=True)
            if proxy.process is not None:
                await proxy.process.wait()
            if not self.keep:
                shutil.rmtree(work, ignore_errors=True)

    async def _collect(self, case: Case, proxy: Proxy, servers: dict, data: dict) -> None:
        compare = case.compare
        await asyncio.sleep(compare.get("settle_ms", 60) / 1000)
        if proxy.alive and ("stats" in compare or "stat_names" in compare):
            stats = await self._stable_stats(proxy, compare.get("stats") or [])
            if "stats" in compare:
                data["stats"] = observe.pick_stats(stats, compare["stats"])
            if "stat_names" in compare:
                data["stat_names"] = list(observe.pick_stats(stats, compare["stat_names"]))
        if proxy.alive:
            shown = {}
            for spec in compare.get("admin") or []:
                spec = {"path": spec} if isinstance(spec, str) else spec
                shown[spec["path"]] = observe.admin_view(await proxy.admin(spec.get("method", "GET"), spec["path"]),
                                                         spec)
            if shown:
                data["admin"] = shown
        data["upstreams"] = self._upstreams(case, servers)

    @staticmethod
    async def _stable_stats(proxy: Proxy, globs: list[str]) -> dict[str, str]:
        previous: dict = {}
        stats: dict[str, str] = {}
        for _ in range(12):
            stats = await proxy.stats()
            current = observe.pick_stats(stats, globs)
            if current == previous:
                break
            previous = current
            await asyncio.sleep(0.06)
        return stats

    @staticmethod
    def _upstreams(case: Case, servers: dict) -> dict:
        rules = case.compare.get("upstreams", True)
        if rules is False:
            return {}
        shown = {}
        for name, server in servers.items():
            rule = rules.get(name, rules.get("default", True)) if isinstance(rules, dict) else True
            if rule is False:
                continue
            rule = rule if isinstance(rule, dict) else {}
            seen = server.observation()
            unrecorded = server.spec.get("unrecorded")
            hidden = set(unrecorded) if isinstance(unrecorded, list) else set()
            if hidden:
                seen["requests"] = [r for r in seen["requests"] if r["line"].split(" ")[1] not in hidden]
            if hidden or rule.get("connections") is False:
                seen.pop("connections", None)
                seen["requests"] = [{k: v for k, v in r.items() if k != "conn"} for r in seen.get("requests", [])]
            if rule.get("requests") is False:
                seen.pop("requests", None)
            if rule.get("count_only"):
                seen = {key: len(value) for key, value in seen.items()}
            if rule.get("unordered") and "requests" in seen:
                seen["requests"] = sorted(seen["requests"], key=lambda r: (r["line"], repr(r.get("body")),
                                                                           repr(r.get("headers"))))
            shown[name] = seen
        return shown

    @staticmethod
    def _logs(case: Case, work: Path) -> dict:
        compare = case.compare
        if compare.get("logs") is False:
            return {}
        found = {}
        for path in sorted(work.rglob("*.log")):
            if path.name == "proxy.log":
                continue
            lines: list = path.read_text(errors="replace").splitlines()
            if compare.get("json_logs"):
                lines = [_json_or_text(line) for line in lines]
            if compare.get("unordered_logs"):
                lines = sorted(lines, key=str)
            found[str(path.relative_to(work))] = lines
        return found

    # -- comparison ------------------------------------------------------------
    async def compare(self, case: Case, patches: list[dict] | None = None) -> Outcome:
        """Oracle against candidate, both live."""
        ports = await self.ports.take(case.name, case.port_names())
        started = time.monotonic()
        try:
            oracle = await self.observe(case, self.oracle, ports)
            if oracle.problems or not str(oracle.data["start"]).startswith(_expected_start(case)):
                return Outcome(case.name, "error", time.monotonic() - started,
                               problem="oracle: " + ("; ".join(oracle.problems) or str(oracle.data["start"])),
                               log=oracle.log)
            candidate = await self.observe(case, self.candidate, ports, patches)
            return self._judge(case, oracle.data, candidate, started)
        finally:
            self.ports.give_back(ports)

    async def replay(self, case: Case) -> Outcome:
        """Recorded oracle results against the live candidate."""
        started = time.monotonic()
        if not case.recorded_path.exists():
            return Outcome(case.name, "error", problem="nothing recorded for this case")
        recorded = json.loads(case.recorded_path.read_text())
        ports = await self.ports.take(case.name, case.port_names(), recorded["ports"])
        started = time.monotonic()
        try:
            candidate = await self.observe(case, self.candidate, ports)
            return self._judge(case, recorded["observation"], candidate, started)
        finally:
            self.ports.give_back(ports)

    async def record(self, case: Case) -> Outcome:
        ports = await self.ports.take(case.name, case.port_names())
        started = time.monotonic()
        try:
            oracle = await self.observe(case, self.oracle, ports)
            if oracle.problems or not str(oracle.data["start"]).startswith(_expected_start(case)):
                return Outcome(case.name, "error", time.monotonic() - started,
                               problem="oracle: " + ("; ".join(oracle.problems) or str(oracle.data["start"])),
                               log=oracle.log)
            text = json.dumps({"ports": ports, "observation": _jsonable(oracle.data)}, indent=1, ensure_ascii=False)
            case.recorded_path.write_text(_PAIR.sub(r"[\1, \2]", text) + "\n")
            return Outcome(case.name, "recorded", time.monotonic() - started)
        finally:
            self.ports.give_back(ports)

    def _judge(self, case: Case, oracle: dict, candidate: Observation, started: float) -> Outcome:
        left, right = _jsonable(oracle), _jsonable(candidate.data)
        if case.workers(self.concurrency) > 1:
            left, right = observe.any_worker(left), observe.any_worker(right)
        if left["start"] != right["start"]:  # nothing else is comparable
            left, right = ({key: data.get(key) for key in ("start", "exit")} for data in (left, right))
        found = diff.compare(left, right)
        found = diff.filtered(found, case.compare.get("ignore") or [],
                              self.header_order and case.compare.get("header_order", True))
        status = "failed" if found else "passed"
        problem = "candidate: " + "; ".join(candidate.problems) if candidate.problems else ""
        return Outcome(case.name, status, time.monotonic() - started, found, problem,
                       candidate.log if found else "")

    async def guarded(self, case: Case, action) -> Outcome:
        if case.data.get("skip"):
            return Outcome(case.name, "skipped", problem=str(case.data["skip"]))
        async with self.slots:
            try:
                return await action(case)
            except (CaseError, steps.StepError, cfg.MacroError) as exc:
                return Outcome(case.name, "error", problem=str(exc))
            except Exception as exc:  # noqa: BLE001 - one broken case must not end the run
                return Outcome(case.name, "error", problem=f"{exc.__class__.__name__}: {exc}")

    async def run_all(self, cases: list[Case], action, on_outcome) -> list[Outcome]:
        """Cases marked `serial` run alone, after the others."""
        outcomes = []

        async def one(case: Case) -> None:
            outcome = await self.guarded(case, action)
            outcomes.append(outcome)
            on_outcome(outcome)
        together = [case for case in cases if not case.data.get("serial")]
        await asyncio.gather(*(one(case) for case in together))
        for case in cases:
            if case.data.get("serial"):
                await one(case)
        return outcomes


# Header pairs on one line each keep recorded files readable.
_PAIR = re.compile(r'\[\n +("(?:[^"\\]|\\.)*"),\n +("(?:[^"\\]|\\.)*")\n +\]')


def _expected_start(case: Case) -> str:
    start = case.data.get("start") or {}
    return str(start.get("expect") or ("ready" if start.get("wait", True) else "started"))


def _json_or_text(line: str):
    try:
        return json.loads(line)
    except ValueError:
        return line


def _jsonable(value):
    return json.loads(json.dumps(value))
