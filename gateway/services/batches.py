"""Image sets on their way into the catalog: begun ahead, taken in order, put in batches."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import Final

from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.remote.api import Summary
from gateway.services.index import Arrival, Batch

_BATCH: Final = 200
_BATCH_BYTES: Final = 32 << 20
_TRIES: Final = 3
_REMEMBERED: Final = 1_000

Do = Callable[[], Awaitable[Arrival | str]]
Found = tuple[Summary, Arrival | str | None]
"""An image set, and what became of it: it arrives, is gone (its identifier), or is as it was."""


class Begun:
    """An image set, and what there is to do: nothing, to remove it, or to fetch its document.

    ``failed`` says that its document could not be had before.
    """

    def __init__(self, summary: Summary, do: "Do | str | None", *, failed: bool = False) -> None:
        self.summary = summary
        self.failed = failed
        self._do = do
        self._task: asyncio.Task[Arrival | str] | None = None

    def start(self) -> None:
        """Begin to fetch."""
        if callable(self._do):
            self._task = asyncio.ensure_future(self._do())

    async def result(self) -> Arrival | str | None:
        """What became of it."""
        if self._task is None:
            return self._do if isinstance(self._do, str) else None
        return await self._task

    async def stop(self) -> None:
        """Let go of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class Patience:
    """Tells documents that cannot be had at the moment from those that never can.

    HealthImaging may be away: then nothing is passed over. What it does not give however often it
    is asked, while it gives the rest, is recorded as failed and holds nothing up.
    """

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter()

    async def taken(self, begun: Begun) -> Found:
        """An image set and what became of it.

        Raises:
            UpstreamUnavailable: its document is worth another try.
        """
        try:
            return begun.summary, await begun.result()
        except UpstreamUnavailable:
            name = begun.summary.image_set_id
            self._tries[name] += 1
            if self._tries[name] < _TRIES and not begun.failed:
                raise
            if len(self._tries) > _REMEMBERED:
                self._tries.clear()
            del self._tries[name]
            return begun.summary, Arrival(begun.summary, None)


async def batches(found: AsyncIterable[Found]) -> AsyncGenerator[tuple[Batch, float], None]:
    """Batches, and when the last image set of each was updated; none is empty.

    What was found before a failure is a batch still.
    """
    batch, newest = Batch(), 0.0
    try:
        async for summary, one in found:
            newest = summary.updated
            batch.add(one)
            if batch.weight >= _BATCH_BYTES or batch.size >= _BATCH:
                yield batch, newest
                batch = Batch()
    except GatewayError:
        if batch.seen:
            yield batch, newest
        raise
    if batch.seen:
        yield batch, newest
