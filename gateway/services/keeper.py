"""Keeping the catalog of one data store: loaded, followed, compared, and as fresh as is asked."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from gateway.dicomweb import warnings
from gateway.errors import GatewayError, NotFound
from gateway.remote.api import Summary, Urgency
from gateway.remote.events import Event
from gateway.services.compute import Compute
from gateway.services.feed import Feed
from gateway.services.index import State
from gateway.services.loading import load, loading
from gateway.services.reconciliation import reconcile, retry
from gateway.services.rounds import Rounds
from gateway.settings import GatewaySettings
from gateway.telemetry.syncing import Counts, Gauges

_log: Final = logging.getLogger(__name__)

_OVERLAP: Final = 2.0
_DEEP_OVERLAP: Final = 60.0
"""Seconds before the watermark that are looked at again: each time, and once in an interval.

An image set may be found by searches only some time after the moment that it bears.
"""

_COUNT_SECONDS: Final = 10.0
_MOMENT: Final = 0.25  # seconds
_LEAST_BETWEEN: Final = 60.0
_SHARE: Final = 0.05  # of the time in which comparisons may run
_LONGEST_PAUSE: Final = 60.0
_RETRY_SECONDS: Final = 30.0
_LONGEST_RETRY: Final = 3600.0
_HEED_SECONDS: Final = 10.0


class Keeper:
    """One data store's. Every process follows and answers; the one that leads does the rest."""

    def __init__(
        self,
        feed: Feed,
        settings: GatewaySettings,
        counts: Counts,
        gauges: Gauges,
        reading: Compute,
    ) -> None:
        """``reading`` has threads for what people wait for: none of them waits to write."""
        self.feed = feed
        self._read = reading.run
        self.gauges = gauges
        self._counts = counts
        self._interval = settings.catalog_interval
        self._max_lag = settings.catalog_max_lag
        self._wait = settings.catalog_wait
        self._reconcile = settings.catalog_reconcile
        self._between = min(self._reconcile, _LEAST_BETWEEN)
        self._rounds = Rounds(self._poll)
        self._deep_at = 0.0
        self._pause = _RETRY_SECONDS
        self._woken = asyncio.Event()
        self._seen, self._seen_at = State(), 0.0
        self._counted_at = -_COUNT_SECONDS

    async def state(self) -> State:
        """How far the catalog is."""
        found = await self._read(self.feed.index.state)
        self._seen, self._seen_at = found, time.monotonic()
        self.gauges.synced = found.synced or 0.0
        self.gauges.loaded = found.loaded is not None
        if found.loading is not None:
            self.gauges.done = found.loading.done
            self.gauges.total = found.loading.total or self.gauges.total
        return found

    async def measure(self) -> None:
        """Have the gauges say how far the catalog is; whichever process fills it."""
        await self.state()
        if time.monotonic() - self._counted_at >= _COUNT_SECONDS:
            self.gauges.image_sets = await self._read(self.feed.index.count)
            self._counted_at = time.monotonic()

    async def recent(self) -> State:
        """The same, of a moment ago; whoever reads the catalog then sees for himself."""
        if self._seen.loaded is None or time.monotonic() - self._seen_at > _MOMENT:
            return await self.state()
        return self._seen

    async def catch_up(self) -> str | None:
        """Let all be there that HealthImaging has at this moment, or had as long ago as may be.

        Waits a bounded time; the text of a warning if that was not enough.
        """
        state = await self.recent()
        if state.loaded is None:
            return loading(state)
        if _lag(state) <= self._max_lag:
            return None
        try:
            if await self._rounds.wait(self._wait):
                return warnings.unreadable(left) if (left := self.gauges.unreadable) else None
        except GatewayError:
            self._counts.poll_errors += 1
        return warnings.behind(max(1, round(_lag(await self.state()))))

    async def status(self) -> str:
        """How far the catalog is, in a sentence."""
        state = await self.state()
        if state.loaded is None:
            total = f" of {self.gauges.total}" if self.gauges.total else ""
            return f"The search index is being loaded: {self.gauges.done}{total} image sets so far."
        count = await self._read(self.feed.index.count)
        return f"The search index has {count} image sets, as of {round(_lag(state))} seconds ago."

    def wake(self) -> None:
        """Look for changes now rather than when it is time."""
        self._woken.set()

    async def _poll(self) -> None:
        state = await self.state()
        if state.loaded is None:
            return
        now = time.monotonic()
        deep = now - self._deep_at >= self._interval
        failed = self._counts.failed
        await self.feed.follow(state, _DEEP_OVERLAP if deep else _OVERLAP, self._mood)
        self._deep_at = now if deep else self._deep_at
        if deep or self._counts.failed != failed:
            self.gauges.unreadable = await self.feed.run(self.feed.index.count_failed)

    def _mood(self) -> Urgency:
        return Urgency.WAITING if self._rounds.awaited else Urgency.AHEAD

    async def lead(self) -> None:
        """Fill the catalog and keep it; ends only by being cancelled."""
        self.gauges.leading = True
        try:
            await self._persist(self._load)
            async with asyncio.TaskGroup() as group:
                for chore in (self._follow, self._compare, self._again):
                    group.create_task(self._persist(chore, forever=True))
        finally:
            self.gauges.leading = False

    async def _persist(self, work: Callable[[], Awaitable[None]], *, forever: bool = False) -> None:
        """Do ``work``, once or ``forever``; after a failure again, later each time."""
        failures, done = 0, False
        while forever or not done:
            try:
                await work()
            except GatewayError as error:
                failures += 1
                await self._failed(error, failures)
            else:
                done = True
                if failures:
                    _log.warning("catalog_goes_on", extra={"datastore": self.feed.datastore_id})
                failures = 0

    async def _failed(self, error: GatewayError, failures: int) -> None:
        self._counts.poll_errors += 1
        if failures == 1:
            reason = {"reason": type(error).__name__, "datastore": self.feed.datastore_id}
            _log.warning("catalog_waits", extra=reason)
        longest = min(_LONGEST_PAUSE, 2.0 ** min(failures, 10))
        await asyncio.sleep(random.uniform(0.5, 1.0) * longest)  # noqa: S311  nothing secret

    async def _load(self) -> None:
        state = await self.state()
        if state.loaded is None:
            await load(self.feed, state, self.gauges)
            await self.state()

    async def _follow(self) -> None:
        """Look for changes, and wait until it is time again; fill a catalog that was emptied."""
        await self._load()
        await self._rounds.ask()
        self.gauges.image_sets = await self.feed.run(self.feed.index.count)
        self._woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._interval)

    async def _compare(self) -> None:
        """Wait until a comparison is due, and do it."""
        state = await self.state()
        due = (state.reconciled or 0.0) + self._between - time.time()
        if due > 0 or state.loaded is None:
            await asyncio.sleep(max(1.0, min(due, _LONGEST_PAUSE)))
            return
        began = time.monotonic()
        await reconcile(self.feed, _ahead)
        # Small data stores are compared more often: it takes a small part of the quota at the most.
        taken = time.monotonic() - began
        self._between = min(self._reconcile, max(_LEAST_BETWEEN, taken / _SHARE))

    async def _again(self) -> None:
        """Try again what could not be read, later each time while that is in vain."""
        left = await self.feed.run(self.feed.index.count_failed)
        self.gauges.unreadable = left
        self._pause = min(self._pause * 2, _LONGEST_RETRY) if left else _RETRY_SECONDS
        await asyncio.sleep(self._pause)
        if left:
            await retry(self.feed, _ahead)

    async def heed(self, events: Sequence[Event]) -> None:
        """Have what ``events`` tell of in the catalog; what it knows already changes nothing.

        Raises:
            GatewayError: that did not come to its end.
        """
        if (await self.state()).loaded is None:
            return  # the first load comes to all that has changed since it began
        await self._forget([one.image_set_id for one in events if one.deleted])
        if await self._unknown(events):
            await self._rounds.wait(_HEED_SECONDS)
            late = await self._unknown(events)
            found = [await self._summary(one) for one in late]
            await self.feed.bring([one for one in found if one is not None], _ahead)

    async def suspect(self, image_set_id: str) -> None:
        """Take an image set out of the catalog if it is gone, as somebody has heard."""
        await self._forget([image_set_id])

    async def _forget(self, names: Iterable[str | None]) -> None:
        known = await self.feed.run(self.feed.index.known, [name for name in names if name])
        await self.feed.remove(known, _ahead)

    async def _unknown(self, events: Iterable[Event]) -> list[Event]:
        """The events of versions that can be read, count, and are not in the catalog."""
        told = {one.image_set_id: one for one in events if one.settled and one.image_set_id}
        known = await self.feed.run(self.feed.index.known, list(told))
        return [
            one
            for name, one in told.items()
            if (name not in known or known[name].version < one.version)
            and self.feed.counts(one.primary)
        ]

    async def _summary(self, event: Event) -> Summary | None:
        try:
            return await self.feed.properties(str(event.image_set_id), event.version, _ahead)
        except NotFound:
            return None

    async def close(self) -> None:
        """End what this process does beside leading."""
        await self._rounds.close()


def _ahead() -> Urgency:
    return Urgency.AHEAD


def _lag(state: State) -> float:
    return time.time() - (state.synced or 0.0)
