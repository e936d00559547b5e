"""Connections of clients: HTTP/1.1 within bounds, and answers at hand without a task of their own.

uvicorn's protocol parses, queues and sends. What is added keeps a client that is slow, greedy or
hostile from costing more than its one connection, and lets a server end without losing a request.
Time limits are looked at by ``Watch`` once a second, which costs a request nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
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

from gateway.framing import Head, Limits, Refused, misframed, oversized
from gateway.gathering import Gathered
from gateway.heads import Heads
from gateway.telemetry import logs
from gateway.web.errors import problem
from gateway.web.repeats import Ready

_log: Final = logging.getLogger(__name__)

_LEAST_TAKEN: Final = 1024  # bytes: less than that, and the client has not moved
_PARTING_SECONDS: Final = 1.0
"""For that long a connection is kept open on which the last word is said.

A client that has not read it yet may be about to send something: if the connection were closed by
then, the client would be told of that instead.
"""

RESET: Final = "gateway.reset"
"""The name of the extension that resets the connection of a request."""


class _Phase(Enum):
    """What of a request a connection is receiving."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class Watch:
    """What the connections of one server have in common; ``ending`` once it is told to end."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ending = False
        self.heads = Heads()

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
        self._heads = watch.heads
        self._tried: dict[str, Any] | None = None  # the state of a request that is not at hand
        self._given: dict[str, Any] | None = None  # the request that was answered at once
        self._count = 0  # requests begun in what was read last
        self._running: RequestResponseCycle | None = None
        self._task: asyncio.Task[None] | None = None
        self._phase = _Phase.NOTHING
        self._since = 0.0  # that phase
        self._size = 0  # received in it, about
        self._taken = 0  # at once
        self._body = 0
        self._deaf = False  # nothing more is read
        self._refusal: Refused | None = None
        self._sent = self._unsent = self._begun_at = 0
        self._moved = 0.0

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
        idle = self._is_idle()
        if idle and self._repeat(data):
            return
        self._taken = len(data)
        self._begin_reading()
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
        self._tried = None
        if self._phase is not _Phase.NOTHING:
            self._size += len(data)
            self._check_size()
        elif idle and self._count == 1 and self._given is not None:
            self._heads.put(data, self._given)

    def _begin_reading(self) -> None:
        self._given, self._count = None, 0

    def _is_idle(self) -> bool:
        """Whether the next byte begins a request that nothing stands before."""
        waits = self._running is not None or self.pipeline or self.flow.write_paused
        return self._phase is _Phase.NOTHING and not waits and not self._watch.ending

    def _repeat(self, data: bytes) -> bool:
        """Answer a request that came before in the same bytes, if its answer is at hand."""
        known = self._heads.get(data)
        if known is None or self._ready is None:
            return False
        own = {"client": self.client, "server": self.server, "scheme": self.scheme}
        scope = {**known, **own, "state": self.app_state.copy()}
        pieces = self._ready(scope)
        if pieces is None:
            self._tried = scope["state"]
            return False
        self._since = self._moved = self.loop.time()
        self.server_state.total_requests += 1
        self._out.send([self._heads.opening(self.server_state.default_headers), *pieces])
        return True

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

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._count += 1
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
            self._refusal = Refused(413, "The body is too large")
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

    def _objection(self) -> Refused | None:
        """What speaks against the request whose head is here."""
        head = Head(self.url, self.headers, str(self.parser.get_http_version()))
        counted = self._size + self._taken > self._limits.head
        refusal = oversized(head, self._limits, counted=counted)
        if refusal is None and len(self.pipeline) >= self._limits.queued:
            return Refused(429, "There are too many requests at a time on one connection")
        return refusal or misframed(head)

    def _check_size(self) -> None:
        """Refuse a head or a body that does not end: the parser keeps one field, however long."""
        if self._phase is _Phase.HEAD and self._size > self._limits.head + self._limits.body:
            self._refuse(431, "The head of the request is too large")
        elif self._size > 2 * self._limits.head + 4 * self._limits.body:  # chunks have heads, too
            self._refuse(413, "The body is too large")

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
        if self._tried is not None:
            cycle.scope["state"], self._tried = self._tried, None
        elif self._ready is not None and not self._queued and not cycle.flow.write_paused:
            known = cast("dict[str, Any]", cycle.scope).copy()  # who answers may change it
            pieces = self._ready(cast("Scope", cycle.scope))
            if pieces is not None:
                self._give(cycle, pieces, known)
                return
        self._task = self.loop.create_task(cycle.run_asgi(app))
        self._task.add_done_callback(self.tasks.discard)
        self.tasks.add(self._task)

    def _give(
        self, cycle: RequestResponseCycle, pieces: Sequence[bytes], known: dict[str, Any]
    ) -> None:
        """Send a whole answer of status 200: what is left of uvicorn's ``send`` for it."""
        cycle.response_started = cycle.response_complete = True
        opening = self._heads.opening(self.server_state.default_headers)
        if cycle.keep_alive:
            self._given = known
            self._out.send([opening, *pieces])
        else:
            self._out.send([opening, b"connection: close\r\n", *pieces])
            self._out.close()
        cycle.on_response()

    def shutdown(self) -> None:
        """Answer what has come, and say that it is the last; see ``look``.

        An answer that has begun without these words is not the last: the next one says them.
        """
        last = self._last()
        if last is not None and not last.response_started:
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
