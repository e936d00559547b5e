"""Searches across studies of which not everybody may have each: only what is theirs is found.

Offsets, limits and numbers count what who asks may have; nothing tells of anything else. So the
results before an offset have to be judged too, each study once for a search.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.dicomweb import warnings
from gateway.dicomweb.query import Query
from gateway.services.results import Result
from gateway.services.search import Search, SearchAnswer

Allowed = Callable[[str], Awaitable[bool]]
"""Says of a study, by its UID, whether who asks may have it."""

_CHUNK: Final = 200


@dataclass(slots=True)
class _Sieve:
    """Results that are allowed, from ``offset`` on and up to ``limit``; ``seen`` counts them."""

    allowed: Allowed
    offset: int
    limit: int
    seen: int = 0
    kept: list[Result] = field(default_factory=list)
    _known: dict[str, bool] = field(default_factory=dict)

    async def take(self, results: list[Result]) -> None:
        """Judge some more results."""
        new = list({one.speaker.study for one in results} - self._known.keys())
        verdicts = await asyncio.gather(*map(self.allowed, new))
        self._known |= zip(new, verdicts, strict=True)
        for one in results:
            if not self._known[one.speaker.study]:
                continue
            if self.seen >= self.offset and len(self.kept) < self.limit:
                self.kept.append(one)
            self.seen += 1

    @property
    def behind(self) -> int:
        """How many were seen that are behind the page."""
        return max(self.seen - self.offset - self.limit, 0)


async def sift(
    search: Search, datastore_id: str, query: Query, root: str, client: str, allowed: Allowed
) -> SearchAnswer:
    """What ``search`` would answer if there were only those studies that are ``allowed``."""
    limit = search.most if query.limit is None else min(query.limit, search.most)
    sieve = _Sieve(allowed, query.offset, limit)
    position, ended, notes = 0, False, list[str]()
    while not ended and not sieve.behind and position < search.reach:
        size = min(_CHUNK, search.most)
        part = replace(query, offset=position, limit=size)
        page = await search.run(datastore_id, part, root, client)
        await sieve.take(page.results)
        position += len(page.results)
        notes = [text for text in page.warnings if not warnings.is_of_more(text)]
        ended = not page.results
    if sieve.behind:
        notes.insert(0, warnings.at_least(sieve.behind))
    elif not ended:
        notes.insert(0, warnings.truncated(search.reach))
    return SearchAnswer(sieve.kept, notes, sieve.seen if ended else None)
