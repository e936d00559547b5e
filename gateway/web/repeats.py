"""Requests that were answered before: one look-up, and the bytes from where they are kept.

A viewer asks for the same frames in the same words again and again, and so do all viewers of one
kind. What there is to decide for such a request was decided when it first came; only its bytes are
not remembered, which are in a cache of bounded size already.

An answer may be given again as long as all that it follows from is the same:

- the request: path, query, and every header that any part of the gateway reads, are the key;
- who asks: that decides whether they may have the answer, which is looked at every time, and
  nothing of what is in it;
- the settings and the program: they do not change while it runs;
- the image sets at the address and their versions: looked up anew after each moment of the library,
  as for any other request, and compared with those that the answer was made of;
- the content: frames never change, and it is only given while it is kept.

Conditional requests, ranges and HEAD are never answered from here.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth.grants import Place
from gateway.dicomweb import forwarding
from gateway.errors import GatewayError
from gateway.services.grounds import Ground
from gateway.services.library import Library
from gateway.telemetry.requests import Requests
from gateway.web import context, guard, middleware
from gateway.web.guard import Guarding

Find = Callable[[], bytes | None]
"""Gives the content of an answer as long as it is kept."""

Saw = Callable[[int], None]
"""Is told which viewer has asked."""

Ready = Callable[[Scope], Sequence[bytes] | None]
"""Gives the answer to a request, if it is at hand: the application need not be called then.

Its status is 200; the first piece begins with the lines of its head and the empty one, all but what
a server adds.
"""

_MOST: Final = 16_384  # answers; each takes a kilobyte or two
_LONGEST: Final = 2_048  # bytes of a path, a query or a header of a request that is remembered
_FORWARDED: Final = frozenset(name.lower().encode() for name in forwarding.HEADERS)
_DECISIVE: Final = _FORWARDED | {
    b"accept", b"accept-charset", b"accept-encoding", b"host", b"origin",
}  # fmt: skip
_CONDITIONAL: Final = frozenset(
    {b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since",
     b"range"}
)  # fmt: skip
_READ: Final = _DECISIVE | _CONDITIONAL
_HEAD_END: Final = b"\r\n\r\n"
_OWN: Final = frozenset({b"x-request-id"})

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Says of an answer what it follows from and where its content is kept.

    A handler leaves it in the scope. What goes out may have something ``before`` and ``after`` the
    content.
    """

    ground: Ground
    find: Find
    saw: Saw | None = None
    before: bytes = b""
    after: bytes = b""


@dataclass(slots=True)
class _Answer:
    """What is remembered: all but the content; good at ``moment`` without another look."""

    headers: list[tuple[bytes, bytes]]
    head: bytes
    source: Source
    size: int
    handler: str | None
    moment: int
    place: Place | None
    used: bool = False


def size(pieces: Sequence[bytes]) -> int:
    """Bytes of the body of an answer that is at hand."""
    head = pieces[0].index(_HEAD_END) + len(_HEAD_END)
    return sum(map(len, pieces)) - head


def note(scope: Scope, source: Source) -> None:
    """Let the answer to the request of ``scope`` be given again."""
    scope["state"]["source"] = source


def found_at(scope: Scope, find: Find) -> None:
    """Say that the answer is kept in the form in which it goes out: ``find`` gives that."""
    source = scope.get("state", {}).get("source")
    if isinstance(source, Source):
        note(scope, replace(source, find=find, before=b"", after=b""))


class Memory:
    """The answers that are remembered, those not asked for again forgotten first."""

    def __init__(
        self,
        library: Library,
        most: int = _MOST,
        requests: Requests | None = None,
        guarding: Guarding | None = None,
    ) -> None:
        self.library = library
        self.requests = requests or Requests()
        self.guarding = guarding
        self._most = most
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def behind_guard(self, ready: Ready) -> Ready:
        """``ready`` for those whom the guard knows, if there is one."""
        return self.guarding.ready(ready) if self.guarding is not None else ready

    def get(self, key: _Key) -> _Answer | None:
        """The answer to a request."""
        answer = self._answers.get(key)
        if answer is not None:
            answer.used = True
        return answer

    def put(self, key: _Key, answer: _Answer) -> None:
        """Remember an answer; one that was asked for since its last turn is spared once."""
        while len(self._answers) >= self._most:
            oldest, other = self._answers.popitem(last=False)
            if other.used:
                other.used = False
                self._answers[oldest] = other
        self._answers[key] = answer

    def drop(self, key: _Key) -> None:
        """Forget an answer."""
        self._answers.pop(key, None)

    def ready(self, scope: Scope) -> tuple[bytes, ...] | None:
        """The answer to a request as ``Ready`` has it, if nothing has to be waited for."""
        started = time.perf_counter()
        key = _key(scope)
        answer = self.get(key) if key else None
        if answer is None or answer.moment != self.library.moment():
            return None
        if self.guarding is not None and not self.guarding.settled(scope, answer.place):
            return None
        source = answer.source
        content = source.find()
        if content is None:
            return None
        if source.saw is not None:
            source.saw(context.viewer(scope))
        name = middleware.identifier()
        scope["handled"] = answer.handler
        head = b"%bx-request-id: %b\r\n\r\n%b" % (answer.head, name.encode(), source.before)
        self.requests.count(answer.handler, 200, answer.size, time.perf_counter() - started)
        middleware.log(name, "GET", answer.handler, 200, answer.size, started)
        return (head, content, source.after) if source.after else (head, content)


