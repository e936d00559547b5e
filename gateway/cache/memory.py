"""Memory: least recently used first out, sized in bytes, one fetch for any number of askers."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from cachetools import LRUCache

from gateway.cache.singleflight import SingleFlight
from gateway.telemetry.metrics import Metrics, TierCounts

ENTRY_BYTES: Final = 448
"""What key and containers of one entry take, measured with CPython 3.11; counted with its bytes."""

_SHARE: Final = 4  # a value that takes more than this part of the memory would drive out too many
_Value = TypeVar("_Value")


class MemoryCache(Generic[_Value]):
    """Values of at most ``max_bytes`` together, as ``size_of`` measures them.

    A value larger than the whole cache is passed on and not kept.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[_Value], int]) -> None:
        self._values: LRUCache[Hashable, _Value] = LRUCache(max_bytes, size_of)
        self._flights: SingleFlight[_Value] = SingleFlight()

    async def get(self, key: Hashable, fetch: Callable[[], Awaitable[_Value]]) -> _Value:
        """The value of ``key``, fetched if it is not here; a failure is not remembered."""
        found = self._values.get(key)
        if found is not None:
            return found

        async def fetch_and_keep() -> _Value:
            value = await fetch()
            if self._values.getsizeof(value) <= self._values.maxsize:
                self._values[key] = value
            return value

        return await self._flights.do(key, fetch_and_keep)

    def peek(self, key: Hashable) -> _Value | None:
        """The value of ``key`` if it is here; nothing is fetched."""
        return self._values.get(key)

    async def close(self) -> None:
        """Drop what is being fetched."""
        await self._flights.close()


class MemoryTier:
    """Bytes by key, with their overhead at most ``max_bytes`` together.

    A value larger than a quarter of that is passed on and not kept. For the event loop alone.
    """

    def __init__(self, max_bytes: int, metrics: Metrics) -> None:
        counts = metrics.tier("memory", max_bytes, lambda: int(self._values.currsize))
        self._counts = counts
        self._values = _Counted(max_bytes, counts)
        self._largest = max_bytes // _SHARE - ENTRY_BYTES

    def peek(self, key: str) -> bytes | None:
        """The bytes of ``key``, which are now those used last; none is not counted as a miss."""
        try:
            content = self._values[key]  # ``get`` of cachetools looks twice
        except KeyError:
            return None
        self._counts.hits += 1
        self._counts.read_bytes += len(content)
        return content

    def get(self, key: str) -> bytes | None:
        """The bytes of ``key``, which are now those used last."""
        content = self.peek(key)
        if content is None:
            self._counts.misses += 1
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep ``content``; the least used make room."""
        if len(content) > self._largest:
            self._counts.dropped += 1
            return
        self._values[key] = content
        self._counts.written_bytes += len(content)


class _Counted(LRUCache[str, bytes]):
    def __init__(self, max_bytes: int, counts: TierCounts) -> None:
        super().__init__(max_bytes, lambda content: len(content) + ENTRY_BYTES)
        self._counts = counts

    def popitem(self) -> tuple[str, bytes]:
        """Take out the least used."""
        self._counts.evictions += 1
        return super().popitem()
