"""The tiers as one: memory, then this machine's disk, then the server that gateways share."""

import asyncio
from typing import Final, Protocol

from gateway.cache import keys
from gateway.cache.disk import DiskTier
from gateway.cache.memory import MemoryTier
from gateway.cache.shared import SharedTier
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics

_CLOSE_SECONDS: Final = 3.0


class Tier(Protocol):
    """A tier behind memory; ``name`` is the digest of a key. Its failures reach nobody."""

    async def get(self, name: str) -> bytes | None:
        """The value of ``name``, if it is there, and believed."""

    def put(self, name: str, content: bytes) -> None:
        """Write ``content`` behind the caller, or not."""

    async def close(self, seconds: float) -> None:
        """Write what is waiting, for ``seconds`` at the most."""


class Tiers:
    """Bytes that never change, by key: memory, then this machine's disk, then the shared server.

    Values are what was put under that key, whole, or not there. For the event loop alone.
    """

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._memory = MemoryTier(settings.frame_cache_mb << 20, metrics)
        self._farther = _farther(settings, metrics)

    def peek(self, key: str) -> bytes | None:
        """The bytes of ``key`` if they are in memory, at once; only ``get`` counts a miss."""
        return self._memory.peek(key)

    async def get(self, key: str) -> bytes | None:
        """The bytes of ``key`` from the nearest tier that has them; the nearer ones then do too."""
        content = self._memory.get(key)
        if content is not None or not self._farther:
            return content
        name = keys.digest(key)
        for place, tier in enumerate(self._farther):
            content = await tier.get(name)
            if content is not None:
                self._memory.put(key, content)
                for nearer in self._farther[:place]:
                    nearer.put(name, content)
                return content
        return None

    async def put(self, key: str, content: bytes) -> None:
        """Keep ``content``: in memory at once, in the tiers behind without a delay."""
        self._memory.put(key, content)
        if self._farther:
            name = keys.digest(key)
            for tier in self._farther:
                tier.put(name, content)

    async def close(self) -> None:
        """Write or drop what is still to be written, within a few seconds."""
        await asyncio.gather(*(tier.close(_CLOSE_SECONDS) for tier in self._farther))


def _farther(settings: GatewaySettings, metrics: Metrics) -> tuple[Tier, ...]:
    found: list[Tier] = []
    if settings.disk_cache_dir is not None:
        found.append(DiskTier(settings.disk_cache_dir, settings.disk_cache_mb << 20, metrics))
    if settings.shared_cache_url is not None:
        shared = SharedTier(
            settings.shared_cache_url,
            ttl=settings.shared_cache_ttl,
            largest=settings.shared_cache_max_value_mb << 20,
            seconds=settings.shared_cache_timeout,
            metrics=metrics,
        )
        found.append(shared)
    return tuple(found)
