"""A page of a search: the documents behind a listing, read as far as the page needs them."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from gateway.dicomweb.query import Query
from gateway.errors import NotFound
from gateway.imagesets.document import Instance
from gateway.remote.api import Summary
from gateway.services import results
from gateway.services.ahead import ordered
from gateway.services.candidates import Candidate
from gateway.services.compute import Compute
from gateway.services.criteria import Criteria
from gateway.services.library import Library
from gateway.services.listings import Listing
from gateway.services.results import Cut, Result
from gateway.services.scope import Scope

_COUNTED_DOCUMENTS: Final = 200
_RETRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for, the service root of the URLs in its answer, and its length."""

    datastore_id: str
    criteria: Criteria
    root: str
    limit: int

    @property
    def query(self) -> Query:
        """The query."""
        return self.criteria.query

    def cut(self, candidate: Candidate, instances: Sequence[Instance], where: slice) -> Cut:
        """What the documents of ``candidate`` give; work for the processor."""
        scope = Scope(instances, self.root, candidate.whole, candidate.facts)
        return results.cut(self.criteria, instances, scope, where, decided=candidate.decided)


@dataclass(slots=True)
class Page:
    """The results from ``first`` on, up to ``size``; ``seen`` counts those met on the way.

    ``results`` are by number of their candidate. ``secondary`` says that some come from image sets
    that are not primary, ``shrunk`` that a candidate gave fewer than was known of it, ``deleted``
    that an image set has gone since it was listed.
    """

    first: int
    size: int
    results: dict[int, list[Result]] = field(default_factory=dict)
    seen: int = 0
    documents: int = 0
    secondary: bool = False
    shrunk: bool = False
    deleted: bool = False

    @property
    def end(self) -> int:
        """The offset behind the page."""
        return self.first + self.size

    def where(self) -> slice:
        """Which of the next candidate's results are on the page."""
        return slice(max(self.first - self.seen, 0), max(self.end - self.seen, 0))

    def may_end(self) -> bool:
        """Whether enough is known without counting on: reading documents only to count is dear."""
        return self.seen > self.end and self.documents > _COUNTED_DOCUMENTS

    def in_order(self) -> list[Result]:
        """The results as they go out."""
        return [one for number in sorted(self.results) for one in self.results[number]]


class Pager:
    """Cuts pages from listings."""

    def __init__(self, library: Library, compute: Compute, ahead: int) -> None:
        self._library = library
        self._compute = compute
        self._ahead = ahead

    async def page(self, asked: Asked, listing: Listing) -> Page:
        """The page that is ``asked`` for; how many results candidates give is noted in the listing.

        What has been deleted since it was listed makes room for what is behind it, so that a page
        is shorter than its limit only at the end.
        """
        page = await self._cut(asked, listing)
        for _ in range(_RETRIES):
            if not page.shrunk:
                break
            page = await self._cut(asked, listing)
        return page

    async def _cut(self, asked: Asked, listing: Listing) -> Page:
        page = Page(asked.query.offset, asked.limit)
        placed = await self._count(asked, listing, page)
        async with aclosing(self._documents(asked, listing, page, placed)) as documents:
            for number, (where, size) in placed.items():
                found = await self._read(asked, listing, page, number, where, documents)
                page.shrunk |= found != size
        return page

    async def _count(
        self, asked: Asked, listing: Listing, page: Page
    ) -> dict[int, tuple[slice, int]]:
        """Read the candidates of which nobody knows how many results they give.

        Of the others, those on the page are returned: which of their results, and how many they
        are said to have.
        """
        placed: dict[int, tuple[slice, int]] = {}
        sizes = list(listing.sizes)  # somebody else may be reading the same listing
        unknown = [number for number, size in enumerate(sizes) if size is None]
        async with aclosing(self._documents(asked, listing, page, unknown)) as documents:
            for number, size in enumerate(sizes):
                where = page.where()
                if size is not None:
                    if range(size)[where]:
                        placed[number] = where, size
                    page.seen += size
                    continue
                if page.may_end():
                    break
                page.seen += await self._read(asked, listing, page, number, where, documents)
                page.documents += len(listing.candidates[number].summaries)
        return placed

    async def _read(
        self,
        asked: Asked,
        listing: Listing,
        page: Page,
        number: int,
        where: slice,
        documents: AsyncGenerator[list[Instance], None],
    ) -> int:
        """Put what is on the page of a candidate there; how many results it gives altogether."""
        candidate = listing.candidates[number]
        cut = await self._compute.run(asked.cut, candidate, await anext(documents), where)
        page.results[number] = cut.results
        secondary = {one.image_set_id for one in candidate.summaries if one.primary is False}
        page.secondary |= not secondary.isdisjoint(cut.image_sets)
        listing.sizes[number] = cut.count
        return cut.count

    async def _documents(
        self, asked: Asked, listing: Listing, page: Page, numbers: Iterable[int]
    ) -> AsyncGenerator[list[Instance], None]:
        """The instances of each candidate; documents are fetched ahead across candidates."""

        async def fetch(summary: Summary) -> Iterable[Instance]:
            try:
                image_set = await self._library.image_set(
                    asked.datastore_id, summary.image_set_id, summary.version
                )
            except NotFound:
                page.deleted = True
                return ()
            return image_set.instances.values()

        chosen = [listing.candidates[number].summaries for number in numbers]
        every = (summary for summaries in chosen for summary in summaries)
        async with aclosing(ordered(every, fetch, self._ahead)) as documents:
            for summaries in chosen:
                parts = [await anext(documents) for _ in summaries]
                yield [one for part in parts for one in part]
