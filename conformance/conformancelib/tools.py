"""Builds the Go tools that tools/go.mod pins into a cache, and finds the real Envoy."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent.parent / "tools"


def cache() -> Path:
    """`$CONFORMANCE_CACHE`, else a folder of the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONFORMANCE_CACHE") or base / "conformance")


def go_tool(package: str) -> str:
    """The executable of a package that tools/go.mod pins, built on first use and after a change of the pins."""
    pins = MODULE / "go.mod"
    version = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    binary = cache() / version / package.replace("/", "+")
    if not binary.exists():
        if shutil.which("go") is None:
            sys.exit(f"conformance: go is needed once, to build {package}")
        print(f"building {package}", file=sys.stderr)
        binary.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "build", "-o", str(binary), package], check=True, cwd=MODULE)
    return str(binary)


def executable(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sys.exit(f"conformance: no executable {name!r}")
    return str(Path(found).absolute())


def envoy(option: str | None) -> str:
    """The option, `$ENVOY_BIN`, the one of parity's environment, or `envoy` on `PATH`."""
    choice = option or os.environ.get("ENVOY_BIN")
    if choice:
        return executable(choice)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = Path(os.environ.get("PARITY_VENV") or base / "parity-venv")
    packaged = sorted(venv.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    return str(packaged[0]) if packaged else executable("envoy")
