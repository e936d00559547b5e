"""Bodies that go out as they are made; the first piece is made before the status is sent."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.dicomweb.representations import OCTET_STREAM

_Item = TypeVar("_Item")
_Response = TypeVar("_Response", bound=Response)

CLIENT_CLOSED_REQUEST: Final = 499
"""The status, for the log alone, of what nobody waits for any longer."""

_HARMLESS: Final = frozenset({OCTET_STREAM, "application/pdf"})
"""What browsers do not run in the name of this origin; a PDF in a sandbox would not be shown."""


class Source(Protocol):
    """Pieces of a body, and the way to have done with them."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""
        ...

    async def aclose(self) -> None:
        """Release what the pieces are made from."""
        ...


class Closing(Protocol):
    """What has to be closed, also if nothing was ever taken of it."""

    async def aclose(self) -> None:
        """Release what it holds."""
        ...


class Derived:
    """Pieces, and what they are made from: closed with them, also where none of them was taken.

    Closing a generator that has not begun runs nothing of it, so not what closes its own source.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], *origins: Closing) -> None:
        self._pieces = pieces
        self._origins = origins

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def aclose(self) -> None:
        """Release all of them."""
        async with AsyncExitStack() as stack:
            for one in reversed((self._pieces, *self._origins)):
                stack.push_async_callback(one.aclose)


class Enclosed(Derived):
    """A source between a ``head`` and a ``tail``, which may be empty."""

    def __init__(self, head: bytes, source: Source, tail: bytes) -> None:
        super().__init__(_enclosed(head, source, tail), source)


async def _enclosed(head: bytes, source: Source, tail: bytes) -> AsyncGenerator[bytes, None]:
    if head:
        yield head
    async for piece in source:
        yield piece
    if tail:
        yield tail


class Stream(StreamingResponse):
    """A streamed answer that closes its source, also when the client leaves."""

    def __init__(
        self, source: Source, content_type: str, headers: Mapping[str, str] | None
    ) -> None:
        super().__init__(source, headers={"Content-Type": content_type, **(headers or {})})
        self._source = source

    def cut(self, first: int, size: int) -> None:
        """Send only ``size`` bytes, the first of them being number ``first`` counted from 0."""
        self._source = Derived(_cut(self._source, first, size), self._source)
        self.body_iterator = self._source

    async def discard(self) -> None:
        """Have done with the source: something else is answered."""
        await self._source.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; a failure of the source aborts it, so that nobody takes it for whole."""
        async with aclosing(self._source):
            if scope["method"] == "HEAD":
                start = {"type": "http.response.start", "status": self.status_code}
                await send(start | {"headers": self.raw_headers})
                await send({"type": "http.response.body", "body": b""})
                return
            await super().__call__(scope, receive, send)


async def _cut(source: Source, first: int, size: int) -> AsyncGenerator[bytes, None]:
    at, end = 0, first + size
    async for piece in source:
        start, at = at, at + len(piece)
        if at > first:
            yield piece[max(first - start, 0) : end - start]
        if at >= end:
            return


class Begun(Generic[_Item]):
    """What is made one by one, and the first has been taken out already."""

    def __init__(self, first: _Item, rest: AsyncIterator[_Item], source: Closing) -> None:
        self._first: list[_Item] = [first]
        self._rest = rest
        self._source = source

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _Item:
        return self._first.pop() if self._first else await anext(self._rest)

    async def aclose(self) -> None:
        """Release the source."""
        await self._source.aclose()


async def unless_gone(request: Request, work: Coroutine[Any, Any, _Item]) -> _Item | None:
    """The result of ``work``; None, and no more of it done, if the client leaves before.

    What ``work`` raises is raised.
    """
    working = asyncio.ensure_future(work)
    await asyncio.sleep(0)  # what is there already needs no watch
    if not working.done():
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not working.done():
                working.cancel()
            await asyncio.gather(gone, working, return_exceptions=True)
    return None if working.cancelled() else working.result()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def begun(source: Source) -> Source:
    """``source`` with its first piece made: what fails until then fails with a proper status."""
    pieces = aiter(source)
    try:
        return Begun(await anext(pieces, b""), pieces, source)
    except BaseException:
        await source.aclose()
        raise


async def stream(request: Request, source: Source, content_type: str) -> Stream:
    """The answer of something that is known to be there: for a HEAD nothing of it is made."""
    made = source if request.method == "HEAD" else await begun(source)
    return Stream(made, content_type, None)


def plain(content: bytes, content_type: str) -> Response:
    """A small answer: one message, a true Content-Length."""
    return Response(content, headers={"Content-Type": content_type})


def guarded(response: _Response) -> _Response:
    """``response``, of what others have written: no browser runs it in the name of this origin."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.headers["Content-Type"].partition(";")[0] not in _HARMLESS:
        response.headers["Content-Security-Policy"] = "sandbox"
    return response


class Pieces(Response):
    """An answer whose pieces are all here: they are joined only for who asks for its body."""

    def __init__(self, pieces: Sequence[bytes], content_type: str) -> None:
        size = str(sum(map(len, pieces)))
        super().__init__(headers={"Content-Type": content_type, "Content-Length": size})
        self._pieces = [piece for piece in pieces if piece]

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)

    @body.setter
    def body(self, content: bytes) -> None:
        self._pieces = [content]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send(start | {"headers": self.raw_headers})
        *first, last = self._pieces or [b""]
        for piece in first:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": last})
