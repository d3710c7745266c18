"""Starts and stops one proxy process, and talks to its admin interface."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from . import http1, net


class Proxy:
    def __init__(self, binary: str, config: Path, workdir: Path, admin_port: int | None, base_id: int,
                 args: list[str], env: dict[str, str], concurrency: int = 1) -> None:
        self.binary, self.config, self.workdir = binary, config, workdir
        self.admin_port, self.base_id = admin_port, base_id
        self.args, self.env, self.concurrency = args, env, concurrency
        self.process: asyncio.subprocess.Process | None = None
        self.exit_code: int | None = None

    @property
    def command(self) -> list[str]:
        command = [self.binary, "-c", str(self.config), "--base-id", str(self.base_id)]
        for name, value in (("--concurrency", str(self.concurrency)), ("-l", "warning"),
                            ("--file-flush-interval-msec", "50")):
            if name not in self.args:
                command += [name, value]
        return command + self.args

    async def start(self, timeout: float, wait_ready: bool = True) -> str:
        """`ready`, `not ready` or `exit N`."""
        with open(self.workdir / "proxy.log", "wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                cwd=self.workdir, env={**os.environ, **self.env}, start_new_session=True)
        deadline = asyncio.get_running_loop().time() + timeout
        while asyncio.get_running_loop().time() < deadline:
            if self.process.returncode is not None:
                return f"exit {self.process.returncode}"
            if self.admin_port is None:
                await asyncio.sleep(0.5)
                if self.process.returncode is None:
                    return "started"
                continue
            answer = await self.admin("GET", "/ready", timeout=2)
            if answer.get("status") == 200 or ("status" in answer and not wait_ready):
                return "ready" if wait_ready else "started"
            await asyncio.sleep(0.03)
        return "not ready"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def admin(self, method: str, path: str, body: str = "", timeout: float = 5.0) -> dict:
        """One admin request on a fresh connection: the parsed response, or `error`."""
        try:
            reader, writer = await net.connect(self.admin_port, timeout=timeout)
        except net.NETWORK_ERRORS as exc:
            return {"error": net.describe_error(exc)}
        try:
            async with asyncio.timeout(timeout):
                headers = [["Host", "admin"], ["Connection", "close"]]
                if method != "GET":
                    headers.append(["Content-Length", str(len(body.encode()))])
                writer.write(http1.encode_head(f"{method} {path} HTTP/1.1", headers) + body.encode())
                return await http1.read_response(reader, method)
        except (asyncio.TimeoutError, TimeoutError):
            return {"error": "timeout"}
        finally:
            net.close_quietly(writer)

    async def stats(self, timeout: float = 5.0) -> dict[str, str]:
        answer = await self.admin("GET", "/stats", timeout=timeout)
        found = {}
        for line in answer.get("body", b"").decode("utf-8", "replace").splitlines():
            name, sep, value = line.partition(": ")
            if sep:
                found[name] = value
        return found

    async def stop(self, timeout: float = 5.0) -> int | None:
        if self.process is None:
            return None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), timeout)
            except (asyncio.TimeoutError, TimeoutError):
                self.process.kill()
                await self.process.wait()
                return None
        return self.process.returncode

    def kill(self) -> None:
        if self.alive:
            self.process.kill()

    def log_tail(self, lines: int = 15) -> str:
        try:
            text = (self.workdir / "proxy.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
