"""Bodies of answers, kept by all that they follow from: an answer given again is a look-up.

The key of a body says of which versions of image sets it is made, for which request, by which
program with which settings. So nothing that is kept goes stale; it is only used less and less.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from gateway.cache import keys
from gateway.cache.tiers import Tiers

_LARGEST: Final = 16 << 20  # bytes; what is larger is not gathered while it goes out


class Answers:
    """Kept in ``tiers``; ``maker`` is the fingerprint of program and settings."""

    def __init__(self, tiers: Tiers, maker: str) -> None:
        self._tiers = tiers
        self._maker = maker

    def peek(self, *parts: str) -> bytes | None:
        """The body that follows from ``parts``, if it is in memory."""
        return self._tiers.peek(keys.body(self._maker, *parts))

    async def get(self, *parts: str) -> bytes | None:
        """The body that follows from ``parts``, if it is kept."""
        return await self._tiers.get(keys.body(self._maker, *parts))

    async def put(self, content: bytes, *parts: str) -> None:
        """Keep a body; one of no bytes, or of very many, is not kept."""
        if 0 < len(content) <= _LARGEST:
            await self._tiers.put(keys.body(self._maker, *parts), content)

    async def kept(
        self, pieces: AsyncGenerator[bytes, None], *parts: str
    ) -> AsyncGenerator[bytes, None]:
        """``pieces`` as they come; the body that they are is kept once it is whole."""
        gathered = Gathered()
        async with aclosing(pieces):
            async for piece in pieces:
                gathered.add(piece)
                yield piece
        await self.put(gathered.whole(), *parts)


class Gathered:
    """The pieces of a body of bounded size."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._left = _LARGEST

    def add(self, piece: bytes) -> None:
        """Take one more piece; too many are too much, and all are dropped."""
        self._left -= len(piece)
        if self._left >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def whole(self) -> bytes:
        """The body; nothing if it was too large."""
        return b"".join(self._pieces) if self._left >= 0 else b""
