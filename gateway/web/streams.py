"""Bodies that go out as they are made; the first piece is made before the status is sent."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.dicomweb.representations import OCTET_STREAM

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


class Enclosed:
    """A source between a ``head`` and a ``tail``, which may be empty."""

    def __init__(self, head: bytes, source: Source, tail: bytes) -> None:
        self.head = head
        self._source = source
        self.tail = tail

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.head:
            yield self.head
        async for piece in self._source:
            yield piece
        if self.tail:
            yield self.tail

    async def aclose(self) -> None:
        """Release the source."""
        await self._source.aclose()


class Stream(StreamingResponse):
    """A streamed answer that closes its source, also when the client leaves."""

    def __init__(
        self, source: Source, content_type: str, headers: Mapping[str, str] | None
    ) -> None:
        super().__init__(source, headers={"Content-Type": content_type, **(headers or {})})
        self._source = source
        self.around = (source.head, source.tail) if isinstance(source, Enclosed) else (b"", b"")

    def cut(self, first: int, size: int) -> None:
        """Send only ``size`` bytes, the first of them being number ``first`` counted from 0."""
        self.body_iterator = _cut(self._source, first, size)

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


def around(response: Response) -> tuple[bytes, bytes]:
    """What stands before and after the content of a streamed answer."""
    return response.around if isinstance(response, Stream) else (b"", b"")


async def _cut(source: Source, first: int, size: int) -> AsyncGenerator[bytes, None]:
    at, end = 0, first + size
    async for piece in source:
        start, at = at, at + len(piece)
        if at > first:
            yield piece[max(first - start, 0) : end - start]
        if at >= end:
            return


class _Begun:
    """A source of which the first piece has been taken out already."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        await self._rest.aclose()


async def unless_gone(request: Request, work: Coroutine[Any, Any, object]) -> bool:
    """Wait for ``work``, which costs nobody anything once the client has left; whether it has not.

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
    if working.cancelled():
        return False
    working.result()
    return True


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def begun(source: AsyncGenerator[bytes, None]) -> Source:
    """``source`` with its first piece made: what fails until then fails with a proper status."""
    return _Begun(await anext(source, b""), source)


async def stream(
    request: Request, source: AsyncGenerator[bytes, None], content_type: str
) -> Stream:
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
