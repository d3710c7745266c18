"""Makes observations comparable: ports, paths, times and identifiers become stable tokens."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re

from .net import CERT_DIR, host_address

TEXT_LIMIT = 6000
_PORT = re.compile(r"(?<![\d.])(2[2-4]\d{3})(?!\d)")
_EPHEMERAL = re.compile(r"(127\.\d+\.\d+\.\d+|\[::1\]|::1|localhost):(3[2-9]\d{3}|[45]\d{4}|60\d{3})(?!\d)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_WOBBLE = re.compile(r"~\d+(?:\.\d+)?~")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_HTTP_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
RECORDED_HOST = "192.0.2.2"  # stands for the machine's own address in recordings
_HEADER_KEYS = {"headers", "trailers"}


def is_headers(value) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str) for item in value)


class Normaliser:
    def __init__(self, ports: dict[str, int], tmp: str, compare: dict) -> None:
        self.by_port = {number: name for name, number in ports.items()}
        self.tmp = tmp
        own = host_address()
        self.own_address = re.compile(rf"(?<![\d.]){re.escape(own)}(?![\d.])") if own else None
        self.compare = compare
        self.uuids: dict[str, str] = {}
        self.drop_headers = {name.lower() for name in compare.get("drop_headers") or []}
        self.exact_case = compare.get("header_case") == "exact"
        self.first_seen = [re.compile(pattern) for pattern in compare.get("first_seen") or []]
        self.seen: dict[str, str] = {}
        self.replace = [(re.compile(pattern, re.S | re.M), new) for pattern, new in compare.get("replace") or []]

    def text(self, text: str) -> str:
        text = text.replace(self.tmp, "${tmp}").replace(str(CERT_DIR), "${certs}")
        if self.own_address:
            text = self.own_address.sub(RECORDED_HOST, text)
        text = _PORT.sub(self._port, text)
        text = _EPHEMERAL.sub(r"\1:<ephemeral>", text)
        text = _UUID.sub(self._uuid, text)
        text = _WOBBLE.sub("~n~", text)
        text = _ISO_TIME.sub("<time>", text)
        text = _HTTP_DATE.sub("<date>", text)
        for pattern, new in self.replace:
            text = pattern.sub(new, text)
        for pattern in self.first_seen:
            text = pattern.sub(self._seen, text)
        return text

    def _seen(self, match: re.Match) -> str:
        return self.seen.setdefault(match[0], f"<seen-{len(self.seen) + 1}>")

    def _port(self, match: re.Match) -> str:
        name = self.by_port.get(int(match[1]))
        return match[1] if name is None else "${port.%s}" % name

    def _uuid(self, match: re.Match) -> str:
        if match[0] not in self.uuids:
            self.uuids[match[0]] = f"<uuid-{len(self.uuids) + 1} v{match[1]}>"
        return self.uuids[match[0]]

    def headers(self, pairs) -> list[list[str]]:
        result = []
        for name, value in pairs:
            lower = name.lower()
            if lower in self.drop_headers:
                continue
            if lower == "x-envoy-upstream-service-time" and value.isdigit():
                value = "<number>"
            elif lower == "x-envoy-expected-rq-timeout-ms" and value.isdigit() and int(value) > 2000:
                value = str(-(-int(value) // 1000) * 1000)  # a retry has some milliseconds less left
            result.append([name if self.exact_case else lower, self.text(value)])
        return result

    def value(self, value, key: str = ""):
        if isinstance(value, (bytes, bytearray)):
            return self.bytes(bytes(value))
        if isinstance(value, str):
            return self._clip(self.text(value))
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            if key == "port_value" and 32768 <= value <= 60999:
                return "<ephemeral>"
            name = self.by_port.get(value)
            return value if name is None else "${port.%s}" % name
        if key in _HEADER_KEYS and is_headers(value):
            return self.headers(value)
        if isinstance(value, dict):
            if value.get("key") == "x-envoy-upstream-service-time":  # a header inside a protobuf message
                return {"key": value["key"], "value": "<number>"}
            return {self.text(str(k)): self.value(v, str(k)) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def bytes(self, data: bytes):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return {"hex": data.hex()} if len(data) <= 256 else _digest(data)
        if self.compare.get("json_bodies") and text[:1] in ("{", "["):
            try:
                return {"json": self.value(json.loads(text))}
            except ValueError:
                pass
        return self._clip(self.text(text))

    @staticmethod
    def _clip(text: str):
        if len(text) <= TEXT_LIMIT:
            return text
        return {**_digest(text.encode()), "start": text[:200]}


def _digest(data: bytes) -> dict:
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


# -- several workers ------------------------------------------------------------
# What depends on which worker took a connection, and on how many workers there are.
_PER_WORKER = re.compile(
    r"\.upstream_cx_(?!connect_fail$|connect_timeout$|protocol_error$)|\.upstream_rq_per_cx"
    r"|^server\.concurrency$|\.nghttp2_upstream_connections$|\.worker_\d+\.|\.worker_\d+_|\.cx_open$|\.upstream_rq_pending_total$"
    r"|\.update_|^thread_local_cluster_manager\.|^cluster_manager\.(?:cds\.)?update")


def any_worker(data: dict) -> dict:
    """Without upstream connections: each worker has a pool of its own, and the kernel picks the worker."""
    shown = dict(data)
    for key in ("stats", "stat_names"):
        names = shown.get(key)
        if isinstance(names, dict):
            shown[key] = {name: value for name, value in names.items() if not _PER_WORKER.search(name)}
        elif isinstance(names, list):
            shown[key] = [name for name in names if not _PER_WORKER.search(name)]
    shown["upstreams"] = {name: _without_connections(seen) for name, seen in (data.get("upstreams") or {}).items()}
    return shown


def _without_connections(seen: dict) -> dict:
    shown = {key: value for key, value in seen.items() if key != "connections"}
    if isinstance(shown.get("requests"), list):
        shown["requests"] = [{key: value for key, value in request.items() if key != "conn"}
                             for request in shown["requests"]]
    return shown


# -- picking from JSON ----------------------------------------------------------
_SEGMENT = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def select(value, path: str):
    """Values at `a.b[*].c`, `a[name=x].b` or `a[0]`; a list as soon as the path has `[*]`."""
    many = False
    nodes = [value]
    for match in _SEGMENT.finditer(path):
        key, index = match[1], match[2]
        following = []
        for node in nodes:
            if key is not None:
                if key == "*" and isinstance(node, dict):
                    many = True
                    following += list(node.values())
                elif isinstance(node, dict) and key in node:
                    following.append(node[key])
            elif isinstance(node, list):
                if index == "*":
                    many = True
                    following += node
                elif "=" in index:
                    name, _, wanted = index.partition("=")
                    following += [item for item in node if str(_dig(item, name)) == wanted]
                elif int(index) < len(node):
                    following.append(node[int(index)])
        nodes = following
    if many:
        return nodes
    return nodes[0] if nodes else None


def _dig(value, path: str):
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def drop(value, names: set[str]):
    """Removes the given keys anywhere inside a JSON value."""
    if isinstance(value, dict):
        return {k: drop(v, names) for k, v in value.items() if k not in names}
    if isinstance(value, list):
        return [drop(item, names) for item in value]
    return value


def sort_lists(value):
    if isinstance(value, dict):
        return {k: sort_lists(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return sorted((sort_lists(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def admin_view(answer: dict, spec: dict):
    """What of an admin answer is compared: status, and the body or the chosen parts of it."""
    if "error" in answer:
        return {"error": answer["error"]}
    view: dict = {"status": answer["status"]}
    if spec.get("headers"):
        view["headers"] = answer["headers"]
    if spec.get("status_only"):
        return view
    text = answer["body"].decode("utf-8", "replace")
    wants_json = spec.get("json") or "select" in spec or "drop" in spec
    if wants_json:
        try:
            body = json.loads(text)
        except ValueError:
            return {**view, "body": text}
        if "drop" in spec:
            body = drop(body, set(spec["drop"]))
        if "select" in spec:
            body = {path: select(body, path) for path in spec["select"]}
        view["json"] = sort_lists(body) if spec.get("sort") else body
        return view
    lines = text.splitlines()
    if "grep" in spec:
        lines = [line for line in lines if re.search(spec["grep"], line)]
    if "exclude" in spec:
        lines = [line for line in lines if not re.search(spec["exclude"], line)]
    for pattern, new in spec.get("replace") or []:
        lines = [re.sub(pattern, new, line) for line in lines]
    view["lines"] = sorted(lines) if spec.get("sort") else lines
    return view


def pick_stats(stats: dict[str, str], globs: list[str]) -> dict:
    found = {}
    for glob in globs:
        if "*" not in glob and "?" not in glob:
            found[glob] = _number(stats.get(glob))
            continue
        pattern = re.compile(fnmatch.translate(glob))
        found.update({name: _number(value) for name, value in stats.items() if pattern.match(name)})
    return dict(sorted(found.items()))


def _number(value: str | None):
    if value is None:
        return "<absent>"
    return int(value) if re.fullmatch(r"-?\d+", value) else value
