"""Search (QIDO-RS, PS3.18 10.6): the fewest calls to HealthImaging, the rest matched here.

A search result of HealthImaging carries a dozen attributes. Where they decide a query, only the
documents of what goes out are read; otherwise those of the candidates up to the end of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import orjson

from gateway.cache.singleflight import SingleFlight
from gateway.dicomweb import attributes, warnings
from gateway.dicomweb.query import Query
from gateway.remote import search as planner
from gateway.remote.api import Summary
from gateway.services import listings, results
from gateway.services.answers import Answers
from gateway.services.candidates import Candidate, candidates
from gateway.services.cataloged import Cataloged
from gateway.services.compute import Compute
from gateway.services.criteria import criteria
from gateway.services.library import MAX_IMAGE_SETS, Library, by_preference
from gateway.services.listings import Listing, Listings
from gateway.services.paging import Asked, Page, Pager
from gateway.services.results import Result
from gateway.settings import GatewaySettings

_Encoded = TypeVar("_Encoded")

_Found = tuple[list[Summary], bool, bool]
_STUDY_UID: Final = "DICOMStudyInstanceUID"
_WITHIN_STUDY: Final = 0x0020000D
_KEYED: Final = 500  # image sets of a listing that are looked at to find an answer made before


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Results, the warnings that go with them, and their number without limit and offset.

    ``total`` is None where it is not known exactly. ``lasting`` says that the same listing will
    give the same again.
    """

    results: list[Result]
    warnings: list[str]
    total: int | None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """Results as DICOM JSON, and what goes with them as in ``SearchAnswer``."""

    content: bytes
    warnings: list[str]
    total: int | None

    def kept(self) -> bytes:
        """The form in which it is kept: what goes with the results stands in a line before them."""
        return orjson.dumps((self.warnings, self.total)) + b"\n" + self.content


def _read(kept: bytes) -> JsonAnswer:
    line, _, content = kept.partition(b"\n")
    return JsonAnswer(content, *orjson.loads(line))


def _said(answer: JsonAnswer, notes: list[str]) -> JsonAnswer:
    return replace(answer, warnings=[*answer.warnings, *notes]) if notes else answer


class Search:
    """The transaction, over a library."""

    def __init__(
        self,
        library: Library,
        compute: Compute,
        settings: GatewaySettings,
        answers: Answers,
        catalog: Cataloged | None = None,
    ) -> None:
        self._catalog = catalog
        self._answers = answers
        self._library = library
        self._compute = compute
        self._pager = Pager(library, compute, settings.fetch_ahead)
        self._max_image_sets = settings.search_max_image_sets
        self._max_results = settings.search_max_results
        self._inline_limit = settings.inline_limit
        self._flags = settings.image_set_policy == "flag"
        self._flights: SingleFlight[_Found] = SingleFlight(given_up=True)
        self._listings = Listings(settings.search_paging_seconds)

    @property
    def most(self) -> int:
        """The most results of one answer."""
        return self._max_results

    @property
    def reach(self) -> int:
        """The most image sets that one search looks at."""
        return self._max_image_sets

    async def run(
        self, datastore_id: str, query: Query, root: str, client: str = ""
    ) -> SearchAnswer:
        """The results of ``query`` in a stable order: the newest studies first, then by number.

        Pages that one ``client`` asks for one after another are cut from one listing.
        """
        asked = self._asked(datastore_id, query, root)
        if self._catalog is not None and (found := await self._catalog.run(asked, client)):
            return SearchAnswer(found.results, found.warnings, found.total)
        if query.image_set_id is not None:
            return await self._of_image_set(asked, query.image_set_id)
        answer = await self._of_listing(asked, await self._listing(asked, client))
        return replace(answer, warnings=[*answer.warnings, *await self._excuses(asked)])

    async def _excuses(self, asked: Asked) -> list[str]:
        """What is to be said where the catalog should have answered."""
        excuse = await self._catalog.excuse(asked) if self._catalog is not None else None
        return [] if excuse is None else [excuse]

    async def json(
        self, datastore_id: str, query: Query, root: str, client: str = ""
    ) -> JsonAnswer:
        """The same as DICOM JSON; it is made only once of a listing."""
        asked = self._asked(datastore_id, query, root)
        if self._catalog is not None and (found := await self._catalog.run(asked, client)):
            return await self._written(SearchAnswer(found.results, found.warnings, found.total))
        excuses = await self._excuses(asked)
        if query.image_set_id is not None:
            return await self._written(await self._of_image_set(asked, query.image_set_id))
        listing = await self._listing(asked, client)
        key = _key(asked, listing)
        kept = await self._answers.get(*key) if key else None
        if kept is not None:
            return _said(_read(kept), excuses)
        answer = await self._of_listing(asked, listing)
        written = await self._written(answer)
        if key and answer.lasting:
            await self._answers.put(written.kept(), *key)
        return _said(written, excuses)

    async def _written(self, answer: SearchAnswer) -> JsonAnswer:
        content = await self.encode(answer.results, results.dicom_json)
        return JsonAnswer(content, answer.warnings, answer.total)

    async def encode(
        self, found: Sequence[Result], encoder: Callable[[Sequence[Result], int], _Encoded]
    ) -> _Encoded:
        """What ``encoder`` makes of results, given the size of the values that it is to link to."""
        return await self._compute.run(encoder, found, self._inline_limit)

    def _asked(self, datastore_id: str, query: Query, root: str) -> Asked:
        most = self._max_results
        limit = most if query.limit is None else min(query.limit, most)
        return Asked(datastore_id, criteria(query), root, limit)

    async def _of_listing(self, asked: Asked, listing: Listing) -> SearchAnswer:
        page = await self._pager.page(asked, listing)
        return self._answer(asked.query, page, listing)

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
        total = None if listing.truncated else counted
        return SearchAnswer(page.in_order(), notes, total, lasting=not page.deleted)

    async def _of_image_set(self, asked: Asked, image_set_id: str) -> SearchAnswer:
        version = asked.query.version
        document = await self._library.image_set(asked.datastore_id, image_set_id, version)
        only = Candidate((), decided=False, whole=True)
        page = Page(asked.query.offset, asked.limit, secondary=asked.query.secondary)
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
        if study := plan.study:
            # Who asks for what is below a study has found it; anybody else asks what is there now.
            below = _WITHIN_STUDY in asked.query.within
            look_up = self._library.study if below else self._library.study_now
            summaries = await look_up(asked.datastore_id, study)
            if len(summaries) < min(self._max_image_sets, MAX_IMAGE_SETS):
                return list(summaries), plan.complete, False
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


def _key(asked: Asked, listing: Listing) -> tuple[str, ...]:
    """All that the answer follows from; nothing if that is not known, or takes long to look at."""
    image_sets = [one for candidate in listing.candidates for one in candidate.summaries]
    if len(image_sets) > _KEYED or any(one.version is None for one in image_sets):
        return ()
    about = (asked.datastore_id, asked.root, asked.query, asked.limit)
    return ("search", repr(about), repr(listing.candidates), str(listing.truncated))
