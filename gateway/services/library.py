"""Finding stored instances: which image sets hold a study, their documents, their frames.

Image sets that share a study are merged here. Where several hold the same SOP instance, the primary
one counts, then the newest. Whether those that are not primary count at all is a setting.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from cachetools import TTLCache
from prometheus_client import CollectorRegistry

from gateway.cache import keys
from gateway.cache.memory import MemoryCache
from gateway.cache.tiers import Tiers
from gateway.dicomweb.resources import Address
from gateway.errors import NotFound, UpstreamUnavailable
from gateway.imagesets import document
from gateway.imagesets.document import ImageSet, Instance
from gateway.remote.api import HealthImaging, Summary, Urgency
from gateway.services.ahead import Room, ordered
from gateway.services.arrivals import Arrivals, Follower, Source
from gateway.services.studies import Studies, Study
from gateway.settings import GatewaySettings
from gateway.telemetry.metrics import Metrics

_PINNED_BYTES: Final = 1 << 20
_SUMMARY_BYTES: Final = 2_000
MAX_IMAGE_SETS: Final = 5_000
_LAST: Final = 4096
_SERIES_UID: Final = "DICOMSeriesInstanceUID"
_PATIENT_ID: Final = "DICOMPatientId"

_Place = tuple[str, str, int | None]


def by_preference(summaries: Iterable[Summary]) -> list[Summary]:
    """Primary image sets first, then the newest, each once."""
    unique = {summary.image_set_id: summary for summary in summaries}
    return sorted(
        unique.values(), key=lambda s: (s.primary is not True, -s.updated, s.image_set_id)
    )


class Library:
    """Everything the gateway reads from HealthImaging passes through here and its caches.

    ``studies`` knows their image sets; ``room`` is what frames fetched ahead of streams may take.
    ``missed`` is told of image sets that were to be read and are not there.
    """

    def __init__(
        self, remote: HealthImaging, settings: GatewaySettings, tiers: Tiers | None = None
    ) -> None:
        """Frames are kept in ``tiers``, those of the application, or in some of its own."""
        self._remote = remote
        self.missed: Callable[[str, str], None] = lambda *_: None
        self._policy = settings.image_set_policy
        self._ahead = settings.fetch_ahead
        self.room = Room(settings.stream_ahead_mb << 20)
        self._documents: MemoryCache[ImageSet] = MemoryCache(
            settings.metadata_cache_mb << 20, lambda found: found.held
        )
        self._tiers = tiers or Tiers(settings, Metrics(CollectorRegistry()))
        self._arrivals = Arrivals(self._tiers.put)
        self.studies = Studies(self._look_up, settings.search_ttl, settings.stale_seconds)
        self._last: TTLCache[_Place, Summary] = TTLCache(_LAST, settings.stale_seconds)
        self._old: TTLCache[_Place, bool] = TTLCache(_LAST, settings.stale_seconds)
        self._pinned: MemoryCache[Summary] = MemoryCache(_PINNED_BYTES, lambda _: _SUMMARY_BYTES)

    def search(
        self,
        datastore_id: str,
        criteria: Mapping[str, Any],
        urgency: Urgency = Urgency.WAITING,
    ) -> AsyncIterator[list[Summary]]:
        """The pages of a search, never from a cache; of the image sets that count."""
        return self._counting(self._remote.search(datastore_id, criteria, urgency))

    async def _counting(
        self, pages: AsyncIterator[list[Summary]]
    ) -> AsyncGenerator[list[Summary], None]:
        """``pages`` without image sets that do not count; those that nobody calls primary do."""
        async for page in pages:
            every = self._policy != "primary"
            yield [one for one in page if every or one.primary is not False]

    async def image_set(
        self,
        datastore_id: str,
        image_set_id: str,
        version: int | None = None,
        urgency: Urgency = Urgency.WAITING,
    ) -> ImageSet:
        """The document of one version of an image set; the latest is looked up after a moment."""

        async def fetch() -> ImageSet:
            try:
                content = await self._remote.metadata(datastore_id, image_set_id, version, urgency)
            except NotFound:
                self.missed(datastore_id, image_set_id)
                raise
            return await asyncio.to_thread(document.parse, image_set_id, content)

        key = (datastore_id, image_set_id, version, self.moment() if version is None else 0)
        if urgency is Urgency.AHEAD and self._documents.peek(key) is None:
            return await fetch()  # nobody who waits may join what can be turned away
        return await self._documents.get(key, fetch)

    def moment(self) -> int:
        """Changes whenever what is not pinned to a version has to be looked up anew."""
        return self.studies.moment()

    async def pinned(
        self, datastore_id: str, image_set_id: str, version: int | None, as_of: int | None = None
    ) -> Summary:
        """One image set, whatever the policy, with a version: the latest where none is given.

        Raises:
            NotFound: it does not exist.
        """

        async def fetch() -> Summary:
            return await self._remote.properties(datastore_id, image_set_id, version)

        if version is not None and self._policy != "flag":
            return Summary(image_set_id, version, 0.0, None, {})
        place = (datastore_id, image_set_id, version)
        try:
            found = await self._pinned.get(
                (*place, self.moment() if as_of is None else as_of), fetch
            )
        except UpstreamUnavailable:
            known = self._last.get(place)
            if known is None:
                raise
            self._old[place] = True
            return known
        self._last[place] = found
        self._old.pop(place, None)
        return found

    def is_stale(self, address: Address) -> bool:
        """Whether what is at ``address`` may have changed long ago: HealthImaging is away."""
        if address.image_set_id is None:
            return self.studies.is_stale((address.datastore_id, address.study))
        place = (address.datastore_id, address.image_set_id, None)
        return place in self._old

    async def held(self, address: Address) -> tuple[Summary, ...]:
        """The image sets that may hold what is at ``address``, the preferred first.

        Raises:
            NotFound: the image set that it names does not exist.
        """
        datastore_id, only = address.datastore_id, address.image_set_id
        if only is not None:
            return (await self.pinned(datastore_id, only, address.version, address.as_of),)
        summaries = await self.study(datastore_id, address.study, address.as_of)
        return tuple(one for one in summaries if _may_hold(one, address.series))

    async def image_sets(
        self,
        datastore_id: str,
        summaries: Iterable[Summary],
        urgency: Urgency = Urgency.WAITING,
    ) -> AsyncGenerator[ImageSet, None]:
        """The documents of search results, in their order, a few fetched at a time."""

        async def fetch(summary: Summary) -> ImageSet:
            name, version = summary.image_set_id, summary.version
            return await self.image_set(datastore_id, name, version, urgency)

        async with aclosing(ordered(summaries, fetch, self._ahead)) as documents:
            async for found in documents:
                yield found

    async def secondary(self, address: Address) -> Mapping[str, int | None]:
        """The versions of the image sets at ``address`` that answers say are not primary, by id."""
        if self._policy != "flag":
            return {}
        held = await self.held(address)
        return {one.image_set_id: one.version for one in held if one.primary is False}

    async def study(
        self, datastore_id: str, study: str, as_of: int | None = None
    ) -> tuple[Summary, ...]:
        """The image sets of a study that count, the preferred first; looked up anew after a moment.

        What is retrieved, ``as_of`` a moment, does not wait for that; and they stay the same then.
        """
        place = datastore_id, study
        if as_of is None:
            return await self.studies.recent(place)
        return await self.studies.at(place, as_of)

    async def study_now(self, datastore_id: str, study: str) -> tuple[Summary, ...]:
        """The same, looked up for this; what is retrieved next is read by it."""
        return await self.studies.now((datastore_id, study))

    async def _look_up(self, place: Study, urgency: Urgency) -> tuple[Summary, ...]:
        datastore_id, study = place
        only = {"values": [{"DICOMStudyInstanceUID": study}], "operator": "EQUAL"}
        found: list[Summary] = []
        async for page in self.search(datastore_id, {"filters": [only]}, urgency):
            found += page
            if len(found) >= MAX_IMAGE_SETS:
                break
        return tuple(by_preference(found))

    async def batches(
        self, address: Address, urgency: Urgency = Urgency.WAITING
    ) -> AsyncGenerator[list[Instance], None]:
        """The instances at ``address``, those of one series at a time, sorted by their number.

        Raises:
            NotFound: there are none.
        """
        nothing = True
        for image_sets in await self._holding(address, urgency):
            batch: dict[str, Instance] = {}
            async with aclosing(image_sets) as found:
                async for image_set in found:
                    for instance in _at(image_set, address):
                        batch.setdefault(instance.sop, instance)
                    if address.instance in batch:
                        break
            if batch:
                nothing = False
                yield sorted(batch.values(), key=lambda one: (one.series, one.number, one.sop))
        if nothing:
            raise NotFound(f"The {_kind(address)} does not exist")

    async def instance(self, address: Address) -> Instance:
        """The one instance at ``address``.

        Raises:
            NotFound: it does not exist.
        """
        if address.series is not None:
            found = self._at_hand(address, await self.held(address))
            if found is not None:
                return found
        async with aclosing(self.batches(address)) as batches:
            return (await anext(batches))[0]

    def _at_hand(self, address: Address, summaries: Iterable[Summary]) -> Instance | None:
        """The same if the documents that decide it are in memory: those of one series."""
        for one in summaries:
            moment = self.moment() if one.version is None else 0
            key = (address.datastore_id, one.image_set_id, one.version, moment)
            image_set = self._documents.peek(key)
            if image_set is None:
                return None
            for instance in _at(image_set, address):
                return instance
        return None

    async def _holding(
        self, address: Address, urgency: Urgency
    ) -> Iterator[AsyncGenerator[ImageSet, None]]:
        """The image sets that may hold ``address``, series by series, the preferred first."""
        series: dict[str, list[Summary]] = {}
        summaries = await self.held(address)
        known = all(summary.tags.get(_SERIES_UID) for summary in summaries)
        for summary in summaries:
            uid = str(summary.tags[_SERIES_UID]) if known else ""
            series.setdefault(uid, []).append(summary)
        order = sorted(series.values(), key=_series_order)
        return (self.image_sets(address.datastore_id, members, urgency) for members in order)

    async def frame(
        self,
        datastore_id: str,
        instance: Instance,
        number: int,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes:
        """The bytes of frame ``number``, from 1, as stored."""
        found = self.arriving(datastore_id, instance, number, urgency)
        if isinstance(found, bytes):
            return found
        async with aclosing(found):
            return await found.whole()

    def arriving(
        self,
        datastore_id: str,
        instance: Instance,
        number: int,
        urgency: Urgency = Urgency.WAITING,
    ) -> bytes | Follower:
        """Frame ``number``, from 1, as stored: its bytes, or who follows them as they arrive."""
        image_set_id, frame_id = instance.image_set_id, instance.frames[number - 1]
        key = keys.frame(datastore_id, image_set_id, frame_id)
        kept = self._tiers.peek(key)
        if kept is not None:
            return kept
        source = Source(
            key,
            partial(self._tiers.get, key),
            partial(self._remote.open_frame, datastore_id, image_set_id, frame_id),
            instance.seal(number),
        )
        return self._arrivals.follow(source, urgency)

    def kept_frame(self, datastore_id: str, image_set_id: str, frame_id: str) -> bytes | None:
        """The bytes of a frame as stored, if they are in memory."""
        return self._tiers.peek(keys.frame(datastore_id, image_set_id, frame_id))

    def patient(self, datastore_id: str, study: str) -> str:
        """The Patient ID of a study as its image sets were found last; empty if it is not known."""
        for one in self.studies.known((datastore_id, study)):
            found = one.tags.get(_PATIENT_ID)
            if found:
                return str(found)
        return ""

    async def check(self, datastore_id: str) -> None:
        """Return if the data store can be read."""
        await self._remote.check(datastore_id)

    async def close(self) -> None:
        """Drop what is being fetched, then the connection to HealthImaging."""
        await self._documents.close()
        await self._arrivals.close()
        await self.studies.close()
        await self._pinned.close()
        await self._remote.close()


def _series_order(members: list[Summary]) -> tuple[int, str]:
    tags = members[0].tags
    return int(tags.get("DICOMSeriesNumber", 0)), str(tags.get(_SERIES_UID, ""))


def _may_hold(summary: Summary, series: str | None) -> bool:
    stored = summary.tags.get(_SERIES_UID)
    return series is None or stored is None or stored == series


def _at(image_set: ImageSet, address: Address) -> Iterable[Instance]:
    if address.instance is None:
        candidates: Iterable[Instance] = image_set.instances.values()
    else:
        found = image_set.instances.get(address.instance)
        candidates = () if found is None else (found,)
    return (
        instance
        for instance in candidates
        if instance.study == address.study and address.series in (None, instance.series)
    )


def _kind(address: Address) -> str:
    if address.instance is not None:
        return "instance"
    return "study" if address.series is None else "series"
