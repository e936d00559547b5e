"""Writes that nobody waits for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import Final

from gateway.telemetry.metrics import TierCounts

_BATCH: Final = 32


class Behind:
    """Values on their way to a tier: few at a time, at most ``max_bytes`` together, else dropped.

    ``write`` is called with one batch after the other; its failures are its own to tell.
    """

    def __init__(
        self,
        write: Callable[[Mapping[str, bytes]], Awaitable[None]],
        max_bytes: int,
        counts: TierCounts,
    ) -> None:
        self._write = write
        self._max_bytes = max_bytes
        self._counts = counts
        self._waiting: dict[str, bytes] = {}
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def put(self, name: str, content: bytes) -> None:
        """Write ``content`` when its turn comes; drop it where too much is waiting."""
        if name in self._waiting:
            return
        if self._bytes + len(content) > self._max_bytes:
            self._counts.dropped += 1
            return
        self._waiting[name] = content
        self._bytes += len(content)
        self.start()

    def start(self) -> None:
        """Call ``write``, if only with nothing, unless it is at work."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        while True:
            batch = dict(islice(self._waiting.items(), _BATCH))
            try:
                await self._write(batch)
            finally:
                for name, content in batch.items():
                    self._bytes -= len(content)
                    del self._waiting[name]
            if not self._waiting:
                return

    async def close(self, seconds: float) -> None:
        """Write what is waiting if that takes no more than ``seconds``; drop the rest."""
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=seconds)
        if not self._task.done():
            self._counts.dropped += len(self._waiting)
            self._task.cancel()
            await asyncio.wait([self._task])
