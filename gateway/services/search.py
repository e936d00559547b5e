"""Search (QIDO-RS, PS3.18 10.6): the fewest calls to HealthImaging, the rest matched here.

A search result of HealthImaging carries a dozen attributes. Where they decide a query, only the
documents of what goes out are read; otherwise those of the candidates up to the end of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gateway.cache.singleflight import SingleFlight
from gateway.dicomweb import attributes, warnings
from gateway.dicomweb.query import Query
from gateway.remote import search as planner
from gateway.remote.api import Summary
from gateway.services import listings
from gateway.services.candidates import Candidate, candidates
from gateway.services.compute import Compute
from gateway.services.criteria import criteria
from gateway.services.library import Library, by_preference
from gateway.services.listings import Listing, Listings
from gateway.services.paging import Asked, Page, Pager
from gateway.services.results import Result
from gateway.settings import GatewaySettings

_Encoded = TypeVar("_Encoded")

_Found = tuple[list[Summary], bool, bool]
_STUDY_UID: Final = "DICOMStudyInstanceUID"


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Results, the warnings that go with them, and their number without limit and offset.

    ``total`` is None where it is not known exactly.
    """

    results: list[Result]
    warnings: list[str]
    total: int | None


class Search:
    """The transaction, over a library."""

    def __init__(self, library: Library, compute: Compute, settings: GatewaySettings) -> None:
        self._library = library
        self._compute = compute
        self._pager = Pager(library, compute, settings.fetch_ahead)
        self._max_image_sets = settings.search_max_image_sets
        self._max_results = settings.search_max_results
        self._inline_limit = settings.inline_limit
        self._flags = settings.image_set_policy == "flag"
        self._flights: SingleFlight[_Found] = SingleFlight(given_up=True)
        self._listings = Listings(settings.search_paging_seconds)

    async def run(
        self, datastore_id: str, query: Query, root: str, client: str = ""
    ) -> SearchAnswer:
        """The results of ``query`` in a stable order: the newest studies first, then by number.

        Pages that one ``client`` asks for one after another are cut from one listing.
        """
        asked = Asked(datastore_id, criteria(query), root)
        limit = self._max_results if query.limit is None else min(query.limit, self._max_results)
        if query.image_set_id is not None:
            return await self._of_image_set(asked, query.image_set_id, limit)
        listing = await self._listing(asked, client)
        page = await self._pager.page(asked, listing, limit)
        return self._answer(query, page, listing)

    async def encode(
        self, found: Sequence[Result], encoder: Callable[[Sequence[Result], int], _Encoded]
    ) -> _Encoded:
        """What ``encoder`` makes of results, given the size of the values that it is to link to."""
        return await self._compute.run(encoder, found, self._inline_limit)

    def _answer(self, query: Query, page: Page, listing: Listing) -> SearchAnswer:
        counted = listing.counted
        remaining = (page.seen if counted is None else counted) - page.end
        notes = []
        if remaining > 0:
            say = warnings.at_least if counted is None else warnings.remaining
            notes.append(say(remaining))
        if listing.truncated:
            notes.append(warnings.truncated(self._max_image_sets))
        if page.secondary and self._flags:
            notes.append(warnings.not_primary())
        left_out = sorted(query.asked() & attributes.NOT_COMPUTED.keys())
        notes += [warnings.left_out(attributes.NOT_COMPUTED[tag]) for tag in left_out]
        return SearchAnswer(page.in_order(), notes, None if listing.truncated else counted)

    async def _of_image_set(self, asked: Asked, image_set_id: str, limit: int) -> SearchAnswer:
        version = asked.query.version
        document = await self._library.image_set(asked.datastore_id, image_set_id, version)
        only = Candidate((), decided=False, whole=True)
        page = Page(asked.query.offset, limit, secondary=asked.query.secondary)
        instances = list(document.instances.values())
        cut = await self._compute.run(asked.cut, only, instances, page.where())
        page.results[0] = cut.results
        return self._answer(asked.query, page, Listing([only], [cut.count], truncated=False))

    async def _listing(self, asked: Asked, client: str) -> Listing:
        key = listings.key(asked.datastore_id, client, asked.query)
        found = self._listings.find(key) if asked.query.offset else None
        if found is None:
            same = listings.key(asked.datastore_id, "", asked.query)
            summaries, complete, truncated = await self._flights.do(same, lambda: self._find(asked))

            def listed() -> Listing:
                preferred = by_preference(summaries)
                in_order = candidates(asked.criteria, preferred, complete=complete)
                return listings.listing(in_order, truncated=truncated)

            found = await self._compute.run(listed)
            self._listings.keep(key, found)
        return found

    async def _find(self, asked: Asked) -> _Found:
        """The image sets that the plan's searches give.

        Also whether studies are there with all of their series, and whether the search was ended
        before it had seen everything.
        """
        plan = planner.plan(asked.query)
        found, truncated = await self._collect(asked.datastore_id, plan.searches)
        if plan.complete or not asked.criteria.needs_studies:
            return found, plan.complete, truncated
        studies = sorted({str(item.tags.get(_STUDY_UID, "")) for item in found} - {""})
        whole = [await self._library.study(asked.datastore_id, study) for study in studies]
        return [item for summaries in whole for item in summaries], True, truncated

    async def _collect(
        self, datastore_id: str, searches: Iterable[Mapping[str, Any]]
    ) -> tuple[list[Summary], bool]:
        found: list[Summary] = []
        for search in searches:
            async for page in self._library.search(datastore_id, search):
                if len(found) >= self._max_image_sets:
                    return found, True
                found += page
        return found, False
