"""The body of an answer on its way from a connection to whoever reads it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

from gateway.remote.errors import Unfinished

_HIGH_WATER: Final = 1 << 20


class Source(Protocol):
    """Where the bytes come from."""

    def pause(self) -> None:
        """Bring no more for the moment."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...

    def abort(self) -> None:
        """Nobody wants the rest."""
        ...


class Reply:
    """An answer whose head is here and whose body may still arrive; names are in lower case.

    ``length`` is None where the body comes in chunks. Until it is read as a whole, its source is
    paused when a mebibyte is waiting for its reader.
    """

    def __init__(
        self, source: Source, status: int, headers: dict[str, str], length: int | None
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = length
        self._source = source
        self._pieces: list[bytes | memoryview] = []
        self._buffered = 0
        self._whole = False
        self._ended = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, piece: bytes | memoryview) -> None:
        """Take bytes of the body."""
        self._pieces.append(piece)
        self._buffered += len(piece)
        if not self._whole:
            self._wake()
            if self._buffered > _HIGH_WATER:
                self._source.pause()

    def end(self) -> None:
        """The body is complete."""
        self._ended = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """The body will not be complete."""
        if not self._ended and self._failure is None:
            self._failure = failure
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._source.resume()
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            Unfinished, TimeoutError: it does not arrive.
        """
        self._whole = True
        try:
            while not self._ended:
                await self._more()
        finally:
            self.close()
        return b"".join(self._pieces)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; the same errors."""
        try:
            while self._pieces or not self._ended:
                if not self._pieces:
                    await self._more()
                taken, self._pieces, self._buffered = self._pieces, [], 0
                for piece in taken:
                    yield bytes(piece)
        finally:
            self.close()

    def close(self) -> None:
        """Break off what has not ended."""
        if not self._ended:
            self.fail(Unfinished("broken off"))
            self._source.abort()
