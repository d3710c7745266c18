"""How each proxy is configured and started, with equal work for all.

Every proxy: parses, routes by one rule, appends x-forwarded-for and x-forwarded-proto, adds x-request-id (h2o 2.2
cannot), keeps upstream connections, has its timeouts on, and writes no access log.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


class Unable(Exception):
    """Why a peer cannot take part in a scenario."""


@dataclass(frozen=True)
class Setup:
    """What a scenario asks of a proxy."""

    folder: Path
    port: int
    origin_h1: int
    origin_h2: int
    workers: int = 1
    downstream_h2: bool = False
    upstream_h2: bool = False
    max_connections: int = 3000

    @property
    def admin(self) -> int:
        return self.port + 1

    @property
    def origin(self) -> int:
        return self.origin_h2 if self.upstream_h2 else self.origin_h1


class Peer:
    """A proxy by name. `command` writes its configuration and says how to start it."""

    def __init__(self, name: str, binary: str) -> None:
        self.name, self.binary = name, binary

    def command(self, setup: Setup) -> list[str]:
        raise NotImplementedError

    def version(self) -> str:
        return _output([self.binary, "--version"])


class EnvoyLike(Peer):
    """Envoy, the candidate, or any binary that takes `-c FILE --concurrency N`."""

    def __init__(self, name: str, binary: str, options: list[str]) -> None:
        super().__init__(name, binary)
        self.options = options

    def command(self, setup: Setup) -> list[str]:
        path = setup.folder / f"{self.name}.yaml"
        path.write_text(json.dumps(bootstrap(setup), indent=1))  # JSON is YAML
        return [*self.binary.split(), "-c", str(path), "--concurrency", str(setup.workers), *self.options]

    def version(self) -> str:
        return _output([self.binary.split()[0], "--version"]) if self.options else ""


def bootstrap(setup: Setup) -> dict:
    """The router alone, Envoy's default timeouts, stats and circuit breakers."""
    typed = "type.googleapis.com/envoy.extensions."
    manager = {
        "@type": typed + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "use_remote_address": True,
        "route_config": {"name": "local", "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]}]},
        "http_filters": [{"name": "envoy.filters.http.router",
                          "typed_config": {"@type": typed + "filters.http.router.v3.Router"}}],
    }
    cluster = {
        "name": "origin",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": _address(setup.origin)}}]}]},
    }
    if setup.upstream_h2:
        cluster["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": typed + "upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}
    return {
        "admin": {"address": _address(setup.admin)},
        "static_resources": {
            "listeners": [{"name": "ingress", "address": _address(setup.port), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": [cluster],
        },
    }


def _address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Nginx(Peer):
    def command(self, setup: Setup) -> list[str]:
        if setup.upstream_h2 and self.number() < (1, 29, 4):
            raise Unable("HTTP/2 to upstreams needs nginx 1.29.4")
        path = setup.folder / "nginx.conf"
        path.write_text(NGINX.format(
            folder=setup.folder, workers=setup.workers, master="off" if setup.workers == 1 else "on",
            connections=1024 + 2 * setup.max_connections, port=setup.port, origin=setup.origin,
            h2=" http2" if setup.downstream_h2 else "", version="2" if setup.upstream_h2 else "1.1"))
        return [self.binary, "-c", str(path), "-p", str(setup.folder)]

    def version(self) -> str:
        return _output([self.binary, "-v"])

    def number(self) -> tuple[int, ...]:
        found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", self.version())
        return tuple(map(int, found.groups())) if found else ()


NGINX = """\
daemon off;
master_process {master};
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/nginx.err crit;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  http2_max_concurrent_streams 256;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  upstream origin {{
    server 127.0.0.1:{origin};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
  }}
  server {{
    listen 127.0.0.1:{port}{h2} backlog=4096;
    location / {{
      proxy_pass http://origin;
      proxy_http_version {version};
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
      proxy_read_timeout 15s;
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""


class Haproxy(Peer):
    def command(self, setup: Setup) -> list[str]:
        path = setup.folder / "haproxy.cfg"
        path.write_text(HAPROXY.format(
            workers=setup.workers, connections=setup.max_connections, port=setup.port, origin=setup.origin,
            down=" proto h2" if setup.downstream_h2 else "", up=" proto h2" if setup.upstream_h2 else ""))
        return [self.binary, "-db", "-f", str(path)]

    def version(self) -> str:
        return _output([self.binary, "-v"])


HAPROXY = """\
global
  nbthread {workers}
  maxconn {connections}
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 15s
  timeout http-keep-alive 3600s
  http-reuse always
  option forwardfor
  unique-id-format %[uuid()]
  unique-id-header x-request-id
frontend ingress
  bind 127.0.0.1:{port} backlog 4096{down}
  http-request set-header x-forwarded-proto http
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}{up}
"""


class H2o(Peer):
    def command(self, setup: Setup) -> list[str]:
        if setup.upstream_h2 and self.number() < (2, 3):
            raise Unable("HTTP/2 to upstreams needs h2o 2.3")
        path = setup.folder / "h2o.conf"
        path.write_text(H2O.format(
            workers=setup.workers, connections=setup.max_connections, port=setup.port, origin=setup.origin,
            user="\nuser: root" if os.geteuid() == 0 else "",
            ratio="\n        proxy.http2.ratio: 100" if setup.upstream_h2 else ""))
        return [self.binary, "-c", str(path)]

    def number(self) -> tuple[int, ...]:
        found = re.search(r"version (\d+)\.(\d+)", self.version())
        return tuple(map(int, found.groups())) if found else ()


H2O = """\
num-threads: {workers}
max-connections: {connections}{user}
http1-request-timeout: 3600
http2-idle-timeout: 3600
http2-max-concurrent-requests-per-connection: 256
listen:
  host: 127.0.0.1
  port: {port}
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: "http://127.0.0.1:{origin}/"
        proxy.preserve-host: ON
        proxy.timeout.io: 15000
        proxy.timeout.keepalive: 60000{ratio}
"""

KINDS = {"nginx": Nginx, "haproxy": Haproxy, "h2o": H2o}
ENVOY_OPTIONS = ["-l", "error", "--disable-hot-restart"]


def make(name: str, binaries: dict[str, str]) -> Peer:
    """A peer by its name, or `NAME=COMMAND` for a binary that reads Envoy's configuration."""
    label, sep, command = name.partition("=")
    if sep:
        if shutil.which(command.split()[0]) is None:
            raise Unable(f"no executable {command.split()[0]!r}")
        return EnvoyLike(label, command, [])
    if name not in KINDS and name != "envoy":
        raise Unable(f"unknown peer; one of envoy, {', '.join(KINDS)}, or NAME=COMMAND")
    binary = binaries.get(name) or (_packaged_envoy() if name == "envoy" else None) or shutil.which(name)
    if binary is None:
        raise Unable("not installed")
    return EnvoyLike(name, binary, ENVOY_OPTIONS) if name == "envoy" else KINDS[name](name, binary)


def _packaged_envoy() -> str | None:
    """The Envoy of the virtual environment that parity/setup.sh makes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = Path(os.environ.get("PARITY_VENV") or cache / "parity-venv")
    found = sorted(venv.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    return str(found[0]) if found else None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
    return lines[0].strip() if lines else ""
