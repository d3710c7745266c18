"""What is measured: each scenario runs one round with one peer and returns its figures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import load
from .origin import SIZES
from .peers import Peer, Setup
from .process import Died, Process

READY_LIMIT = 20.0
HELD_CONNECTIONS = 9900


@dataclass(frozen=True)
class Cores:
    proxy: int
    origin: int
    load: int


@dataclass(frozen=True)
class Scenario:
    """`kind` is `load`, `idle`, `conns` or `start`; the rest is for `load`."""

    name: str
    what: str
    kind: str = "load"
    path: str = "/"
    connections: int = 64
    streams: int = 0
    close: bool = False
    post: bytes = b""
    upstream_h2: bool = False

    @property
    def downstream_h2(self) -> bool:
        return self.streams > 0


# 96 streams: h2o as the origin allows 100 on a connection, and refuses a burst beyond that before its SETTINGS arrive.
ALL = [
    Scenario("h1", "HTTP/1.1, 1 KiB, 64 connections"),
    Scenario("h1-post", "HTTP/1.1, 1 KiB body sent", post=b"p" * 1024),
    Scenario("h1-conns", "HTTP/1.1, a new connection for each request", close=True),
    Scenario("h1-10k", "HTTP/1.1, 10 KiB", path="/10k"),
    Scenario("h1-1m", "HTTP/1.1, 1 MiB, 16 connections", path="/1m", connections=16),
    Scenario("h2", "HTTP/2 to HTTP/1.1, 12 connections of 8 streams", connections=12, streams=8),
    Scenario("h2-h2", "HTTP/2 to HTTP/2, 12 connections of 8 streams", connections=12, streams=8,
             upstream_h2=True),
    Scenario("h2-1", "HTTP/2 to HTTP/1.1, one stream", connections=1, streams=1),
    Scenario("idle", "memory after the start, two workers", kind="idle"),
    Scenario("conns", f"memory of {HELD_CONNECTIONS} idle connections", kind="conns"),
    Scenario("start", "from exec to the first answer", kind="start"),
]


def chosen(names: str) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in ALL}
    if names == "all":
        return ALL
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise ValueError(f"unknown scenario {', '.join(unknown)}; one of {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def run(scenario: Scenario, peer: Peer, setup: Setup, cores: Cores, sources: list[Process], seconds: float,
        warm_up: float) -> dict:
    """One round. The proxy is started for it and stopped after it; `sources` are the origins."""
    for source in sources:
        source.check()
    setup = replace(setup, downstream_h2=scenario.downstream_h2, upstream_h2=scenario.upstream_h2)
    if scenario.kind == "idle":
        setup = replace(setup, workers=2)
    if scenario.kind == "conns":
        setup = replace(setup, max_connections=HELD_CONNECTIONS + 40)
    command = peer.command(setup)
    began = time.monotonic()
    proxy = Process(command, cores.proxy, setup.folder / f"{peer.name}.log")
    try:
        wait_ready(proxy, setup, scenario)
        ready = time.monotonic() - began
        if scenario.kind == "start":
            cpu = proxy.cpu()
            return {"ready_ms": ready * 1000, "cpu_ms": (cpu.user + cpu.system) * 1000}
        if scenario.kind == "idle":
            time.sleep(1)
            return {f"{name}_bytes": value for name, value in proxy.memory().items()}
        if scenario.kind == "conns":
            return held(proxy, setup)
        return loaded(scenario, proxy, setup, cores, sources, seconds, warm_up)
    finally:
        proxy.stop()


def wait_ready(proxy: Process, setup: Setup, scenario: Scenario) -> None:
    """Until a request is answered, in the protocol of the scenario.

    With HTTP/2 upstreams the request also brings the origin's SETTINGS: a first burst that comes before them is partly
    refused by some origins.
    """
    deadline = time.monotonic() + READY_LIMIT
    while time.monotonic() < deadline:
        proxy.check()
        try:
            if scenario.downstream_h2:
                load.socket.create_connection(("127.0.0.1", setup.port), 1).close()
                first = load.h2load_once(f"http://127.0.0.1:{setup.port}{scenario.path}")
                if first == 1:
                    return
                continue
            status, size = load.get(setup.port, scenario.path)
            if status == 200 and size == SIZES[scenario.path]:
                return
        except OSError:
            pass
        time.sleep(0.001)
    raise Died(f"not ready after {READY_LIMIT:.0f} s: {proxy.tail()}")


def loaded(scenario: Scenario, proxy: Process, setup: Setup, cores: Cores, sources: list[Process], seconds: float,
           warm_up: float) -> dict:
    idle = proxy.memory()
    first = generate(scenario, setup, cores, warm_up, setup.folder / "h2load.log")
    before, origin_before, began = proxy.cpu(), [source.cpu() for source in sources], time.monotonic()
    result = generate(scenario, setup, cores, seconds, None)
    spent, took = proxy.cpu() - before, time.monotonic() - began
    behind = [source.cpu() - start for source, start in zip(sources, origin_before)]
    proxy.check()
    memory = proxy.memory()
    count = max(result.requests, 1)
    return {
        "requests": result.requests,
        "failures": result.failures + first.failures,
        "notes": first.notes + result.notes,
        "requests_per_second": result.requests / result.seconds,
        "user_us": spent.user * 1e6 / count,
        "system_us": spent.system * 1e6 / count,
        "total_us": (spent.user + spent.system) * 1e6 / count,
        "origin_us": sum(cpu.user + cpu.system for cpu in behind) * 1e6 / count,
        "p50_ms": result.p50_ms or first.p50_ms,
        "p99_ms": result.p99_ms or first.p99_ms,
        "utilisation": (spent.user + spent.system) / took,
        "idle_rss_bytes": idle["rss"],
        "loaded_rss_bytes": memory["rss"],
        "loaded_pss_bytes": memory["pss"],
    }


def generate(scenario: Scenario, setup: Setup, cores: Cores, seconds: float, log: Path | None) -> load.Load:
    url = f"http://127.0.0.1:{setup.port}{scenario.path}"
    if scenario.downstream_h2:
        return load.h2load(cores.load, url, seconds, scenario.connections, scenario.streams, log)
    return load.wrk(cores.load, url, seconds, scenario.connections, setup.folder, scenario.close, scenario.post)


def held(proxy: Process, setup: Setup) -> dict:
    first = load.hold(setup.port, 10)
    time.sleep(0.5)
    before = proxy.memory()["pss"]
    more = load.hold(setup.port, HELD_CONNECTIONS - len(first))
    time.sleep(1)
    after = proxy.memory()["pss"]
    proxy.check()
    for sock in first + more:
        sock.close()
    return {"bytes_per_connection": (after - before) / len(more), "base_pss_bytes": before, "held_pss_bytes": after}
