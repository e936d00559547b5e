"""Connections of clients: HTTP/1.1 within bounds, and answers at hand without a task of their own.

uvicorn's protocol parses, queues and sends. What is added keeps a client that is slow, greedy or
hostile from costing more than its one connection, and lets a server end without losing a request.
Time limits are looked at by ``Watch`` once a second, which costs a request nothing.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

import httptools
from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.gathering import Gathered
from gateway.telemetry import logs
from gateway.web.errors import problem
from gateway.web.repeats import Ready

_log: Final = logging.getLogger(__name__)

_HTTP_PORT: Final = 80
_MAX_FIELDS: Final = 128
_LEAST_TAKEN: Final = 1024  # bytes: less than that, and the client has not moved
_PARTING_SECONDS: Final = 1.0
"""For that long a connection is kept open on which the last word is said.

A client that has not read it yet may be about to send something: if the connection were closed by
then, the client would be told of that instead.
"""

RESET: Final = "gateway.reset"
"""The name of the extension that resets the connection of a request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may bring, in bytes, and how long it may take, in seconds.

    ``request_seconds`` for a head or a body to arrive, ``idle_seconds`` between requests,
    ``stall_seconds`` for a client to take some of what it is sent, ``answer_seconds`` for there to
    be something to send. ``answer`` is the largest answer, ``queued`` how many requests may be sent
    before the first is answered, ``connections`` how many clients may have. ``drain_seconds`` is
    what is under way given at the end, ``drain_delay`` how long before that all goes on as ever.
    Where it is ``resettable`` an application may call ``RESET``, of a scope's extensions.
    """

    url: float = math.inf
    head: float = 256 << 10
    body: float = math.inf
    answer: float = math.inf
    request_seconds: float = math.inf
    idle_seconds: float = 75.0
    stall_seconds: float = math.inf
    answer_seconds: float = math.inf
    drain_seconds: float = 10.0
    drain_delay: float = 0.0
    queued: float = math.inf
    connections: float = math.inf
    resettable: bool = False


class _Phase(Enum):
    """What of a request a connection is receiving."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class _Refused(Exception):
    """What a client asks for is not answered; ends the parsing of what follows."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Watch:
    """What the connections of one server have in common; ``ending`` once it is told to end."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ending = False

    async def run(self, connections: set[Any]) -> None:
        """Look after all ``connections`` for as long as this runs."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for one in list(connections):
                if isinstance(one, Connection):
                    one.look(now)
            await asyncio.sleep(0.1 if self.ending else 1.0)


class Connection(HttpToolsProtocol):
    """uvicorn's protocol within bounds; an answer that the application has at hand is given."""

    def __init__(self, *args: Any, watch: Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch
        self._limits = watch.limits
        self._queued = False
        self._running: RequestResponseCycle | None = None
        self._task: asyncio.Task[None] | None = None
        self._phase = _Phase.NOTHING
        self._since = 0.0  # that phase
        self._size = 0  # received in it, about
        self._taken = 0  # at once
        self._body = 0
        self._deaf = False  # nothing more is read
        self._refusal: _Refused | None = None
        self._sent = self._unsent = self._begun_at = 0
        self._moved = 0.0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve a connection."""
        self._out = Gathered(transport)
        self._ready: Ready | None = getattr(self.app, "ready", None)
        self._since = self._moved = self.loop.time()
        super().connection_made(self._out)
        if len(self.connections) > self._limits.connections:
            self._refuse(503, "There are too many connections; try again")

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if self._deaf:
            return
        self._taken = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._hear_no_more()  # it is answered by HTTP/1.1, and that is all
            return
        except httptools.HttpParserError:
            found, self._refusal = self._refusal, None
            if found is None:
                self._refuse(400, "The request is not HTTP")
            else:
                self._refuse(found.status, str(found))
            return
        if self._phase is not _Phase.NOTHING:
            self._size += len(data)
            self._check_size()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of all that was asked for."""
        self.pipeline.clear()
        running, self._running = self._running, None
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """Close; as ever, a client that says that it sends no more has left."""

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._enter(_Phase.HEAD)

    def on_headers_complete(self) -> None:
        """Serve a request, or queue it, unless something speaks against it."""
        refusal = self._objection()
        if refusal is not None:
            self._refusal = refusal
            raise refusal
        self._enter(_Phase.BODY)
        self._body = 0
        super().on_headers_complete()
        self.headers = []  # trailers, which nobody asked for, are no fields of the head

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body += len(body)
        if self._body > self._limits.body:
            self._refusal = _Refused(413, "The body is too large")
            raise self._refusal
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is here."""
        self._enter(_Phase.NOTHING)
        super().on_message_complete()

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self.loop.time()
        self._size = 0

    def _objection(self) -> _Refused | None:
        """What speaks against the request whose head is here (RFC 9112 3.2, 6.1; RFC 9110)."""
        if len(self.url) > self._limits.url:
            return _Refused(414, "The path and query are too long")
        if len(self.headers) > _MAX_FIELDS:
            return _Refused(431, f"There are more than {_MAX_FIELDS} header fields")
        if self._size + self._taken > self._limits.head and self._head() > self._limits.head:
            return _Refused(431, "The header fields are too large")
        if len(self.pipeline) >= self._limits.queued:
            return _Refused(429, "There are too many requests at a time on one connection")
        return self._misframed()

    def _head(self) -> int:
        """The bytes of the head, about; looked at where so many have come at all."""
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def _misframed(self) -> _Refused | None:
        """What different recipients would understand differently."""
        hosts, version = 0, str(self.parser.get_http_version())
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and (version != "1.1" or value.lower() != b"chunked"):
                return _Refused(400, "The transfer coding is not chunked")
            elif name == b"expect" and value.lower() != b"100-continue":
                return _Refused(417, "Nothing but 100-continue can be expected")
        if hosts > 1 or (not hosts and version == "1.1"):
            return _Refused(400, "There has to be one Host")
        if version not in ("1.1", "1.0"):
            return _Refused(505, "HTTP/1.1 is spoken here")
        if not self.url.startswith(b"/"):
            return self._astray()
        return None

    def _astray(self) -> _Refused | None:
        """What speaks against a target that is no path: an absolute one has to be that of Host."""
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            return _Refused(400, "The target is not a path")
        port = b":%d" % url.port if url.port and url.port != _HTTP_PORT else b""
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        named = [one.removesuffix(b":%d" % _HTTP_PORT) for one in hosts]
        if not url.host or not url.path or named != [url.host.lower() + port]:
            return _Refused(400, "The target is not a path on this host")
        return None

    def _check_size(self) -> None:
        """Refuse a head or a body that does not end: the parser keeps one field, however long."""
        if self._phase is _Phase.HEAD and self._size > self._limits.head + self._limits.body:
            self._refuse(431, "The head of the request is too large")
        elif self._size > 2 * self._limits.head + 4 * self._limits.body:  # chunks have heads, too
            self._refuse(413, "The body is too large")

    # Answers.

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self._out.flush()
        self.server_state.total_requests += 1
        self._running = self._task = None
        if self._out.is_closing():
            return
        self._since = self.loop.time() if self._phase is _Phase.NOTHING else self._since
        self.flow.resume_reading()
        if self.pipeline:
            self._queued = True  # what it begins is begun within the end of another
            try:
                self._start_asgi_task(*self.pipeline.pop())
            finally:
                self._queued = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if self._limits.resettable:
            cycle.scope["extensions"] = {RESET: cast("Any", self._reset)}
        self._moved = self.loop.time()
        self._begun_at = self._out.sent
        if self._watch.ending and not self.pipeline:
            cycle.keep_alive = False
        pieces = None
        if self._ready is not None and not self._queued and not cycle.flow.write_paused:
            pieces = self._ready(cast("Scope", cycle.scope))
        if pieces is not None:
            _give(cycle, pieces)
            return
        self._task = self.loop.create_task(cycle.run_asgi(app))
        self._task.add_done_callback(self.tasks.discard)
        self.tasks.add(self._task)

    # Ends.

    def shutdown(self) -> None:
        """Answer what has come, and say that it is the last; see ``look``."""
        last = self._last()
        if last is not None:
            last.keep_alive = False

    def _last(self) -> RequestResponseCycle | None:
        """The request that came last and has no whole answer yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def _hear_no_more(self) -> None:
        """Read nothing behind the requests that are here: the connection ends with the last."""
        self._deaf = True
        last = self._last()
        if last is not None:
            last.keep_alive = False
        else:
            self._part()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed; uvicorn's own text is not ours."""
        self._refuse(400, "The request is not HTTP")

    def _refuse(self, status: int, detail: str) -> None:
        """Answer what a client has begun to ask for with an error, in its turn, and part."""
        if self._deaf or self._out.is_closing():
            return
        logs.info(_log, "connection_refused", {"status": status, "reason": detail})
        last, begun = self._last(), self._phase is _Phase.BODY
        if last is not None and begun and last is self._running:
            self._give_up(status, detail)
            return
        if last is not None and begun:
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else cast("Any", self._running)
        elif last is None and not begun:
            self._say(status, detail)
        self._hear_no_more()

    def _give_up(self, status: int, detail: str) -> None:
        """End the answer that is under way as failed: by a status, or else by a break."""
        running, task = self._running, self._task
        self._deaf = True
        self.pipeline.clear()
        if running is not None:
            running.disconnected = True
            running.message_event.set()
        if running is None or running.response_started:
            self._out.abort()
        else:
            self._say(status, detail)
            self._part()
        if task is not None:
            task.cancel()

    def _reset(self) -> None:
        """End the connection in the middle of whatever is under way."""
        if self._running is not None:
            self._running.disconnected = True
        self._out.abort()

    def _say(self, status: int, detail: str) -> None:
        answer = problem(status, detail)
        fields = [*self.server_state.default_headers, *answer.raw_headers]
        if status in (429, 503):
            fields.append((b"retry-after", b"1"))
        lines = [b"%b: %b\r\n" % one for one in (*fields, (b"connection", b"close"))]
        head = b"".join((STATUS_LINE[status], *lines, b"\r\n"))
        self._out.write(head + bytes(answer.body))

    def _part(self) -> None:
        """Send no more; what the client still sends is dropped until it has seen that."""
        self._phase = _Phase.NOTHING
        self._since = self.loop.time()
        if not self._out.is_closing():
            self._out.write_eof()

    def look(self, now: float) -> None:
        """End what takes too long, by ``now`` of the loop's clock."""
        if self._out.is_closing():
            if self._still(now) > self._limits.stall_seconds:
                self._out.abort()  # closed behind bytes that nobody takes
            return
        running, limits = self._running, self._limits
        unsent = self._out.get_write_buffer_size()
        if running is not None and self._out.sent - self._begun_at > limits.answer:
            self._fail("answer_too_large", 500)
        elif (running is not None or unsent) and self._is_late(now, unsent):
            self._fail("client_stalled" if unsent else "answer_too_late", 504)
        elif self._phase is not _Phase.NOTHING:
            if now - self._since > limits.request_seconds:
                self._overdue()
        elif running is None and not unsent and now - self._since > self._patience():
            self._out.close()

    def _patience(self) -> float:
        """Seconds for which a connection without a request stays open."""
        ending = self._deaf or self._watch.ending
        return _PARTING_SECONDS if ending else self._limits.idle_seconds

    def _is_late(self, now: float, unsent: int) -> bool:
        limits = self._limits
        return self._still(now) > (limits.stall_seconds if unsent else limits.answer_seconds)

    def _still(self, now: float) -> float:
        """Seconds since the client took, or the application gave, something worth mentioning."""
        sent, unsent = self._out.sent, self._out.get_write_buffer_size()
        taken = self._unsent - unsent
        if sent != self._sent or taken >= _LEAST_TAKEN or (taken > 0 and not unsent):
            self._sent, self._unsent, self._moved = sent, unsent, now
        return now - self._moved

    def _fail(self, event: str, status: int) -> None:
        _log.warning(event)
        if self._running is None:
            self._out.abort()
        else:
            self._give_up(status, "The answer took too long")

    def _overdue(self) -> None:
        """A request does not come to its end; one that is being answered all the same goes on."""
        running = self._running
        if running is not None and running.response_started:
            self._phase = _Phase.NOTHING
            self._hear_no_more()
        else:
            self._refuse(408, "The request did not arrive in time")


def _give(cycle: RequestResponseCycle, pieces: Sequence[bytes]) -> None:
    """Send a whole answer of status 200: what is left of uvicorn's ``send`` for it."""
    cycle.response_started = cycle.response_complete = True
    lines = [STATUS_LINE[200]]
    for name, value in cycle.default_headers:
        lines += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    first, *rest = pieces
    cycle.transport.write(b"".join((*lines, first)))
    for piece in rest:
        cycle.transport.write(piece)
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
