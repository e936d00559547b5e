"""Memory: least recently used first out, sized in bytes, one fetch for any number of askers."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

from gateway.cache.singleflight import SingleFlight

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

    async def close(self) -> None:
        """Drop what is being fetched."""
        await self._flights.close()
