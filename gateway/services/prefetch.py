"""Prefetch: the frames of the series that somebody looks at, fetched before they are asked for.

It begins when a client that has read the metadata of a series asks for a frame of it, and follows
the frames that it asks for from then on. It ends when nobody has asked for a frame of the series
for some seconds, and when the client goes on to another series; one that goes back and forth
between series, as with two of them side by side, has both followed. The frames of an instance with
several are followed like the instances of a series.

What is fetched comes after everything that somebody waits for, stays within a share of the frame
cache, and is fetched for all who look at the same series together.
"""

import asyncio
import logging
import time
from collections.abc import Hashable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from cachetools import LRUCache

from gateway.dicomweb.resources import Address
from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.imagesets.document import Instance
from gateway.remote.api import NotNow, Urgency
from gateway.services.library import Library
from gateway.services.outwards import Outwards
from gateway.settings import GatewaySettings

_log: Final = logging.getLogger(__name__)

_CLIENTS: Final = 4096
_SERIES: Final = 64  # of which a client's reading is remembered
_LONGEST_PAUSE: Final = 30.0
_SHORT_PAUSE: Final = 0.25

_Subject = tuple[str, str, str | None, str | None, int | None, str | None]
"""What is looked at: data store, study, series, image set, version; instance if it has frames."""


@dataclass(slots=True)
class _Client:
    """What a client has ``read`` the metadata of, and when it ``saw`` a frame of a subject last."""

    read: LRUCache[tuple[str, str, str | None], None] = field(
        default_factory=lambda: LRUCache(_SERIES)
    )
    saw: LRUCache[_Subject, float] = field(default_factory=lambda: LRUCache(_SERIES))
    last: _Subject | None = None

    def has_read(self, address: Address) -> bool:
        """Whether it knows the series at ``address``."""
        place = address.datastore_id, address.study
        return (*place, address.series) in self.read or (*place, None) in self.read


class _Watch:
    """A subject that ``clients`` look at; ``seen`` is when one of them asked for a frame last.

    ``sizes`` are the bytes that were fetched, by the place of the frame in the ``order``.
    """

    def __init__(self) -> None:
        self.clients: set[Hashable] = set()
        self.seen = 0.0
        self.sizes: dict[int, int] = {}
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._order: Outwards | None = None
        self._place = ("", 1)

    def saw(self, sop: str, number: int, now: float) -> None:
        """One of the clients has asked for a frame."""
        self.seen = now
        self._place = (sop, number)
        if self._order is not None:
            self._order.saw(sop, number)
            self.news.set()

    def plan(self, instances: list[Instance]) -> Outwards:
        """The order of the frames of ``instances``, from where the clients are."""
        self._order = Outwards(instances)
        self._order.saw(*self._place)
        return self._order


