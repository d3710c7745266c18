"""Loading of case files and the ports they use."""

from __future__ import annotations

import asyncio
import fcntl
import fnmatch
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import config as cfg
from . import net, yamlio

PORT_FIRST, PORT_LAST = 22000, 24999
_KEYS = {"description", "tags", "serial", "timeout", "args", "env", "files", "bootstrap", "upstreams", "steps",
         "compare", "start", "skip", "concurrency"}


class CaseError(Exception):
    pass


@dataclass
class Case:
    name: str
    path: Path
    data: dict

    @classmethod
    def load(cls, path: Path, root: Path) -> "Case":
        try:
            data = yamlio.load(path.read_text())
        except yaml.YAMLError as exc:
            raise CaseError(f"{path}: {exc}") from None
        if not isinstance(data, dict) or "bootstrap" not in data:
            raise CaseError(f"{path}: a case is a mapping with `bootstrap`")
        unknown = set(data) - _KEYS
        if unknown:
            raise CaseError(f"{path}: unknown keys {sorted(unknown)}")
        return cls(str(path.relative_to(root).with_suffix("")), path, data)

    @property
    def recorded_path(self) -> Path:
        return self.path.with_suffix(".recorded.json")

    @property
    def upstreams(self) -> dict:
        return self.data.get("upstreams") or {}

    @property
    def compare(self) -> dict:
        return self.data.get("compare") or {}

    def workers(self, wanted: int) -> int:
        """How many workers a run with `wanted` gives this case: `concurrency:` is the most it can bear."""
        return min(wanted, self.data.get("concurrency", wanted))

    def bootstrap(self) -> dict:
        return cfg.with_admin(cfg.expand(self.data["bootstrap"]))

    def port_names(self) -> list[str]:
        names = cfg.port_names(self.bootstrap()) | set(self.upstreams) | {"listener"}
        names |= cfg.port_names([cfg.expand(self.data.get("steps")), cfg.expand(self.data.get("files")),
                                 cfg.expand(self.upstreams)])
        return sorted(names)


def find(roots: list[Path], patterns: list[str], names: list[str]) -> list[Case]:
    """Cases below the roots; `names` are case names, files or folders, `patterns` are globs or substrings."""
    cases: dict[str, Case] = {}
    for root in roots:
        for path in sorted(root.rglob("*.yaml")):
            if path.name.startswith("."):
                continue
            case = Case.load(path, root)
            cases[case.name] = case
    chosen = []
    for case in cases.values():
        if names and not any(_named(case, name) for name in names):
            continue
        if patterns and not any(p in case.name or fnmatch.fnmatch(case.name, p) or p in case.data.get("tags", [])
                                for p in patterns):
            continue
        chosen.append(case)
    return chosen


def _named(case: Case, name: str) -> bool:
    clean = name.removesuffix(".yaml").rstrip("/")
    if case.name == clean or case.name.startswith(clean + "/"):
        return True
    if not os.path.exists(name):
        return False
    full = Path(name).resolve()
    return case.path.resolve() == full or full in case.path.resolve().parents


def due(path: Path) -> list[str]:
    """The case names of a list like due.txt: one a line, `#` starts a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


class PortPool:
    """Hands out ports; the same case gets the same ports whenever they are free.

    A lock file for each port keeps two runs on one machine apart.
    """

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.lock = asyncio.Lock()
        self.folder = Path(tempfile.gettempdir()) / "parity-ports"
        self.folder.mkdir(exist_ok=True)

    async def take(self, case: str, names: list[str], wanted: dict[str, int] | None = None) -> dict[str, int]:
        async with self.lock:
            if wanted and set(wanted) == set(names):
                claimed = {name: port for name, port in wanted.items() if self._claim(port)}
                if len(claimed) == len(wanted):
                    return claimed
                self.give_back(claimed)
            span = PORT_LAST - PORT_FIRST + 1
            start = zlib.crc32(case.encode()) % span
            ports: dict[str, int] = {}
            for offset in range(span):
                port = PORT_FIRST + (start + offset) % span
                if self._claim(port):
                    ports[names[len(ports)]] = port
                    if len(ports) == len(names):
                        return ports
            self.give_back(ports)
            raise CaseError("no free ports left")

    def _claim(self, port: int) -> bool:
        if port in self.held:
            return False
        handle = os.open(self.folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        if not net.free_port(port):
            os.close(handle)
            return False
        self.held[port] = handle
        return True

    def give_back(self, ports: dict[str, int]) -> None:
        for port in ports.values():
            handle = self.held.pop(port, None)
            if handle is not None:
                os.close(handle)
