"""The load generators, wrk and h2load, pinned, with their reports parsed; and a client that only holds connections."""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class Broken(Exception):
    """The generator did not report what is expected of it."""


@dataclass
class Load:
    """What one run of a generator saw."""

    requests: int
    seconds: float
    failures: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    notes: list[str] = field(default_factory=list)


def wrk(core: int, url: str, seconds: float, connections: int, folder: Path, close: bool, post: bytes) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "10s"]
    if close:
        command += ["-H", "Connection: close"]
    if post:
        script = folder / "post.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("p", {len(post)})\n')
        command += ["-s", str(script)]
    text = _run(core, [*command, url], seconds)
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", text)
    if not total:
        raise Broken(f"wrk: {text[-300:]}")
    load = Load(int(total[1]), float(total[2]) * UNITS_MS[total[3]] / 1000, 0)
    for percent, name in (("50", "p50_ms"), ("99", "p99_ms")):
        found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)", text, re.M)
        setattr(load, name, float(found[1]) * UNITS_MS[found[2]] if found else None)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    load.failures = sum(map(int, errors.groups())) if errors else 0
    load.failures += int(bad[1]) if bad else 0
    load.notes = [found[0] for found in (errors, bad) if found]
    return load


def h2load(core: int, url: str, seconds: float, connections: int, streams: int, log: Path | None) -> Load:
    """With `log`, every request is written to it and the percentiles come from there: not for measured runs."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", "-D", str(max(1, round(seconds)))]
    if log is not None:
        log.unlink(missing_ok=True)
        command.append(f"--log-file={log}")
    text = _run(core, [*command, url], seconds)
    counts = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, "
                       r"(\d+) errored, (\d+) timeout", text)
    length = re.search(r"finished in ([\d.]+)(us|ms|s|m)", text)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if not (counts and length and codes):
        raise Broken(f"h2load: {text[-300:]}")
    _, _, done, succeeded, failed, errored, timeout = map(int, counts.groups())
    load = Load(succeeded, float(length[1]) * UNITS_MS[length[2]] / 1000, 0)
    load.failures = max(failed, errored + timeout, done - succeeded)
    load.notes = [counts[0]] if load.failures else []
    if log is not None and log.exists():
        times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines() if line.count("\t") == 2)
        if times:
            load.p50_ms = times[len(times) // 2] / 1000
            load.p99_ms = times[len(times) * 99 // 100] / 1000
    return load


def h2load_once(url: str) -> int:
    """Requests answered with 2xx, of one."""
    done = subprocess.run(["h2load", "-n1", "-c1", "-m1", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=20, check=False)
    codes = re.search(rb"status codes: (\d+) 2xx", done.stdout)
    return int(codes[1]) if codes else 0


def _run(core: int, command: list[str], seconds: float) -> str:
    done = subprocess.run(["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=seconds + 60, check=False)
    return done.stdout.decode(errors="replace")


def get(port: int, path: str, timeout: float = 5.0, sock: socket.socket | None = None) -> tuple[int, int]:
    """One HTTP/1.1 GET: status and bytes of body. With `sock` the connection is the caller's, and stays open."""
    own = sock is None
    sock = sock or socket.create_connection(("127.0.0.1", port), timeout)
    try:
        close = "Connection: close\r\n" if own else ""
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: bench.test\r\n{close}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += _receive(sock)
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"^content-length:\s*(\d+)", head, re.M | re.I)
        if found is None:
            raise OSError("answer without content-length")
        length, size = int(found[1]), len(body)
        while size < length:
            size += len(_receive(sock))
        return int(head.split(b" ", 2)[1]), size
    finally:
        if own:
            sock.close()


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise OSError("connection ended early")
    return data


def hold(port: int, count: int) -> list[socket.socket]:
    """Opens `count` connections, one request on each, one after the other: the upstream pool stays small."""
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        status, _ = get(port, "/", sock=sock)
        if status != 200:
            raise Broken(f"answer {status} on connection {len(held)}")
        held.append(sock)
    return held
