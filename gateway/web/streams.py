"""Bodies that go out as they are made; the first piece is made before the status is sent."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send


class Stream(StreamingResponse):
    """A streamed answer that closes its source, also when the client leaves."""

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        content_type: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        super().__init__(source, headers=dict(headers or {}), media_type=content_type)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; a failure of the source aborts it, so that nobody takes it for whole."""
        async with aclosing(self._source):
            await super().__call__(scope, receive, send)


async def begun(source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """``source`` with its first piece made: what fails until then fails with a proper status."""
    first = await anext(source, b"")

    async def whole() -> AsyncGenerator[bytes, None]:
        async with aclosing(source):
            yield first
            async for piece in source:
                yield piece

    return whole()


def plain(content: bytes, content_type: str) -> Response:
    """A small answer: one message, a true Content-Length."""
    return Response(content, headers={"Content-Type": content_type})
