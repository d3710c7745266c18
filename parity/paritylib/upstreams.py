"""Scripted origin servers: HTTP/1.1 and HTTP/2 on one port, gRPC, raw TCP, UDP.

Every server records what reached it; the record is part of the observation.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct

from . import h2, http1, protos
from .net import (NETWORK_ERRORS, STREAM_LIMIT, close_quietly, describe_error, hard_reset,
                  server_tls_context, tls_info)

PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def make(name: str, spec: dict | None, port: int):
    spec = spec or {}
    kind = spec.get("kind", "http")
    if kind in ("http", "grpc"):
        return HttpUpstream(name, spec, port)
    if kind == "xds":
        from .xds import XdsUpstream
        return XdsUpstream(name, spec, port)
    if kind == "tcp":
        return TcpUpstream(name, spec, port)
    if kind == "udp":
        return UdpUpstream(name, spec, port)
    raise ValueError(f"upstream {name}: unknown kind {kind!r}")


def lookup(value, path: str):
    for part in path.split("."):
        if isinstance(value, list):
            index = int(part)
            value = value[index] if index < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


class Script:
    """The first rule that matches and is not used up; otherwise the default answer."""

    def __init__(self, rules: list[dict], default: dict) -> None:
        self.rules = [dict(rule) for rule in rules]
        self.used = [0] * len(self.rules)
        self.default = default

    def pick(self, matches) -> dict:
        for index, rule in enumerate(self.rules):
            if "times" in rule and self.used[index] >= rule["times"]:
                continue
            if matches(rule.get("when") or {}):
                self.used[index] += 1
                return rule
        return self.default


class TcpBase:
    """Listening socket, connection records and the PROXY protocol preamble."""

    def __init__(self, name: str, spec: dict, port: int) -> None:
        self.name, self.spec, self.port = name, spec, port
        self.connections: list[dict] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task] = set()
        self.snis: list[str | None] = []  # of handshakes not yet seen as connections
        self.configure(spec)

    def configure(self, spec: dict) -> None:
        raise NotImplementedError

    async def serve(self, conn: dict, reader, writer) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        if self.server is not None:
            return
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.spec.get("address", "127.0.0.1"), self.port))
        tls = self.spec.get("tls")
        kwargs = {}
        if tls is not None and not self.spec.get("proxy_protocol"):
            kwargs["ssl"] = server_tls_context(tls, self._sni)
            kwargs["ssl_handshake_timeout"] = 5
        self.server = await asyncio.start_server(self._accept, sock=sock, limit=STREAM_LIMIT, **kwargs)

    def _sni(self, sslobj, name) -> None:
        self.snis.append(name)

    async def stop(self, reset: bool = False) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        self.drop(reset)
        await asyncio.sleep(0)

    def drop(self, reset: bool = False) -> None:
        for writer in list(self.writers):
            hard_reset(writer) if reset else close_quietly(writer)

    async def shutdown(self) -> None:
        await self.stop()
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(list(self.tasks), timeout=1)

    async def _accept(self, reader, writer) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        conn: dict = {"index": len(self.connections)}
        self.connections.append(conn)
        self.writers.add(writer)
        info = tls_info(writer)
        if info:
            info["sni"] = self.snis.pop(0) if self.snis else None
            conn["tls"] = info
        try:
            if self.spec.get("proxy_protocol"):
                conn["proxy_protocol"] = await read_proxy_header(reader)
                if self.spec.get("tls") is not None:
                    await writer.start_tls(server_tls_context(self.spec["tls"]))
                    conn["tls"] = tls_info(writer)
            await self.serve(conn, reader, writer)
        except NETWORK_ERRORS as exc:
            conn.setdefault("end", describe_error(exc))
        except asyncio.CancelledError:
            pass
        finally:
            self.writers.discard(writer)
            self.tasks.discard(task)
            close_quietly(writer)

    def observation(self) -> dict:
        return {"connections": [{k: v for k, v in c.items() if k not in ("index", "end")} for c in self.connections]}


async def read_proxy_header(reader) -> dict:
    start = await reader.readexactly(12)
    if start == PROXY_V2:
        command, family, length = struct.unpack(">BBH", await reader.readexactly(4))
        body = await reader.readexactly(length)
        found: dict = {"version": 2, "command": command & 15, "family": family}
        offset = 0
        if family == 0x11:
            found["source"] = f"{socket.inet_ntoa(body[0:4])}:{struct.unpack('>H', body[8:10])[0]}"
            found["destination"] = f"{socket.inet_ntoa(body[4:8])}:{struct.unpack('>H', body[10:12])[0]}"
            offset = 12
        tlvs = []
        while offset + 3 <= len(body):
            kind, size = struct.unpack(">BH", body[offset:offset + 3])
            tlvs.append([kind, body[offset + 3:offset + 3 + size]])
            offset += 3 + size
        if tlvs:
            found["tlvs"] = tlvs
        return found
    line = start + await reader.readuntil(b"\r\n")
    return {"version": 1, "line": line[:-2].decode("latin-1")}


class HttpUpstream(TcpBase):
    """Speaks HTTP/1.x, or HTTP/2 when the connection opens with its preface."""

    def configure(self, spec: dict) -> None:
        self.requests: list[dict] = getattr(self, "requests", [])
        self.reconfigure(spec)

    def reconfigure(self, spec: dict) -> None:
        if "respond" in spec or "script" in spec or not hasattr(self, "script"):
            self.script = Script(spec.get("script") or [], spec.get("respond") or {})
        if "methods" in spec or not hasattr(self, "methods"):
            self.methods = {path: Script(_reply_rules(m), (m or {}).get("default") or {"reply": {}})
                            for path, m in (spec.get("methods") or {}).items()}

    def observation(self) -> dict:
        return {**super().observation(), "requests": self.requests}

    def pick(self, method: str, path: str, headers: list[list[str]]) -> dict:
        def matches(when: dict) -> bool:
            if "method" in when and when["method"] != method:
                return False
            if "path" in when and when["path"] != path:
                return False
            if "prefix" in when and not path.startswith(when["prefix"]):
                return False
            return all(http1.find(headers, name) == str(value)
                       for name, value in (when.get("headers") or {}).items())
        return self.script.pick(matches)

    def payload(self, rule: dict, request: dict) -> bytes:
        if rule.get("echo"):
            shown = {k: request[k] for k in ("line", "headers", "body", "trailers") if k in request}
            if isinstance(shown.get("body"), bytes):
                shown["body"] = shown["body"].decode("latin-1")
            return json.dumps(shown, indent=1).encode()
        if rule.get("echo_body"):
            return bytes(request.get("body") or b"")
        if "body_size" in rule:
            size = rule["body_size"]
            return (b"0123456789abcdef" * (size // 16 + 1))[:size]
        if "body_hex" in rule:
            return bytes.fromhex(rule["body_hex"])
        if "body" in rule:
            return str(rule["body"]).encode()
        return f"{self.name} {request['line'].rsplit(' ', 1)[0]}\n".encode()

    def head(self, rule: dict) -> list[list[str]]:
        pairs = http1.header_pairs(rule.get("headers"))
        if not rule.get("bare"):
            pairs = [["x-upstream", self.name]] + pairs
        return pairs

    async def serve(self, conn: dict, reader, writer) -> None:
        line = await reader.readuntil(b"\r\n")
        if line == b"PRI * HTTP/2.0\r\n":
            await reader.readexactly(8)
            conn["protocol"] = "HTTP/2"
            await self.serve_h2(conn, reader, writer)
            return
        conn["protocol"] = "HTTP/1"
        while await self.serve_h1(conn, line, reader, writer):
            line = await reader.readuntil(b"\r\n")

    # -- HTTP/1 -------------------------------------------------------------
    async def serve_h1(self, conn: dict, line: bytes, reader, writer) -> bool:
        first = line[:-2].decode("latin-1")
        headers = await http1.read_fields(reader)
        method, _, rest = first.partition(" ")
        path = rest.rsplit(" ", 1)[0]
        rule = self.pick(method, path, headers)
        request = {"conn": conn["index"], "line": first, "headers": headers}
        self.requests.append(request)
        if rule.get("early"):
            keep = await self.answer_h1(rule, request, method, reader, writer)
            if keep:  # how much of the body still comes is a matter of timing: read, not recorded
                await http1.Body().read(reader, headers, may_close=False)
            return keep
        if (http1.find(headers, "expect") or "").lower() == "100-continue" and not rule.get("no_continue"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = http1.Body()
        await body.read(reader, headers, may_close=False)
        if body.framing != "none":
            request["framing"] = body.framing
            request["body"] = bytes(body.data)
        if body.trailers:
            request["trailers"] = body.trailers
        if body.end != "complete":
            request["end"] = "cut"
            return False
        return await self.answer_h1(rule, request, method, reader, writer)

    async def answer_h1(self, rule: dict, request: dict, method: str, reader, writer) -> bool:
        if rule.get("stall"):
            await reader.read(1)
            return False
        if rule.get("delay_ms"):
            await asyncio.sleep(rule["delay_ms"] / 1000)
        if rule.get("abort"):
            hard_reset(writer) if rule["abort"] == "reset" else close_quietly(writer)
            return False
        if "raw" in rule:
            writer.write(rule["raw"].encode("latin-1"))
            await writer.drain()
            return not rule.get("close")
        for info in rule.get("informational") or []:
            writer.write(http1.encode_head(f"HTTP/1.1 {info['status']} Info",
                                           http1.header_pairs(info.get("headers"))))
        status = rule.get("status", 101 if rule.get("upgrade") else 200)
        headers = self.head(rule)
        version = rule.get("version", "HTTP/1.1")
        reason = rule.get("reason", "OK" if status == 200 else "Status")
        if rule.get("upgrade"):
            if method != "CONNECT":
                headers += [["connection", "Upgrade"], ["upgrade", rule["upgrade"]]]
            writer.write(http1.encode_head(f"{version} {status} {reason}", headers))
            while data := await reader.read(65536):
                request["tunnel"] = request.get("tunnel", b"") + data
                writer.write(data)
                await writer.drain()
            return False
        chunks = [c.encode() for c in rule["chunks"]] if "chunks" in rule else None
        payload = self.payload(rule, request) if chunks is None else b"".join(chunks)
        chunked = rule.get("chunked") or chunks is not None or "trailers" in rule
        empty = status in (204, 304) or status < 200
        if not empty and not rule.get("until_close"):
            headers.append(["transfer-encoding", "chunked"] if chunked
                           else ["content-length", str(rule.get("content_length", len(payload)))])
        writer.write(http1.encode_head(f"{version} {status} {reason}", headers))
        if method == "HEAD" or empty:
            return not rule.get("close")
        cut = rule.get("cut")
        if cut is not None:
            payload, chunks = payload[:cut], None
        for piece in chunks if chunks is not None else [payload]:
            writer.write(http1.encode_chunk(piece) if chunked else piece)
            await writer.drain()
            if rule.get("chunk_delay_ms"):
                await asyncio.sleep(rule["chunk_delay_ms"] / 1000)
        if cut is not None:
            await writer.drain()
            if rule.get("then") == "stall":
                await reader.read(1)
            elif rule.get("then") == "reset":
                await asyncio.sleep(0.05)
                hard_reset(writer)
            return False
        if chunked:
            writer.write(http1.encode_last_chunk(http1.header_pairs(rule.get("trailers"))))
        await writer.drain()
        return not (rule.get("close") or rule.get("until_close"))

    # -- HTTP/2 -------------------------------------------------------------
    async def serve_h2(self, conn: dict, reader, writer) -> None:
        async def on_stream(stream: h2.Stream) -> None:
            await self.serve_stream(conn, stream)
        connection = h2.Connection(reader, writer, on_stream=on_stream)
        connection.start(settings=self.spec.get("settings"))
        try:
            await connection.wait_frames(lambda: connection.end is not None, 3600)
        finally:
            if connection.goaway and connection.goaway["code"] != "NO_ERROR":
                conn["goaway"] = connection.goaway["code"]
            connection.close()

    async def serve_stream(self, conn: dict, stream: h2.Stream) -> None:
        headers = stream.blocks[0]
        method = http1.find(headers, ":method") or ""
        path = http1.find(headers, ":path") or ""
        request: dict = {"conn": conn["index"], "line": f"{method} {path} HTTP/2", "headers": headers}
        self.requests.append(request)
        if path in self.methods:
            await self.serve_grpc(path, request, stream)
            return
        rule = self.pick(method, path, headers)
        if not (rule.get("early") or rule.get("upgrade")):
            await stream.finish()
            self._complete(request, stream)
            if stream.reset is not None or stream.conn.end is not None:
                return
        await self.answer_h2(rule, request, method, stream)

    @staticmethod
    def _complete(request: dict, stream: h2.Stream) -> None:
        if stream.data:
            request["body"] = bytes(stream.data)
        if len(stream.blocks) > 1:
            request["trailers"] = stream.blocks[1]
        if stream.reset is not None:
            request["end"] = f"reset {stream.reset}"

    async def answer_h2(self, rule: dict, request: dict, method: str, stream: h2.Stream) -> None:
        conn = stream.conn
        if rule.get("stall"):
            await stream.wait(lambda: stream.reset is not None or conn.end is not None)
            self._complete(request, stream)
            return
        if rule.get("delay_ms"):
            await asyncio.sleep(rule["delay_ms"] / 1000)
        if rule.get("goaway"):
            goaway = rule["goaway"] if isinstance(rule["goaway"], dict) else {"last": stream.id}
            conn.send_goaway(goaway.get("code", "NO_ERROR"), goaway.get("last", stream.id))
        if rule.get("abort"):
            hard_reset(conn.writer) if rule["abort"] == "reset" else close_quietly(conn.writer)
            return
        if rule.get("reset"):
            conn.send_reset(stream.id, rule["reset"])
            return
        for info in rule.get("informational") or []:
            conn.send_headers(stream.id, [[":status", str(info["status"])]]
                              + http1.header_pairs(info.get("headers")))
        headers = [[":status", str(rule.get("status", 200))]] + self.head(rule)
        if rule.get("upgrade"):
            conn.send_headers(stream.id, headers)
            sent = 0
            while not stream.finished or sent < len(stream.data):
                if sent == len(stream.data):
                    await stream.wait(lambda: stream.finished or len(stream.data) > sent)
                    continue
                data = bytes(stream.data[sent:])
                sent += len(data)
                request["tunnel"] = request.get("tunnel", b"") + data
                await conn.send_data(stream.id, data)
            await conn.send_data(stream.id, b"", end=True)
            return
        chunks = [c.encode() for c in rule["chunks"]] if "chunks" in rule else [self.payload(rule, request)]
        trailers = http1.header_pairs(rule.get("trailers"))
        if method == "HEAD" or rule.get("status", 200) in (204, 304):
            chunks = []
        elif not trailers and "chunks" not in rule and not rule.get("chunked"):
            headers.append(["content-length", str(rule.get("content_length", sum(map(len, chunks))))])
        cut = rule.get("cut")
        conn.send_headers(stream.id, headers, end=not chunks and not trailers and cut is None)
        if cut is not None:
            await conn.send_data(stream.id, b"".join(chunks)[:cut])
            if rule.get("then") == "stall":
                await stream.wait(lambda: stream.reset is not None or conn.end is not None)
                self._complete(request, stream)
            elif rule.get("then") == "close":
                close_quietly(conn.writer)
            else:
                conn.send_reset(stream.id, rule.get("then_code", "INTERNAL_ERROR"))
            return
        for index, piece in enumerate(chunks):
            last = index == len(chunks) - 1 and not trailers
            await conn.send_data(stream.id, piece, end=last)
            if rule.get("chunk_delay_ms"):
                await asyncio.sleep(rule["chunk_delay_ms"] / 1000)
        if trailers:
            conn.send_headers(stream.id, trailers, end=True)

    # -- gRPC ---------------------------------------------------------------
    async def serve_grpc(self, path: str, request: dict, stream: h2.Stream) -> None:
        script = self.methods[path]
        types = protos.method_types(path)
        messages: list = []
        request["messages"] = messages
        conn, taken, opened = stream.conn, 0, False
        buffer = bytearray()
        rule: dict = {}
        while True:
            await stream.wait(lambda: stream.finished or len(stream.data) > taken)
            buffer += stream.data[taken:]
            taken = len(stream.data)
            for payload in protos.take_frames(buffer):
                message = _decode(types, payload)
                messages.append(message)
                rule = script.pick(lambda when: _message_matches(when, message))
                if rule.get("delay_ms"):
                    await asyncio.sleep(rule["delay_ms"] / 1000)
                if rule.get("abort"):
                    hard_reset(conn.writer) if rule["abort"] == "reset" else close_quietly(conn.writer)
                    return
                if rule.get("reset"):
                    conn.send_reset(stream.id, rule["reset"])
                    return
                if rule.get("stall"):
                    continue
                if "status" in rule or rule.get("http_status"):
                    self._grpc_end(stream, rule, opened)
                    return
                if rule.get("silent"):
                    continue
                if not opened:
                    conn.send_headers(stream.id, [[":status", "200"], ["content-type", "application/grpc"]]
                                      + http1.header_pairs(rule.get("headers")))
                    opened = True
                replies = rule["replies"] if "replies" in rule else [rule.get("reply", {})]
                for reply in replies:
                    await conn.send_data(stream.id, protos.frame(_encode(types, reply)))
            if stream.reset is not None or conn.end is not None:
                if stream.reset is not None:
                    request["end"] = f"reset {stream.reset}"
                return
            if stream.ended:
                if not rule.get("stall"):
                    self._grpc_end(stream, {**rule, "status": rule.get("status", 0)}, opened)
                return

    @staticmethod
    def _grpc_end(stream: h2.Stream, rule: dict, opened: bool) -> None:
        tail = [["grpc-status", str(rule.get("status", 0))]]
        if rule.get("message"):
            tail.append(["grpc-message", rule["message"]])
        tail += http1.header_pairs(rule.get("trailers"))
        if not opened:
            tail = [[":status", str(rule.get("http_status", 200))], ["content-type", "application/grpc"]] + tail
        stream.conn.send_headers(stream.id, tail, end=True)


def _reply_rules(method: dict | None) -> list[dict]:
    method = method or {}
    if "replies" in method:
        return method["replies"]
    return [method] if method and "default" not in method else []


def _decode(types, payload: bytes):
    if types is None:
        return payload
    message = types[0]()
    message.ParseFromString(payload)
    return protos.to_json(message)


def _encode(types, reply) -> bytes:
    if isinstance(reply, dict) and set(reply) == {"hex"}:
        return bytes.fromhex(reply["hex"])
    if types is None:
        return str(reply).encode() if reply else b""
    return protos.from_json(types[1], reply).SerializeToString()


def _message_matches(when: dict, message) -> bool:
    for path, wanted in when.items():
        if path == "has":
            if lookup(message, wanted) is None:
                return False
        elif path == "contains":
            text = message.decode("latin-1") if isinstance(message, bytes) else json.dumps(message)
            if wanted not in text:
                return False
        elif lookup(message, path) != wanted:
            return False
    return True


class TcpUpstream(TcpBase):
    """Raw bytes: echo by default, or a list of operations, or replies to known inputs."""

    def configure(self, spec: dict) -> None:
        self.reconfigure(spec)

    def reconfigure(self, spec: dict) -> None:
        self.behaviour = {**getattr(self, "behaviour", {}), **spec}

    async def serve(self, conn: dict, reader, writer) -> None:
        conn["received"] = b""
        behaviour = self.behaviour
        if "ops" in behaviour:
            for op in behaviour["ops"]:
                if not await self._op(op, conn, reader, writer):
                    return
        if behaviour.get("discard"):
            while data := await reader.read(65536):
                conn["received"] += data
            return
        if "ops" in behaviour:
            return
        if behaviour.get("greeting"):
            writer.write(behaviour["greeting"].replace("$name", self.name).encode("latin-1"))
        pending = b""
        while data := await reader.read(65536):
            conn["received"] += data
            if "replies" not in behaviour:
                writer.write(data)
                await writer.drain()
                continue
            pending += data
            for wanted, reply in behaviour["replies"]:
                if wanted.encode("latin-1") in pending:
                    pending = b""
                    writer.write(reply.encode("latin-1"))
        conn["half_closed"] = True

    async def _op(self, op: dict, conn: dict, reader, writer) -> bool:
        if "read" in op:
            conn["received"] += await reader.readexactly(op["read"])
        elif "read_until" in op:
            conn["received"] += await reader.readuntil(op["read_until"].encode("latin-1"))
        elif "read_all" in op:
            while data := await reader.read(65536):
                conn["received"] += data
        elif "send" in op:
            writer.write(op["send"].replace("$name", self.name).encode("latin-1"))
            await writer.drain()
        elif "send_hex" in op:
            writer.write(bytes.fromhex(op["send_hex"]))
        elif "sleep_ms" in op:
            await asyncio.sleep(op["sleep_ms"] / 1000)
        elif "reset" in op:
            hard_reset(writer)
            return False
        elif "half_close" in op:
            writer.write_eof()
        elif "close" in op:
            return False
        else:
            raise ValueError(f"unknown tcp operation {op}")
        return True


class UdpUpstream(asyncio.DatagramProtocol):
    """Records datagrams and sends them back unless `silent`."""

    def __init__(self, name: str, spec: dict, port: int) -> None:
        self.name, self.spec, self.port = name, spec, port
        self.datagrams: list[bytes] = []
        self.transport = None
        self.requests: list = []

    def reconfigure(self, spec: dict) -> None:
        self.spec = {**self.spec, **spec}

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self.datagrams.append(data)
        if not self.spec.get("silent"):
            reply = self.spec.get("reply")
            self.transport.sendto(reply.encode() if reply else data, addr)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))

    async def stop(self, reset: bool = False) -> None:
        if self.transport:
            self.transport.close()

    async def shutdown(self) -> None:
        await self.stop()

    def observation(self) -> dict:
        if self.spec.get("unrecorded"):
            return {}
        return {"datagrams": self.datagrams}