class Prefetch:
    """Follows clients, over a library; a client is whatever tells one from another."""

    def __init__(self, library: Library, settings: GatewaySettings) -> None:
        self._library = library
        self._on = settings.prefetch == "on"
        self._seconds = settings.prefetch_seconds
        self._workers = settings.prefetch_concurrency
        self._slots = asyncio.Semaphore(self._workers)
        self._room = (settings.frame_cache_mb << 20) * settings.prefetch_percent // 100
        self._clients: LRUCache[Hashable, _Client] = LRUCache(_CLIENTS)
        self._watches: dict[_Subject, _Watch] = {}
        self._not_before = 0.0

    def saw_metadata(self, client: Hashable, address: Address) -> None:
        """A client has read the metadata of a study or a series."""
        if self._on and address.instance is None:
            known = self._clients.get(client)
            if known is None:
                known = self._clients[client] = _Client()
            known.read[address.datastore_id, address.study, address.series] = None

    def saw_frame(self, address: Address, number: int, count: int, client: Hashable) -> None:
        """A client has asked for frame ``number`` of the ``count`` that the instance has."""
        known = self._clients.get(client)
        if known is None or address.instance is None:
            return
        subject = (
            address.datastore_id, address.study, address.series, address.image_set_id,
            address.version, address.instance if count > 1 else None,
        )  # fmt: skip
        now = time.monotonic()
        watch = self._watches.get(subject) if subject == known.last else None
        if watch is None:
            if not known.has_read(address):
                return
            watch = self._look(client, known, subject, address, now)
        known.saw[subject] = now
        watch.saw(address.instance, number, now)

    def _look(
        self, client: Hashable, known: _Client, subject: _Subject, address: Address, now: float
    ) -> _Watch:
        """Have a subject followed; the others are left unless the client comes back to this one."""
        if now - known.saw.get(subject, -self._seconds) >= self._seconds:
            for other in known.saw:
                self._leave(client, other)
        known.last = subject
        watch = self._watches.get(subject)
        if watch is None:
            watch = self._watches[subject] = _Watch()
            whole = replace(address, instance=subject[-1], as_of=self._library.moment())
            watch.task = asyncio.ensure_future(self._follow(whole, watch))
            watch.task.add_done_callback(partial(self._ended, subject, watch))
        watch.clients.add(client)
        return watch

    def _leave(self, client: Hashable, subject: _Subject) -> None:
        watch = self._watches.get(subject)
        if watch is not None:
            watch.clients.discard(client)
            if not watch.clients:
                self._end(subject, watch)

    def _end(self, subject: _Subject, watch: _Watch) -> None:
        if watch.task is not None:
            watch.task.cancel()
        self._forget(subject, watch)

    def _forget(self, subject: _Subject, watch: _Watch) -> None:
        if self._watches.get(subject) is watch:
            del self._watches[subject]

    def _ended(self, subject: _Subject, watch: _Watch, task: asyncio.Task[None]) -> None:
        self._forget(subject, watch)
        self._room += sum(watch.sizes.values())
        watch.sizes.clear()
        for other in self._watches.values():
            other.news.set()
        if not task.cancelled() and (error := task.exception()):
            _log.error("prefetch_failed", exc_info=error)

    async def _follow(self, address: Address, watch: _Watch) -> None:
        """Fetch until all is here or nobody looks, then wait for that."""
        with suppress(GatewayError):  # who reads the documents for an answer is told
            order = watch.plan(await self._instances(address, watch))
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._workers):
                    workers.create_task(self._work(address.datastore_id, watch, order))
        while (left := self._left(watch)) > 0:  # noqa: ASYNC110  a request costs no wake-up
            await asyncio.sleep(left)

    async def _instances(self, address: Address, watch: _Watch) -> list[Instance]:
        """What there is at ``address``; its documents are hardly ever fetched for this."""
        while self._left(watch) > 0:
            with suppress(NotNow):
                async with aclosing(self._library.batches(address, Urgency.AHEAD)) as batches:
                    return [one async for batch in batches for one in batch]
            await asyncio.sleep(_SHORT_PAUSE)
        return []

    def _left(self, watch: _Watch) -> float:
        """Seconds until nobody looks any longer."""
        return watch.seen + self._seconds - time.monotonic()

    async def _work(self, datastore_id: str, watch: _Watch, order: Outwards) -> None:
        while (left := self._left(watch)) > 0:
            await asyncio.sleep(max(self._not_before - time.monotonic(), 0))
            async with self._slots:
                next_ = self._next(datastore_id, watch, order)
                if next_ is not None:
                    await self._fetch(datastore_id, watch, order, *next_)
                    continue
            if order.finished:
                return
            watch.news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(watch.news.wait(), left)

    def _next(self, datastore_id: str, watch: _Watch, order: Outwards) -> tuple[int, int] | None:
        """The frame to be fetched and the bytes set aside for it; None if there is none now."""
        while (at := order.next()) is not None:
            one, number = order[at]
            frame_id = one.frames[number - 1]
            if self._library.kept_frame(datastore_id, one.image_set_id, frame_id) is not None:
                continue
            size = one.pixel().frame_bytes  # encoded it is smaller
            if self._make_room(watch, order, at, size):
                return at, size
            order.give_back(at)
            return None
        return None

    def _make_room(self, watch: _Watch, order: Outwards, at: int, size: int) -> bool:
        """Set ``size`` bytes aside; what is farther from the viewer than ``at`` makes room."""
        while self._room < size:
            farthest = max(watch.sizes, key=order.distance, default=at)
            if order.distance(farthest) <= order.distance(at):
                return False
            self._room += watch.sizes.pop(farthest)
            order.give_back(farthest)
        self._room -= size
        return True

    async def _fetch(
        self, datastore_id: str, watch: _Watch, order: Outwards, at: int, size: int
    ) -> None:
        unused = size
        try:
            frame = await self._library.frame(datastore_id, *order[at], Urgency.AHEAD)
            watch.sizes[at] = len(frame)
            unused -= len(frame)
        except UpstreamUnavailable as error:
            pause = _SHORT_PAUSE if isinstance(error, NotNow) else error.retry_after
            self._not_before = time.monotonic() + min(pause, _LONGEST_PAUSE)
            order.give_back(at)
        except GatewayError:
            pass  # left out: whoever asks for it is told why
        finally:
            self._room += unused

    async def close(self) -> None:
        """End all."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
