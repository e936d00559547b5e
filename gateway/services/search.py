"""Search (QIDO-RS, PS3.18 10.6): the fewest calls to HealthImaging, the rest matched here.

A search result of HealthImaging carries a dozen attributes. Where they decide a query, only the
documents of what goes out are read; otherwise those of all candidates.
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from gateway.dicomweb import attributes, warnings
from gateway.dicomweb.query import Level, Query
from gateway.imagesets.document import ImageSet, Instance
from gateway.remote import search as planner
from gateway.remote.api import Summary
from gateway.services import results
from gateway.services.candidates import Candidate, candidates
from gateway.services.compute import Compute
from gateway.services.library import Library, by_preference
from gateway.services.results import Unit
from gateway.settings import GatewaySettings

_STUDY_UID: Final = "DICOMStudyInstanceUID"
_SERIES_NUMBER: Final = 0x00200011
_BY_MODALITIES: Final = (attributes.MODALITIES_IN_STUDY,)
_COUNTED_DOCUMENTS: Final = 200


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """DICOM JSON objects, and the warnings that go with them."""

    results: list[dict[str, Any]]
    warnings: list[str]


@dataclass(slots=True)
class _Window:
    """The results from ``first`` on, up to ``size``; ``total`` counts all that were seen."""

    first: int
    size: int
    units: list[Unit]
    total: int = 0
    documents: int = 0

    def add(self, unit: Unit) -> None:
        if self.first <= self.total < self.first + self.size:
            self.units.append(unit)
        self.total += 1

    def may_end(self) -> bool:
        """Whether enough is known without counting on: reading documents only to count is dear."""
        more = self.total > self.first + self.size
        return more and self.documents > _COUNTED_DOCUMENTS


class Search:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, settings: GatewaySettings) -> None:
        self._library = library
        self._compute = compute
        self._max_image_sets = settings.search_max_image_sets
        self._max_results = settings.search_max_results
        self._inline_limit = settings.inline_limit

    async def run(self, datastore_id: str, query: Query, root: str) -> SearchAnswer:
        """The results of ``query`` in a stable order: the newest studies first, then by number."""
        limit = self._max_results if query.limit is None else min(query.limit, self._max_results)
        window = _Window(query.offset, limit, [])
        truncated = False
        if query.image_set_id is not None:
            document = await self._library.image_set(
                datastore_id, query.image_set_id, query.version
            )
            await self._match(query, document.instances.values(), window, modalities=True)
        else:
            summaries, truncated = await self._find(datastore_id, query)
            await self._read(datastore_id, query, candidates(query, summaries), window)
        found = await self._compute.run(self._encode, query, window.units, root)
        return SearchAnswer(found, self._warnings(query, window, truncated=truncated))

    def _warnings(self, query: Query, window: _Window, *, truncated: bool) -> list[str]:
        remaining = window.total - window.first - len(window.units)
        notes = [warnings.remaining(remaining)] if remaining > 0 else []
        if truncated:
            notes.append(warnings.truncated(self._max_image_sets))
        return notes + [warnings.not_supported(mode) for mode in query.modes]

    def _encode(self, query: Query, units: list[Unit], root: str) -> list[dict[str, Any]]:
        return [results.encode(query, unit, root, self._inline_limit) for unit in units]

    async def _find(self, datastore_id: str, query: Query) -> tuple[list[Summary], bool]:
        """The image sets that the plan's searches give, and whether there may be more."""
        plan = planner.plan(query)
        found, truncated = await self._collect(datastore_id, plan.searches)
        whole_studies = query.level is Level.STUDY or _BY_MODALITIES in query.matches
        if not plan.complete and whole_studies:
            studies = sorted({str(item.tags.get(_STUDY_UID, "")) for item in found} - {""})
            whole = [await self._library.study(datastore_id, study) for study in studies]
            found = [item for summaries in whole for item in summaries]
        return by_preference(found), truncated

    async def _collect(
        self, datastore_id: str, searches: Iterable[Mapping[str, Any]]
    ) -> tuple[list[Summary], bool]:
        found: list[Summary] = []
        for criteria in searches:
            async for page in self._library.search(datastore_id, criteria):
                if len(found) >= self._max_image_sets:
                    return found, True
                found += page
        return found, False

    async def _read(
        self, datastore_id: str, query: Query, found: Sequence[Candidate], window: _Window
    ) -> None:
        if all(candidate.decided for candidate in found):
            total = len(found)
            found = found[window.first : window.first + window.size]
            async for instances in self._instances(datastore_id, found):
                window.units += results.group(query.level, instances)
            window.total = total
            return
        async with aclosing(self._instances(datastore_id, found)) as documents:
            for candidate in found:
                instances = await anext(documents)
                window.documents += len(candidate.summaries)
                await self._match(query, instances, window, modalities=candidate.modalities)
                if window.may_end():
                    return

    async def _match(
        self, query: Query, instances: Collection[Instance], window: _Window, *, modalities: bool
    ) -> None:
        """Add what matches; ``modalities`` says that Modalities in Study is open, see Candidate."""

        def matched() -> list[Unit]:
            if modalities and not results.has_modalities(query, instances):
                return []
            units = sorted(results.group(query.level, instances), key=_order)
            return [unit for unit in units if results.matches(query, unit)]

        for unit in await self._compute.run(matched):
            window.add(unit)

    async def _instances(
        self, datastore_id: str, found: Sequence[Candidate]
    ) -> AsyncGenerator[list[Instance], None]:
        """The instances of each candidate; documents are fetched ahead across candidates."""
        summaries = (summary for candidate in found for summary in candidate.summaries)
        async with aclosing(self._library.image_sets(datastore_id, summaries)) as documents:
            for candidate in found:
                image_sets: list[ImageSet] = [await anext(documents) for _ in candidate.summaries]
                yield [one for image_set in image_sets for one in image_set.instances.values()]


def _order(unit: Unit) -> tuple[int, str, int, str]:
    first = unit.instances[0]
    element = first.upper.unsigned.get(_SERIES_NUMBER)
    try:
        series_number = int(element[2][0]) if element and element[2] else 0
    except ValueError:
        series_number = 0
    return series_number, first.series, first.number, first.sop
