"""What changes in a data store, brought into the catalog in batches."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.errors import NotFound, UpstreamInvalid
from gateway.remote.api import HealthImaging, Summary, Urgency
from gateway.services import changes
from gateway.services.ahead import ordered
from gateway.services.batches import Begun, Found, Patience, batches
from gateway.services.changes import Mood
from gateway.services.compute import Compute
from gateway.services.index import Arrival, Batch, Index, Mark, State
from gateway.telemetry.syncing import Counts

_log: Final = logging.getLogger(__name__)

_DRIFT: Final = 900.0
"""Seconds that this clock may be ahead of HealthImaging's: AWS refuses signatures that are."""

_NOTED: Final = 1.0
"""Seconds for which it is not worth a transaction to note that nothing has changed."""


class Feed:
    """One data store's changes; ``policy`` says which image sets count.

    ``threads`` are for the work on documents and the database: not those that answer people.
    """

    def __init__(
        self,
        remote: HealthImaging,
        index: Index,
        policy: str,
        threads: Compute,
        done: Counts,
        ahead: int,
    ) -> None:
        self.index = index
        self.run = threads.run
        self._remote = remote
        self._policy = policy
        self._done = done
        self.ahead = ahead
        self._patience = Patience()

    @property
    def datastore_id(self) -> str:
        """The data store."""
        return self.index.datastore_id

    def pages(self, moment: float, mood: Mood) -> AsyncGenerator[list[Summary], None]:
        """The pages of what was updated since ``moment``, the oldest first."""
        return changes.since(self._remote, self.datastore_id, moment, mood)

    async def follow(
        self,
        state: State,
        overlap: float,
        mood: Mood,
        total: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Bring what has changed since ``overlap`` seconds before the watermark.

        The watermark moves with each batch, so that what breaks off goes on from there; ``total``
        tells how many image sets a first load will have, as soon as that is known.

        Raises:
            GatewayError: HealthImaging is away, or refuses.
        """
        asked = time.time()
        last, since = state.watermark, max(0.0, state.watermark - overlap)
        loading = state.loading if state.loaded is None else None
        async with aclosing(self.found(self.pages(since, mood), mood)) as found:
            async for batch, newest in batches(found):
                last = max(last, newest)
                loading = loading and replace(
                    loading, done=loading.done + batch.seen, total=total()
                )
                if batch.size or loading:
                    await self.apply(batch, Mark(last, loading=loading, epoch=state.epoch))
        if asked - (state.synced or 0.0) > _NOTED:
            ended = Mark(max(last, asked - _DRIFT), synced=asked, epoch=state.epoch)
            await self.apply(Batch(), ended)

    async def apply(self, batch: Batch, mark: Mark) -> None:
        """Put a batch into the catalog."""
        began = time.monotonic()
        failed = await self.run(self.index.apply, batch.arrivals, batch.gone, mark)
        self._done.applied += len(batch.arrivals) - failed
        self._done.failed += failed
        self._done.removed += len(batch.gone)
        self._done.batches += 1
        self._done.batch_seconds += time.monotonic() - began
        if failed:
            extra = {"datastore": self.datastore_id, "image_sets": failed}
            _log.warning("catalog_unreadable", extra=extra)

    async def bring(self, summaries: Sequence[Summary], mood: Mood) -> None:
        """Put image sets into the catalog, also those whose documents could not be read before."""

        async def page() -> AsyncGenerator[list[Summary], None]:
            yield list(summaries)

        async with aclosing(self.found(page(), mood, again=True)) as found:
            async for batch, _ in batches(found):
                if batch.size:
                    await self.apply(batch, Mark())

    async def remove(self, image_set_ids: Iterable[str], mood: Mood) -> int:
        """Take those image sets out of the catalog that are gone; how many that were."""

        async def look(name: str) -> str | None:
            return name if await self._is_gone(name, mood) else None

        async with aclosing(ordered(image_set_ids, look, self.ahead)) as looked:
            gone = [name async for name in looked if name is not None]
        if gone:
            await self.apply(Batch(gone=gone), Mark())
        return len(gone)

    async def found(
        self, pages: AsyncIterable[list[Summary]], mood: Mood, *, again: bool = False
    ) -> AsyncGenerator[Found, None]:
        """What became of the image sets of ``pages``, in their order; a few documents are ahead.

        What failed before is tried ``again``, or left alone until it changes.
        """
        waiting: deque[Begun] = deque()
        try:
            async for page in pages:
                for begun in await self._begun(page, mood, again=again):
                    waiting.append(begun)
                    begun.start()
                    while len(waiting) > self.ahead:
                        yield await self._patience.taken(waiting.popleft())
            while waiting:
                yield await self._patience.taken(waiting.popleft())
        finally:
            await asyncio.gather(*(one.stop() for one in waiting))

    async def _begun(self, page: Sequence[Summary], mood: Mood, *, again: bool) -> "list[Begun]":
        """The image sets of a page, the newest version of each, with what there is to do."""
        newest = {one.image_set_id: one for one in page}
        known = await self.run(self.index.known, list(newest))
        begun = []
        for name, summary in newest.items():
            had = known.get(name)
            if not self.counts(summary.primary):
                begun.append(Begun(summary, name if had else None))
            elif had and had.covers(summary) and not (again and had.failed):
                begun.append(Begun(summary, None))
            else:
                begun.append(
                    Begun(
                        summary,
                        partial(self._fetch, summary, mood),
                        failed=had is not None and had.failed,
                    )
                )
        return begun

    async def _fetch(self, summary: Summary, mood: Mood) -> Arrival | str:
        """The document of an image set; its identifier if it is gone."""
        name = summary.image_set_id
        try:
            return Arrival(summary, await self.document(summary, mood))
        except NotFound:
            return name if await self._is_gone(name, mood) else Arrival(summary, None)
        except UpstreamInvalid:
            return Arrival(summary, None)

    async def document(self, summary: Summary, mood: Mood) -> bytes:
        """The document of an image set in the version that ``summary`` tells of."""
        return await self._metadata(summary.image_set_id, summary.version, mood)

    async def _is_gone(self, image_set_id: str, mood: Mood) -> bool:
        """Whether HealthImaging has no content of an image set, whatever the version."""
        try:
            await self._metadata(image_set_id, None, mood)
        except NotFound:
            return True
        except UpstreamInvalid:
            return False
        return False

    async def _metadata(self, image_set_id: str, version: int | None, mood: Mood) -> bytes:
        def call(urgency: Urgency) -> Awaitable[bytes]:
            return self._remote.metadata(self.datastore_id, image_set_id, version, urgency)

        return await changes.patiently(call, mood)

    async def properties(self, image_set_id: str, version: int, mood: Mood) -> Summary:
        """What HealthImaging says of one version of an image set, whatever its searches find."""

        def call(urgency: Urgency) -> Awaitable[Summary]:
            return self._remote.properties(self.datastore_id, image_set_id, version, urgency)

        return await changes.patiently(call, mood)

    def counts(self, primary: bool | None) -> bool:
        """Whether an image set that is ``primary``, or not, counts under the policy."""
        return self._policy != "primary" or primary is not False
