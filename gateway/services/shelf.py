"""Finished pictures and documents, by the entity tag of the answer that they are."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from cachetools import LRUCache

from gateway.cache.singleflight import SingleFlight
from gateway.services.albums import Part
from gateway.telemetry.metrics import Metrics

_ENTRY_BYTES: Final = 1_024  # what a part takes beside its content
_SHARE: Final = 4  # what takes more than this part of the shelf would drive out too many


class Shelf:
    """Parts of at most ``max_bytes`` together, the least used first out; each is made once.

    A tag says everything that the bytes follow from, so that none of them goes stale. What is being
    made when the last who asked for it leaves is given up. For the event loop alone.
    """

    def __init__(self, max_bytes: int, metrics: Metrics) -> None:
        self._parts: LRUCache[str, Part] = LRUCache(max_bytes, _size)
        self._flights: SingleFlight[Part] = SingleFlight(given_up=True)
        self._counts = metrics.tier("rendered", max_bytes, lambda: int(self._parts.currsize))

    def peek(self, tag: str) -> Part | None:
        """The part of ``tag``, if it is here."""
        found = self._parts.get(tag)
        if found is not None:
            self._counts.hits += 1
            self._counts.read_bytes += len(found.content)
        return found

    def content(self, tag: str) -> bytes | None:
        """What the part of ``tag`` holds, if it is here."""
        found = self.peek(tag)
        return None if found is None else found.content

    async def get(self, tag: str, make: Callable[[], Awaitable[Part]]) -> Part:
        """The part of ``tag``: from here, as it is just being made, or else as ``make`` makes it.

        Without a tag nobody knows what it follows from, and it is made.
        """
        if not tag:
            return await make()
        found = self.peek(tag)
        return found or await self._flights.do(tag, partial(self._made, tag, make))

    async def _made(self, tag: str, make: Callable[[], Awaitable[Part]]) -> Part:
        self._counts.misses += 1
        part = await make()
        if _size(part) * _SHARE > self._parts.maxsize:
            self._counts.dropped += 1
        else:
            before = len(self._parts)
            self._parts[tag] = part
            self._counts.evictions += before + 1 - len(self._parts)
            self._counts.written_bytes += len(part.content)
        return part


def _size(part: Part) -> int:
    return len(part.content) + _ENTRY_BYTES
