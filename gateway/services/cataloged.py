"""Searches answered by the catalog: from its database alone, whatever they ask for.

What is asked for of one image set is left to HealthImaging, and so is everything while the catalog
is not complete. What is asked for within one study is left to it if the catalog may not be behind
(GATEWAY_CATALOG_MAX_LAG is 0): a search there is as fast, and knows what has just been deleted.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.catalog import plans
from gateway.catalog.limits import Clock
from gateway.catalog.reader import Asked as Wanted, Computed, Page, Reader
from gateway.catalog.speakers import Spoken
from gateway.dicom.elements import Element
from gateway.dicom.matching import is_universal
from gateway.dicomweb import attributes, warnings
from gateway.dicomweb.query import Query
from gateway.errors import CatalogError
from gateway.services import listings
from gateway.services.paging import Asked
from gateway.services.results import Result
from gateway.services.scope import Scope
from gateway.services.trails import Trails
from gateway.settings import GatewaySettings

_log: Final = logging.getLogger(__name__)
_THREADS: Final = 4
_SECONDS: Final = 5.0
_STUDY_UID: Final = (0x0020000D,)


class Follower(Protocol):
    """What keeps the catalog in step with HealthImaging."""

    async def ready(self, datastore_id: str) -> bool:
        """Whether the catalog has all of a data store."""
        ...

    async def catch_up(self, datastore_id: str) -> str | None:
        """Let the catalog be as fresh as it is to be; a warning where it is not in time."""
        ...

    async def loading(self, datastore_id: str) -> str | None:
        """A warning for answers that are found while the catalog is not complete."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the catalog: results, warnings, and their number where it is known exactly."""

    results: list[Result]
    warnings: list[str]
    total: int | None


class Cataloged:
    """Answers of the catalog behind ``reader``, which ``follower`` keeps."""

    def __init__(self, reader: Reader, follower: Follower, settings: GatewaySettings) -> None:
        self._reader = reader
        self._follower = follower
        self._trails = Trails(settings.search_paging_seconds)
        self._rows = settings.search_max_image_sets
        self._flags = settings.image_set_policy == "flag"
        self._within = settings.catalog_max_lag > 0
        self._threads = ThreadPoolExecutor(_THREADS, "catalog")

    async def run(self, asked: Asked, client: str) -> Found | None:
        """The answer; None if the catalog has none, or another one is better.

        Pages that one ``client`` asks for one after another go on where the one before ended.
        """
        if not self._is_ours(asked.query) or not await self._follower.ready(asked.datastore_id):
            return None
        late = await self._follower.catch_up(asked.datastore_id)
        try:
            found = await self._found(asked, client)
        except CatalogError as error:
            _log.warning("A search goes without the catalog: %s", error)
            return None
        return found if late is None else Found(found.results, [*found.warnings, late], found.total)

    async def excuse(self, asked: Asked) -> str | None:
        """What is to be said where the catalog should have answered and is not complete."""
        ours = self._is_ours(asked.query)
        return await self._follower.loading(asked.datastore_id) if ours else None

    def _is_ours(self, query: Query) -> bool:
        """Whether the catalog answers ``query``, and not HealthImaging."""
        return query.image_set_id is None and (self._within or not _in_study(query))

    async def _found(self, asked: Asked, client: str) -> Found:
        key = listings.key(asked.datastore_id, client, asked.query)
        offset = asked.query.offset
        trail = self._trails.find(key) if offset else self._trails.begin(key)
        number, place = trail.nearest(offset)
        wanted = Wanted(
            plans.plan(asked.query),
            asked.datastore_id,
            asked.limit,
            _computed(asked),
            place,
            offset - number,
            self._rows,
            self._flags,
        )
        page = await self._read(wanted)
        end = offset + len(page.results)
        if not page.short:
            trail.passed(end, page.place)
            self._trails.keep(key, trail)
        return self._answer(asked, page, end - page.short)

    async def _read(self, wanted: Wanted) -> Page:
        """The page; its statements are ended once nobody waits for it."""
        left = threading.Event()
        clock = Clock(_SECONDS, left)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._reader.page, wanted, clock)
        finally:
            left.set()

    def _answer(self, asked: Asked, page: Page, end: int) -> Found:
        notes = []
        if page.behind:
            say = warnings.remaining if page.counted else warnings.at_least
            notes.append(say(page.behind))
        if page.ended:
            notes.append(warnings.ended())
        if page.secondary:
            notes.append(warnings.not_primary())
        left_out = sorted(asked.query.asked() & attributes.NOT_COMPUTED.keys())
        notes += [warnings.left_out(attributes.NOT_COMPUTED[tag]) for tag in left_out]
        results = [_result(asked, one) for one in page.results]
        return Found(results, notes, end + page.behind if page.counted else None)

    async def close(self) -> None:
        """End the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _in_study(query: Query) -> bool:
    """Whether all that matches is of one study, which the query names."""
    studies = query.matches.get(_STUDY_UID, ())
    return len(studies) == 1 and not is_universal(studies)


def _result(asked: Asked, one: Spoken) -> Result:
    scope = Scope((), asked.root, whole=False, facts=one.facts)
    return Result(asked.criteria, one.speaker, scope)


def _computed(asked: Asked) -> Computed:
    """What is computed of those who speak for the results that are ``asked`` for."""

    def computed(one: Spoken, wanted: frozenset[int]) -> Mapping[int, Element]:
        scope = Scope((), asked.root, whole=False, facts=one.facts)
        return scope.computed(wanted, asked.query.level, one.speaker)

    return computed
