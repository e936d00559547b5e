"""Spooled audit messages on their way to whoever collects them: in order, until they are there."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.auth import spool
from gateway.auth.sinks import Sink
from gateway.auth.spool import Cursor, Spool
from gateway.telemetry.auditing import AuditCounts

_log: Final = logging.getLogger(__name__)

_BATCH: Final = 256 << 10  # bytes
_LONGEST_PAUSE: Final = 30.0  # seconds
_IDLE: Final = 60.0
_LAST: Final = 3.0  # within which a process that ends tries to get rid of what it has

Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Calls a function in the thread that spools are used in."""


class Delivery:
    """Delivers what is in ``own`` and, when that is done, what others have left beside it."""

    def __init__(self, own: Spool, sink: Sink, counts: AuditCounts) -> None:
        self.written = asyncio.Event()
        self._own = own
        self._root: Path = own.folder.parent
        self._sink = sink
        self._counts = counts
        self._closing = asyncio.Event()
        self._failures = 0
        self._grace = sink.grace

    async def run(self, in_thread: Run) -> None:
        """Deliver until told to finish."""
        while True:
            self.written.clear()
            last = self._closing.is_set()
            await self._drain(self._own, in_thread)
            if last:
                return
            await self._adopt(in_thread)
            try:
                await asyncio.wait_for(self.written.wait(), _IDLE)
            except TimeoutError:
                continue

    async def finish(self, task: asyncio.Task[None]) -> None:
        """Deliver what can be delivered within seconds; the rest stays where it is."""
        self._closing.set()
        self.written.set()
        await asyncio.wait([task], timeout=_LAST)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def _adopt(self, in_thread: Run) -> None:
        """Deliver what processes have left that are no more."""
        found = await in_thread(lambda: spool.left(self._root))
        while found is not None and not self._closing.is_set():
            one = found
            try:
                await self._drain(one, in_thread)
            finally:
                await in_thread(one.remove)
            if self._closing.is_set():
                return
            found = await in_thread(lambda: spool.left(self._root))

    async def _drain(self, one: Spool, in_thread: Run) -> None:
        """Deliver all of a spool, however long that takes; when closing, as far as it goes."""
        while True:
            try:
                await self._delivered(one, in_thread)
            except (OSError, TimeoutError) as error:
                await self._failed(error)
                if self._closing.is_set():
                    return
            else:
                return

    async def _delivered(self, one: Spool, in_thread: Run) -> None:
        """Send what there is, and see it arrive."""
        with suppress(OSError):  # nothing is under way that could be lost
            self._sink.check()
        cursor = one.delivered
        sent: deque[tuple[float, Cursor, int]] = deque()
        while True:
            place, damaged = cursor, one.damaged
            records, cursor = await in_thread(partial(one.read, place, _BATCH))
            self._counts.damaged += one.damaged - damaged
            if records:
                await self._sink.send(records)
                sent.append((time.monotonic(), cursor, len(records)))
            elif not sent:
                break
            else:
                await self._settle(sent[0][0])
            self._sink.check()
            while sent and time.monotonic() - sent[0][0] >= self._grace:
                await self._confirm(one, sent.popleft(), in_thread)
        if self._failures:
            _log.warning("audit_sink_is_back", extra={"attempts": self._failures})
        self._failures = 0

    async def _settle(self, since: float) -> None:
        """Wait until what was sent then counts as delivered."""
        if self._closing.is_set() and await self._sink.close():
            self._grace = 0.0
            return
        left = since + self._sink.grace - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)

    async def _confirm(self, one: Spool, sent: tuple[float, Cursor, int], in_thread: Run) -> None:
        _, cursor, count = sent
        await in_thread(lambda: one.deliver(cursor))
        self._counts.delivered += count

    async def _failed(self, error: Exception) -> None:
        self._counts.errors += 1
        self._failures += 1
        if self._failures == 1:
            _log.error("audit_sink_is_away", extra={"reason": type(error).__name__})
        pause = min(2.0 ** (self._failures - 1) / 4, _LONGEST_PAUSE)
        if not self._closing.is_set():
            await asyncio.sleep(pause)
