"""The catalog kept in step with HealthImaging: one of all processes leads, each can catch up.

Loading, comparing and events are the business of the process that leads. What has changed since a
moment ago is looked for by every process that answers searches, for itself: a batch that two of
them bring changes nothing the second time, and nobody has to wait for a message to another host.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from gateway.errors import CatalogError, ConfigurationError, GatewayError
from gateway.remote.api import HealthImaging
from gateway.remote.events import Queue
from gateway.services.compute import Compute
from gateway.services.feed import Feed
from gateway.services.index import Index
from gateway.services.keeper import Keeper
from gateway.services.loading import loading
from gateway.services.notices import attend
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.syncing import Counts, Gauges, Syncing

_log: Final = logging.getLogger(__name__)

_THREADS: Final = 4
_READING: Final = 2
_ELECTION_SECONDS: Final = 1.0
_OPEN_SECONDS: Final = 30.0
_SUSPECTS: Final = 1_000


class Election(Protocol):
    """As ``catalog.election`` has it."""

    def won(self) -> bool:
        """Whether this process leads."""
        ...

    def leave(self) -> None:
        """Let another one lead."""
        ...


class Place(Protocol):
    """Where the catalog is; its methods block, and raise CatalogError or ConfigurationError."""

    election: Election

    def open(self) -> Sequence[Index]:
        """Make it ready for use: one index for each data store."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Sync:
    """All that fills the catalog in this process; ``place`` None is to do without one.

    Of the event loop that starts it.
    """

    def __init__(
        self,
        remote: HealthImaging,
        place: Place | None,
        settings: GatewaySettings,
        metrics: Metrics,
    ) -> None:
        self._remote = remote
        self._place = place
        self._settings = settings
        self._threads = Compute(_THREADS)
        self._reading = Compute(_READING)
        self._keepers: dict[str, Keeper] = {}
        self._problem: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._suspects: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_SUSPECTS)
        self._measured: dict[str, tuple[Counts, Gauges]] = {}
        metrics.registry.register(Syncing(self._measured))

    def start(self) -> None:
        """Begin; what cannot be used now is tried again."""
        if self._place is not None:
            self._task = asyncio.create_task(self._run(self._place))

    async def ready(self, datastore_id: str) -> bool:
        """Whether the catalog has all of a data store, so that it can answer."""
        keeper = self._keepers.get(datastore_id)
        try:
            return keeper is not None and (await keeper.recent()).loaded is not None
        except CatalogError:
            return False

    async def catch_up(self, datastore_id: str) -> str | None:
        """Let the catalog be as fresh as it is to be; a warning where it is not in time."""
        keeper = self._keepers.get(datastore_id)
        try:
            return await keeper.catch_up() if keeper is not None else None
        except CatalogError:
            return None  # who reads it then hears of that

    async def loading(self, datastore_id: str) -> str | None:
        """A warning for answers that are found without the catalog; None where it has none."""
        keeper = self._keepers.get(datastore_id)
        try:
            state = await keeper.state() if keeper is not None else None
        except CatalogError:
            return None
        return loading(state) if state is not None and state.loaded is None else None

    def suspect(self, datastore_id: str, image_set_id: str) -> None:
        """Somebody asked for an image set that is not there: does the catalog know?"""
        if datastore_id in self._keepers:
            with suppress(asyncio.QueueFull):  # the next comparison finds it
                self._suspects.put_nowait((datastore_id, image_set_id))

    async def measure(self) -> None:
        """Have the metrics say how far the catalog is at this moment."""
        with suppress(CatalogError):
            for keeper in self._keepers.values():
                await keeper.measure()

    async def status(self) -> list[str]:
        """How far the catalog is, in sentences."""
        if self._place is None:
            return []
        if self._problem is not None:
            return [f"The search index is off: {self._problem}"]
        try:
            return [await keeper.status() for keeper in self._keepers.values()]
        except CatalogError as error:
            return [f"The search index is off: {error}"]

    async def _run(self, place: Place) -> None:
        await self._open(place)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clear())
            group.create_task(self._candidate(place.election))

    async def _open(self, place: Place) -> None:
        """Open the catalog, however long it takes until that works."""
        while True:
            try:
                indexes = await self._threads.run(_begun, place)
            except (CatalogError, ConfigurationError) as error:
                if self._problem is None:
                    _log.error("catalog_off", extra={"reason": str(error)})
                self._problem = str(error)
                await asyncio.sleep(_OPEN_SECONDS)
                continue
            if self._problem is not None:
                _log.warning("catalog_on")
            self._problem = None
            for index in indexes:
                self._keepers[index.datastore_id] = self._keeper(index)
            return

    def _keeper(self, index: Index) -> Keeper:
        settings = self._settings
        counts, gauges = self._measured[index.datastore_id] = Counts(), Gauges()
        policy, ahead = settings.image_set_policy, settings.fetch_ahead
        feed = Feed(self._remote, index, policy, self._threads, counts, ahead)
        return Keeper(feed, settings, counts, gauges, self._reading)

    async def _candidate(self, election: Election) -> None:
        """Lead whenever this process may, for as long as it may."""
        while True:
            if await self._threads.run(election.won):
                _log.info("catalog_leads")
                try:
                    await self._lead(election)
                except Exception:
                    # A mistake of this program's: the searches go on, and so does the rest of it.
                    _log.exception("catalog_failed")
                    await asyncio.sleep(_OPEN_SECONDS)
                _log.warning("catalog_leads_no_more")
            await asyncio.sleep(_ELECTION_SECONDS)

    async def _lead(self, election: Election) -> None:
        leading = asyncio.create_task(self._chores())
        try:
            while await self._threads.run(election.won):
                await asyncio.wait([leading], timeout=_ELECTION_SECONDS)
                if leading.done():
                    leading.result()
        finally:
            leading.cancel()
            await asyncio.wait([leading])
            # A transaction may still be under way in a thread. Those of two processes follow one
            # another, and a batch that comes late changes nothing.
            await asyncio.shield(self._threads.run(election.leave))

    async def _chores(self) -> None:
        async with asyncio.TaskGroup() as group:
            for keeper in self._keepers.values():
                group.create_task(keeper.lead())
            if self._settings.catalog_sqs_url is not None:
                group.create_task(self._attend(self._settings.catalog_sqs_url))

    async def _attend(self, url: str) -> None:
        settings = self._settings
        queue = await self._threads.run(
            Queue, url, settings.catalog_sqs_endpoint_url, settings.region
        )
        try:
            await attend(queue, self._keepers)
        finally:
            queue.close()

    async def _clear(self) -> None:
        """Look after what others missed."""
        while True:
            datastore_id, image_set_id = await self._suspects.get()
            with suppress(GatewayError):  # the next comparison finds it
                await self._keepers[datastore_id].suspect(image_set_id)

    async def close(self) -> None:
        """End all of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for keeper in self._keepers.values():
            await keeper.close()
        await self._threads.close()
        await self._reading.close()
        if self._place is not None:
            await asyncio.to_thread(self._place.close)


def _begun(place: Place) -> Sequence[Index]:
    indexes = place.open()
    for index in indexes:
        index.begin()
    return indexes
