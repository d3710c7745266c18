"""The origins behind every proxy: one nginx worker for HTTP/1.1; for HTTP/2 one h2o worker, else the same nginx.

Multiplexed streams of one connection cost nginx 14 us each and h2o 3 us: with nginx alone the origin would be the limit
of a cheap proxy, and the figures of a proxy that waits are worse than those of one that works.
"""

from __future__ import annotations

import os
from pathlib import Path

from .process import Process

SIZES = {"/": 1024, "/10k": 10 * 1024, "/1m": 1024 * 1024}

# `return` answers from memory without a file; larger bodies are files sent with sendfile.
CONFIG = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/origin.pid;
error_log {folder}/origin.err crit;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  http2_max_concurrent_streams 1024;
  sendfile on;
  tcp_nodelay on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{h1} backlog=4096;
    {http2}
    location = / {{ return 200 "{small}"; }}
    location / {{ root {folder}/files; }}
  }}
}}
"""


H2O_CONFIG = """\
num-threads: 1
max-connections: 16384
http1-request-timeout: 3600
http2-idle-timeout: 3600
http2-max-concurrent-requests-per-connection: 1024{user}
listen: {{host: 127.0.0.1, port: {h2}}}
hosts:
  default:
    paths:
      /:
        file.dir: {folder}/files
        file.index: [small]
"""


def start(nginx: str, h2o: str | None, folder: Path, h1: int, h2: int, core: int) -> list[Process]:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for path, size in SIZES.items():
        (files / (path[1:] or "small")).write_bytes(b"0123456789abcdef" * (size // 16))
    config = folder / "origin.conf"
    http2 = "" if h2o else f"listen 127.0.0.1:{h2} http2 backlog=4096;"
    config.write_text(CONFIG.format(folder=folder, h1=h1, http2=http2, small="x" * SIZES["/"]))
    started = [Process([nginx, "-c", str(config), "-p", str(folder)], core, folder / "origin.log")]
    if h2o:
        config = folder / "origin-h2.conf"
        config.write_text(H2O_CONFIG.format(folder=folder, h2=h2, user="\nuser: root" if os.geteuid() == 0 else ""))
        started.append(Process([h2o, "-c", str(config)], core, folder / "origin-h2.log"))
    return started
