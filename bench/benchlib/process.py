"""Starts pinned processes and reads their CPU time and memory from /proc."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Died(Exception):
    """A process ended before its time; carries the tail of its output."""


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of a process and its children, all threads."""

    user: float
    system: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user - other.user, self.system - other.system)


def raise_file_limit() -> int:
    """Lifts the soft limit of open files to the hard one; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Process:
    """A command pinned to a core, in a session of its own, with its output in a file."""

    def __init__(self, command: list[str], core: int, log: Path) -> None:
        self.command, self.log = command, log
        with open(log, "wb") as output:
            self.child = subprocess.Popen(["taskset", "-c", str(core), *command], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output, start_new_session=True)

    def check(self) -> None:
        if self.child.poll() is not None:
            raise Died(f"{self.command[0]} ended with {self.child.returncode}: {self.tail()}")

    def tail(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-3:])

    def pids(self) -> list[int]:
        """Every process of the session: nginx and others fork their workers."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                fields = _stat(int(entry))
                if fields and int(fields[3]) == self.child.pid:
                    found.append(int(entry))
        return found

    def cpu(self) -> Cpu:
        user = system = 0
        for pid in self.pids():
            fields = _stat(pid)
            if fields:
                user += int(fields[11])
                system += int(fields[12])
        return Cpu(user / TICKS, system / TICKS)

    def memory(self) -> dict[str, int]:
        """Bytes: `rss` and `pss`, summed over the processes."""
        total = {"rss": 0, "pss": 0}
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            for line in text.splitlines():
                name, _, rest = line.partition(":")
                if name.lower() in total:
                    total[name.lower()] += int(rest.split()[0]) * 1024
        return total

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            pass
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        while self.pids():
            time.sleep(0.01)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command name, from `state` on; None when it has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields
