"""One proxy under test: an Envoy bootstrap with one HTTP/2 listener, started, waited for and stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

TYPES = "type.googleapis.com/envoy.extensions."


class NotReady(Exception):
    """The proxy did not become ready; carries the end of its log."""


def address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def typed(message: str, **fields) -> dict:
    return {"@type": TYPES + message, **fields}


def manager(route: dict, filters: list[dict] | None = None) -> dict:
    return typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="ingress",
        codec_type="HTTP2",
        delayed_close_timeout="0.05s",  # the default of 1 s looks like a connection that stays open
        route_config={"name": "local", "virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}]},
        http_filters=[*(filters or []),
                      {"name": "envoy.filters.http.router", "typed_config": typed("filters.http.router.v3.Router")}])


def bootstrap(listener: int, admin: int, route: dict, clusters: list[dict], filters: list[dict] | None = None,
              hops: dict[int, dict] | None = None) -> dict:
    """`route` is what follows `match`: `direct_response` or `route`. `hops` are more listeners, by port."""
    listeners = {listener: manager(route, filters)}
    listeners.update({port: manager(onward) for port, onward in (hops or {}).items()})
    return {
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": f"in-{port}", "address": address(port), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}]}]}
                for port, config in listeners.items()],
            "clusters": clusters},
    }


def cluster(name: str, port: int, http2: bool) -> dict:
    result = {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": [
        {"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}
    if http2:
        result["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}})}
    return result


class Proxy:
    """A context: starts BINARY as parity does, and ends it."""

    def __init__(self, binary: str, config: dict, folder: Path, admin: int, listener: int) -> None:
        self.binary, self.config, self.folder = binary, config, folder
        self.admin, self.listener = admin, listener

    def __enter__(self) -> "Proxy":
        path, self.log = self.folder / "bootstrap.yaml", self.folder / "proxy.log"
        path.write_text(json.dumps(self.config, indent=1))  # JSON is YAML
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [self.binary, "-c", str(path), "--base-id", str(self.listener), "--concurrency", "1", "-l", "warning"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            self._wait(20)
        except NotReady:
            self.__exit__()
            raise
        return self

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._ready():
                return
            time.sleep(0.03)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
        raise NotReady(f"{self.binary} is not ready (exit code {self.process.poll()}):\n{tail}")

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.admin), 1) as sock:
                sock.sendall(b"GET /ready HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
                return sock.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None
