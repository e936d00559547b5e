"""A server in front of another, with one fault planted in it: real sockets, recorded answers."""

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

_OWN = {"host", "connection", "accept-encoding"}
_DROPPED = {"content-length", "transfer-encoding", "connection", "date", "server"}


@dataclass(frozen=True)
class Ask:
    """A request: its path below the service root, its query as pairs, its header fields."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: dict[str, str]

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    def value(self, name: str) -> str | None:
        return dict(self.pairs).get(name)

    def without(self, *names: str) -> "Ask":
        return replace(self, pairs=tuple(pair for pair in self.pairs if pair[0] not in names))

    def having(self, name: str, value: str) -> "Ask":
        changed = tuple((key, value if key == name else old) for key, old in self.pairs)
        return replace(self, pairs=changed)


@dataclass(frozen=True)
class Reply:
    """An answer; ``length`` is what Content-Length says, ``sent`` how many bytes really go out."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    sent: int | None = None
    wait: float = 0

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")

    def with_body(self, body: bytes) -> "Reply":
        return replace(self, body=body)

    def with_headers(self, **changes: str) -> "Reply":
        named = {key.replace("_", "-"): value for key, value in changes.items()}
        return replace(self, headers={**self.headers, **named})


Serve = Callable[[Ask], Reply]
Fault = Callable[[Ask, Serve], Reply]


def honest(ask: Ask, serve: Serve) -> Reply:
    """No fault."""
    return serve(ask)


class Recorded:
    """The server behind: every request is sent to it once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._http = httpx.Client(timeout=60)
        self._known: dict[tuple, Reply] = {}

    def close(self) -> None:
        self._http.close()

    def serve(self, ask: Ask) -> Reply:
        kept = {k: v for k, v in ask.headers.items() if k not in _OWN}
        method = "GET" if ask.method == "HEAD" else ask.method
        key = (method, ask.path, ask.pairs, tuple(sorted(kept.items())))
        if key not in self._known:
            self._known[key] = self._send(method, ask, kept)
        return self._known[key]

    def _send(self, method: str, ask: Ask, headers: dict[str, str]) -> Reply:
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in ask.pairs)
        url = f"{self.root}{ask.path}{'?' + query if query else ''}"
        request = httpx.Request(method, url, headers=headers)
        response = self._http.send(request, stream=True)
        body = b"".join(response.iter_raw())
        response.close()
        fields = {k: v for k, v in response.headers.items() if k.lower() not in _DROPPED}
        return Reply(response.status_code, fields, body)


class Faulty:
    """A server that gives what is recorded, but for its fault."""

    def __init__(self, behind: Recorded) -> None:
        self.fault: Fault = honest
        self.behind = behind
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        origin = f"http://127.0.0.1:{self._server.server_address[1]}/"
        # As long as the root behind, so that URLs can be exchanged and no length changes.
        self.path = "/" + "r" * (len(behind.root) - len(origin))
        self.root = origin + self.path[1:]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, ask: Ask) -> Reply:
        reply = self.fault(ask, self.behind.serve)
        old, new = self.behind.root.encode(), self.root.encode()
        if old in reply.body:  # URLs in answers lead back here; no binary has them in it
            reply = reply.with_body(reply.body.replace(old, new))
        if "gzip" in ask.headers.get("accept-encoding", "") and "json" in reply.type:
            reply = reply.with_body(gzip.compress(reply.body)).with_headers(content_encoding="gzip")
        return reply


class _Handler(BaseHTTPRequestHandler):
    owner: Faulty
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
        path = parts.path.removeprefix(self.owner.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        reply = self.owner.answer(Ask(self.command, path, pairs, headers))
        time.sleep(reply.wait)
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        whole = reply.length is None and reply.sent is None
        length = len(reply.body) if reply.length is None else reply.length
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        if not whole:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: reply.sent])
        self.wfile.flush()

    do_GET = do_HEAD = do_OPTIONS = _handle
