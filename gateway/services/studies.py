"""Which image sets studies have: looked up once for all who ask, in the background if that does.

A look-up is a SearchImageSets, of which AWS admits 25 a second; opening a study is to cost one.
So what a search has found is what its metadata and frames are then read by. What was looked up
is good for ``ttl`` seconds. For what is retrieved it goes on to be good, up to five times as long,
while it is looked up anew in the background: nobody who scrolls waits for a search. A search
of a client is never answered from anything older than ``ttl``.

Only while HealthImaging is not available what was known last is good for longer, ``stale`` seconds
since it was looked up: then ``is_stale`` says so of the study.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from cachetools import LRUCache

from gateway.cache.memory import MemoryCache
from gateway.cache.singleflight import SingleFlight
from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.remote.api import Summary, Urgency

_BYTES: Final = 16 << 20
_SUMMARY_BYTES: Final = 2_000
_LONGEST: Final = 5  # times ``ttl``

Study = tuple[str, str]
"""Data store and Study Instance UID."""

LookUp = Callable[[Study, Urgency], Awaitable[tuple[Summary, ...]]]
"""Asks HealthImaging for the image sets of a study."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The image sets of a study; it was ``begun`` to look them up at that time."""

    summaries: tuple[Summary, ...]
    begun: float
    stale: bool = False


class Studies:
    """The image sets of studies, kept in bounded memory; of one event loop.

    ``clock`` is in seconds, and never goes back.
    """

    def __init__(self, look_up: LookUp, ttl: float, stale: float = 0.0) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._look_up = look_up
        self._ttl = ttl
        self._stale = stale
        self._latest: LRUCache[Study, _Listing] = LRUCache(_BYTES, _size)
        self._seen: MemoryCache[_Listing] = MemoryCache(_BYTES, _size)
        self._begun: dict[Study, float] = {}
        self._flights: SingleFlight[_Listing] = SingleFlight()
        self._refreshing: dict[Study, asyncio.Task[None]] = {}

    def moment(self) -> int:
        """Changes whenever what is not pinned to a version has to be looked at anew."""
        return int(self.clock() / self._ttl) if self._ttl else time.monotonic_ns()

    async def at(self, study: Study, moment: int) -> tuple[Summary, ...]:
        """The image sets of ``study`` for what is retrieved; at one ``moment`` always the same."""

        async def see() -> _Listing:
            known = self._latest.get(study)
            if known is None or self._age(known) >= _LONGEST * self._ttl:
                return await self._anew_or_known(study)
            if self._age(known) >= self._ttl:
                self._refresh(study)
            return known

        return (await self._seen.get((study, moment), see)).summaries

    async def recent(self, study: Study) -> tuple[Summary, ...]:
        """The image sets of ``study``, looked up within the last ``ttl`` seconds."""
        known = self._latest.get(study)
        if known is None or self._age(known) >= self._ttl:
            known = await self._anew_or_known(study)
        return known.summaries

    async def now(self, study: Study) -> tuple[Summary, ...]:
        """The image sets of ``study``, looked up for this; what is retrieved next is read by it."""
        return (await self._anew_or_known(study)).summaries

    def is_stale(self, study: Study) -> bool:
        """Whether what is known of ``study`` is old, because nothing newer could be had."""
        known = self._latest.get(study)
        return known is not None and known.stale

    async def _anew_or_known(self, study: Study) -> _Listing:
        """What a search finds; what one found some time ago while HealthImaging is away."""
        try:
            return await self._anew(study)
        except UpstreamUnavailable:
            known = self._latest.get(study)
            if known is None or self._age(known) >= self._stale:
                raise
            if not known.stale:
                known = self._latest[study] = replace(known, stale=True)
            return known

    def known(self, study: Study) -> tuple[Summary, ...]:
        """The image sets of ``study`` as they were found last, if they are kept."""
        found = self._latest.get(study)
        return () if found is None else found.summaries

    def _age(self, known: _Listing) -> float:
        return self.clock() - known.begun

    async def _anew(self, study: Study, urgency: Urgency = Urgency.WAITING) -> _Listing:
        """What a search finds, or one that began less than ``ttl`` seconds ago and still runs."""
        now = self.clock()
        begun = self._begun.get(study, -math.inf)
        if urgency is Urgency.AHEAD:
            begun = now  # nobody else waits for it: it may be turned away
        elif now - begun >= self._ttl:
            begun = self._begun[study] = now
        return await self._flights.do(
            (study, begun, urgency), lambda: self._found(study, begun, urgency)
        )

    async def _found(self, study: Study, begun: float, urgency: Urgency) -> _Listing:
        try:
            found = _Listing(await self._look_up(study, urgency), begun)
        finally:
            if urgency is Urgency.WAITING and self._begun.get(study) == begun:
                del self._begun[study]
        known = self._latest.get(study)
        if (known is None or known.begun <= begun) and _size(found) <= _BYTES:
            self._latest[study] = found
        return found

    def _refresh(self, study: Study) -> None:
        if study not in self._refreshing:
            task = asyncio.ensure_future(self._refreshed(study))
            self._refreshing[study] = task
            task.add_done_callback(lambda _: self._refreshing.pop(study))

    async def _refreshed(self, study: Study) -> None:
        with suppress(GatewayError):  # whoever has to wait for it next is told
            await self._anew(study, Urgency.AHEAD)

    async def close(self) -> None:
        """Drop what is being looked up."""
        tasks = list(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._seen.close()
        await self._flights.close()


def _size(listing: _Listing) -> int:
    return _SUMMARY_BYTES * (1 + len(listing.summaries))