class Repeats:
    """Pure ASGI middleware; the outermost, because what it remembers is what goes out."""

    def __init__(self, app: ASGIApp, memory: Memory) -> None:
        self._app = app
        self._memory = memory
        self._library = memory.library
        self._guarding = memory.guarding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        answer = self._memory.get(key)
        if answer is not None:
            content = answer.source.find()
            allowed = self._guarding is None or await self._guarding.allows(scope, answer.place)
            if content is not None and allowed and await self._stands(key, answer, scope):
                if answer.source.saw is not None:
                    answer.source.saw(context.viewer(scope))
                scope["handled"] = answer.handler
                await self._give(answer, content, send)
                return
        await self._first(key, scope, receive, send)

    async def _stands(self, key: _Key, answer: _Answer, scope: Scope) -> bool:
        """Whether what ``answer`` follows from is still so."""
        moment = self._library.moment()
        if answer.moment == moment:
            return True
        # What is looked up now is not looked up again where the request goes on.
        scope.setdefault("state", {})["as_of"] = moment
        try:
            ground = answer.source.ground
            if await ground.stands(self._library, moment):
                if self._library.is_stale(ground.address):
                    return False  # the application knows how to say that, too
                answer.moment = moment
                return True
        except GatewayError:
            return False  # the application finds the same, and knows how to say it
        self._memory.drop(key)
        return False

    async def _first(self, key: _Key, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and remember how it did."""
        heard = _Heard(send)
        await self._app(scope, receive, heard)
        source = scope.get("state", {}).get("source")
        if isinstance(source, Source) and source.ground.is_firm:
            answer = heard.answer(source, middleware.handler(scope), guard.place(scope))
            if answer is not None:
                self._memory.put(key, answer)

    async def _give(self, answer: _Answer, content: bytes, send: Send) -> None:
        started = time.perf_counter()
        name = middleware.identifier()
        headers = [*answer.headers, (b"x-request-id", name.encode())]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for piece in (answer.source.before, content):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": answer.source.after})
        finally:
            taken = time.perf_counter() - started
            self._memory.requests.count(answer.handler, 200, answer.size, taken)
            middleware.log(name, "GET", answer.handler, 200, answer.size, started)


class _Heard:
    """The way out of a first answer: passes on, and keeps hold of the body if it is one piece."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._body: bytes | None = None
        self._size = 0
        self._whole = False

    async def __call__(self, message: Message) -> None:
        """Pass on one message."""
        if message["type"] == "http.response.start":
            if message["status"] == 200:
                self._headers = message["headers"]
        else:
            piece = message.get("body", b"")
            self._whole = not message.get("more_body", False)
            self._body = piece if self._whole and not self._size else None
            self._size += len(piece)
        await self._send(message)

    def answer(self, source: Source, handler: str | None, place: Place | None) -> _Answer | None:
        """What is to be remembered, if it was the content of ``source`` that went out."""
        content = source.find()
        if not content or self._headers is None or not self._whole:
            return None
        before, after = source.before, source.after
        if self._size != len(before) + len(content) + len(after):
            return None
        if self._body is not None and not _is(self._body, before, content, after):
            return None
        headers = [line for line in self._headers if line[0] not in _OWN]
        if all(name != b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % self._size))  # which is known by now
        head = b"".join(b"%b: %b\r\n" % line for line in headers)
        moment = source.ground.address.as_of or 0
        return _Answer(headers, head, source, self._size, handler, moment, place)


def _is(body: bytes, before: bytes, content: bytes, after: bytes) -> bool:
    """Whether ``body`` is the three, which together are as long; without a copy."""
    start = body.startswith(before) and body.startswith(content, len(before))
    return start and body.endswith(after)


def _key(scope: Scope) -> _Key | None:
    """All of a request that its answer may depend on; None if it is not answered from here."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    headers = [line for line in scope["headers"] if line[0] in _READ]
    client = None
    for name, value in headers:
        if name in _CONDITIONAL or len(value) > _LONGEST:
            return None
        if name in _FORWARDED:
            client = scope["client"]  # whether it is believed depends on who says it
    path, query = scope["path"], scope["query_string"]
    if len(path) > _LONGEST or len(query) > _LONGEST:
        return None
    place = client and client[0], scope["scheme"], scope.get("server"), scope.get("root_path")
    return (path, query, *place, *headers)
